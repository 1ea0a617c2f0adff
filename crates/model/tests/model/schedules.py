"""Weights under PyTorch's SGD, Adam and AdamW with schedules of the learning rate, for schedules.rs.

    pip install torch==2.15.0
    python3 crates/model/tests/model/schedules.py > crates/model/tests/model/schedules.json

A 3 x 2 matrix with entries sin(i + 2 j + 1), i and j from 0, and the gradients cos(1 + i - j + 0.7 t) / (1 + t) of steps t = 0, 1, ... in
double precision; the weights after every step. Without a warm-up the schedule is PyTorch's own; with one it is a LambdaLR of the shares of
the learning rate that docs/theory/training.md §5, Eq. schedule, has.
"""

import json
import math

import torch
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)
STEPS = 20
LEARNING_RATE = 0.05
COSINE = dict(kind="cosine", end_factor=0.1)
LINEAR = dict(kind="linear", end_factor=0.2)
STEP = dict(kind="step", every=6, factor=0.3)
INVERSE_TIME = dict(kind="inverse_time", tau=3.5)
CONSTANT = dict(kind="constant")
CASES = [
    dict(rule="sgd", momentum=0.0, nesterov=False, weight_decay=0.0, warmup=5, schedule=COSINE),
    dict(rule="sgd", momentum=0.0, nesterov=False, weight_decay=0.3, warmup=0, schedule=LINEAR),
    dict(rule="sgd", momentum=0.9, nesterov=False, weight_decay=0.3, warmup=5, schedule=COSINE),
    dict(rule="sgd", momentum=0.9, nesterov=False, weight_decay=0.0, warmup=0, schedule=STEP),
    dict(rule="sgd", momentum=0.8, nesterov=True, weight_decay=0.3, warmup=4, schedule=LINEAR),
    dict(rule="sgd", momentum=0.8, nesterov=True, weight_decay=0.3, warmup=0, schedule=COSINE),
    dict(rule="sgd", momentum=0.7, nesterov=False, weight_decay=0.1, warmup=20, schedule=CONSTANT),
    dict(rule="adam", weight_decay=0.0, warmup=5, schedule=COSINE),
    dict(rule="adam", weight_decay=0.0, warmup=3, schedule=INVERSE_TIME),
    dict(rule="adam", weight_decay=0.5, warmup=5, schedule=LINEAR),
    dict(rule="adam", weight_decay=0.5, warmup=0, schedule=STEP),
]
BETAS, EPSILON = (0.9, 0.99), 1e-8


def entries(of):
    return torch.tensor([[of(i, j) for j in range(2)] for i in range(3)])


def share(case, t):
    warmup, schedule = case["warmup"], case["schedule"]
    if t < warmup:
        return (t + 1) / warmup
    i, n, end = t - warmup, STEPS - warmup, schedule.get("end_factor", 0.0)
    return {
        "constant": lambda: 1.0,
        "cosine": lambda: end + (1 - end) * (1 + math.cos(math.pi * i / n)) / 2,
        "linear": lambda: end + (1 - end) * (1 - i / n),
        "step": lambda: schedule["factor"] ** (i // schedule["every"]),
        "inverse_time": lambda: 1 / (1 + i / schedule["tau"]),
    }[schedule["kind"]]()


def scheduler(case, optimizer):
    schedule, own = case["schedule"], case["warmup"] == 0
    if own and schedule["kind"] == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=schedule["end_factor"] * LEARNING_RATE)
    if own and schedule["kind"] == "linear":
        return lr_scheduler.LinearLR(optimizer, 1.0, schedule["end_factor"], total_iters=STEPS)
    if own and schedule["kind"] == "step":
        return lr_scheduler.StepLR(optimizer, schedule["every"], gamma=schedule["factor"])
    return lr_scheduler.LambdaLR(optimizer, lambda t: share(case, t))


def optimizer(case, w):
    if case["rule"] == "sgd":
        rule = dict(momentum=case["momentum"], nesterov=case["nesterov"])
        return torch.optim.SGD([w], lr=LEARNING_RATE, weight_decay=case["weight_decay"], foreach=False, **rule)
    kind = torch.optim.AdamW if case["weight_decay"] > 0 else torch.optim.Adam
    return kind([w], lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, weight_decay=case["weight_decay"], foreach=False)


def weights(case):
    w = torch.nn.Parameter(entries(lambda i, j: math.sin(i + 2 * j + 1)))
    rule = optimizer(case, w)
    schedule = scheduler(case, rule)
    for t in range(STEPS):
        w.grad = entries(lambda i, j: math.cos(1 + i - j + 0.7 * t) / (1 + t))
        rule.step()
        schedule.step()
        yield w.detach().tolist()


cases = ",\n".join(json.dumps({**case, "weights": list(weights(case))}) for case in CASES)
made_by = json.dumps(f"crates/model/tests/model/schedules.py with torch {torch.__version__}")
numbers = f'"learning_rate": {LEARNING_RATE}, "beta1": {BETAS[0]}, "beta2": {BETAS[1]}, "epsilon": {EPSILON}'
print(f'{{"made_by": {made_by}, {numbers}, "cases": [\n{cases}\n]}}')
