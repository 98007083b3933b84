"""What can go wrong while building, running or training a network."""

from __future__ import annotations


class NetworkError(Exception):
    """The family of all errors of this room."""


class ShapeError(NetworkError, ValueError):
    """An array does not have the shape that a layer, loss or model needs; the message says what would fit."""


class LabelError(NetworkError, ValueError):
    """A label or prediction is no class of the model."""


class ConfigurationError(NetworkError, ValueError):
    """A setting makes no sense: an unknown layer, a negative learning rate, a dropout rate of 1."""


class TrainingError(NetworkError, RuntimeError):
    """Training can't go on, or ``backward`` was called without the ``forward(training=True)`` it answers."""


class DivergedError(TrainingError, ArithmeticError):
    """The loss, a gradient or a weight became NaN or infinite; the message names epoch, step and layer."""


class StopTraining(Exception):
    """Raise this in a callback to end ``fit`` after the epoch; what was learned so far is kept."""
