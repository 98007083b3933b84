"""An optimizer turns gradients into better parameters, one step at a time.

All parameters of a network lie in one flat vector, and so do their gradients; a step is a handful of passes
over them, in place. What an optimizer remembers between steps (its "moments") has the same length.

In the formulas w is a parameter, g its gradient, t the number of the step from 1.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.memory import aligned_copy, aligned_zeros

Array = np.ndarray

# A formula takes several passes. Over so many numbers at a time, all but the first find them in a near cache.
_BLOCK_SIZE = 1 << 15

# The moment of a weight that has no gradient for long, as behind a pixel at the edge, fades by a tenth a
# step, down to the smallest numbers there are, and stays there, for rounding gives the same number again.
# Processors take a hundred times longer with such ("subnormal") numbers than with others. So now and then
# what is too small to move any weight becomes zero, before it gets there.
_NEGLIGIBLE = 1e-30
_STEPS_BETWEEN_SWEEPS = 64


class Optimizer:
    """What all optimizers share: the count of steps, the moments, and weight decay.

    ``weight_decay`` pulls every weight towards zero: the gradient becomes g + weight_decay * w (L2
    regularisation; AdamW does it differently). ``decay_mask`` is a vector of ones for the parameters that
    decay and zeros for those that don't, usually biases and normalisation; ``fit`` takes the model's unless
    there is one.
    """

    moment_names: tuple[str, ...] = ()

    def __init__(self, *, weight_decay: float = 0.0) -> None:
        if not (0 <= weight_decay < math.inf):
            raise ConfigurationError(f"weight_decay must not be negative, got {weight_decay}")
        self.weight_decay = weight_decay
        self.decay_mask: Array | None = None
        self.steps_taken = 0
        self.moments: dict[str, Array] = {}
        self._scratch = np.empty(0, np.float32)

    def step(
        self,
        params: Array,
        grads: Array,
        learning_rate: float,
        parts: Sequence[slice] = (slice(None),),
    ) -> None:
        """Change ``params`` in place by one step against ``grads``, which may be overwritten; both (size,).

        Only these ``parts`` of the vectors are changed; someone else may change the rest. Raises ShapeError
        when the vectors' lengths differ from each other or from the steps before.
        """
        self._prepare(params, grads)
        self.steps_taken += 1
        for block in _blocks(parts, params.size):
            moments = {name: moment[block] for name, moment in self.moments.items()}
            some_params, some_grads = params[block], grads[block]
            scratch = self._scratch[: some_params.size]
            if self.weight_decay:
                decay = np.multiply(some_params, self.weight_decay, out=scratch)
                if self.decay_mask is not None:
                    decay *= self.decay_mask[block]
                self.apply_decay(some_params, some_grads, learning_rate, decay)
            self.update(some_params, some_grads, learning_rate, scratch, **moments)
            if self.steps_taken % _STEPS_BETWEEN_SWEEPS == 0:
                for moment in moments.values():
                    moment[np.abs(moment, out=scratch) < _NEGLIGIBLE] = 0

    def apply_decay(self, params: Array, grads: Array, learning_rate: float, decay: Array) -> None:
        """g = g + decay, where decay is weight_decay * w."""
        grads += decay

    def update(
        self, params: Array, grads: Array, learning_rate: float, scratch: Array, **moments: Array
    ) -> None:
        """The optimizer's formula. ``scratch`` has room for one intermediate result."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """All that ``load_state`` needs to go on exactly here: "optimizer" (whose state it is), "steps_taken"
        and copies of the moments."""
        moments = {name: array.copy() for name, array in self.moments.items()}
        return {"optimizer": type(self).__name__, "steps_taken": self.steps_taken, **moments}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave; ConfigurationError if it comes from another kind of optimizer."""
        moments = {name: array for name, array in state.items() if name not in ("optimizer", "steps_taken")}
        kind, steps = state.get("optimizer"), state.get("steps_taken")
        if kind != type(self).__name__ or steps is None:
            raise ConfigurationError(f"{type(self).__name__} got the state of {kind} after {steps} steps")
        if set(moments) != set(self.moment_names) and (moments or steps):
            raise ConfigurationError(
                f"{type(self).__name__} keeps {list(self.moment_names)}, got {sorted(moments)}"
            )
        self.steps_taken = int(steps)
        self.moments = {name: aligned_copy(array) for name, array in moments.items()}

    def move(self, params: Array, allocate: Callable[[tuple[int, ...], Any], Array]) -> None:
        """Take the moments of ``params`` to memory that ``allocate(shape, dtype)`` gives."""
        self._prepare(params, params)
        for name, moment in self.moments.items():
            self.moments[name] = allocate(moment.shape, moment.dtype)
            self.moments[name][...] = moment

    def replica(self) -> Self:
        """A twin for a second thread or process: shares the moments, has its own scratch memory."""
        twin = copy.copy(self)
        twin._scratch = np.empty(0, np.float32)
        return twin

    def _prepare(self, params: Array, grads: Array) -> None:
        if params.ndim != 1 or grads.shape != params.shape:
            raise ShapeError(
                f"an optimizer takes two flat vectors of one length, got {params.shape} and {grads.shape}"
            )
        if self.decay_mask is not None and self.decay_mask.shape != params.shape:
            raise ShapeError(
                f"decay_mask is one of {self.decay_mask.size} parameters, but {params.size} came"
            )
        if not self.moments:
            self.moments = {name: aligned_zeros(params.shape, params.dtype) for name in self.moment_names}
        for moment in self.moments.values():
            if moment.shape != params.shape:
                raise ShapeError(
                    f"{type(self).__name__} remembers {moment.size} parameters, but {params.size} came"
                )
        if self._scratch.dtype != params.dtype or not self._scratch.size:
            self._scratch = aligned_zeros((_BLOCK_SIZE,), params.dtype)


class SGD(Optimizer):
    """Stochastic gradient descent: w = w - learning_rate * g (Robbins, Monro 1951)."""

    def update(  # type: ignore[override]
        self, params: Array, grads: Array, learning_rate: float, scratch: Array
    ) -> None:
        np.multiply(grads, learning_rate, out=scratch)
        params -= scratch


class Momentum(Optimizer):
    """A heavy ball: v = momentum * v + g, then w = w - learning_rate * v (Polyak 1964).

    With ``nesterov`` the step looks ahead: w = w - learning_rate * (g + momentum * v) (Nesterov 1983, in the
    form of Bengio, Boulanger-Lewandowski, Pascanu 2012).
    """

    moment_names = ("velocity",)

    def __init__(self, *, momentum: float = 0.9, nesterov: bool = False, weight_decay: float = 0.0) -> None:
        super().__init__(weight_decay=weight_decay)
        self.momentum = _below_one("momentum", momentum)
        self.nesterov = nesterov

    def update(  # type: ignore[override]
        self, params: Array, grads: Array, learning_rate: float, scratch: Array, velocity: Array
    ) -> None:
        velocity *= self.momentum
        velocity += grads
        if self.nesterov:
            np.multiply(velocity, self.momentum, out=scratch)
            scratch += grads
            scratch *= learning_rate
        else:
            np.multiply(velocity, learning_rate, out=scratch)
        params -= scratch


class AdaGrad(Optimizer):
    """Smaller steps where gradients have been large (Duchi, Hazan, Singer 2011).

    s = s + g^2
    w = w - learning_rate * g / (sqrt(s) + epsilon)
    """

    moment_names = ("squares",)

    def __init__(self, *, epsilon: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(weight_decay=weight_decay)
        self.epsilon = _positive("epsilon", epsilon)

    def update(  # type: ignore[override]
        self, params: Array, grads: Array, learning_rate: float, scratch: Array, squares: Array
    ) -> None:
        np.multiply(grads, grads, out=scratch)
        squares += scratch
        _subtract_ratio(params, learning_rate, grads, squares, self.epsilon, scratch)


class RMSProp(Optimizer):
    """AdaGrad that forgets (Tieleman, Hinton 2012, lecture 6.5 of "Neural Networks for Machine Learning").

    s = rho * s + (1 - rho) * g^2
    w = w - learning_rate * g / (sqrt(s) + epsilon)
    """

    moment_names = ("squares",)

    def __init__(self, *, rho: float = 0.99, epsilon: float = 1e-8, weight_decay: float = 0.0) -> None:
        super().__init__(weight_decay=weight_decay)
        self.rho = _below_one("rho", rho)
        self.epsilon = _positive("epsilon", epsilon)

    def update(  # type: ignore[override]
        self, params: Array, grads: Array, learning_rate: float, scratch: Array, squares: Array
    ) -> None:
        np.multiply(grads, grads, out=scratch)
        scratch *= 1 - self.rho
        squares *= self.rho
        squares += scratch
        _subtract_ratio(params, learning_rate, grads, squares, self.epsilon, scratch)


class Adam(Optimizer):
    """Momentum and RMSProp together, both averages corrected for having started at zero (Kingma, Ba 2015).

    m = beta1 * m + (1 - beta1) * g             m_hat = m / (1 - beta1^t)
    v = beta2 * v + (1 - beta2) * g^2           v_hat = v / (1 - beta2^t)
    w = w - learning_rate * m_hat / (sqrt(v_hat) + epsilon)
    """

    moment_names = ("grad_sums", "square_sums")

    def __init__(
        self,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(weight_decay=weight_decay)
        self.beta1 = _below_one("beta1", beta1)
        self.beta2 = _below_one("beta2", beta2)
        self.epsilon = _positive("epsilon", epsilon)

    def update(  # type: ignore[override]
        self,
        params: Array,
        grads: Array,
        learning_rate: float,
        scratch: Array,
        grad_sums: Array,
        square_sums: Array,
    ) -> None:
        # m and v are kept without their factors 1 - beta, which saves two passes over the vectors.
        grad_sums *= self.beta1
        grad_sums += grads
        np.multiply(grads, grads, out=scratch)
        square_sums *= self.beta2
        square_sums += scratch
        # m_hat = factor1 * grad_sums and sqrt(v_hat) = factor2 * sqrt(square_sums); the factors are plain
        # numbers and go into the step size and epsilon (as in Kingma, Ba 2015, end of section 2).
        factor1 = (1 - self.beta1) / (1 - self.beta1**self.steps_taken)
        factor2 = math.sqrt((1 - self.beta2) / (1 - self.beta2**self.steps_taken))
        step_size = learning_rate * factor1 / factor2
        _subtract_ratio(params, step_size, grad_sums, square_sums, self.epsilon / factor2, scratch)


class AdamW(Adam):
    """Adam with decoupled weight decay: w = w - learning_rate * weight_decay * w beside Adam's own step.

    The decay does not pass through the averages, so it is the same for weights with large and with small
    gradients (Loshchilov, Hutter 2019).
    """

    def __init__(
        self,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=weight_decay)

    def apply_decay(self, params: Array, grads: Array, learning_rate: float, decay: Array) -> None:
        decay *= learning_rate
        params -= decay


def _blocks(parts: Sequence[slice], size: int) -> Iterator[slice]:
    """The parts of a vector of this size, cut up; the last first, whose gradients are still in the cache."""
    for part in reversed(parts):
        start, stop, _ = part.indices(size)
        for begin in reversed(range(start, stop, _BLOCK_SIZE)):
            yield slice(begin, min(begin + _BLOCK_SIZE, stop))


def _subtract_ratio(
    params: Array, step_size: float, direction: Array, squares: Array, epsilon: float, scratch: Array
) -> None:
    """params = params - step_size * direction / (sqrt(squares) + epsilon), in place."""
    np.sqrt(squares, out=scratch)
    scratch += epsilon
    np.divide(direction, scratch, out=scratch)
    scratch *= step_size
    params -= scratch


def _below_one(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise ConfigurationError(f"{name} must be at least 0 and below 1, got {value}")
    return value


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ConfigurationError(f"{name} must be positive, got {value}")
    return value
