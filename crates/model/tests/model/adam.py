"""Weights under PyTorch's Adam and AdamW, for normalized.rs.

    pip install torch==2.15.0
    python3 crates/model/tests/model/adam.py > crates/model/tests/model/adam.json

A 3 x 2 matrix with entries sin(i + 2 j + 1), i and j from 0, and the gradients cos(1 + i - j + 0.7 t) / (1 + t) of steps t = 0, 1, ... in
double precision; the weights after every step.
"""

import json
import math

import torch

torch.set_default_dtype(torch.float64)
STEPS = 20
CASES = [
    dict(beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0),
    dict(beta1=0.8, beta2=0.95, epsilon=1e-2, weight_decay=0.0),
    dict(beta1=0.0, beta2=0.9, epsilon=1e-8, weight_decay=0.0),
    dict(beta1=0.9, beta2=0.99, epsilon=1e-8, weight_decay=0.5),
]
LEARNING_RATE = 0.05


def entries(of):
    return torch.tensor([[of(i, j) for j in range(2)] for i in range(3)])


def weights(case):
    w = torch.nn.Parameter(entries(lambda i, j: math.sin(i + 2 * j + 1)))
    betas = (case["beta1"], case["beta2"])
    kind = torch.optim.AdamW if case["weight_decay"] > 0 else torch.optim.Adam
    optimizer = kind([w], lr=LEARNING_RATE, betas=betas, eps=case["epsilon"], weight_decay=case["weight_decay"], foreach=False)
    for t in range(STEPS):
        w.grad = entries(lambda i, j: math.cos(1 + i - j + 0.7 * t) / (1 + t))
        optimizer.step()
        yield w.detach().tolist()


cases = ",\n".join(json.dumps({**case, "weights": list(weights(case))}) for case in CASES)
made_by = json.dumps(f"crates/model/tests/model/adam.py with torch {torch.__version__}")
print(f'{{"made_by": {made_by}, "learning_rate": {LEARNING_RATE}, "cases": [\n{cases}\n]}}')
