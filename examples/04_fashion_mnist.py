"""Trains on pictures of clothes instead of digits, and says which it confuses.

    python examples/04_fashion_mnist.py [FOLDER]

Without FOLDER, Fashion-MNIST is used (`mnistweb data fetch fashion-mnist`). Nothing but the name of the data
changes: any ten classes in pictures of 28x28 will do.

FOLDER has four IDX files named like MNIST's, and may have a labels.txt that names the classes, one a line.
"""

import sys

import numpy as np

from mnistweb.nn import (
    AdamW,
    ArrayBatches,
    Cosine,
    Dense,
    Dropout,
    Flatten,
    ReLU,
    Sequential,
    confusion_matrix,
    fit,
    per_class_accuracy,
)
from mnistweb.recipes.datasets import load_dataset

source = sys.argv[1] if len(sys.argv) > 1 else "fashion-mnist"
train, test = load_dataset(source, "train"), load_dataset(source, "test")
names = train.label_names

rng = np.random.default_rng(0)
layers = [
    Flatten(), Dense(784, 128, rng=rng), ReLU(), Dropout(0.2, rng=rng), Dense(128, len(names), rng=rng)
]  # fmt: skip
model = Sequential(layers)
batches = ArrayBatches(train.images, train.labels, batch_size=100, seed=0)
schedule = Cosine(0.002, total_steps=8 * len(batches))
fit(model, batches, optimizer=AdamW(), schedule=schedule, epochs=8, seed=0)

answers = model.forward_in_batches(test.images).argmax(axis=1)
confusion = confusion_matrix(answers, test.labels, len(names))
print(f"{confusion.trace() / confusion.sum():.2%} of the test pictures named right\n")
for name, share in zip(names, per_class_accuracy(confusion), strict=True):
    print(f"{name:<12} {share:.1%}")

np.fill_diagonal(confusion, 0)
truth, answer = np.unravel_index(confusion.argmax(), confusion.shape)
if confusion[truth, answer]:
    print(f"\nMost often, {names[truth]} was taken for {names[answer]}: {confusion[truth, answer]} times")
