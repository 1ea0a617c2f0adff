# %% [markdown]
# # Kernel regression and uncertainty on digits
# Infinitely wide networks, trained to the end, are kernel regression with the tangent kernel; the spread over initialisations comes from both kernels.
# The same by hand in NumPy, to see what `predict` does.

# %%
import matplotlib.pyplot as plt
import numpy as np

import widenet as wn

problem = wn.Problem(
    network=dict(hidden_layers=2, activation="relu"),
    parameterization=dict(kind="ntk", sigma_w=1.4, sigma_b=0.1),
    data=dict(
        kind="idx",
        images="data/digits-8x8/images-idx3-ubyte",
        labels="data/digits-8x8/labels-idx1-ubyte",
        pixel_scale=16,
        classes=[3, 8],
        train_samples=30,
        test_samples=250,
    ),
    optimizer=dict(kind="flow", times=1e4),
)

# %% The kernels, and the prediction at the end of training.
ridge = 1e-3
kernels = wn.kernel(problem)
mean, std = wn.predict(problem, at="inf", ridge=ridge)

# %% By hand.
weights = np.linalg.solve(kernels.ntk.train + ridge * np.eye(30), kernels.ntk.test_train.T).T
print("largest difference:", np.abs(weights @ problem.targets - mean).max())
assert np.allclose(weights @ problem.targets, mean, atol=1e-8)

# %% Where the networks of the ensemble disagree, the mean is wrong more often.
wrong = np.sign(mean[:, 0]) != problem.test_targets[:, 0]
assert std[wrong].mean() > std[~wrong].mean()
print(f"test accuracy {1 - wrong.mean():.3f}; mean standard deviation {std[~wrong].mean():.3f} where right, {std[wrong].mean():.3f} where wrong")

axes = plt.subplots()[1]
order = np.argsort(mean[:, 0])
axes.errorbar(np.arange(250), mean[order, 0], 2 * std[order], fmt="none", ecolor="lightgray")
axes.scatter(np.arange(250), mean[order, 0], c=np.where(wrong[order], "C3", "C0"), s=12, zorder=3)
axes.set(xlabel="test image, by mean output", ylabel="mean output ± 2 standard deviations")

# %% Training stops before the end: every moment is a prediction.
for one in wn.predict(problem, at=[1, 10, 100, "inf"], ridge=ridge):
    print(f"time {one.at:>6g}: test loss {one.test_loss:.4f}, accuracy {one.test_accuracy:.3f}")

# %%
plt.show()
