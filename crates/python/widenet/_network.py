"""Networks whose weights are given: made elsewhere, or those of a problem at its start."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _widenet
from ._arrays import matrix
from ._errors import DataError, FileError, ProblemError
from ._problem import Problem
from ._solving import Precision, Width, _problem, width_number
from ._work import Progress, Running

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """Gradient descent from given weights.

    Attributes
    ----------
    steps, losses : array
        Of the records; those after a divergence are missing.
    outputs, test_outputs : array
        (record, P, k) and (record, T, k).
    weights : list of array
        At the end, one per layer (of a linearised network the starting weights plus their tangents).
    """

    steps: NDArray[np.int64]
    losses: Array
    outputs: Array
    test_outputs: Array
    weights: list[Array]


class Network:
    """A perceptron of given weights: layer l is ``h = multipliers[l] * (x @ weights[l]) + bias_multipliers[l] * biases[l]``.

    Parameters
    ----------
    weights : list of array
        One per layer, fan-in × fan-out, input layer first: ``layer.weight.T`` of PyTorch. Numbers are float64.
    biases : list of array or None, optional
        One per layer, of length fan-out.
    activation : str or dict
        Between the layers, as the key ``network.activation``.
    multipliers, bias_multipliers : float or list of float
        1 for networks as PyTorch has them; ``sigma_w / sqrt(fan_in)`` and ``sigma_b`` in NTK parameterisation.

    Kernels are those of the gradient in weights and biases as they stand here. Source: docs/theory/training.md §3, docs/theory/ntk.md §1.

    Examples
    --------
    >>> import numpy as np, widenet as wn
    >>> network = wn.Network([np.eye(2), np.ones((2, 1))], activation="relu")
    >>> network.outputs(np.array([[1.0, -1.0]])).tolist(), network.tangent_kernel(np.array([[1.0, -1.0]])).tolist()
    ([[1.0]], [[3.0]])
    """

    def __init__(
        self,
        weights: Sequence[Any],
        biases: Sequence[Any] | None = None,
        *,
        activation: str | Mapping[str, Any] = "identity",
        multipliers: float | Sequence[float] = 1.0,
        bias_multipliers: float | Sequence[float] = 1.0,
    ) -> None:
        count = len(weights)
        self.weights: list[Array] = [matrix(entries, f"weights[{l}]") for l, entries in enumerate(weights)]
        given = [None] * count if biases is None else list(biases)
        if len(given) != count:
            raise DataError(f"biases has {len(given)} elements; it must have {count}, one per layer (None: no biases)")
        self.biases: list[Array | None] = [None if one is None else matrix(np.atleast_2d(np.asarray(one)), f"biases[{l}]")[0] for l, one in enumerate(given)]
        self.multipliers = _per_layer(multipliers, count, "multipliers")
        self.bias_multipliers = _per_layer(bias_multipliers, count, "bias_multipliers")
        self.activation = activation
        like = Problem(
            network={"hidden_layers": max(1, count - 1), "activation": activation},
            parameterization="ntk",
            data=([[1.0]], [[1.0]]),
            optimizer={"kind": "gd", "learning_rate": 1.0, "steps": 1},
        )
        layers = [
            (entries, [] if bias is None else bias.tolist(), a, b)
            for entries, bias, a, b in zip(self.weights, self.biases, self.multipliers, self.bias_multipliers)
        ]
        self._inner = _widenet.Network(like._inner, layers)

    def outputs(self, inputs: Any) -> Array:
        """Outputs on inputs (P × d), P × k."""
        with Running(None, False, "outputs") as running:
            return self._inner.outputs(matrix(inputs, "inputs"), running)

    __call__ = outputs

    def tangent_kernel(self, left: Any, right: Any = None, *, full: bool = False) -> Array:
        """The tangent kernel between inputs, P × Q, averaged over outputs; with `full` P k × Q k, samples outermost."""
        return self._kernel("full" if full else "ntk", left, right)

    def nngp_kernel(self, left: Any, right: Any = None) -> Array:
        """The kernel of the last hidden layer's activations between inputs, P × Q."""
        return self._kernel("nngp", left, right)

    def _kernel(self, kind: str, left: Any, right: Any) -> Array:
        left = matrix(left, "left")
        with Running(None, False, "kernel") as running:
            return self._inner.kernel(kind, left, left if right is None else matrix(right, "right"), running)

    def train(
        self,
        inputs: Any,
        targets: Any,
        *,
        learning_rate: float,
        steps: int | Iterable[int],
        test_inputs: Any = None,
        loss: Literal["squared", "logistic", "hinge", "cross_entropy"] = "squared",
        linearised: bool = False,
    ) -> Training:
        """Full-batch gradient descent in all weights and biases; the network itself stays as it is.

        `steps` is their number, or the steps that are recorded, the last of which is the end. `linearised` trains the network's linearisation
        around its weights instead. The squared loss is ``sum((f - y)**2) / (2 P)``.
        """
        inputs, targets = matrix(inputs, "inputs"), np.asarray(targets)
        targets = matrix(targets[:, None] if targets.ndim == 1 else targets, "targets")
        test = inputs if test_inputs is None else matrix(test_inputs, "test_inputs")
        at = list(range(steps + 1)) if isinstance(steps, (int, np.integer)) else [int(step) for step in steps]
        with Running(None, False, "train") as running:
            records, weights = self._inner.train((inputs, targets, test), loss, (float(learning_rate), at, linearised), running)
        return Training(
            np.array([step for step, *_ in records]),
            np.array([found for _, found, *_ in records]),
            np.array([outputs for *_, outputs, _ in records]),
            np.array([outputs for *_, outputs in records]),
            weights,
        )

    def to_dict(self) -> dict[str, Array]:
        """Its arrays by name: ``weights.0``, ``biases.0``, …, ``multipliers``, ``bias_multipliers``."""
        arrays = {f"weights.{l}": entries for l, entries in enumerate(self.weights)}
        arrays |= {f"biases.{l}": entries for l, entries in enumerate(self.biases) if entries is not None}
        return arrays | {"multipliers": np.array(self.multipliers), "bias_multipliers": np.array(self.bias_multipliers)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes its arrays (:meth:`to_dict`) to a file: .npz, or .safetensors (with the package safetensors)."""
        path = Path(path)
        if path.suffix == ".npz":
            np.savez(path, **self.to_dict())  # type: ignore[arg-type]
        elif path.suffix == ".safetensors":
            from safetensors.numpy import save_file

            save_file({name: np.ascontiguousarray(array) for name, array in self.to_dict().items()}, path)
        else:
            raise ProblemError(f"path is {os.fspath(path)!r}; its name must end in .npz or .safetensors")

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, activation: str | Mapping[str, Any] = "identity") -> Network:
        """Reads what :meth:`save` wrote, or arrays of the same names; multipliers that are missing are 1."""
        path = Path(path)
        if not path.exists():
            raise FileError(f"{os.fspath(path)} does not exist")
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            arrays: dict[str, Any] = load_file(path)
        elif path.suffix == ".npz":
            with np.load(path) as file:
                arrays = dict(file)
        else:
            raise ProblemError(f"path is {os.fspath(path)!r}; its name must end in .npz or .safetensors")
        count = sum(name.startswith("weights.") for name in arrays)
        if not count or any(f"weights.{l}" not in arrays for l in range(count)):
            raise DataError(f"{os.fspath(path)} has the arrays {', '.join(sorted(arrays))}; it must have weights.0, weights.1, …")
        return cls(
            [arrays[f"weights.{l}"] for l in range(count)],
            [arrays.get(f"biases.{l}") for l in range(count)],
            activation=activation,
            multipliers=arrays.get("multipliers", 1.0),
            bias_multipliers=arrays.get("bias_multipliers", 1.0),
        )

    def __repr__(self) -> str:
        sizes = " → ".join(str(size) for size in [len(self.weights[0])] + [entries.shape[1] for entries in self.weights])
        return f"Network({sizes}, activation={self.activation!r})"


def _per_layer(value: Any, count: int, name: str) -> list[float]:
    numbers = [float(one) for one in np.asarray(value, float).ravel()]
    if len(numbers) == 1:
        return numbers * count
    if len(numbers) != count:
        raise DataError(f"{name} has {len(numbers)} numbers; it must have 1, or one per layer: {count}")
    return numbers


def initial_network(
    problem: Problem,
    width: Width,
    seed: int = 1,
    *,
    device: str = "auto",
    precision: Precision = "f32",
    threads: int | None = None,
    progress: Progress = None,
) -> Network:
    """The network of a problem at its start, with all its weights: the dense engine's of this width, seed, device and precision.

    It has the weights and multipliers of the parameterisation, and not its learning rates: :meth:`Network.train` and kernels are those of the
    gradient in all weights alike, which are the problem's own where its rates are all 1 (``ntk`` and ``standard`` as they are).

    >>> import numpy as np, widenet as wn
    >>> p = wn.Problem(network=dict(hidden_layers=1, activation="tanh"), parameterization="ntk", data=(np.eye(2), np.array([1.0, -1.0])),
    ...                optimizer=dict(kind="gd", learning_rate=0.1, steps=1), record=["outputs"])
    >>> outputs = wn.solve(p, width=64, seeds=[3], engine="dense")["outputs"][0, 0, 0]
    >>> np.allclose(wn.initial_network(p, width=64, seed=3)(np.eye(2)), outputs, atol=1e-5)
    True
    """
    number = width_number(width)
    if np.isinf(number):
        raise ProblemError("width is inf, and the network has no weights there; give a finite width")
    with Running(threads, progress, "weights") as running:
        layers = _widenet.initial_weights(_problem(problem)._inner, (int(number), seed), (device, precision), running)
    return Network(
        [entries for entries, *_ in layers],
        [bias for _, bias, *_ in layers],
        activation=problem.to_dict()["network"].get("activation", "identity"),
        multipliers=[a for _, _, a, _ in layers],
        bias_multipliers=[b for *_, b in layers],
    )
