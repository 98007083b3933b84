"""Tries an import on the shipped drawings, and looks for options under which it reads more of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from itertools import product

from mnistweb.inference.drawings import LOOKS_LIKE_CHANCE_BELOW, drawings, share_read_right
from mnistweb.weights import SavedModel, WeightsError
from mnistweb.weights.importers import ImportOptions, import_model
from mnistweb.weights.input_folding import ORIENTATIONS
from mnistweb.weights.layouts import ACTIVATIONS

# What people train on: plain, centred, dark on white, MNIST's mean and standard deviation, and bytes. Bytes
# come last because ReLU networks hardly notice pictures that are too bright.
USUAL_SCALES = ("0..1", "-1..1", "1..0", "0.1307,0.3081", "0..255")


@dataclasses.dataclass(frozen=True)
class Trial:
    """An imported model, the share of the drawings that it reads right, and what to make of that."""

    saved: SavedModel
    share: float
    better: ImportOptions | None = None
    better_share: float = 0.0

    @property
    def warning(self) -> str:
        """What to tell a person; empty when the network reads digits."""
        if self.share >= LOOKS_LIKE_CHANCE_BELOW:
            return ""
        text = f"only {self.share:.0%} of the {len(drawings()[1])} shipped drawings read right: "
        if self.better is None:
            return (
                text
                + "was it trained on 0..255 or -1..1, on transposed pictures, or on other things than digits?"
            )
        words = [f"--input-scale {self.better.input_scale}", f"--orientation {self.better.orientation}"]
        if self.better.activation:
            words.append(f"--activation {self.better.activation}")
        return text + f"with {' '.join(words)} it would be {self.better_share:.0%}"


def import_and_try(path: str | os.PathLike[str], name: str, options: ImportOptions) -> Trial:
    """Import a file (see `import_model`) and try it on the drawings. Nothing is written.

    When it reads them little better than chance, the usual scales, orientations and activations are tried
    too. Raises WeightsError and OSError as `import_model` does.
    """
    saved = import_model(path, name, options)
    share = share_read_right(saved.model)
    if share >= LOOKS_LIKE_CHANCE_BELOW:
        return Trial(saved, share)
    best, best_share = None, LOOKS_LIKE_CHANCE_BELOW
    for other in _others(options):
        try:
            other_share = share_read_right(import_model(path, name, other).model)
        except WeightsError:
            break  # a file of our own takes no options
        if other_share > best_share:
            best, best_share = other, other_share
    return Trial(saved, share, best, best_share if best else 0.0)


def _others(options: ImportOptions) -> Iterator[ImportOptions]:
    activations = ACTIVATIONS if options.activation else (None,)
    for scale, orientation, activation in product(USUAL_SCALES, ORIENTATIONS, activations):
        yield dataclasses.replace(options, input_scale=scale, orientation=orientation, activation=activation)
