"""Wide neural networks at every width, infinity included: a problem has a solution at every width, and ∞ is a width.

>>> import numpy as np, widenet as wn
>>> X, y = np.eye(3), np.array([1.0, -1.0, 0.5])
>>> p = wn.Problem(network=dict(hidden_layers=2), parameterization="mean_field", data=(X, y),
...                optimizer=dict(kind="gd", learning_rate=0.1, steps=50), record=["train_loss", "predictor"])
>>> r = wn.solve(p, width=[64, 4096, 1e12, "inf"], seeds=4)
>>> r["train_loss"].shape[:2]
(4, 4)
>>> abs(r.fit().exponent + 0.5) < 0.2
True

`Problem` and `solve` come first; `kernel`, `predict`, `prior`, `posterior` and `scaling` ask about networks besides training; `coord_check` judges
networks of any framework; `study` and `open_run` are many problems and their results. Errors are `WidenetError`, with the texts of the program,
which comes with the package: ``python -m widenet``.
"""

import math as _math

from . import _widenet
from ._coordinates import CoordinateReport, coord_check
from ._errors import DataError, EngineError, FileError, LimitError, ProblemError, WidenetError, WidenetWarning
from ._network import Network, Training, initial_network
from ._problem import Problem
from ._questions import Kernel, Kernels, Prediction, Prior, kernel, parameterization, posterior, predict, prior, scaling
from ._solving import PowerLaw, Solutions, power_law, solve
from ._studies import Run, StoredTrajectory, StoredTrial, open_run, study
from ._widenet import Trajectory

__version__ = _widenet.VERSION
inf = _math.inf

__all__ = [
    "CoordinateReport",
    "DataError",
    "EngineError",
    "FileError",
    "Kernel",
    "Kernels",
    "LimitError",
    "Network",
    "PowerLaw",
    "Prediction",
    "Prior",
    "Problem",
    "ProblemError",
    "Run",
    "Solutions",
    "StoredTrajectory",
    "StoredTrial",
    "Training",
    "Trajectory",
    "WidenetError",
    "WidenetWarning",
    "coord_check",
    "inf",
    "initial_network",
    "kernel",
    "open_run",
    "parameterization",
    "posterior",
    "power_law",
    "predict",
    "prior",
    "scaling",
    "solve",
    "study",
]
