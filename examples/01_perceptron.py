"""Trains a perceptron with one hidden layer to read digits, in some twenty lines.

    python examples/01_perceptron.py [FOLDER]

FOLDER has four IDX files named like MNIST's; without it MNIST itself is used (`mnistweb data fetch mnist`).
"""

import sys

import numpy as np

from mnistweb.nn import Adam, ArrayBatches, Constant, Dense, Flatten, ReLU, Sequential, evaluate, fit
from mnistweb.recipes.datasets import load_dataset

source = sys.argv[1] if len(sys.argv) > 1 else "mnist"
train, test = load_dataset(source, "train"), load_dataset(source, "test")

rng = np.random.default_rng(0)  # equal seeds give equal weights
model = Sequential([Flatten(), Dense(784, 64, rng=rng), ReLU(), Dense(64, 10, rng=rng)])
print(f"{model.architecture}: {model.num_parameters:,} parameters, {len(train):,} pictures")

history = fit(
    model,
    ArrayBatches(train.images, train.labels, batch_size=50, seed=0),
    optimizer=Adam(),
    schedule=Constant(0.001),
    epochs=5,
    seed=0,
)
for row in history:
    print(f"epoch {row['epoch']}: loss {row['loss']:.3f}, {row['accuracy']:.2%} right in training")

_, accuracy = evaluate(model, test.images, test.labels)
print(f"{accuracy:.2%} of the test pictures read right")
