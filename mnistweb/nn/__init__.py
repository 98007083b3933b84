"""Neural networks from scratch: layers, losses, optimizers and training, on NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnistweb.lazy import names_from
from mnistweb.nn.activations import ReLU, Sigmoid, Softmax, Tanh, softmax
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import (
    ConfigurationError,
    DivergedError,
    LabelError,
    NetworkError,
    ShapeError,
    StopTraining,
    TrainingError,
)
from mnistweb.nn.initializers import INITIALIZERS
from mnistweb.nn.layers import Dense, Dropout, Flatten, Layer
from mnistweb.nn.model import LAYERS, Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D

if TYPE_CHECKING:
    from mnistweb.nn.averaging import WeightAverage
    from mnistweb.nn.batches import ArrayBatches, Batches
    from mnistweb.nn.gradient_check import GradientReport, check_gradients
    from mnistweb.nn.losses import softmax_cross_entropy
    from mnistweb.nn.metrics import accuracy, confusion_matrix, per_class_accuracy, top_k_accuracy
    from mnistweb.nn.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Optimizer, RMSProp
    from mnistweb.nn.schedules import Constant, Cosine, ExponentialDecay, OneCycle, Schedule, StepDecay
    from mnistweb.nn.training import History, TrainingState, evaluate, fit

__all__ = [
    "INITIALIZERS",
    "LAYERS",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "ArrayBatches",
    "AveragePool2D",
    "BatchNorm",
    "Batches",
    "ConfigurationError",
    "Constant",
    "Conv2D",
    "Cosine",
    "Dense",
    "DivergedError",
    "Dropout",
    "ExponentialDecay",
    "Flatten",
    "GlobalAveragePool2D",
    "GradientReport",
    "History",
    "LabelError",
    "Layer",
    "MaxPool2D",
    "Momentum",
    "NetworkError",
    "OneCycle",
    "Optimizer",
    "RMSProp",
    "ReLU",
    "Schedule",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "Softmax",
    "StepDecay",
    "StopTraining",
    "Tanh",
    "TrainingError",
    "TrainingState",
    "WeightAverage",
    "accuracy",
    "check_gradients",
    "confusion_matrix",
    "evaluate",
    "fit",
    "per_class_accuracy",
    "softmax",
    "softmax_cross_entropy",
    "top_k_accuracy",
]

# What only training needs.
__getattr__ = names_from(
    __name__,
    averaging="WeightAverage",
    batches="ArrayBatches Batches",
    gradient_check="GradientReport check_gradients",
    losses="softmax_cross_entropy",
    metrics="accuracy confusion_matrix per_class_accuracy top_k_accuracy",
    optimizers="SGD AdaGrad Adam AdamW Momentum Optimizer RMSProp",
    schedules="Constant Cosine ExponentialDecay OneCycle Schedule StepDecay",
    training="History TrainingState evaluate fit",
)
