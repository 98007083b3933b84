"""A training so small that it takes seconds, to see what a mistake in the code does to it.

Its pictures are the shipped drawings, varied a thousand ways, so it needs no data; its network is small and
has one of nearly every kind of layer. It teaches what learning looks like, not how to read digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mnistweb.data.augmentation import Augmentation
from mnistweb.inference.drawings import drawings
from mnistweb.nn import losses
from mnistweb.nn.activations import ReLU
from mnistweb.nn.batches import ArrayBatches
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import DivergedError
from mnistweb.nn.layers import Dense, Dropout, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.optimizers import Momentum
from mnistweb.nn.pooling import MaxPool2D
from mnistweb.nn.schedules import Constant
from mnistweb.nn.training import TrainingState, fit

EPOCHS = 20
PICTURES, VALIDATION_PICTURES = 400, 200
_BATCH_SIZE = 20
_VARIED = Augmentation(rotation_degrees=12, log_scale=0.15, shear=0.15, shift_pixels=2, noise=0.1)


@dataclass
class Practice:
    """What a practice training came to, one number an epoch."""

    losses: list[float] = field(default_factory=list)  #: mean loss on the training pictures
    accuracies: list[float] = field(default_factory=list)  #: share of other pictures read right, 0..1
    stopped: str = ""  #: why it ended early, if it did


def practice_pictures(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Varied copies of the shipped drawings, float32 (count, 28, 28, 1), and their digits, int64 (count,)."""
    pixels, digits = drawings()
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.arange(count) % len(digits))
    return _VARIED(pixels[chosen], rng), digits[chosen]


def practice_network(*, seed: int = 0) -> Sequential:
    """A fresh convolutional network of some 3,000 parameters for pictures (N, 28, 28, 1)."""
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 6, 3, stride=2, rng=rng), BatchNorm(6), ReLU(), MaxPool2D(2),
        Conv2D(6, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2D(2),
        Flatten(), Dense(72, 24, rng=rng), ReLU(), Dropout(0.5, rng=rng), Dense(24, 10, rng=rng),
    ]  # fmt: skip
    return Sequential(layers)


def practise(*, learning_rate: float = 0.05, epochs: int = EPOCHS, seed: int = 0) -> Practice:
    """Train a fresh practice network with momentum; a training that diverges is reported, not raised."""
    model, practice = practice_network(seed=seed), Practice()

    def take_down(state: TrainingState) -> None:
        practice.losses.append(state.history[-1]["loss"])
        practice.accuracies.append(state.history[-1]["validation_accuracy"])

    batches = ArrayBatches(*practice_pictures(PICTURES, seed=seed + 1), batch_size=_BATCH_SIZE, seed=seed)
    try:
        fit(
            model,
            batches,
            optimizer=Momentum(),
            schedule=Constant(learning_rate),
            epochs=epochs,
            seed=seed,
            validation=practice_pictures(VALIDATION_PICTURES, seed=seed + 2),
            loss=losses.softmax_cross_entropy,  # looked up now: it may be a mistaken one
            callbacks=[take_down],
        )
    except DivergedError as error:
        practice.stopped = str(error)
    return practice
