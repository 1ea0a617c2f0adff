"""Studies: many problems, with tables, figures and verdicts in a run directory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _widenet
from ._arrays import plain
from ._errors import FileError, ProblemError
from ._work import Progress, Running, warn

if TYPE_CHECKING:
    import pandas


class StoredTrial:
    """One trial of a run directory.

    Attributes
    ----------
    directory : Path
    status : dict
        What ``status.json`` says: the engine, how it ended, seconds, …
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.status: dict[str, Any] = _json(directory / "status.json")

    @property
    def label(self) -> str:
        """Its name in the run directory."""
        return self.directory.name

    def trajectory(self) -> StoredTrajectory:
        """What was recorded along training."""
        path = self.directory / "trajectory.json"
        if not path.exists():
            raise FileError(f"{path} does not exist; a trial that answers a question has .answer()")
        return StoredTrajectory(_json(path))

    def answer(self) -> dict[str, Any]:
        """The answer of a trial that asks a question."""
        answer: dict[str, Any] = _json(self.directory / "answer.json")
        return answer

    def __repr__(self) -> str:
        return f"StoredTrial({self.label})"


class StoredTrajectory:
    """A trajectory of a run directory; ``trajectory[quantity]`` is an array, the records first."""

    def __init__(self, written: dict[str, Any]) -> None:
        self._records: list[dict[str, Any]] = written["records"]
        self.width = float(written["width"])
        self.engine: str = written["engine"]
        self.seed: int = written["seed"]
        self.status: str = written["status"]

    @property
    def steps(self) -> Any:
        """Steps of the records."""
        return np.array([record["step"] for record in self._records])

    @property
    def times(self) -> Any:
        """Times of the records."""
        return np.array([float(record["time"]) for record in self._records])

    @property
    def quantities(self) -> list[str]:
        """Names of what was recorded."""
        return sorted({name for record in self._records for name in record} - {"step", "time"})

    def __getitem__(self, quantity: str) -> Any:
        if quantity not in self.quantities:
            raise KeyError(f"{quantity} was not recorded; there are {', '.join(self.quantities)}")
        return np.array([record.get(quantity, "NaN") for record in self._records], dtype=object if self._is_ragged(quantity) else float)

    def _is_ragged(self, quantity: str) -> bool:
        try:
            np.array([record.get(quantity, "NaN") for record in self._records], dtype=float)
        except ValueError:
            return True
        return False


class Run:
    """A run directory of a study, finished or not.

    Attributes
    ----------
    directory : Path
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        if not isinstance(directory, (str, os.PathLike)):
            raise ProblemError(f"directory is {directory!r}; it must be a path of a run directory")
        self.directory = Path(directory)
        if not (self.directory / "manifest.json").exists():
            raise FileError(f"{os.fspath(directory)} is no run directory of a study: it has no manifest.json")
        self._verdicts: list[dict[str, Any]] | None = None

    @property
    def table(self) -> pandas.DataFrame:
        """A row for every record of every trial, with its axes and recorded numbers: ``table.csv`` (pandas)."""
        import pandas

        return pandas.read_csv(self.directory / "table.csv")

    @property
    def metrics(self) -> pandas.DataFrame:
        """A row for every trial, with its axes and metrics: ``metrics.csv`` (pandas)."""
        import pandas

        return pandas.read_csv(self.directory / "metrics.csv")

    @property
    def results(self) -> pandas.DataFrame:
        """Every recorded number of every trial: ``results.parquet`` (pandas with pyarrow)."""
        import pandas

        return pandas.read_parquet(self.directory / "results.parquet")

    @property
    def trials(self) -> list[StoredTrial]:
        """The trials that are done, by number. Trials that share a result, such as the seeds of a limit, are stored once, as the first of them."""
        folders = sorted((self.directory / "trials").glob("*"))
        return [StoredTrial(folder) for folder in folders if (folder / "status.json").exists()]

    def trial(self, number: int) -> StoredTrial:
        """The trial of a number, as ``table.csv`` counts them."""
        for folder in (self.directory / "trials").glob(f"{number:04}-*"):
            if (folder / "status.json").exists():
                return StoredTrial(folder)
        raise FileError(f"{self.directory} has no finished trial {number}; it has {', '.join(t.label[:4] for t in self.trials)}")

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """What became of every check in every group: ``check``, ``group``, ``predicted``, ``found``, ``low``, ``high``, ``verdict``, ``reason``."""
        if self._verdicts is None:
            self.report()
        return self._verdicts or []

    def report(self, *, progress: Progress = None) -> None:
        """Makes tables, figures and verdicts again."""
        with Running(None, progress, "report") as running:
            self._take(_widenet.report(self.directory, running))

    def _take(self, report: dict[str, Any]) -> None:
        warn(report["notes"])
        self._verdicts = report["verdicts"]

    @property
    def figures(self) -> list[Path]:
        """Figures, as SVG."""
        return sorted((self.directory / "figures").glob("*.svg"))

    def __repr__(self) -> str:
        return f"Run({os.fspath(self.directory)!r})"

    def _repr_html_(self) -> str:
        figures = "".join(path.read_text(encoding="utf-8") for path in self.figures)
        return f"<p><code>{self.directory}</code></p>{figures}"


def open_run(directory: str | os.PathLike[str]) -> Run:
    """A run directory that is there, finished or not."""
    return Run(directory)


def study(
    path: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] = "out",
    full: bool = False,
    set: Mapping[str, Any] | None = None,
    jobs: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress = None,
) -> Run:
    """Runs a study, or continues one that was interrupted (the same call does); a run stopped by Ctrl-C keeps its checkpoints.

    Parameters
    ----------
    path : path
        A study file.
    out : path
        The folder of run directories.
    full : bool
        With the values of the study's section ``[full]``.
    set : dict, optional
        Changes to the file by dotted keys: ``{"axes.width": [64, 256]}``.
    jobs : int, optional
        Trials at once; as many as there are cores if not given.
    """
    if set is not None and not (isinstance(set, Mapping) and all(isinstance(key, str) for key in set)):
        raise ProblemError(f"set is {set!r}; it must be a dict of dotted keys, such as {{\"axes.width\": [64, 256]}}")
    overrides = [(key, value if isinstance(value, str) else _toml(plain(value, key))) for key, value in (set or {}).items()]
    if jobs is not None and (not isinstance(jobs, int) or jobs < 1):
        raise ProblemError(f"jobs is {jobs!r}; it must be a whole number ≥ 1")
    with Running(threads, progress, "study") as running:
        report = _widenet.study((Path(path), full, overrides), (Path(out), jobs, device), running)
    run = Run(report["directory"])
    run._take(report)
    return run


def _toml(value: Any) -> str:
    """A value in one line of TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple, np.ndarray)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None
