"""Coordinate checks: what grows with the width in the first steps of training."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _widenet
from ._errors import ProblemError
from ._problem import Problem
from ._solving import Precision, Width, widths_of
from ._work import Progress, Running, warn

if TYPE_CHECKING:
    import pandas


class CoordinateReport:
    """Verdicts on exponents.

    Attributes
    ----------
    passes : bool
        Whether nothing grows, nothing contradicts its prediction, and some network came to the end.
    rows : list of dict
        ``quantity``, ``layer``, ``step``, ``exponent``, ``interval``, ``predicted``, ``verdict``, ``grows``, ``reason``, ``by_width``.
    figures : list of Path
        What was drawn.
    """

    def __init__(self, answer: dict[str, Any], fails: bool, notes: list[str], figures: list[Path]) -> None:
        self.answer = answer
        self.rows: list[dict[str, Any]] = list(answer["rows"])
        self.passes = not fails
        self.notes = notes
        self.figures = figures

    @property
    def growing(self) -> list[dict[str, Any]]:
        """The rows that grow with the width, beyond doubt."""
        return [row for row in self.rows if row["grows"]]

    def frame(self) -> pandas.DataFrame:
        """All rows as a table (pandas)."""
        import pandas

        return pandas.DataFrame(self.rows).drop(columns="by_width")

    def __repr__(self) -> str:
        verdicts = [row["verdict"] for row in self.rows]
        counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("confirmed", "refuted", "inconclusive"))
        growing = sorted({f"{row['quantity']} of {row['layer']}" for row in self.growing})
        said = f"grows with the width: {', '.join(growing)}" if growing else "nothing is seen to grow with the width"
        return f"CoordinateReport({'passes' if self.passes else 'fails'}: {counts}; {said})"


def coord_check(
    of: Problem | Any,
    width: Iterable[Width] = (256, 512, 1024, 2048, 4096),
    *,
    seeds: int = 5,
    steps: int = 4,
    tolerance: float = 0.1,
    values: Iterable[str] = (),
    predict: float | Mapping[str, float] = 0.0,
    exempt: Iterable[str] = (),
    figure: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: Precision = "f32",
    threads: int | None = None,
    progress: Progress = None,
) -> CoordinateReport:
    """Says which sizes grow with the width in the first steps of training, and whether as predicted.

    Parameters
    ----------
    of : Problem, DataFrame or path
        A problem, whose networks are trained here; or measurements of any networks: a table of pandas or polars, or a file (.csv, .parquet),
        with columns ``width``, ``seed`` (or repetition), ``t`` (or step), ``module`` (or layer) and sizes (``l1``, ``l2``, ``rms``, ``value``, …),
        as ``get_coord_data`` of microsoft/mup makes them.
    width, seeds, steps, device, precision
        Of a problem: at least three widths, networks per width, steps.
    values, predict, exempt
        Of measurements: which columns, the predicted exponent of all layers or a dict of layers' own (None: all others), and layers without a
        prediction, which must not grow.
    tolerance : float
        Difference from a predicted exponent that is allowed.
    figure : path, optional
        A folder for figures.

    Source: docs/theory/scaling-limits.md §5, docs/guide/coordinate-check.md.
    """
    folder = None if figure is None else Path(figure)
    if isinstance(of, Problem):
        with Running(threads, progress, "coordinate check") as running:
            checked = _widenet.coordinate_check(of._inner, widths_of(width), (seeds, steps, tolerance), (device, precision), folder, running)
        return _report(checked)
    predictions: dict[Any, float] = dict(predict) if isinstance(predict, Mapping) else {None: float(predict)}
    if isinstance(of, (str, os.PathLike)):
        return _report(_widenet.coordinate_table(Path(of), tolerance, list(values), predictions, list(exempt), folder))
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "frame.csv"
        if hasattr(of, "to_csv"):
            of.to_csv(path, index=False)
        elif hasattr(of, "write_csv"):
            of.write_csv(path)
        else:
            raise ProblemError(f"a {type(of).__name__}; a coordinate check is of a Problem, a DataFrame of pandas or polars, or a file")
        try:
            return _report(_widenet.coordinate_table(path, tolerance, list(values), predictions, list(exempt), folder))
        except ProblemError as error:
            raise type(error)(str(error).replace(str(path), "the table")) from None


def _report(checked: tuple[Any, bool, list[str], list[Path]]) -> CoordinateReport:
    answer, fails, notes, figures = checked
    warn(notes)
    return CoordinateReport(answer, fails, notes, [Path(figure) for figure in figures])
