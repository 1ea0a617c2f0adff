"""Log evidence and test log-likelihood of Gaussian processes of ReLU networks, for tests/predict/mod.rs.

    pip install numpy==2.4.6 scipy==1.17.1
    python3 tests/predict/likelihood.py > tests/predict/likelihood.json

The kernel is Cho and Saul's recursion (2009); densities are those of scipy.stats.
"""

import json

import numpy as np
from scipy.stats import multivariate_normal, norm

X = np.array([[0.5, -1.2, 0.3], [1.0, 0.2, -0.7], [-0.4, 0.9, 1.5], [0.1, 0.1, 0.2]])
Y = np.array([[1.0, -0.5], [0.2, 0.3], [-1.0, 0.8], [0.4, 0.1]])
TX = np.array([[0.7, 0.1, -0.2], [-0.3, -0.8, 0.6]])
TY = np.array([[0.5, 0.0], [-0.2, 0.7]])


def nngp(x, hidden_layers, v, b):
    k = v * x @ x.T / x.shape[1] + b
    for _ in range(hidden_layers):
        size = np.sqrt(np.outer(np.diag(k), np.diag(k)))
        theta = np.arccos(np.clip(k / size, -1, 1))
        k = v * size * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi) + b
    return k


cases = []
for hidden_layers, v, b, ridge in [(1, 2.0, 0.0, 0.1), (2, 1.5, 0.2, 0.01), (3, 2.0, 0.1, 0.0)]:
    k = nngp(np.vstack([X, TX]), hidden_layers, v, b)
    n = len(X)
    noisy = k[:n, :n] + ridge * np.eye(n)
    evidence = sum(multivariate_normal(np.zeros(n), noisy).logpdf(y) for y in Y.T)
    solved = np.linalg.solve(noisy, k[:n, n:])
    mean = solved.T @ Y
    variance = np.diag(k[n:, n:] - k[n:, :n] @ solved) + ridge
    tests = norm(mean, np.sqrt(variance)[:, None]).logpdf(TY).sum(axis=1).mean()
    cases.append(
        {
            "hidden_layers": hidden_layers,
            "sigma_w": float(np.sqrt(v)),
            "sigma_b": float(np.sqrt(b)),
            "ridge": ridge,
            "log_evidence": float(evidence),
            "test_log_likelihood": float(tests),
        }
    )
data = {"inputs": X.tolist(), "targets": Y.tolist(), "test_inputs": TX.tolist(), "test_targets": TY.tolist()}
print(json.dumps({"made_by": "tests/predict/likelihood.py", "data": data, "cases": cases}, indent=1))
