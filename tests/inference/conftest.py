"""A tiny network for fast tests: two dense layers, drawn from a seed."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.nn import Dense, Flatten, ReLU, Sequential
from mnistweb.weights import SavedModel


def tiny_model(seed: int = 7, hidden: int = 12) -> Sequential:
    """784 -> hidden -> 10, with biases that are not zero."""
    rng = np.random.default_rng(seed)
    model = Sequential([Flatten(), Dense(784, hidden, rng=rng), ReLU(), Dense(hidden, 10, rng=rng)])
    for name, param in model.params.items():
        if name.endswith("bias"):
            param[...] = rng.normal(size=param.shape)
    return model


def saved(name: str = "tiny", seed: int = 7, **changes: object) -> SavedModel:
    """A saved tiny model; `changes` replace its parts."""
    return SavedModel(**{"name": name, "model": tiny_model(seed), **changes})  # type: ignore[arg-type]


@pytest.fixture
def pictures() -> np.ndarray:
    """Twenty pictures (20, 28, 28) float32 in MNIST form, with some ink each."""
    return np.random.default_rng(3).random((20, 28, 28), dtype=np.float32)
