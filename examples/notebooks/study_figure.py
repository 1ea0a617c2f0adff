# %% [markdown]
# # A study, and its figure in a style of one's own
# A study is a file; its run directory holds every number. Here the quickstart is run with fewer widths and seeds, and drawn again with matplotlib.

# %%
import tempfile

import matplotlib.pyplot as plt

import widenet as wn

out = tempfile.mkdtemp()
run = wn.study("experiments/quickstart.toml", out=out, set={"axes.width": [64, 256, 1024], "axes.seed": {"count": 3}})
for verdict in run.verdicts:
    print(verdict["check"], verdict["group"], verdict["found"], verdict["verdict"])

# %% `metrics` has a row per trial, `table` one per record, and `results` every recorded number.
table = run.metrics
print(table.columns.tolist())

# %%
plt.rcParams.update({"font.family": "serif", "axes.spines.top": False, "axes.spines.right": False})
figure, axes = plt.subplots(figsize=(3.3, 2.6), layout="constrained")
for label, group in table.groupby("parameterization"):
    means = group.groupby("width")["predictor_distance"].mean()
    axes.loglog(means.index, means.values, "o-", ms=3, label=label)
axes.set(xlabel="width $m$", ylabel="distance to the limit")
axes.legend(frameon=False)

# %%
plt.show()
