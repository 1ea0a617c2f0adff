"""Arrays of any library become those that the engines read, or an error that names the argument."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import DataError, ProblemError

SAMPLES = ("inputs", "targets", "test_inputs", "test_targets")


def _array(value: Any, name: str) -> NDArray[Any]:
    """As a NumPy array of numbers or words."""
    if hasattr(value, "detach"):  # a tensor of PyTorch
        value = value.detach().cpu()
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise DataError(f"`{name}` is a masked array with masked entries; fill them (.filled(…)) or leave their rows out")
        value = value.data
    if hasattr(value, "toarray"):
        raise DataError(f"`{name}` is a sparse {type(value).__name__}; make it dense: .toarray()")
    if isinstance(value, (Iterator, set, frozenset)):
        raise DataError(f"`{name}` is a {type(value).__name__}, which has no order to be read again; make it a list: list(…)")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` is no array: {error}; give rows of equal length") from None
    kind = array.dtype.kind
    if kind == "O" and array.size and all(isinstance(item, str) for item in array.flat):
        return array.astype(str)
    if kind == "O":
        raise DataError(
            f"`{name}` is an array of objects (dtype object), such as rows of unequal length, None, or columns of pandas that may lack "
            "values; it must hold numbers, .to_numpy(float) or np.asarray(…, dtype=float), or labels that are all words or all whole numbers"
        )
    if kind == "f" and array.dtype.itemsize < 4:
        raise DataError(
            f"`{name}` is of dtype {array.dtype}, which has about three digits; it must be float32 or float64: .astype(np.float32)"
        )
    if kind not in "fiubU":
        raise DataError(f"`{name}` is of dtype {array.dtype}; it must hold real numbers (float32, float64 or integers)")
    if kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > 2**53:
        raise DataError(f"`{name}` holds whole numbers beyond 2^53, which float64 does not have; scale them down, or give floats")
    if array.size == 0:
        raise DataError(f"`{name}` is an empty array of shape {array.shape}; it must have at least one row and column")
    return array


def matrix(value: Any, name: str) -> NDArray[np.float64]:
    """As rows of numbers, C-contiguous; a view of `value` where it is such already."""
    array = _array(value, name)
    if array.dtype.kind == "U":
        raise DataError(f"`{name}` holds words (dtype {array.dtype}); it must hold numbers")
    if array.ndim > 2:
        # Images, flattened so that the last index runs fastest.
        array = array.reshape(len(array), -1)
    if array.ndim < 2:
        shape = f"of shape {array.shape}" if array.ndim else f"the number {array}"
        raise DataError(
            f"`{name}` is {shape}; it must have a row per sample and a column per feature: x[:, None] for samples of one feature, "
            "x[None, :] for one sample"
        )
    found = np.ascontiguousarray(array, np.float64)
    if not np.isfinite(found).all():
        row, column = (int(index) for index in np.argwhere(~np.isfinite(found))[0])
        raise DataError(f"`{name}` is {found[row, column]} at [{row}, {column}]; all numbers must be finite")
    return found


def _targets(value: Any, name: str) -> tuple[NDArray[np.float64] | list[Any], bool]:
    """Targets as rows of numbers, or labels: then the second is true."""
    array = _array(value, name)
    if array.ndim == 0:
        raise DataError(f"`{name}` is {array}; it must have a value or a row per sample")
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "iubU":
        array = array[:, 0]  # one label per sample, as a column
    if array.ndim == 1 and array.dtype.kind in "iubU":
        return array.astype(int).tolist() if array.dtype.kind == "b" else array.tolist(), True
    if array.dtype.kind == "U":
        raise DataError(f"`{name}` holds words and has shape {array.shape}; names of classes are one per sample, of shape ({len(array)},)")
    return matrix(array[:, None] if array.ndim == 1 else array, name), False


def data_section(data: Any) -> dict[str, Any]:
    """A section `data` of arrays (X, y) or (X, y, X_test, y_test), of a dictionary, or of what it already is."""
    if isinstance(data, Mapping):
        section = {str(key): value for key, value in data.items()}
    elif isinstance(data, (tuple, list)) and len(data) in (1, 2, 4):
        section = dict(zip(SAMPLES, data))
    else:
        found = f"{len(data)} arrays" if isinstance(data, (tuple, list)) else type(data).__name__
        raise ProblemError(
            f"`data` is {found}; it must be (inputs, targets), (inputs, targets, test_inputs, test_targets), or a dict as the section "
            "[data] of a problem file"
        )
    if section.get("kind", "inline") != "inline":
        return {key: plain(value, f"data.{key}") for key, value in section.items()}
    section = {key: value for key, value in section.items() if value is not None} | {"kind": "inline"}
    are_labels = []
    for key in [key for key in SAMPLES if key in section]:
        if key.endswith("inputs"):
            section[key] = matrix(section[key], f"data.{key}")
        else:
            section[key], is_labels = _targets(section[key], f"data.{key}")
            are_labels.append(is_labels)
    if "classes" not in section and any(are_labels):
        section["classes"] = "all"
    return {key: value if key in SAMPLES else plain(value, f"data.{key}") for key, value in section.items()}


def plain(value: Any, name: str) -> Any:
    """A value without types of NumPy, except rows of numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        array = _array(value, name)
        if array.ndim == 2 and array.dtype.kind != "U":
            return matrix(array, name)
        return array.tolist()
    return value
