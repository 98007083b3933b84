"""Trains a small convolutional network, which knows that neighbouring pixels belong together.

    python examples/03_convolution.py [FOLDER]

It reads digits better than a perceptron with more parameters, and takes longer to train.
"""

import sys

import numpy as np

from mnistweb.nn import (
    Adam,
    ArrayBatches,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    OneCycle,
    ReLU,
    Sequential,
    TrainingState,
    evaluate,
    fit,
)
from mnistweb.recipes.datasets import load_dataset

source = sys.argv[1] if len(sys.argv) > 1 else "mnist"
train, test = load_dataset(source, "train"), load_dataset(source, "test")
training, validation = train.split(0.1, seed=0)  # never choose by the test pictures

rng = np.random.default_rng(0)
layers = [
    Conv2D(1, 8, 3, padding=1, bias=False, rng=rng),  # (N, 28, 28, 8)
    BatchNorm(8),
    ReLU(),
    MaxPool2D(2),  # (N, 14, 14, 8)
    Conv2D(8, 16, 3, padding=1, bias=False, rng=rng),  # (N, 14, 14, 16)
    BatchNorm(16),
    ReLU(),
    MaxPool2D(2),  # (N, 7, 7, 16)
    Flatten(),
    Dense(7 * 7 * 16, 10, rng=rng),
]
model = Sequential(layers)
print(f"{model.architecture}: {model.num_parameters:,} parameters")


def report(state: TrainingState) -> None:
    row = state.history[-1]
    print(f"epoch {row['epoch']}: {row['validation_accuracy']:.2%} of the validation pictures right")


batches = ArrayBatches(training.images, training.labels, batch_size=50, seed=0)
epochs = 3
fit(
    model,
    batches,
    optimizer=Adam(),
    schedule=OneCycle(0.01, total_steps=epochs * len(batches)),
    epochs=epochs,
    seed=0,
    validation=(validation.images, validation.labels),
    callbacks=[report],
)
_, accuracy = evaluate(model, test.images, test.labels)
print(f"{accuracy:.2%} of the test pictures read right")
