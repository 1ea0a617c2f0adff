"""One full-batch gradient descent step of a tanh perceptron in PyTorch (CPU, all cores): milliseconds per step, best of several.

The same network as crates/model/benches/conditioned_step.rs, mean-field scaling with richness 1, f32:

    h_1 = W_0 x,  h_{l+1} = W_l tanh(h_l),  f = W_L tanh(h_L) / m,      risk = sum (f - y)^2 / (2 P)

with entries N(0, 1) of W_0 (m x D) and W_L (1 x m), N(0, 1/m) between, and learning rates m eta, eta, ..., eta, m eta. P samples
in R^D; autograd, then plain in-place updates into the same weights.

    python3 torch_mlp_step.py M HIDDEN_LAYERS D P STEPS
"""

import os
import sys
import time

import torch

ETA = 0.2


def main(m: int, hidden_layers: int, d: int, samples: int, steps: int) -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    torch.manual_seed(0)
    shapes = [(m, d)] + [(m, m)] * (hidden_layers - 1) + [(1, m)]
    stds = [1.0] + [m**-0.5] * (hidden_layers - 1) + [1.0]
    rates = [ETA * m] + [ETA] * (hidden_layers - 1) + [ETA * m]
    weights = [torch.randn(shape).mul_(std).requires_grad_() for shape, std in zip(shapes, stds)]
    inputs = torch.sin(1.7 * torch.arange(samples * d, dtype=torch.float32)).reshape(samples, d).T
    targets = torch.sin(0.9 * torch.arange(samples, dtype=torch.float32)).reshape(1, samples)

    def step():
        h = weights[0] @ inputs
        for w in weights[1:]:
            h = w @ torch.tanh(h)
        (((h / m - targets) ** 2).sum() / (2 * samples)).backward()
        with torch.no_grad():
            for w, rate in zip(weights, rates):
                w.add_(w.grad, alpha=-rate)
                w.grad = None

    step()
    best = float("inf")
    for _ in range(steps):
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    print(f"{1e3 * best:.3f}")


main(*map(int, sys.argv[1:6]))
