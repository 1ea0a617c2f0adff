"""Solutions of a problem at several widths, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _widenet
from ._errors import ProblemError
from ._problem import Problem
from ._widenet import Trajectory
from ._work import Progress, Running, warn, whole

if TYPE_CHECKING:
    import pandas
    import polars
    import xarray
    from matplotlib.axes import Axes

Width = int | float | str
"""A whole number from 1, or infinity: ``np.inf``, ``math.inf`` or ``"inf"``."""

Engine = Literal["auto", "limit", "law", "dense", "conditioned", "regenerated"]
Precision = Literal["f32", "f64"]


def width_number(width: Width) -> float:
    """A width as a number."""
    wanted = "it must be a whole number from 1, or \"inf\""
    if isinstance(width, (bool, np.bool_, bytes)):
        raise ProblemError(f"width is {width!r}; {wanted}")
    try:
        number = float(width)
    except (TypeError, ValueError):
        raise ProblemError(f"width is {width!r}; {wanted}") from None
    if not (number >= 1 and (np.isinf(number) or number == int(number))):
        raise ProblemError(f"width is {width!r}; {wanted}")
    return number


def widths_of(width: Width | Iterable[Width]) -> list[float]:
    """One width, or several."""
    is_scalar = isinstance(width, (str, bytes)) or (isinstance(width, np.ndarray) and width.ndim == 0)
    several = isinstance(width, Iterable) and not is_scalar
    widths = [width_number(one) for one in (width if several else [width])]  # type: ignore[union-attr, list-item]
    if not widths:
        raise ProblemError("width is empty; give one or more widths")
    return widths


MOST_SEEDS = 1_000_000


def seeds_of(seeds: int | Iterable[int]) -> list[int]:
    """The seeds 1 … `seeds`, or those that are listed."""
    wanted = f"a number of seeds from 1 to {MOST_SEEDS}, or distinct whole numbers ≥ 0"
    if isinstance(seeds, Iterable) and not isinstance(seeds, (str, bytes)):
        listed = [whole(seed, "seeds", 0, wanted) for seed in seeds]
    else:
        count = whole(seeds, "seeds", 1, wanted)
        if count > MOST_SEEDS:
            raise ProblemError(f"seeds is {count}; it must be {wanted}")
        listed = list(range(1, count + 1))
    if not listed or len(set(listed)) < len(listed):
        raise ProblemError(f"seeds is {listed!r:.60}; it must be {wanted}: no distinct seeds")
    return listed


@dataclass(frozen=True)
class Options:
    """Options of engines: what the compiled part reads."""

    def __post_init__(self) -> None:
        for name in ("engine", "precision", "device", "answers"):
            value = getattr(self, name)
            if not isinstance(value, str) and (name != "answers" or value is not None):
                raise ProblemError(f"{name} is {value!r}; it must be a word, such as {dict(engine='auto', precision='f32', device='auto').get(name, 'stored')!r}")
        for name in ("tolerance", "accuracy"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer))):
                raise ProblemError(f"{name} is {value!r}; it must be a number, or None for the usual")
        for name in ("replicates", "nodes"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole(getattr(self, name), name, 1, "a whole number ≥ 1, or None for the usual"))

    engine: str
    precision: str
    device: str
    tolerance: float | None
    answers: str | None
    accuracy: float | None
    replicates: int | None
    nodes: int | None


@dataclass(frozen=True)
class PowerLaw:
    """A fit y = c x^a by least squares of means over seeds on log-log axes.

    Attributes
    ----------
    exponent, constant : float
        a and c.
    interval : (float, float) or None
        95 % interval of the exponent: bootstrap over seeds, or from residuals; None for two points without enough seeds.
    r2 : float
        Share of the variance that the line explains.
    method : str
        How the interval was made.
    points, seeds : int
        Distinct x and seeds in the fit.
    """

    exponent: float
    constant: float
    r2: float
    interval: tuple[float, float] | None
    method: str
    points: int
    seeds: int

    def __call__(self, x: Any) -> Any:
        """The fitted values at x."""
        return self.constant * np.asarray(x, float) ** self.exponent


def power_law(x: Any, y: Any, seeds: Any = None) -> PowerLaw:
    """Fits a power law through points; `seeds` says which of them belong together.

    Source: docs/theory/statistics.md.

    >>> import widenet as wn
    >>> round(wn.power_law([1, 2, 4], [3, 6, 12]).exponent, 12)
    1.0
    """
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    of = np.zeros(len(x), int) if seeds is None else np.asarray(seeds).ravel()
    if not len(x) == len(y) == len(of):
        raise ProblemError(f"x, y and seeds have {len(x)}, {len(y)} and {len(of)} elements; they must have as many")
    if not (np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)).all():
        raise ProblemError("x and y must be finite and positive: a power law has no other values")
    fit = _widenet.power_law(x.tolist(), y.tolist(), of.tolist())
    if fit is None:
        raise ProblemError("a power law needs at least two distinct x")
    return PowerLaw(**fit)


def solve(
    problem: Problem,
    width: Width | Iterable[Width],
    *,
    seeds: int | Iterable[int] = 1,
    engine: Engine = "auto",
    precision: Precision = "f32",
    device: str = "auto",
    tolerance: float | None = None,
    answers: str | None = None,
    accuracy: float | None = None,
    replicates: int | None = None,
    nodes: int | None = None,
    threads: int | None = None,
    progress: Progress = None,
) -> Solutions:
    """Solves a problem at every width, for every seed.

    Parameters
    ----------
    problem : Problem
    width : int, float, "inf", or several
        Widths of the hidden layers; infinity is one.
    seeds : int or list of int
        The seeds 1 … `seeds`, or a list of them.
    engine : str
        ``"auto"`` takes the cheapest that can record what is asked; ``"dense"`` trains real matrices, ``"law"`` and ``"conditioned"`` give
        networks that are exact in law (docs/guide/engines.md).
    precision : "f32" or "f64"
        Float type of the engines on a device; law and limit compute in float64.
    device : str
        ``"auto"``, ``"cpu"``, ``"wgpu"``, …
    tolerance, answers : optional
        Of the engines that know matrices by their answers.
    accuracy, replicates, nodes : optional
        Of mean-field limits of perceptrons.
    threads : int, optional
        Threads of the computation. Numbers do not depend on it.
    progress : bool or callable, optional
        A bar (by default where a person looks on), or what is called with the share of the work and what is done.

    Returns
    -------
    Solutions
        A diverged run is a solution, and is warned of.

    Raises
    ------
    ProblemError, EngineError, LimitError
        Before anything runs, if no engine takes one of the widths.

    Examples
    --------
    >>> import numpy as np, widenet as wn
    >>> p = wn.Problem(network=dict(hidden_layers=1), parameterization="ntk", data=(np.eye(2), np.array([1.0, -1.0])),
    ...                optimizer=dict(kind="gd", learning_rate=0.1, steps=10), record=["train_loss", "predictor"])
    >>> r = wn.solve(p, width=[64, "inf"], seeds=3)
    >>> r["train_loss"].shape
    (2, 3, 11)
    """
    options = Options(engine, precision, device, tolerance, answers, accuracy, replicates, nodes)
    widths, numbers = widths_of(width), seeds_of(seeds)
    with Running(threads, progress, "solve") as running:
        inner = _widenet.solve(_problem(problem)._inner, widths, numbers, options, running)
    warn(inner.notes)
    return Solutions(problem, inner, widths, numbers, options)


def _restored(
    problem: Problem, widths: list[float], seeds: list[int], options: Options, trajectories: list[Trajectory], notes: list[str]
) -> Solutions:
    """Solutions of a pickle."""
    return Solutions(problem, _widenet.Solutions(problem._inner, widths, options, trajectories, notes), widths, seeds, options)


def _problem(problem: Any) -> Problem:
    if not isinstance(problem, Problem):
        raise ProblemError(f"problem is a {type(problem).__name__}; it must be a Problem: wn.Problem(…) or wn.Problem.load(path)")
    return problem


class Solutions:
    """Solutions of a problem over widths and seeds.

    ``solutions[quantity]`` is an array (width, seed, record, …); records that a run did not come to are NaN.

    Attributes
    ----------
    problem : Problem
    widths : list of float
    seeds : list of int
    trajectories : list of Trajectory
        All seeds of the first width first.
    notes : list of str
        What should be known of them, as it was warned of.
    """

    def __init__(
        self, problem: Problem, inner: _widenet.Solutions, widths: Sequence[float], seeds: Sequence[int], options: Options
    ) -> None:
        self.problem = problem
        self.widths = list(widths)
        self.seeds = list(seeds)
        self.trajectories: list[Trajectory] = inner.trajectories
        self.notes: list[str] = inner.notes
        self._inner = inner
        self._options = options

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.problem, self.widths, self.seeds, self._options, self.trajectories, self.notes)

    @property
    def quantities(self) -> list[str]:
        """Names of what was recorded."""
        return sorted({name for trajectory in self.trajectories for name in trajectory.quantities})

    def at(self, width: Width, seed: int | None = None) -> Trajectory:
        """The trajectory of a width and a seed, the first one if it is not given."""
        number, seed = width_number(width), self.seeds[0] if seed is None else seed
        for trajectory in self.trajectories:
            if float(trajectory.width) == number and trajectory.seed == seed:
                return trajectory
        raise KeyError(f"no solution of width {width} and seed {seed}; widths are {self.widths} and seeds {self.seeds}")

    def __getitem__(self, quantity: str) -> NDArray[np.float64]:
        if quantity not in self.quantities:
            raise KeyError(f"{quantity} was not recorded; there are {', '.join(self.quantities)}")
        return self._stacked([t[quantity] if quantity in t.quantities else np.empty(0) for t in self.trajectories], quantity)

    def errors(self, quantity: str) -> NDArray[np.float64] | None:
        """Standard errors of a quantity whose values are estimates, like it; NaN where they are exact, None if all are."""
        found = [trajectory.errors(quantity) for trajectory in self.trajectories]
        if all(errors is None for errors in found):
            return None
        return self._stacked([np.empty(0) if errors is None else errors for errors in found], quantity)

    def _stacked(self, arrays: list[Any], quantity: str) -> NDArray[np.float64]:
        if any(isinstance(array, list) for array in arrays):
            raise ProblemError(f"{quantity} has lists of different lengths; take it of one trajectory: solutions.at(width, seed)[{quantity!r}]")
        inner = {array.shape[1:] for array in arrays if len(array)}
        if len(inner) > 1:
            raise ProblemError(f"{quantity} has another shape at every width; take it of one trajectory: solutions.at(width, seed)[{quantity!r}]")
        records = max((len(array) for array in arrays), default=0)
        stacked = np.full((len(arrays), records, *(inner.pop() if inner else ())), np.nan)
        for place, array in zip(stacked, arrays):
            place[: len(array)] = array
        return stacked.reshape(len(self.widths), len(self.seeds), *stacked.shape[1:])

    @property
    def steps(self) -> NDArray[np.float64]:
        """Steps of the records, (width, seed, record); whole numbers, NaN where a run did not come to a record."""
        return self._stacked([trajectory.steps.astype(float) for trajectory in self.trajectories], "steps")

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the records (sums of learning rates, or flow times), (width, seed, record)."""
        return self._stacked([trajectory.times for trajectory in self.trajectories], "times")

    def frame(self) -> pandas.DataFrame:
        """A tidy table with a row for every number: width, engine, seed, status, step, time, quantity, index, value, error (pandas)."""
        import pandas

        return pandas.DataFrame(self._inner.columns())

    to_pandas = frame

    def to_polars(self) -> polars.DataFrame:
        """The same table in polars."""
        import polars

        return polars.DataFrame(self._inner.columns())

    def to_xarray(self) -> xarray.Dataset:
        """All quantities as arrays over width, seed and record, with steps and times as coordinates where all runs have the same (xarray)."""
        import xarray

        dimensions = ("width", "seed", "record")
        arrays = {}
        for quantity in self.quantities:
            try:
                values = self[quantity]
            except ProblemError:
                continue  # of different shapes
            inner = tuple(f"{quantity}_{axis}" for axis in range(values.ndim - 3))
            arrays[quantity] = (dimensions + inner, values)
        coordinates: dict[str, Any] = {"width": self.widths, "seed": self.seeds}
        for name, values in (("step", self.steps), ("time", self.times)):
            if (values == values[:1, :1]).all():
                coordinates[name] = ("record", values[0, 0])
            else:
                arrays[name] = (dimensions, values)
        return xarray.Dataset(arrays, coordinates)

    def distance(
        self, quantity: str | None = None, *, to: Literal["limit"] = "limit", threads: int | None = None, progress: Progress = None
    ) -> NDArray[np.float64]:
        """Distances (width, seed) to the limit: the largest Frobenius norm over the records; NaN, with a warning, where there is none.

        The limit of a random start is given each network's own initial function. `quantity` is a matrix: ``"outputs"``, or ``"predictor"``
        of deep linear networks, which are the default.
        """
        if to != "limit":
            raise ProblemError(f"what is compared with is {to!r}; it must be \"limit\"")
        quantity = self._inner.compared if quantity is None else quantity
        if quantity not in self.quantities:
            raise ProblemError(f"{quantity} was not recorded; add it to record, as in record=[\"train_loss\", {quantity!r}]")
        with Running(threads, progress, "limit") as running:
            values, obstacles = self._inner.distances(quantity, running)
        warn(obstacles)
        return np.asarray(values).reshape(len(self.widths), len(self.seeds))

    def fit(self, quantity: str | None = None, *, against: Literal["limit"] = "limit") -> PowerLaw:
        """Fits the distance to the limit as a power of the width, over the finite widths."""
        distances = self.distance(quantity, to=against)
        finite = [i for i, width in enumerate(self.widths) if np.isfinite(width)]
        widths = np.repeat([self.widths[i] for i in finite], len(self.seeds))
        seeds = np.tile(self.seeds, len(finite))
        found = distances[finite].ravel()
        usable = np.isfinite(found) & (found > 0)
        if len(set(widths[usable])) < 2:
            raise ProblemError(f"a rate needs distances at two finite widths or more; widths are {self.widths}")
        return power_law(widths[usable], found[usable], seeds[usable])

    def plot(self, quantity: str = "train_loss", *, x: Literal["time", "step"] = "time", ax: Axes | None = None, **line: Any) -> Axes:
        """Draws a number against time or steps, a line per width: the mean over seeds, with their range; the limit is dashed (matplotlib)."""
        import matplotlib.pyplot as plt

        if x not in ("time", "step"):
            raise ProblemError(f"x is {x!r}; it must be \"time\" or \"step\"")
        values = self[quantity]
        if values.ndim > 3:
            raise ProblemError(f"{quantity} is an array at every record; plot a number, such as \"train_loss\"")
        axes = plt.subplots()[1] if ax is None else ax
        moments = self.times if x == "time" else self.steps
        colours = plt.get_cmap("viridis")(np.linspace(0.9, 0.1, max(2, len(self.widths))))
        for i, width in enumerate(self.widths):
            is_limit = np.isinf(width)
            at = moments[i, 0]
            label = "limit, m = ∞" if is_limit else f"m = {width:g}"
            own = {"color": "black" if is_limit else colours[i], "linestyle": "--" if is_limit else "-", "label": label}
            axes.plot(at, np.nanmean(values[i], axis=0), **(own | line))
            if len(self.seeds) > 1:
                axes.fill_between(at, np.nanmin(values[i], axis=0), np.nanmax(values[i], axis=0), color=own["color"], alpha=0.15, lw=0)
        axes.set_xlabel("training time" if x == "time" else "steps")
        axes.set_ylabel(quantity.replace("_", " "))
        axes.legend()
        return axes

    def __repr__(self) -> str:
        lines = [f"Solutions of {len(self.widths)} widths and {len(self.seeds)} seeds: {', '.join(self.quantities)}"]
        lines += [f"  {t.width:>8} seed {t.seed} {t.engine:<12} {t.ending}" for t in self.trajectories[:20]]
        if len(self.trajectories) > 20:
            lines.append(f"  … {len(self.trajectories) - 20} more")
        return "\n".join(lines)
