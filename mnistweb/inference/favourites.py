"""What a filter of a convolution likes best: the place in the shipped drawings that it answers strongest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnistweb.inference.drawings import drawings
from mnistweb.nn.activations import ReLU
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Layer
from mnistweb.nn.model import Sequential
from mnistweb.nn.pooling import AveragePool2D, MaxPool2D


@dataclass(frozen=True)
class Window:
    """Which pixels of the picture one value of a layer sees: its receptive field, down as across.

    The value at place p sees the pixels from start + p * step on, `size` of them.
    """

    start: int = 0
    step: int = 1
    size: int = 1

    def behind(self, layer: Layer) -> Window:
        """The window of a value behind `layer`, whose inputs have this one.

        The arithmetic of receptive fields: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for
        deep learning" (2016).
        """
        match layer:
            case Conv2D():
                size, stride, padding = layer.kernel_size, layer.stride, layer.padding
            case MaxPool2D() | AveragePool2D():
                size, stride, padding = layer.pool_size, layer.stride, 0
            case _:
                return self
        return Window(
            self.start - padding * self.step, self.step * stride, self.size + (size - 1) * self.step
        )

    def pixels(self, place: int, side: int) -> tuple[int, int]:
        """First pixel and the one behind the last that the value at `place` sees, within 0 .. side."""
        start = self.start + place * self.step
        return max(0, start), min(side, start + self.size)


@dataclass(frozen=True)
class Favourites:
    """For each filter of one convolution the drawing that it likes best.

    drawings: int (filters,), indices into `drawings()`. fields: int (filters, 4), the receptive field of the
    strongest answer as top, left, bottom, right, the last two beyond it. answers: float (filters,), how
    strong it is. is_silent: bool (filters,), True where the ReLU behind leaves nothing of it, on any drawing.
    """

    drawings: np.ndarray
    fields: np.ndarray
    answers: np.ndarray
    is_silent: np.ndarray


def favourites(network: Sequential) -> list[Favourites]:
    """What the filters of each convolution of `network` like best, in the order of the layers.

    Give it a network with its batch normalisation folded in: a negative factor there turns likes to dislikes.
    """
    values, _ = drawings()
    side = values.shape[1]
    window = Window()
    found = []
    for index, layer in enumerate(network.layers):
        values, window = layer.forward(values), window.behind(layer)
        if not isinstance(layer, Conv2D):
            continue
        count, height, width, filters = values.shape
        strongest = values.reshape(-1, filters).argmax(axis=0)
        which, downs, acrosses = np.unravel_index(strongest, (count, height, width))
        fields = [
            (*window.pixels(down, side), *window.pixels(across, side))
            for down, across in zip(downs.tolist(), acrosses.tolist(), strict=True)
        ]
        answers = values.reshape(-1, filters).max(axis=0)
        before_relu = index + 1 < len(network.layers) and isinstance(network.layers[index + 1], ReLU)
        found.append(
            Favourites(
                drawings=which,
                fields=np.array(fields)[:, [0, 2, 1, 3]],
                answers=answers,
                is_silent=(answers <= 0) & before_relu,
            )
        )
    return found
