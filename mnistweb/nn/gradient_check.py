"""A gradient check nudges each number, sees how the loss moves, and compares that with backpropagation.

(loss(w + h) - loss(w - h)) / 2h is right up to terms of h^2, whatever the code of ``backward`` says. It is
far too slow to train with, and just right to find a wrong sign, a forgotten factor or a transposed matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnistweb.nn.errors import ConfigurationError, TrainingError
from mnistweb.nn.layers import Array, Layer
from mnistweb.nn.losses import Loss, softmax_cross_entropy
from mnistweb.nn.model import Sequential

_NUDGE = 1e-5  # balances the error of the formula (h^2) against rounding in float64 (1e-16 / h)

# A nudge that takes some ReLU or maximum across its kink measures nonsense; smaller ones seldom do, but
# suffer from rounding. They are tried where the first one disagrees with backpropagation: a mistake stays
# wrong with every nudge.
_SMALLER_NUDGES = (1e-6, 1e-7)

# Some gradients are exactly zero, a bias before BatchNorm for one; beside them rounding alone would look like
# a relative error of 1. Differences are therefore never measured against a length below this.
_SHORTEST = 1e-3


@dataclass(frozen=True)
class ParameterCheck:
    """What the check found for one array of numbers: a parameter, or "inputs"."""

    name: str  #: "weight" in a layer, "1.weight" in a model
    relative_error: float  #: |analytic - numerical| / (|analytic| + |numerical|), lengths of vectors; 0 to 1
    checked: int  #: how many entries were nudged
    worst_index: tuple[int, ...]  #: the entry where the two differ most
    analytic: float  #: what backpropagation says there
    numerical: float  #: what nudging says there

    def row(self, tolerance: float) -> str:
        """A line of the table for people, under ``TABLE_HEAD``."""
        line = f"{self.name:<20} {self.checked:>8} {self.relative_error:>15.2e}"
        if self.relative_error > tolerance:
            place = ", ".join(map(str, self.worst_index))
            line += f"  WRONG at ({place}): {self.analytic:.6g}, not {self.numerical:.6g}"
        return line


TABLE_HEAD = f"{'parameter':<20} {'entries':>8} {'relative error':>15}"


@dataclass(frozen=True)
class GradientReport:
    """One ParameterCheck per array. ``passed`` is whether all are within ``tolerance``."""

    checks: tuple[ParameterCheck, ...]
    tolerance: float

    @property
    def passed(self) -> bool:
        return all(check.relative_error <= self.tolerance for check in self.checks)

    @property
    def worst(self) -> ParameterCheck:
        return max(self.checks, key=lambda check: check.relative_error)

    def __str__(self) -> str:
        """A table for people."""
        return "\n".join([TABLE_HEAD, *(check.row(self.tolerance) for check in self.checks)])


def check_gradients(
    model_or_layer: Sequential | Layer,
    inputs: Array,
    targets: Array | None = None,
    *,
    loss: Loss = softmax_cross_entropy,
    tolerance: float = 1e-6,
    max_entries: int | None = None,
    seed: int = 0,
    on_check: Callable[[ParameterCheck], None] = lambda check: None,
) -> GradientReport:
    """Compare ``backward`` with numerical gradients, for the inputs and for every parameter.

    ``inputs`` are (N, ...) as the model or layer takes them. With ``targets`` the ``loss`` of the outputs is
    differentiated; without, a sum of the outputs with random weights, which suits a single layer. All is done
    on a copy in float64 and in training mode; Dropout draws the same mask each time. ``max_entries`` limits
    how many entries of each array are nudged, drawn by ``seed``; None means all, two passes each.
    ``on_check`` hears of each array as soon as it has been checked, the inputs last.

    A correct layer comes out below 1e-8 where it is smooth. At a kink there is no gradient to compare with:
    two equal values in one window of MaxPool2D, say, or a ReLU whose input is exactly zero. A little noise on
    the inputs avoids them.
    """
    if max_entries is not None and max_entries < 1:
        raise ConfigurationError(f"max_entries must be at least 1, got {max_entries}")
    twin = model_or_layer.astype(np.float64)
    for layer in twin.layers if isinstance(twin, Sequential) else [twin]:
        layer.needs_input_grad = True
    inputs = inputs.astype(np.float64)
    rng = np.random.default_rng(seed)
    objective = _objective(twin, inputs, targets, loss, rng, seed)
    _, grad_outputs = objective()
    grad_inputs = twin.backward(grad_outputs)
    if grad_inputs is None:
        raise TrainingError("backward returned no gradient of the inputs although needs_input_grad is set")
    pairs = {name: (param, twin.grads[name].copy()) for name, param in twin.params.items()}
    pairs["inputs"] = (inputs, grad_inputs.copy())
    checks = []
    for name, pair in pairs.items():
        checks.append(_check(name, *pair, objective, tolerance, max_entries, rng))
        on_check(checks[-1])
    return GradientReport(tuple(checks), tolerance)


def _objective(
    twin: Sequential | Layer,
    inputs: Array,
    targets: Array | None,
    loss: Loss,
    rng: np.random.Generator,
    seed: int,
) -> Callable[[], tuple[float, Array]]:
    """A function of no arguments that gives the loss as things stand, and its gradient by the outputs."""
    weights: Array | None = None

    def objective() -> tuple[float, Array]:
        nonlocal weights
        twin.reseed(np.random.default_rng(seed))
        outputs = twin.forward(inputs, training=True)
        if targets is not None:
            return loss(outputs, targets)
        if weights is None:
            weights = rng.standard_normal(outputs.shape)
        return float((outputs * weights).sum()), weights.copy()

    return objective


def _check(
    name: str,
    values: Array,
    analytic: Array,
    objective: Callable[[], tuple[float, Array]],
    tolerance: float,
    max_entries: int | None,
    rng: np.random.Generator,
) -> ParameterCheck:
    entries = np.arange(values.size)
    if max_entries is not None and max_entries < values.size:
        entries = np.sort(rng.choice(values.size, max_entries, replace=False))
    indices = [tuple(int(i) for i in np.unravel_index(entry, values.shape)) for entry in entries]
    stated = np.array([analytic[index] for index in indices])
    numerical = np.array(
        [_numerical(values, index, float(analytic[index]), objective, tolerance) for index in indices]
    )
    difference = np.abs(stated - numerical)
    scale = float(np.linalg.norm(stated) + np.linalg.norm(numerical))
    worst = int(difference.argmax())
    return ParameterCheck(
        name=name,
        relative_error=float(np.linalg.norm(difference) / max(scale, _SHORTEST)),
        checked=len(indices),
        worst_index=indices[worst],
        analytic=float(stated[worst]),
        numerical=float(numerical[worst]),
    )


def _numerical(
    values: Array,
    index: tuple[int, ...],
    analytic: float,
    objective: Callable[[], tuple[float, Array]],
    tolerance: float,
) -> float:
    """The slope that nudging finds for one entry; of several nudges, what is nearest to ``analytic``."""
    nearest = _slope(values, index, _NUDGE, objective)
    for nudge in _SMALLER_NUDGES:
        if abs(nearest - analytic) <= tolerance * max(abs(nearest) + abs(analytic), _SHORTEST):
            break
        slope = _slope(values, index, nudge, objective)
        nearest = min(nearest, slope, key=lambda each: abs(each - analytic))
    return nearest


def _slope(
    values: Array, index: tuple[int, ...], nudge: float, objective: Callable[[], tuple[float, Array]]
) -> float:
    """d objective / d values[index], with ``values`` back to what they were afterwards."""
    before = values[index]
    values[index] = before + nudge
    above, _ = objective()
    values[index] = before - nudge
    below, _ = objective()
    values[index] = before
    return (above - below) / (2 * nudge)
