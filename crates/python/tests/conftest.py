"""Small problems that the tests share."""

import signal

import numpy as np
import pytest

import widenet as wn


@pytest.fixture(autouse=True)
def interrupts():
    """Ctrl-C raises, also where the process was started with SIGINT ignored, as by `nohup` and in background jobs."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


@pytest.fixture
def arrays():
    """Inputs and targets, 6 × 3 and 6 × 1, with a test set of 4."""
    random = np.random.default_rng(1)
    inputs, weights = random.normal(size=(10, 3)), random.normal(size=(3, 1))
    targets = inputs @ weights
    return inputs[:6], targets[:6], inputs[6:], targets[6:]


@pytest.fixture
def problem(arrays):
    return wn.Problem(
        network=dict(hidden_layers=2),
        parameterization="mean_field",
        data=arrays,
        optimizer=dict(kind="gd", learning_rate=0.05, steps=20),
        record=dict(at=list(range(21)), quantities=["train_loss", "predictor"]),
    )


@pytest.fixture
def perceptron(arrays):
    return wn.Problem(
        network=dict(hidden_layers=2, activation="tanh"),
        parameterization="ntk",
        data=arrays,
        optimizer=dict(kind="gd", learning_rate=0.05, steps=20),
        record=dict(at=list(range(21)), quantities=["train_loss", "outputs"]),
    )
