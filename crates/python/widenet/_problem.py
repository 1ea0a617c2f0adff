"""A problem: a network, its scaling with the width, data, a loss and an optimiser."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _widenet
from ._arrays import data_section, plain
from ._errors import DataError, ProblemError

Section = Mapping[str, Any] | None
SECTIONS = ("network", "parameterization", "data", "loss", "optimizer", "record", "ensemble", "stop", "kernel", "predict")


def section(name: str, value: Any) -> Any:
    """A section as a problem file has it; some have a short form."""
    if name == "data":
        return data_section(value)
    if name in ("parameterization", "loss", "optimizer") and isinstance(value, str):
        return {"kind": value}
    if name == "record" and isinstance(value, (list, tuple)):
        return {"quantities": list(value)}
    if not isinstance(value, Mapping):
        raise ProblemError(f"`{name}` is {value!r}; it must be a dict with the keys of the section [{name}]")
    return plain(value, name)


class Problem:
    """A problem, which has a solution at every width, infinity included.

    The arguments are the sections of a problem file, with the same keys (``widenet keys SECTION`` prints those of one, and
    ``docs/guide/keys.md`` has all).

    Parameters
    ----------
    network : dict
        ``hidden_layers``, ``activation``, …
    parameterization : str or dict
        ``"mean_field"``, ``"ntk"``, ``"standard"``, …, or a dict with ``kind`` and its keys.
    data : tuple or dict
        ``(inputs, targets)`` or ``(inputs, targets, test_inputs, test_targets)``: arrays of NumPy, PyTorch or JAX. Inputs have a row per
        sample (images are flattened, the last index fastest), float32 or float64. Targets are floats, a row per sample or one number per
        sample, or labels, one integer, bool or word per sample: two classes become −1 and +1, more one output per class, 1 for its own.
        Or the section ``[data]`` as a dict, in which arrays may stand.
    loss : str or dict, optional
        ``"squared"`` (the default), ``"logistic"``, ``"cross_entropy"``, ``"hinge"``.
    optimizer : dict, optional
        ``kind``, ``learning_rate``, ``steps``, …; not needed for kernels.
    record : dict or list of str, optional
        When and what to record; a list is quantities (``widenet quantities`` prints them).
    ensemble, stop, kernel, predict : dict, optional
        The other sections.
    base : path, optional
        The folder that relative paths start from; the working directory if not given.

    Examples
    --------
    >>> import numpy as np, widenet as wn
    >>> X, y = np.eye(2), np.array([1.0, -1.0])
    >>> p = wn.Problem(network=dict(hidden_layers=2), parameterization="mean_field", data=(X, y),
    ...                optimizer=dict(kind="gd", learning_rate=0.1, steps=20))
    >>> p.replace({"optimizer.steps": 40}).to_dict()["optimizer"]["steps"]
    40
    """

    _inner: _widenet.Problem

    def __init__(
        self,
        network: Section = None,
        parameterization: str | Section = None,
        data: Any = None,
        *,
        loss: str | Section = None,
        optimizer: str | Section = None,
        record: Section | list[str] = None,
        ensemble: Section = None,
        stop: Section = None,
        kernel: Section = None,
        predict: Section = None,
        base: str | os.PathLike[str] | None = None,
    ) -> None:
        given = dict(zip(SECTIONS, (network, parameterization, data, loss, optimizer, record, ensemble, stop, kernel, predict)))
        sections = {name: section(name, value) for name, value in given.items() if value is not None}
        self._inner = _widenet.Problem(sections, Path.cwd() if base is None else Path(base))

    @classmethod
    def from_dict(cls, sections: Mapping[str, Any], base: str | os.PathLike[str] | None = None) -> Problem:
        """A problem of a dictionary of sections, such as a parsed file."""
        unknown = [name for name in sections if name not in SECTIONS]
        if unknown:
            raise ProblemError(f"`{unknown[0]}` is no section of a problem; known: {', '.join(SECTIONS)}")
        return cls(**sections, base=base)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Problem:
        """A problem of a file (.toml or .json); relative paths in it start from its folder."""
        return cls._of(_widenet.Problem.load(Path(path)))

    @classmethod
    def _of(cls, inner: _widenet.Problem) -> Problem:
        problem = cls.__new__(cls)
        problem._inner = inner
        return problem

    def replace(self, changes: Mapping[str, Any]) -> Problem:
        """Another problem, with sections or dotted keys changed: ``p.replace({"optimizer.learning_rate": 0.5})``; None takes a key out."""
        changed = {
            key: value if value is None else section(key, value) if key in SECTIONS else _changed(key, value)
            for key, value in changes.items()
        }
        return Problem._of(self._inner.replace(changed))

    def to_dict(self) -> dict[str, Any]:
        """Its sections, with arrays where arrays were given."""
        sections: dict[str, Any] = self._inner.to_dict()
        return sections

    def to_toml(self) -> str:
        """Its sections as the text of a problem file, arrays written out."""
        return self._inner.to_toml()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a problem file (.toml), which the program and :meth:`load` read; relative paths in it start from its folder."""
        if Path(path).suffix != ".toml":
            raise ProblemError(f"path is {os.fspath(path)!r}; its name must end in .toml")
        Path(path).write_text(self.to_toml(), encoding="utf-8")

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return Path(self._inner.base)

    @property
    def inputs(self) -> NDArray[np.float64]:
        """Training inputs as networks see them, P × d."""
        return self._samples(0)

    @property
    def targets(self) -> NDArray[np.float64]:
        """Training targets, P × k."""
        return self._samples(1)

    @property
    def test_inputs(self) -> NDArray[np.float64]:
        """Test inputs, T × d; none is an error."""
        return self._samples(2)

    @property
    def test_targets(self) -> NDArray[np.float64]:
        """Test targets, T × k; none is an error."""
        return self._samples(3)

    def _samples(self, which: int) -> NDArray[np.float64]:
        array: NDArray[np.float64] | None = self._inner.data()[which]
        if array is None:
            raise DataError("the problem has no test samples; give data=(inputs, targets, test_inputs, test_targets)")
        return array

    @property
    def stable_learning_rate(self) -> float:
        """The largest learning rate that is stable for the infinitely wide network at its start, in the problem's loss."""
        return self._inner.stable_rate()

    def __reduce__(self) -> tuple[Any, ...]:
        return Problem.from_dict, (self.to_dict(), str(self.base))

    def __repr__(self) -> str:
        if not hasattr(self, "_inner"):  # one that could not be made
            return "Problem()"
        sections = self.to_dict()
        data = sections.pop("data", {})
        shown = ", ".join(f"{name}={value}" for name, value in sections.items())
        try:
            train, test, inputs, outputs = self._inner.sizes()
            size = f"{train} training and {test} test samples, {inputs} inputs, {outputs} outputs"
        except ProblemError:
            size = data.get("kind", "none")
        return f"Problem({shown}; data: {size})"


def _changed(key: str, value: Any) -> Any:
    """The value of a dotted key; samples may be arrays."""
    name = key.removeprefix("data.")
    if name != key and name in ("inputs", "test_inputs", "targets", "test_targets"):
        return data_section({name: value})[name]
    return plain(value, key)

