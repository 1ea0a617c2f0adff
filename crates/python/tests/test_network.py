"""Networks of given weights: outputs, kernels and training against NumPy, and weights of problems at their start."""

import numpy as np
import pytest

import widenet as wn


@pytest.fixture
def weights():
    random = np.random.default_rng(0)
    return [random.normal(size=(3, 5)), random.normal(size=(5, 4)), random.normal(size=(4, 2))], [random.normal(size=n) for n in (5, 4, 2)]


A, B = [0.7, 0.5, 0.9], [0.3, 0.2, 0.1]


def by_hand(weights, biases, inputs):
    h = inputs
    for l, (w, b) in enumerate(zip(weights, biases)):
        h = A[l] * (np.tanh(h) if l else h) @ w + B[l] * b
    return h


def gradients(weights, biases, inputs):
    """∂f_a(x)/∂θ by central differences, (P, k, parameters)."""
    flat = [*weights, *biases]
    columns, step = [], 1e-5
    for array in flat:
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = [one.copy() for one in flat]
                moved[[one is array for one in flat].index(True)][place] += sign * step
                ends.append(by_hand(moved[:3], moved[3:], inputs))
            columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=-1)


def test_outputs_and_kernels_are_those_of_numpy(weights):
    network = wn.Network(*weights, activation="tanh", multipliers=A, bias_multipliers=B)
    x, y = np.random.default_rng(1).normal(size=(4, 3)), np.random.default_rng(2).normal(size=(2, 3))
    assert np.allclose(network(x), by_hand(*weights, x), rtol=1e-12)
    jx, jy = gradients(*weights, x), gradients(*weights, y)
    full = np.einsum("pai,qbi->paqb", jx, jy)
    assert np.allclose(network.tangent_kernel(x, y, full=True), full.reshape(8, 4), atol=1e-7)
    assert np.allclose(network.tangent_kernel(x, y), np.einsum("paqa->pq", full) / 2, atol=1e-7)
    assert network.nngp_kernel(x).shape == (4, 4)


def test_training_is_gradient_descent(weights):
    network = wn.Network(*weights, activation="tanh", multipliers=A, bias_multipliers=B)
    random = np.random.default_rng(3)
    x, y, rate = random.normal(size=(4, 3)), random.normal(size=(4, 2)), 0.05
    trained = network.train(x, y, learning_rate=rate, steps=1)
    residual = by_hand(*weights, x) - y
    assert np.isclose(trained.losses[0], (residual**2).sum() / 8)
    step = -rate * np.einsum("pai,pa->i", gradients(*weights, x), residual) / 4
    sizes = np.cumsum([w.size for w in weights[0]])
    moved = [w + s.reshape(w.shape) for w, s in zip(weights[0], np.split(step, sizes)[:3])]
    assert all(np.allclose(found, expected, atol=1e-7) for found, expected in zip(trained.weights, moved))
    linear = network.train(x, y, learning_rate=rate, steps=[0, 1], linearised=True)
    kernel = network.tangent_kernel(x, full=True)
    assert np.allclose(linear.outputs[1].ravel(), (by_hand(*weights, x).ravel() - rate * kernel @ residual.ravel() / 4), rtol=1e-9)
    assert network.train(x, y, learning_rate=rate, steps=[0, 5], test_inputs=x[:2]).test_outputs.shape == (2, 2, 2)


@pytest.mark.parametrize("parameterization", ["ntk", "mean_field", dict(kind="standard", sigma_b=0.1), dict(kind="ntk", sigma_b=0.2)])
def test_weights_of_a_problem_are_those_that_training_starts_from(perceptron, parameterization):
    p = perceptron.replace({"parameterization": parameterization})
    network = wn.initial_network(p, 32, seed=5, precision="f64")
    solved = wn.solve(p, 32, seeds=[5], engine="dense", precision="f64")["outputs"][0, 0, 0]
    assert np.allclose(network(p.inputs), solved, rtol=1e-12)
    assert network.weights[1].shape == (32, 32)


def test_kernels_of_a_problem_at_its_start(perceptron):
    network = wn.initial_network(perceptron, 32, seed=5, precision="f64")
    assert np.allclose(network.tangent_kernel(perceptron.inputs), wn.kernel(perceptron, "ntk", width=32, seed=5, precision="f64").train, rtol=1e-10)


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_weights_are_saved_and_loaded(weights, tmp_path, suffix):
    if suffix == "safetensors":
        pytest.importorskip("safetensors")
    network = wn.Network(*weights, activation="tanh", multipliers=A, bias_multipliers=B)
    network.save(tmp_path / f"network.{suffix}")
    again = wn.Network.load(tmp_path / f"network.{suffix}", activation="tanh")
    assert (again(np.eye(3)) == network(np.eye(3))).all() and again.multipliers == A


def test_mistakes(weights, tmp_path, perceptron):
    for make, said in [
        (lambda: wn.Network([]), "at least one layer"),
        (lambda: wn.Network([np.eye(3), np.eye(2)]), "layer 0 has 3 outputs, and layer 1 takes 2 inputs"),
        (lambda: wn.Network([np.eye(3)], [np.ones(2)]), "layer 0 has 2 biases"),
        (lambda: wn.Network([np.eye(3)], []), "biases has 0 elements"),
        (lambda: wn.Network([np.full((2, 2), np.nan)]), "`weights[0]` is nan"),
        (lambda: wn.Network([np.eye(3)], activation="rleu"), "did you mean"),
        (lambda: wn.Network([np.eye(3)], multipliers=[1.0, 2.0]), "multipliers has 2 numbers"),
        (lambda: wn.Network([np.eye(3)]).outputs(np.eye(2)), "inputs have 2 columns, and the input layer takes 3"),
        (lambda: wn.Network([np.eye(3)]).train(np.eye(3), np.eye(3), learning_rate=-1, steps=1), "learning rate -1"),
        (lambda: wn.initial_network(perceptron, "inf"), "width is inf"),
        (lambda: wn.Network([np.eye(3)]).save(tmp_path / "x.pt"), ".npz or .safetensors"),
    ]:
        with pytest.raises(wn.ProblemError) as error:
            make()
        assert said in str(error.value), said
