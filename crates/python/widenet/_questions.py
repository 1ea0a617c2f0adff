"""Questions about networks besides training them: kernels, predictions, priors, posteriors, scalings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from . import _widenet
from ._arrays import data_section, matrix, plain
from ._errors import ProblemError
from ._problem import Problem
from ._solving import Precision, Width, _problem, width_number
from ._work import Progress, Running, warn

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """One kernel on training and test inputs; as an array it is that among the training inputs.

    Attributes
    ----------
    train : array or None
        Among the P training inputs, P × P (P k × P k if the whole tangent kernel of one network was asked for).
    test_train, test : array or None
        Between the T test inputs and the training inputs, T × P, and among the test inputs, T × T.
    eigenvalues : array or None
        Of the training block, in increasing order, if they were asked for.
    std : Kernel or None
        Standard deviations between networks, where the kernel is the mean over several.
    """

    train: Array | None = None
    test_train: Array | None = None
    test: Array | None = None
    eigenvalues: Array | None = None
    std: Kernel | None = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self.train is None:
            raise ProblemError("this kernel has no block among training inputs; take .test_train or .test")
        return np.array(self.train, dtype=dtype, copy=copy) if copy else np.asarray(self.train, dtype=dtype)


@dataclass(frozen=True)
class Kernels:
    """Both kernels of a network."""

    nngp: Kernel
    ntk: Kernel


def _width_word(width: Width) -> Any:
    number = width_number(width)
    return "inf" if np.isinf(number) else int(number)


@overload
def kernel(problem: Problem, kind: Literal["ntk", "nngp"], **options: Any) -> Kernel: ...
@overload
def kernel(problem: Problem, kind: Literal["both"] = "both", **options: Any) -> Kernels: ...
def kernel(
    problem: Problem,
    kind: Literal["both", "ntk", "nngp"] = "both",
    *,
    between: Literal["all", "train", "test_train", "test"] = "all",
    width: Width = "inf",
    seed: int | None = None,
    seeds: int | None = None,
    full: bool = False,
    spectrum: bool = False,
    device: str = "auto",
    precision: Precision = "f32",
    threads: int | None = None,
    progress: Progress = None,
) -> Kernel | Kernels:
    """The kernels of a problem's network on its inputs; the problem needs no optimizer and no targets.

    Parameters
    ----------
    problem : Problem
    kind : "both", "ntk" or "nngp"
        The tangent kernel, the kernel of the Gaussian process of outputs at the start, or both.
    between : str
        Which blocks; ``"all"`` that the data have.
    width : int or "inf"
        Infinity is the closed form, in float64; a finite width one network at its start, averaged over outputs.
    seed, seeds : int, optional
        Of a finite network: its seed, or the mean over the seeds 1 … `seeds` with standard deviations.
    full : bool
        Of a finite network the whole tangent kernel, (P k) × (P k), samples outermost.
    spectrum : bool
        Also all eigenvalues of the training block.

    Source: docs/theory/ntk.md §3, docs/theory/convolutions.md §4.

    Examples
    --------
    >>> import numpy as np, widenet as wn
    >>> p = wn.Problem(network=dict(hidden_layers=1, activation="relu"), parameterization="ntk", data=(np.eye(2),))
    >>> wn.kernel(p, "ntk").train.shape
    (2, 2)
    """
    asked: dict[str, Any] = {"kind": kind, "between": between, "width": _width_word(width), "full": full, "spectrum": spectrum}
    asked |= {key: value for key, value in (("seed", seed), ("seeds", seeds)) if value is not None}
    with Running(threads, progress, "kernels") as running:
        found, notes = _widenet.kernel(_problem(problem)._inner, {"kernel": asked}, (device, precision), running)
    warn(notes)
    kernels = {
        name: Kernel(**blocks, std=Kernel(**found[f"{name}_std"]) if f"{name}_std" in found else None)
        for name, blocks in found.items()
        if not name.endswith("_std")
    }
    return Kernels(**kernels) if kind == "both" else kernels[kind]


@dataclass(frozen=True)
class Prediction:
    """What infinitely wide networks predict at one moment; unpacks as ``mean, std`` of the test inputs (training inputs if there are none).

    Attributes
    ----------
    at, time : float
        The moment that was asked for (steps or flow time, infinity: the end), and the training time there.
    train_mean, test_mean : array
        P × k and T × k.
    train_std, test_std : array or None
        Standard deviation over initialisations, per sample; the same for every output.
    train_covariance, test_covariance : array or None
        With ``spread="covariance"``.
    train_loss, test_loss, train_accuracy, test_accuracy : float or None
        Of the means.
    log_evidence, test_log_likelihood : float or None
        Of the Gaussian process (readout trained to the end).
    diverged : bool
        Whether the linear model diverged; then no number means anything.
    seed : int or None
        Of a sampled function.
    """

    at: float
    time: float
    diverged: bool
    train_mean: Array
    train_std: Array | None = None
    train_covariance: Array | None = None
    test_mean: Array | None = None
    test_std: Array | None = None
    test_covariance: Array | None = None
    train_loss: float | None = None
    test_loss: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    log_evidence: float | None = None
    test_log_likelihood: float | None = None
    seed: int | None = None

    def __iter__(self) -> Iterator[Array | None]:
        if self.test_mean is None:
            return iter((self.train_mean, self.train_std))
        return iter((self.test_mean, self.test_std))


@overload
def predict(problem: Problem, at: float | str = "inf", **options: Any) -> Prediction: ...
@overload
def predict(problem: Problem, at: Iterable[float | str], **options: Any) -> list[Prediction]: ...
def predict(
    problem: Problem,
    at: float | str | Iterable[float | str] = "inf",
    *,
    threads: int | None = None,
    progress: Progress = None,
    **asked: Any,
) -> Prediction | list[Prediction]:
    """What infinitely wide networks predict at moments of training, with the spread over initialisations.

    Parameters
    ----------
    problem : Problem
        With an optimizer.
    at : float, "inf", or several
        Steps (flow times of flows); infinity is the end of training. Several give a list.
    asked
        Keys of the section ``[predict]``: ``trained``, ``spread``, ``ridge`` (a number, or ``dict(relative=…)``), ``initial``, … (``widenet
        keys predict`` prints them).

    Source: docs/theory/ntk.md §4, §5.

    Examples
    --------
    >>> import numpy as np, widenet as wn
    >>> p = wn.Problem(network=dict(hidden_layers=1, activation="relu"), parameterization="ntk",
    ...                data=(np.eye(2), np.array([1.0, -1.0]), np.ones((1, 2)), np.zeros((1, 1))),
    ...                optimizer=dict(kind="gd", learning_rate=0.1, steps=10))
    >>> mean, std = wn.predict(p, at="inf", ridge=1e-3)
    >>> mean.shape, std.shape
    ((1, 1), (1,))
    """
    is_one = isinstance(at, str) or np.ndim(at) == 0  # type: ignore[arg-type]
    moments = [_moment(moment) for moment in ([at] if is_one else at)]  # type: ignore[union-attr]
    section = {**_problem(problem).to_dict().get("predict", {}), "at": moments, **plain(asked, "predict")}
    with Running(threads, progress, "predict") as running:
        found, notes = _widenet.predict(problem._inner, {"predict": section}, running)
    warn(notes)
    predictions = [Prediction(**one) for one in found]
    return predictions[0] if is_one and len(predictions) == 1 else predictions


def _moment(moment: Any) -> Any:
    if isinstance(moment, str):
        return moment
    return "inf" if np.isinf(moment) else plain(moment, "at")


class _Asked:
    """A random network and its data, of which questions are asked."""

    _kind = ""

    def __init__(self, sections: dict[str, Any], base: str | os.PathLike[str] | None) -> None:
        self._sections = sections
        self._base = Path.cwd() if base is None else Path(base)

    def _ask(self, name: str, asked: Mapping[str, Any], device: str, precision: str, threads: int | None, progress: Progress) -> Any:
        file = self._sections | {name: plain({key: value for key, value in asked.items() if value is not None}, name)}
        with Running(threads, progress, name) as running:
            answer, notes = _widenet.ask(self._kind, file, self._base, (device, precision), running)
        warn(notes)
        return answer


def _network_and_data(network: Mapping[str, Any], data: Any, kernel: Any) -> dict[str, Any]:
    sections: dict[str, Any] = {"network": plain(network, "network")}
    if data is not None:
        sections["data"] = data_section(data)
    if kernel is not None:
        sections["kernel"] = matrix(kernel, "kernel")
    return sections


class Prior(_Asked):
    """Random deep linear networks before training; see :func:`prior`."""

    _kind = "prior"

    def ask(
        self, quantity: str, *, device: str = "auto", precision: Precision = "f64", threads: int | None = None,
        progress: Progress = None, **asked: Any,
    ) -> Any:
        """Answers one quantity by the name of its section (``widenet keys SECTION`` prints its keys): a dict of numbers and arrays."""
        return self._ask(quantity, asked, device, precision, threads, progress)[quantity]

    def density(self, at: Any, *, of: str | None = None, input: int | None = None) -> Array:
        """The density of one output at values `at`; ``of="log_scale"`` is that of log q (docs/theory/proportional-limit.md §3)."""
        density: Array = self.ask("density", at=np.atleast_1d(at), of=of, input=input)["density"]
        return density

    def log_density(self, at: Any, *, of: str | None = None, input: int | None = None) -> Array:
        """The logarithm of :meth:`density`, which does not underflow."""
        density: Array = self.ask("density", at=np.atleast_1d(at), of=of, input=input)["log_density"]
        return density

    def cdf(self, at: Any, *, of: str | None = None, input: int | None = None) -> dict[str, Any]:
        """Both tails of the law at values `at`, and their logarithms."""
        answer: dict[str, Any] = self.ask("cdf", at=np.atleast_1d(at), of=of, input=input)
        return answer

    def quantiles(self, levels: Any = None, *, of: str | None = None, input: int | None = None, **asked: Any) -> dict[str, Any]:
        """Values with given probabilities below (`levels`) or above (`upper_levels`) them."""
        levels = None if levels is None else np.atleast_1d(levels)
        answer: dict[str, Any] = self.ask("quantiles", levels=levels, of=of, input=input, **asked)
        return answer

    def moments(self, **asked: Any) -> dict[str, Any]:
        """Moments of outputs, kernels and scales."""
        answer: dict[str, Any] = self.ask("moments", **asked)
        return answer

    def sample(self, draws: int, *, seed: int = 0, **asked: Any) -> Any:
        """Draws of networks."""
        return self.ask("sample", draws=draws, seed=seed, **asked)


def prior(network: Mapping[str, Any], data: Any = None, *, kernel: Any = None, base: str | os.PathLike[str] | None = None) -> Prior:
    """Random deep linear networks before training, at any widths and depth and in the proportional limit.

    Parameters
    ----------
    network : dict
        ``width`` (``"inf"`` is the limit), ``hidden_layers`` or ``depth_ratio``, ``outputs``, … (``widenet keys network``).
    data : tuple or dict, optional
        Inputs as in :class:`Problem`; without data and kernel there is one input with K0 = 1.
    kernel : array, optional
        Instead of data, K0 = X Xᵀ/N0.

    Source: docs/theory/proportional-limit.md §2–§7.

    Examples
    --------
    >>> import widenet as wn
    >>> network = wn.prior(dict(width=64, hidden_layers=64))
    >>> float(network.density(0.5)[0]) < float(network.density(0.1)[0])
    True
    """
    return Prior(_network_and_data(network, data, kernel), base)


def posterior(
    network: Mapping[str, Any],
    data: Any = None,
    *,
    noise_variance: float,
    kernel: Any = None,
    targets: Any = None,
    base: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Progress = None,
    **asked: Any,
) -> dict[str, Any]:
    """The Bayesian posterior of random deep linear networks: predictions, evidence, densities; a dict of numbers and arrays.

    `asked` are keys of the section ``[posterior]``, such as ``evidence``, ``quantiles``, ``density``, ``seed`` (``widenet keys posterior``).

    Source: docs/theory/proportional-limit.md §8.
    """
    question = _Asked(_network_and_data(network, data, kernel), base)
    question._kind = "posterior"
    section = {"noise_variance": noise_variance, **asked}
    if targets is not None:
        section["targets"] = matrix(np.asarray(targets)[:, None] if np.ndim(targets) == 1 else targets, "targets")
    answer: dict[str, Any] = question._ask("posterior", section, "cpu", "f64", threads, progress)
    return answer


def scaling(of: Problem | str | None = None, **exponents: Any) -> dict[str, Any]:
    """Which infinite-width limit a scaling of widths leads to, and why.

    Parameters
    ----------
    of : Problem or str, optional
        A problem, or the name of a scaling (``"mup"``, ``"ntp"``, ``"sp"``, … with ``hidden_layers``; of one hidden layer ``"mf"``, ``"ntk"``, …).
    exponents
        Instead ``q_sigma`` with ``q`` or ``q_a`` and ``q_w`` (one hidden layer, Golikov), or ``a``, ``b``, ``c`` (Yang and Hu); and ``loss``.

    Source: docs/theory/scaling-limits.md.

    Examples
    --------
    >>> import widenet as wn
    >>> wn.scaling("ntk", hidden_layers=1)["golikov"]["limit"] is not None
    True
    """
    if isinstance(of, Problem):
        answer, notes = _widenet.scaling(of._inner, None)
    else:
        section = plain(exponents, "scaling") | ({} if of is None else {"name": of})
        answer, notes = _widenet.scaling(None, section)
    warn(notes)
    tree: dict[str, Any] = answer
    return tree


def parameterization(problem: Problem, width: Width | None = None) -> str:
    """The parameterisation of a problem as a table: multiplier, deviation and learning rate per layer as powers of the width, with their
    values at `width` if it is given, and the limit."""
    return _problem(problem)._inner.parameterization(None if width is None else width_number(width))
