"""Kernels of networks whose biases start at 0 and are trained, for tests/predict/mod.rs.

    pip install numpy==2.4.6
    python3 tests/predict/biases.py > tests/predict/biases.json

For two parameterizations of one network: one random network of many neurons with its Jacobian by reverse accumulation written out here, and the
recursion of Jacot, Gabriel and Hongler (2018) with closed forms of Williams (1997, erf) and of Cho and Saul (2009, ReLU).
"""

import json
import math

import numpy as np

X = np.array([[0.5, -1.2, 0.3], [1.0, 0.2, -0.7], [-0.4, 0.9, 1.5]])
V, S = 1.5, 0.6  # sigma_w^2, and sigma_b of biases that start at 0
erf = np.vectorize(math.erf)


def erf_expectations(q1, q2, c):
    r = np.sqrt((1 + 2 * q1) * (1 + 2 * q2) - 4 * c * c)
    return 2 / np.pi * np.arctan2(2 * c, r), 4 / np.pi / r


def relu_expectations(q1, q2, c):
    size = np.sqrt(q1 * q2)
    theta = np.arccos(np.clip(c / size, -1, 1))
    value = size * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    return value, (np.pi - theta) / (2 * np.pi)


def recursion(expectations, hidden_layers):
    k = V * X @ X.T / X.shape[1]
    tangent = k + S**2
    for _ in range(hidden_layers):
        q = np.diag(k)
        value, slope = expectations(q[:, None], q[None, :], k)
        k = V * value
        tangent = k + S**2 + V * slope * tangent
    return k, tangent


def one_network(phi, slope, hidden_layers, m, rng):
    """Kernels of one network: the NNGP kernel of its last activations, and J J^T."""
    sizes = [X.shape[1]] + [m] * hidden_layers + [1]
    weights = [rng.standard_normal((o, i)) for i, o in zip(sizes, sizes[1:])]
    a, activations, slopes = X.T, [X.T], []
    for w in weights[:-1]:
        h = math.sqrt(V / a.shape[0]) * w @ a
        a = phi(h)
        activations.append(a)
        slopes.append(slope(h))
    signal = np.ones((1, len(X)))
    tangent = np.zeros((len(X), len(X)))
    for l in reversed(range(hidden_layers + 1)):
        a = activations[l]
        tangent += (signal.T @ signal) * (V * a.T @ a / a.shape[0] + S**2)
        if l > 0:
            signal = slopes[l - 1] * (math.sqrt(V / a.shape[0]) * weights[l].T @ signal)
    return V * activations[-1].T @ activations[-1] / m, tangent


cases = []
for name, expectations, phi, slope in [
    ("erf", erf_expectations, erf, lambda h: 2 / math.sqrt(math.pi) * np.exp(-h * h)),
    ("relu", relu_expectations, lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0),
]:
    nngp, tangent = recursion(expectations, 2)
    rng = np.random.default_rng(0)
    for found, expected in zip(one_network(phi, slope, 2, 4000, rng), (nngp, tangent)):
        assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max(), (found, expected)
    cases.append({"activation": name, "nngp": nngp.tolist(), "ntk": tangent.tolist()})
print(
    json.dumps(
        {
            "made_by": "tests/predict/biases.py",
            "inputs": X.tolist(),
            "hidden_layers": 2,
            "sigma_w": math.sqrt(V),
            "sigma_b": S,
            "cases": cases,
        },
        indent=1,
    )
)
