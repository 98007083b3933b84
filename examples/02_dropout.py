"""Trains the same perceptron with and without dropout, to compare what each learns by heart.

    python examples/02_dropout.py [FOLDER]

With few pictures a network learns them by heart: it is right in training and wrong elsewhere. Dropout narrows
that gap. So only 1,000 pictures are learned from, and 1,000 others tell how much was understood.
"""

import sys

import numpy as np

from mnistweb.nn import Adam, ArrayBatches, Constant, Dense, Dropout, Flatten, ReLU, Sequential, evaluate, fit
from mnistweb.recipes.datasets import load_dataset

source = sys.argv[1] if len(sys.argv) > 1 else "mnist"
pictures = load_dataset(source, "train")
half = min(1000, len(pictures) // 2)
learned, others = pictures.take(np.arange(half)), pictures.take(np.arange(half, 2 * half))


def trained(dropout_rate: float) -> Sequential:
    rng = np.random.default_rng(0)
    layers = [
        Flatten(),
        Dense(784, 128, rng=rng),
        ReLU(),
        Dropout(dropout_rate, rng=rng),  # only training drops anything
        Dense(128, 10, rng=rng),
    ]
    model = Sequential(layers)
    batches = ArrayBatches(learned.images, learned.labels, batch_size=50, seed=0)
    fit(model, batches, optimizer=Adam(), schedule=Constant(0.001), epochs=20, seed=0)
    return model


for rate in (0.0, 0.5):
    model = trained(rate)
    _, in_training = evaluate(model, learned.images, learned.labels)
    _, elsewhere = evaluate(model, others.images, others.labels)
    print(f"dropout {rate}: {in_training:.1%} of its own pictures right, {elsewhere:.1%} of others")
