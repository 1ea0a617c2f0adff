# %% [markdown]
# # The limit next to finite networks
# A deep linear network in the mean-field parameterisation learns handwritten digits. Its solution at width ∞ is one of the widths, and the distance to it
# falls as m^(-1/2). Run from the root of the repository; cells as in Jupyter (`jupytext --to notebook limit.py` makes one).

# %%
import matplotlib.pyplot as plt
import numpy as np

import widenet as wn

digits = dict(
    kind="idx",
    images="data/digits-8x8/images-idx3-ubyte",
    labels="data/digits-8x8/labels-idx1-ubyte",
    pixel_scale=16,
    classes=[4, 9],
    train_samples=100,
    test_samples=60,
)
problem = wn.Problem(
    network=dict(hidden_layers=3),
    parameterization="mean_field",
    data=digits,
    optimizer=dict(kind="gd", learning_rate=0.02, steps=100),
    record=dict(at=dict(log_spaced=20), quantities=["train_loss", "test_loss", "predictor"]),
)
print(wn.parameterization(problem, width=1024))

# %% One call, every width: real networks could not hold the last finite one, their law can.
solutions = wn.solve(problem, width=[64, 1024, 1e6, 1e12, "inf"], seeds=8)
solutions.plot("test_loss")
plt.xscale("symlog", linthresh=0.01)

# %% How far from the limit, and at which rate.
distances = solutions.distance()
fit = solutions.fit()
low, high = fit.interval
print(f"distance ∝ m^{fit.exponent:.3f}, 95 % interval [{low:.3f}, {high:.3f}]")

axes = plt.subplots()[1]
widths = np.array(solutions.widths[:-1])
axes.loglog(widths, distances[:-1], "o", color="C0", alpha=0.4)
axes.loglog(widths, fit(widths), color="black", label=f"$m^{{{fit.exponent:.2f}}}$")
axes.set(xlabel="width m", ylabel="distance of predictors to the limit")
axes.legend()
assert abs(fit.exponent + 0.5) < 0.05

# %%
plt.show()
