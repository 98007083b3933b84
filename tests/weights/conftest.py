"""Models small enough to be written and read thousands of times."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.nn.activations import ReLU, Tanh
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Dropout, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D, MaxPool2D
from mnistweb.weights import SavedModel


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.fixture
def tiny(rng) -> SavedModel:
    """50 parameters; its file has about 1,000 bytes."""
    return SavedModel("tiny", Sequential([AveragePool2D(14), Flatten(), Dense(4, 10, rng=rng)]))


@pytest.fixture
def perceptron(rng) -> SavedModel:
    layers = [
        Flatten(),
        Dense(784, 16, rng=rng),
        ReLU(),
        Dense(16, 12, rng=rng),
        ReLU(),
        Dense(12, 10, rng=rng),
    ]
    return SavedModel(
        "perceptron",
        Sequential(layers),
        labels=tuple("abcdefghij"),
        training={
            "data": "mnist",
            "epochs": 3,
            "validation_accuracy": 0.97,
            "settings": {"seed": 1, "steps": [1, 2]},
        },
        calibration={"temperature": 1.25},
        verdict={"digit_at_least": 0.8, "not_a_digit_below": 0.4},
    )


@pytest.fixture
def convnet(rng) -> SavedModel:
    """Every kind of layer that holds arrays, with running averages that are not just zeros and ones."""
    layers = [
        Conv2D(1, 3, 3, padding=1, bias=False, rng=rng),
        BatchNorm(3),
        ReLU(),
        MaxPool2D(2),
        Conv2D(3, 4, 5, stride=2, rng=rng),
        Tanh(),
        Flatten(),
        Dense(100, 12, rng=rng),
        BatchNorm(12),
        ReLU(),
        Dropout(0.2, rng=rng),
        Dense(12, 10, rng=rng),
    ]
    model = Sequential(layers)
    for name, array in (model.params | model.buffers).items():
        array[...] = (
            rng.uniform(0.5, 1.5, array.shape) if "running_var" in name else rng.normal(0, 0.3, array.shape)
        )
    return SavedModel("convnet", model)
