"""Values and derivatives of activations with the digits of f64, for activations.rs.

    pip install mpmath==1.3.0
    python3 kernels/tests/kernels/activations.py > kernels/tests/kernels/activations.csv
"""

from mpmath import cos, erf, erfc, exp, log1p, mp, mpf, npdf, pi, sech, sin, sqrt, tanh

mp.dps = 400


def sigmoid(u):
    return 1 / (1 + exp(-u))


FUNCTIONS = {
    "erf": (lambda u: erf(u), lambda u: 2 / sqrt(pi) * exp(-u * u)),
    "sin": (sin, cos),
    "gelu": (lambda u: u * erfc(-u / sqrt(2)) / 2, lambda u: erfc(-u / sqrt(2)) / 2 + u * npdf(u)),
    "tanh": (tanh, lambda u: sech(u) ** 2),
    "sigmoid": (sigmoid, lambda u: sigmoid(u) * sigmoid(-u)),
    "softplus": (lambda u: log1p(exp(u)), sigmoid),
    "silu": (lambda u: u * sigmoid(u), lambda u: sigmoid(u) * (1 + u * sigmoid(-u))),
    "squared_relu": (lambda u: max(u, mpf(0)) ** 2, lambda u: 2 * max(u, mpf(0))),
}
SIZES = [1e-300, 3e-9, 0.0123, 0.17, 0.36, 0.7499, 0.7501, 1.1, 1.5707963267948966, 2.7, 5.3, 9.1, 17.3, 26.1, 37.9, 355.0]
ANGLES = [3141.592653589793, 99371.0, 999999.0]

for name, (value, derivative) in FUNCTIONS.items():
    for size in SIZES + (ANGLES if name == "sin" else []):
        for u in (size, -size):
            print(f"{name},{u!r},{float(value(mpf(u)))!r},{float(derivative(mpf(u)))!r}")
