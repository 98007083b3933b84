"""A training so small that it takes seconds, to see what a mistake in the code does to it.

Its pictures are the shipped drawings, varied at random, so it needs no data; its network is small and has one
of most kinds of layer. It shows what learning looks like, not how to read digits.
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
from mnistweb.recipes.progress import Progress

EPOCHS = 12
_PICTURES, _VALIDATION_PICTURES, _BATCH_SIZE = 400, 200, 20
_LEARNING_RATE = 0.02
_VARIED = Augmentation(rotation_degrees=8, log_scale=0.1, shear=0.1, shift_pixels=1, noise=0.1)


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


def pictures_to_check(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for a gradient check: no two pixels alike, for at a tie a maximum has no gradient."""
    pictures, digits = practice_pictures(count, seed=seed)
    noise = np.random.default_rng(seed).random(pictures.shape, np.float32)
    return pictures + np.float32(0.1) * noise, digits


def practice_network(*, seed: int = 0, logit_offset: float = 0.0) -> Sequential:
    """A fresh convolutional network of 2,514 parameters for pictures (N, 28, 28, 1).

    logit_offset: where the biases of the last layer begin; added to all logits, it changes no probability.
    """
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 6, 3, stride=2, rng=rng), BatchNorm(6), ReLU(), MaxPool2D(2),
        Conv2D(6, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2D(2),
        Flatten(), Dense(72, 24, rng=rng), ReLU(), Dropout(0.25, rng=rng), Dense(24, 10, rng=rng),
    ]  # fmt: skip
    layers[-1].params["bias"] += np.float32(logit_offset)
    return Sequential(layers)


def practise(
    *, epochs: int = EPOCHS, seed: int = 0, logit_offset: float = 0.0, progress: Progress | None = None
) -> Practice:
    """Train a fresh practice network with momentum; a training that diverges is reported, not raised."""
    model = practice_network(seed=seed, logit_offset=logit_offset)
    practice, progress = Practice(), progress or Progress()

    def take_down(state: TrainingState) -> None:
        practice.losses.append(state.history[-1]["loss"])
        practice.accuracies.append(state.history[-1]["validation_accuracy"])
        progress.advance()

    progress.begin("training", epochs)
    try:
        fit(
            model,
            ArrayBatches(*practice_pictures(_PICTURES, seed=seed + 1), batch_size=_BATCH_SIZE, seed=seed),
            optimizer=Momentum(),
            schedule=Constant(_LEARNING_RATE),
            epochs=epochs,
            seed=seed,
            validation=practice_pictures(_VALIDATION_PICTURES, seed=seed + 2),
            loss=losses.softmax_cross_entropy,  # looked up now: it may be a mistaken one
            callbacks=[take_down],
        )
    except DivergedError as error:
        practice.stopped = str(error)
    finally:
        progress.end()
    return practice
