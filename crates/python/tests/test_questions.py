"""Kernels, predictions, priors, posteriors and scalings are those of the program and of closed forms."""

import json

import numpy as np
import pytest

import widenet as wn
from test_solving import program


@pytest.fixture
def relu(arrays):
    return wn.Problem(
        network=dict(hidden_layers=1, activation="relu"), parameterization="ntk", data=arrays,
        optimizer=dict(kind="flow", times=10.0),
    )


def relu_kernels(x, y):
    """NNGP and tangent kernel of one hidden ReLU layer, without biases, by the arc-cosine formulas."""
    d = x.shape[1]
    norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
    angle = np.arccos(np.clip(x @ y.T / norms, -1, 1))
    nngp = norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi * d)
    return nngp, nngp + x @ y.T / d * (np.pi - angle) / (2 * np.pi)


def test_kernels_are_the_closed_forms(relu, arrays):
    inputs, _, test, _ = arrays
    kernels = wn.kernel(relu)
    for block, (x, y) in dict(train=(inputs, inputs), test_train=(test, inputs), test=(test, test)).items():
        nngp, ntk = relu_kernels(x, y)
        # The angle of equal inputs is known to half of the digits: its cosine is 1 but for rounding.
        assert np.allclose(getattr(kernels.nngp, block), nngp, rtol=1e-6)
        assert np.allclose(getattr(kernels.ntk, block), ntk, rtol=1e-6)
    assert np.asarray(wn.kernel(relu, "ntk")).shape == (6, 6)


def test_kernels_are_those_of_the_program(relu, tmp_path):
    relu.save(tmp_path / "problem.toml")
    written = json.loads(program("kernel", tmp_path / "problem.toml", "--kind", "ntk", "--spectrum", "--json", check=True).stdout)
    found = wn.kernel(relu, "ntk", spectrum=True)
    assert (found.train == np.array(written["ntk"]["train"])).all() and (found.eigenvalues == np.array(written["ntk"]["eigenvalues"])).all()


def test_kernels_of_finite_networks_approach_those_of_the_limit(relu):
    limit = wn.kernel(relu, "ntk").train
    mean = wn.kernel(relu, "ntk", width=4096, seeds=4)
    # Errors are of order (4 m)^-1/2; entries near 0 have larger ones, so they are taken relative to the largest.
    error = lambda found: np.abs(found.train - limit).max() / limit.max()
    assert error(mean) < 0.05 < error(wn.kernel(relu, "ntk", width=8, seeds=4))
    assert mean.std is not None and (mean.std.train > 0).all()
    assert wn.kernel(relu, "ntk", width=64, seed=3, full=True).train.shape == (6, 6)
    assert wn.kernel(relu, "nngp", between="test").train is None


def test_kernels_need_no_targets():
    p = wn.Problem(network=dict(hidden_layers=1, activation="relu"), parameterization="ntk", data=(np.eye(3),))
    assert wn.kernel(p, "nngp").train.shape == (3, 3)


def test_predictions_are_kernel_regression(relu, arrays):
    _, targets, _, _ = arrays
    kernels = wn.kernel(relu)
    mean, std = wn.predict(relu, at="inf", ridge=1e-3)
    weights = np.linalg.solve(kernels.ntk.train + 1e-3 * np.eye(6), kernels.ntk.test_train.T).T
    assert np.allclose(mean, weights @ targets, rtol=1e-8)
    among = kernels.nngp
    covariance = among.test - weights @ among.test_train.T - among.test_train @ weights.T + weights @ among.train @ weights.T
    assert np.allclose(std, np.sqrt(np.diag(covariance)), rtol=1e-6)
    several = wn.predict(relu, at=[0, 1.0, np.inf], spread="covariance")
    assert [one.at for one in several] == [0, 1, np.inf] and several[2].test_covariance.shape == (4, 4)
    assert wn.predict(relu, at=[0])[0].train_loss > several[1].train_loss > several[2].train_loss


def test_mistakes_in_questions(relu):
    with pytest.raises(wn.ProblemError, match="unknown key `predict.rigde`; did you mean `ridge`?"):
        wn.predict(relu, rigde=1.0)
    with pytest.raises(wn.ProblemError, match='unknown `kernel.kind`: "ntkk"'):
        wn.kernel(relu, "ntkk")
    with pytest.raises(wn.ProblemError, match="threads is 0"):
        wn.kernel(relu, threads=0)


def test_priors():
    network = wn.prior(dict(width=64, hidden_layers=2))
    at = np.linspace(0.05, 8, 4000)
    density = network.density(at)
    assert np.isclose(2 * np.trapezoid(density, at), 1, atol=0.1) and np.allclose(np.log(density), network.log_density(at))
    assert network.cdf(0.0)["lower"][0] == pytest.approx(0.5)
    assert network.moments()["kurtosis"] > 3
    with pytest.raises(wn.ProblemError, match="unknown key `network.widht`"):
        wn.prior(dict(widht=64)).density(0.0)


def test_posteriors(arrays):
    answer = wn.posterior(dict(width="inf", depth_ratio=0.1), arrays, noise_variance=0.1, seed=1)
    assert answer["mean"].shape == (4, 1) and (answer["variance"] > 0).all() and answer["diagnostics"]["reliable"]


def test_scalings(problem):
    assert wn.scaling("ntk")["golikov"]["verdict"] == wn.scaling(q_sigma=-0.5, q=0.0)["golikov"]["verdict"]
    assert wn.scaling(problem)["exponents"] and isinstance(wn.parameterization(problem, width=1024), str)
    with pytest.raises(wn.ProblemError, match="`meanfield` is not known"):
        wn.scaling("meanfield")
    with pytest.raises(wn.ProblemError, match="give one of `name`, `q_sigma`"):
        wn.scaling(q=1.0)
