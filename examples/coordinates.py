"""Measures what grows with the width in networks of PyTorch, for `widenet coord-check --from examples/coordinates.csv` (torch 2.15 wrote that file).

The networks are in µP for Adam: initial weights of variance 1/fan-in, the output divided by the width, learning rates of hidden matrices divided by the width.
With `standard` as argument they are PyTorch's own, whose outputs grow.
"""

import csv
import sys

import torch

STANDARD = "standard" in sys.argv[1:]
WIDTHS, SEEDS, STEPS, RATE = [64, 128, 256, 512, 1024], 5, 4, 0.01


class Network(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.input = torch.nn.Linear(16, width, bias=False)
        self.hidden = torch.nn.Linear(width, width, bias=False)
        self.output = torch.nn.Linear(width, 1, bias=False)
        self.scale = 1.0 if STANDARD else width**-0.5
        for layer in [self.input, self.hidden, self.output]:
            torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)

    def forward(self, x):
        x = torch.tanh(self.input(x))
        x = torch.tanh(self.hidden(x))
        return self.output(self.scale * x)

    def parameter_groups(self, width):
        rates = [1.0, 1.0, 1.0] if STANDARD else [1.0, 1.0 / width, width**-0.5]
        layers = [self.input, self.hidden, self.output]
        return [{"params": layer.parameters(), "lr": RATE * rate} for layer, rate in zip(layers, rates)]


def measure(width, seed, rows):
    torch.manual_seed(seed)
    x, y = torch.randn(32, 16), torch.randn(32, 1)
    network = Network(width)
    optimizer = torch.optim.Adam(network.parameter_groups(width))
    start = {}
    for step in range(STEPS + 1):
        for name, module in network.named_children():
            def hook(_, inputs, output, name=name):
                change = (output - start.setdefault(name, output)).abs().mean()
                rows.append([width, seed, step, name, output.abs().mean().item()])
                if step > 0:
                    rows.append([width, seed, step, f"{name} change", change.item()])
            module._forward_hooks.clear()
            module.register_forward_hook(hook)
        optimizer.zero_grad()
        (network(x) - y).square().mean().backward()
        optimizer.step()


rows = []
for width in WIDTHS:
    for seed in range(SEEDS):
        measure(width, seed, rows)
with open("coordinates.csv", "w", newline="") as file:
    csv.writer(file).writerows([["width", "seed", "t", "module", "l1"], *rows])
