"""A layer turns arrays into arrays on the way forward, and gradients into gradients on the way back."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from mnistweb.nn.errors import TrainingError

Array = np.ndarray
Shape = tuple[int, ...]


class Layer:
    """What every layer has: learned arrays, their gradients, and the two passes.

    ``params`` and ``grads`` have the same keys ("weight", "bias", ...) and shapes; ``buffers`` holds arrays
    that are kept but not learned (running averages). A model may replace the arrays in these dicts by views
    into one long vector, so a layer always goes through the dict and writes gradients in place
    (``self.grads["bias"][...] = ``).

    A layer computes in the dtype of what it is given: float32 in daily use, float64 in the gradient check.

    ``forward`` without ``training`` changes nothing in the layer, so threads can share it. With ``training``
    it may keep what ``backward`` needs in ``self.cache`` and hand out arrays from ``self.reuse``, which the
    next training pass overwrites.
    """

    #: False for the first layer with parameters: nobody asks how the picture should change, so ``backward``
    #: may skip that product and return None.
    needs_input_grad: bool = True

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}
        self.cache: dict[str, Any] = {}
        self._scratch: dict[str, Array] = {}

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        """Outputs (N, ...) for inputs (N, ...)."""
        raise NotImplementedError

    def backward(self, grad_output: Array) -> Array | None:
        """Given d loss / d outputs, fill ``grads`` and return d loss / d inputs.

        It answers the latest ``forward(training=True)``. ``grad_output`` may be overwritten. Returns None
        instead when ``needs_input_grad`` is False. Raises TrainingError when there was no such forward pass.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """The layer's word in a model's ``architecture`` ("128", "conv 3x3x32"); empty if it has none."""
        return ""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Shape of one output, without N, for an input of this shape; ShapeError if the layer can't take it."""
        return input_shape

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain numbers and strings, from which ``from_config`` builds again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any], rng: np.random.Generator) -> Self:
        """A new layer from what ``config`` gave; a layer that draws its weights gives ``rng`` to ``__init__``."""
        return cls(**config)

    def reseed(self, rng: np.random.Generator) -> None:
        """Draw from ``rng`` from now on. Only layers with randomness of their own (Dropout) do anything."""

    def replica(self) -> Self:
        """A twin for a second thread: shared parameters, but gradients, buffers and caches of its own."""
        twin = copy.copy(self)
        twin.params = dict(self.params)
        twin.grads = {name: np.zeros_like(grad) for name, grad in self.grads.items()}
        twin.buffers = {name: buffer.copy() for name, buffer in self.buffers.items()}
        twin.cache = {}
        twin._scratch = {}
        return twin

    def remembered(self, name: str) -> Any:
        """What the last training pass kept under ``name``; TrainingError when there was none."""
        try:
            return self.cache[name]
        except KeyError:
            raise TrainingError(
                f"{type(self).__name__}.backward was called, but no forward(training=True) came before it"
            ) from None

    def astype(self, dtype: Any) -> Self:
        """A twin in another precision that shares nothing with this layer; the gradient check uses float64."""
        twin = self.replica()
        for arrays in (twin.params, twin.grads, twin.buffers):
            for name, array in arrays.items():
                arrays[name] = array.astype(dtype)  # always a copy
        return twin

    def reuse(self, name: str, shape: Shape, dtype: Any) -> Array:
        """An uninitialised array, allocated once and handed out again at every training step.

        Fresh memory has to be cleared by the operating system page by page; at every step that costs more
        than the arithmetic of a small network.
        """
        array = self._scratch.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self._scratch[name] = np.empty(shape, dtype)
        return array


class Flatten(Layer):
    """Lays each picture out as one row: (N, 28, 28, 1) becomes (N, 784)."""

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        if training:
            self.cache["input_shape"] = inputs.shape
        return inputs.reshape(inputs.shape[0], -1)

    def backward(self, grad_output: Array) -> Array | None:
        if not self.needs_input_grad:
            return None
        return grad_output.reshape(self.remembered("input_shape"))

    def output_shape(self, input_shape: Shape) -> Shape:
        return (int(np.prod(input_shape)),)
