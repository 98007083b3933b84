"""The average of the weights over the last steps often generalises better than the last weights alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.memory import aligned_copy, aligned_zeros


class WeightAverage:
    """Exponential moving average of a flat parameter vector (Polyak, Juditsky 1992; Tarvainen, Valpola 2017).

    average = decay * average + (1 - decay) * params, started without bias: after t steps it is divided by
    1 - decay^t, as Adam does with its means, so that it equals the parameters after the first step.
    """

    def __init__(self, params: np.ndarray, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ConfigurationError(f"ema_decay must be at least 0 and below 1, got {decay}")
        self.decay = decay
        self.average = aligned_copy(params)
        self.steps = 0
        self._scratch = aligned_zeros(params.shape, params.dtype)

    def update(self, params: np.ndarray) -> None:
        """Take in the parameters after one more step."""
        self.steps += 1
        # The bias-free average after t steps moves by this share towards the new parameters: 1 at t = 1.
        share = (1 - self.decay) / (1 - self.decay**self.steps)
        difference = np.subtract(params, self.average, out=self._scratch)
        difference *= share
        self.average += difference

    @contextmanager
    def in_place_of(self, params: np.ndarray) -> Iterator[None]:
        """While the ``with`` block runs, ``params`` holds the average."""
        own = params.copy()
        params[...] = self.average
        try:
            yield
        finally:
            params[...] = own

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "average": self.average.copy()}

    def load_state(self, state: dict[str, Any]) -> None:
        if state["average"].shape != self.average.shape:
            raise ShapeError(
                f"the average holds {state['average'].size} parameters, the model has {self.average.size}"
            )
        self.steps = int(state["steps"])
        self.average[...] = state["average"]
