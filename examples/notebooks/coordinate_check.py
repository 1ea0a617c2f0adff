# %% [markdown]
# # A coordinate check of networks of PyTorch
# `examples/coordinates.py` measures networks of PyTorch and writes `examples/coordinates.csv`: one row per width, seed, step and module. Any framework will
# do; `get_coord_data` of microsoft/mup gives such a table as a DataFrame. widenet fits the exponents, with intervals, and says what grows.

# %%
import pandas as pd

import widenet as wn

measured = pd.read_csv("examples/coordinates.csv")
print(measured.head())

# %% In µP for Adam nothing grows with the width; the output has no prediction, as it vanishes at the start.
report = wn.coord_check(measured, exempt=["output"])
print(report)
print(report.frame()[["quantity", "layer", "step", "exponent", "verdict"]])
assert report.passes

# %% The same of a problem of widenet, whose predictions are known.
problem = wn.Problem(
    network=dict(hidden_layers=2, activation="tanh"),
    parameterization="standard",
    data=dict(kind="teacher", input_dimension=8, output_dimension=1, train_samples=16, seed=1),
    optimizer=dict(kind="gd", learning_rate=0.1, steps=3),
)
standard = wn.coord_check(problem, width=[64, 128, 256, 512], seeds=3, steps=2)
print(standard)
assert not standard.passes
