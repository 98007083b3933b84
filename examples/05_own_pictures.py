"""Trains on your own pictures: PNG or JPEG files, in a folder for each label.

    python examples/05_own_pictures.py FOLDER [MODEL.pkl]

FOLDER/7/any-name.png is a seven, and so on; a dozen of each is a beginning. Photographs and drawings both go
through the preprocessing that every picture of this program goes through. With ten labels, MODEL.pkl (by
default own-pictures.pkl) is a weights file for `mnistweb predict --model` and for the instance folder.
"""

import sys
from collections.abc import Iterator

import numpy as np

from mnistweb.data import Augmentation
from mnistweb.nn import Adam, ArrayBatches, Cosine, Dense, Dropout, Flatten, ReLU, Sequential, evaluate, fit
from mnistweb.recipes.datasets import load_dataset
from mnistweb.weights import SavedModel, write_model

if len(sys.argv) < 2:
    sys.exit(f"usage: python {sys.argv[0]} FOLDER [MODEL.pkl]")
train, test = load_dataset(sys.argv[1], "train"), load_dataset(sys.argv[1], "test")
print(f"{len(train)} pictures to learn from, {len(test)} kept aside; labels {', '.join(train.label_names)}")


class VariedBatches(ArrayBatches):
    """Every picture differently in every epoch: few pictures then are not so few."""

    vary = Augmentation(rotation_degrees=10, log_scale=0.15, shear=0.15, shift_pixels=2)

    def epoch(self, index: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng((self.seed, index, 1))
        for images, labels in super().epoch(index):
            yield self.vary(images, rng), labels


rng = np.random.default_rng(0)
classes = len(train.label_names)
layers = [
    Flatten(), Dense(784, 128, rng=rng), ReLU(), Dropout(0.2, rng=rng), Dense(128, classes, rng=rng)
]  # fmt: skip
model = Sequential(layers)
batches = VariedBatches(train.images, train.labels, batch_size=20, seed=0)
epochs = 40
schedule = Cosine(0.003, total_steps=epochs * len(batches))
fit(model, batches, optimizer=Adam(), schedule=schedule, epochs=epochs, seed=0)
_, accuracy = evaluate(model, test.images, test.labels)
print(f"{accuracy:.1%} of the pictures kept aside read right")

if model.num_classes == 10:
    path = sys.argv[2] if len(sys.argv) > 2 else "own-pictures.pkl"
    facts = {"data": train.name, "seed": 0, "epochs": epochs}
    write_model(path, SavedModel("own-pictures", model, labels=train.label_names, training=facts))
    print(f"wrote {path}")
