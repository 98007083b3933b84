"""A schedule says how big the steps are at each moment of training: large while exploring, small to settle.

Each is called with the number of optimizer steps already taken (0 for the first) and gives the learning
rate for the next one. All begin with an optional warm-up: ``warmup_steps`` steps on which the rate climbs in
a straight line, because the first gradients of a fresh network point in wild directions. What follows counts
its own steps from the end of the warm-up.
"""

from __future__ import annotations

import math

from mnistweb.nn.errors import ConfigurationError


class Schedule:
    """A peak learning rate, reached after the warm-up, and the way on from there."""

    def __init__(self, learning_rate: float, *, warmup_steps: int = 0) -> None:
        if not (learning_rate > 0 and math.isfinite(learning_rate)):
            raise ConfigurationError(f"learning_rate must be a positive number, got {learning_rate}")
        if warmup_steps < 0:
            raise ConfigurationError(f"warmup_steps must not be negative, got {warmup_steps}")
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: int) -> float:
        """The learning rate for step number ``step``, counted from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        return self.learning_rate * self.factor(step - self.warmup_steps)

    def factor(self, step: int) -> float:
        """What the peak is multiplied by, ``step`` steps after the warm-up; 1 at step 0."""
        raise NotImplementedError


class Constant(Schedule):
    """The same rate all along."""

    def factor(self, step: int) -> float:
        return 1.0


class StepDecay(Schedule):
    """Multiplied by ``decay`` after every ``every_steps`` steps."""

    def __init__(
        self, learning_rate: float, *, every_steps: int, decay: float = 0.1, warmup_steps: int = 0
    ) -> None:
        super().__init__(learning_rate, warmup_steps=warmup_steps)
        self.every_steps = _positive("every_steps", every_steps)
        self.decay = _fraction("decay", decay)

    def factor(self, step: int) -> float:
        return self.decay ** (step // self.every_steps)


class ExponentialDecay(Schedule):
    """Multiplied by ``decay`` over every ``every_steps`` steps, a little at each of them."""

    def __init__(
        self, learning_rate: float, *, every_steps: int, decay: float = 0.1, warmup_steps: int = 0
    ) -> None:
        super().__init__(learning_rate, warmup_steps=warmup_steps)
        self.every_steps = _positive("every_steps", every_steps)
        self.decay = _fraction("decay", decay)

    def factor(self, step: int) -> float:
        return self.decay ** (step / self.every_steps)


class Cosine(Schedule):
    """Half a cosine wave from the peak down to ``final_factor`` of it (Loshchilov, Hutter 2017, one period).

    ``total_steps`` counts the whole training, warm-up included; after it the rate stays at the bottom.
    """

    def __init__(
        self, learning_rate: float, *, total_steps: int, final_factor: float = 0.0, warmup_steps: int = 0
    ) -> None:
        super().__init__(learning_rate, warmup_steps=warmup_steps)
        self.total_steps = _positive("total_steps", total_steps)
        self.final_factor = _fraction("final_factor", final_factor)
        _check_warmup_ends(warmup_steps, total_steps)

    def factor(self, step: int) -> float:
        steps_down = self.total_steps - self.warmup_steps
        return _cosine_between(1.0, self.final_factor, min(1.0, step / steps_down))


class OneCycle(Schedule):
    """Up from ``start_factor`` of the peak to the peak and down to almost nothing (Smith, Topin 2018).

    Both ways are half a cosine wave. The climb takes ``warmup_fraction`` of the ``total_steps`` unless
    ``warmup_steps`` says it in steps.
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        total_steps: int,
        warmup_fraction: float = 0.3,
        warmup_steps: int | None = None,
        start_factor: float = 0.04,
        final_factor: float = 0.0004,
    ) -> None:
        self.total_steps = _positive("total_steps", total_steps)
        if warmup_steps is None:
            warmup_steps = round(_fraction("warmup_fraction", warmup_fraction) * total_steps)
        super().__init__(learning_rate, warmup_steps=warmup_steps)
        self.start_factor = _fraction("start_factor", start_factor)
        self.final_factor = _fraction("final_factor", final_factor)
        _check_warmup_ends(warmup_steps, total_steps)

    def __call__(self, step: int) -> float:
        if step < self.warmup_steps:
            return self.learning_rate * _cosine_between(self.start_factor, 1.0, step / self.warmup_steps)
        return super().__call__(step)

    def factor(self, step: int) -> float:
        steps_down = self.total_steps - self.warmup_steps
        return _cosine_between(1.0, self.final_factor, min(1.0, step / steps_down))


def _cosine_between(start: float, end: float, progress: float) -> float:
    """``start`` at progress 0, ``end`` at 1, along half a cosine wave."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def _check_warmup_ends(warmup_steps: int, total_steps: int) -> None:
    if warmup_steps >= total_steps:
        raise ConfigurationError(
            f"warmup_steps must be fewer than the {total_steps} steps of the training, got {warmup_steps}"
        )


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ConfigurationError(f"{name} must be at least 1, got {value}")
    return value


def _fraction(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ConfigurationError(f"{name} must be between 0 and 1, got {value}")
    return value
