"""Calls are run with threads, a progress bar and warnings."""

from __future__ import annotations

import numbers
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ._errors import ProblemError, WidenetWarning

Progress = bool | Callable[[float, str], object] | None
"""Whether a long call shows a bar (None: where a person looks on), or what is called with its share of the work and what it does."""


def whole(value: Any, name: str, least: int, wanted: str) -> int:
    """A whole number of Python or NumPy."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or not least <= int(value) < 2**63:
        raise ProblemError(f"{name} is {value!r}; it must be {wanted}")
    return int(value)


class Running:
    """How one call is run: what the compiled part reads."""

    threads: int | None
    progress: Callable[[float, str], object] | None

    def __init__(self, threads: int | None, progress: Progress, label: str) -> None:
        self.threads = None if threads is None else whole(threads, "threads", 1, "a whole number from 1 to 256, or None for all cores")
        self._bar: Any = None
        self._label = label
        self._close: Callable[[], None] = lambda: None
        if callable(progress):
            self.progress = progress
        elif progress or (progress is None and _is_watched()):
            self.progress = self._show
        else:
            self.progress = None

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, fraction: float, what: str) -> None:
        if self._bar is None:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                self.progress = None
                return
            # Calls that take a moment show nothing.
            self._bar = tqdm(total=1000, delay=0.5, leave=False, bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}")
        self._bar.set_description_str(f"{self._label}: {what}" if what else self._label, refresh=False)
        self._bar.update(int(1000 * fraction) - self._bar.n)


def _is_watched() -> bool:
    return "ipykernel" in sys.modules or sys.stderr.isatty()


def warn(notes: Iterable[str]) -> None:
    """Warns of each note once; which device was chosen is no warning."""
    for note in dict.fromkeys(note for note in notes if not note.startswith("device ")):
        warnings.warn(note, WidenetWarning, stacklevel=3)
