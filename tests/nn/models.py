"""Tiny models and data that several tests train."""

import numpy as np

from mnistweb.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Sequential

SHAPE = (8, 8, 1)


def tiny_perceptron(*, seed=0, dropout_rate=0.0):
    rng = np.random.default_rng(seed)
    layers = [
        Flatten(), Dense(64, 24, rng=rng), ReLU(), Dropout(dropout_rate, rng=rng), Dense(24, 4, rng=rng)
    ]  # fmt: skip
    return Sequential(layers, input_shape=SHAPE)


def wide_perceptron(*, seed=0, dropout_rate=0.0, batch_norm=False):
    """With two matrices large enough to be divided between two processes, in halves that are not equal."""
    rng = np.random.default_rng(seed)
    norm = [BatchNorm(513)] if batch_norm else []
    dropout = [Dropout(dropout_rate, rng=rng)] if dropout_rate else []
    layers = [
        Flatten(), Dense(64, 513, rng=rng), *norm, ReLU(), *dropout,
        Dense(513, 65, rng=rng), ReLU(), Dense(65, 4, rng=rng),
    ]  # fmt: skip
    return Sequential(layers, input_shape=SHAPE)


def tiny_convnet(*, seed=0, dropout_rate=0.2):
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 4, 3, padding=1, bias=False, rng=rng), BatchNorm(4), MaxPool2D(2), ReLU(),
        Flatten(), Dense(64, 16, rng=rng), ReLU(), Dropout(dropout_rate, rng=rng), Dense(16, 4, rng=rng),
    ]  # fmt: skip
    return Sequential(layers, input_shape=SHAPE)


def convnet_without_normalisation(*, seed=0, dropout_rate=0.0):
    """Its gradient does not depend on how the batch was divided."""
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 4, 3, rng=rng), ReLU(), Flatten(), Dropout(dropout_rate, rng=rng), Dense(144, 4, rng=rng)
    ]  # fmt: skip
    return Sequential(layers, input_shape=SHAPE)


def four_shapes(count=48, *, seed=0, noise=0.25):
    """Pictures of a bar at the top, bottom, left or right, with noise, and which it is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    pictures = rng.random((count, *SHAPE), np.float32) * np.float32(noise)
    for picture, label in zip(pictures, labels, strict=True):
        bar = (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:])[label]
        bar += np.float32(0.7)
    return pictures, labels
