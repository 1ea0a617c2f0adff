"""Kernels of step and squared-ReLU networks on pairs of inputs, with 60 digits, for switches.rs.

    pip install mpmath==1.3.0
    python3 crates/limits/tests/limits/kernel/arc_cosine.py > crates/limits/tests/limits/kernel/arc_cosine.csv

Columns: activation, hidden layers, σ_w², σ_b², |x|, x' (two numbers; x lies on the first axis), K, Θ. E[φφ] and E[φ'φ'] are
Youngmin Cho and Lawrence Saul's arc-cosine kernels (2009), J_0, J_1 and J_2, written as there.
"""

import math

from mpmath import acos, cos, mp, mpf, pi, sin, sqrt

mp.dps = 60


def expectations(activation, q1, q2, c):
    theta = acos(max(-1, min(1, c / sqrt(q1 * q2))))
    if activation == "step":
        return (pi - theta) / (2 * pi), mpf(0)
    j1 = sin(theta) + (pi - theta) * cos(theta)
    j2 = 3 * sin(theta) * cos(theta) + (pi - theta) * (1 + 2 * cos(theta) ** 2)
    return q1 * q2 * j2 / (2 * pi), 4 * sqrt(q1 * q2) * j1 / (2 * pi)


def kernels(activation, hidden_layers, v, b, x, y):
    dot = lambda x, y: v * sum(x * y for x, y in zip(x, y)) / len(x) + b
    q1, q2, c = dot(x, x), dot(y, y), dot(x, y)
    tangent = c
    for _ in range(hidden_layers):
        value, derivative = expectations(activation, q1, q2, c)
        tangent = v * value + b + v * derivative * tangent
        q1, q2 = (v * expectations(activation, q, q, q)[0] + b for q in (q1, q2))
        c = v * value + b
    return c, tangent


for activation, v in (("step", mpf(2)), ("squared_relu", mpf("0.5"))):
    for hidden_layers in (1, 3):
        for b in (mpf(0), mpf("0.25")):
            for square in (1.0, 0.8):
                for angle in (0.0, 1e-9, 1e-6, 1e-4, 0.0447, 0.0448, 1.0, 1.57, 1.58, 3.0):
                    # The inputs as f64 holds them.
                    x = (math.sqrt(2.0), 0.0)
                    length = math.sqrt(2.0 * square)
                    y = (length * math.cos(angle), length * math.sin(angle))
                    nngp, tangent = kernels(activation, hidden_layers, v, b, [mpf(n) for n in x], [mpf(n) for n in y])
                    fields = [float(v), float(b), x[0], y[0], y[1], float(nngp), float(tangent)]
                    print(activation, hidden_layers, *map(repr, fields), sep=",")
