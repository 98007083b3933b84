"""A model is layers in a row: each takes what the one before it made."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Self

import numpy as np

from mnistweb.nn.activations import ReLU, Sigmoid, Softmax, Tanh
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.layers import Array, Dense, Dropout, Flatten, Layer, Shape
from mnistweb.nn.memory import aligned_zeros
from mnistweb.nn.normalization import BatchNorm, fold, norms_joined
from mnistweb.nn.one_picture import OnePicture
from mnistweb.nn.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D, pooled_first

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Dense, Flatten, Dropout, ReLU, Tanh, Sigmoid, Softmax,
        Conv2D, MaxPool2D, AveragePool2D, GlobalAveragePool2D, BatchNorm,
    )
}  # fmt: skip


class Sequential:
    """Layers applied one after another, with all parameters in one flat vector.

    ``layers`` belong to the model from then on; ``input_shape`` is that of one input, without N. Attributes:

    * ``layers``, ``input_shape``, ``output_shape``: as given, and what comes out, without N
    * ``flat_params``, ``flat_grads``, ``flat_buffers``: one contiguous vector each; the arrays in the layers'
      dicts are views into them, so that an optimizer or an average treats the whole model in a few passes
    * ``params``, ``grads``, ``buffers``: the same as named views, "1.weight" being the weight of layers[1]

    Raises ShapeError when a layer can't take what the one before it makes, saying which and what to add, and
    ConfigurationError when there is no layer, or one twice.
    """

    def __init__(self, layers: Sequence[Layer], *, input_shape: Shape = (28, 28, 1)) -> None:
        if not layers:
            raise ConfigurationError("Sequential needs at least one layer, got none")
        self.layers = list(layers)
        for index, layer in enumerate(self.layers):
            first = self.layers.index(layer)
            if first < index:  # a layer remembers what it needs for its way back, of one place
                raise ConfigurationError(
                    f"layer {index} is the same object as layer {first}; each place needs one of its own"
                )
        self.input_shape = tuple(input_shape)
        self.output_shape = self._check_shapes()
        self._one_picture: OnePicture | None = None
        self.move(aligned_zeros)
        self.substitute(lambda layer: layer)

    # ---- the two passes ----

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        """Logits (N, num_classes) for inputs (N, *input_shape); computed in the dtype of the parameters.

        With ``training`` the layers keep what ``backward`` needs, and the result holds until the next
        training pass. Without it nothing is kept, so any number of threads may call this at once.
        """
        self.check_inputs(inputs)
        if inputs.dtype != self.flat_params.dtype:
            inputs = inputs.astype(self.flat_params.dtype)
        if self._one_picture is not None and len(inputs) == 1 and not training:
            return self._one_picture.forward(inputs)
        for layer in self._in_order:
            inputs = layer.forward(inputs, training=training)
        return inputs

    def check_inputs(self, inputs: Array) -> None:
        """Raise ShapeError unless the inputs are (N, *input_shape), at least one."""
        if inputs.shape[1:] != self.input_shape:
            wanted = ", ".join(map(str, self.input_shape))
            raise ShapeError(f"the model expected inputs of shape (N, {wanted}), got {inputs.shape}")
        if not len(inputs):
            raise ShapeError(f"the model expected at least one input, got an array of shape {inputs.shape}")

    def forward_in_batches(self, inputs: Array, *, batch_size: int = 250, threads: int = 1) -> Array:
        """The same for any number of inputs, a batch at a time, so that memory does not grow with them.

        With more ``threads`` than one, so many batches are worked on at a time.
        """
        logits = np.empty((len(inputs), *self.output_shape), self.flat_params.dtype)

        def answer(start: int) -> None:
            logits[start : start + batch_size] = self.forward(inputs[start : start + batch_size])

        starts = range(0, len(inputs), batch_size)
        if threads == 1:
            for start in starts:
                answer(start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(answer, starts))  # list: so that errors come out
        return logits

    def backward(self, grad_logits: Array) -> Array | None:
        """Fill ``grads`` from d loss / d logits of the latest training pass.

        Returns d loss / d inputs, or None when no layer needed it (see ``Layer.needs_input_grad``).
        """
        grad: Array | None = grad_logits
        for layer in reversed(self._in_order):
            if grad is None:
                break
            grad = layer.backward(grad)
        return grad

    def reseed(self, rng: np.random.Generator) -> None:
        """Give every layer that draws (Dropout) a random stream of its own from ``rng``."""
        for layer, stream in zip(self.layers, rng.spawn(len(self.layers)), strict=True):
            layer.reseed(stream)

    # ---- what it is ----

    @property
    def num_classes(self) -> int:
        return self.output_shape[-1]

    @property
    def num_parameters(self) -> int:
        """How many numbers training adjusts."""
        return self.flat_params.size

    @property
    def decay_mask(self) -> Array:
        """A vector like ``flat_params``: 1 where weight decay applies (weights), 0 elsewhere.

        Elsewhere are vectors: biases, and the scales and shifts of normalisation.
        """
        masks = [
            np.full(param.size, param.ndim > 1, self.flat_params.dtype) for param in self.params.values()
        ]
        return np.concatenate(masks or [self.flat_params])

    @property
    def architecture(self) -> str:
        """One line for people: "784 -> 128 -> 64 -> 10"."""
        if isinstance(self.layers[0], Flatten):
            start = str(math.prod(self.input_shape))
        else:
            start = "x".join(map(str, self.input_shape))
        return " -> ".join([start, *filter(None, (layer.describe() for layer in self.layers))])

    def config(self) -> list[dict[str, Any]]:
        """The layers as plain dicts, {"layer": "Dense", "in_features": 784, ...}, for ``from_config``."""
        return [{"layer": type(layer).__name__, **layer.config()} for layer in self.layers]

    @classmethod
    def from_config(
        cls,
        config: Sequence[Mapping[str, Any]],
        *,
        input_shape: Shape = (28, 28, 1),
        rng: np.random.Generator | None,
    ) -> Self:
        """A model with fresh weights drawn from ``rng``, or zeros when they are to be loaded.

        Raises ConfigurationError naming the bad entry.
        """
        layers = []
        for index, entry in enumerate(config):
            arguments = dict(entry)
            name = arguments.pop("layer", None)
            if name not in LAYERS:
                raise ConfigurationError(f"layer {index} must be one of {', '.join(LAYERS)}, got {name!r}")
            try:
                layers.append(LAYERS[name].from_config(arguments, rng))
            except (TypeError, ConfigurationError) as error:
                raise ConfigurationError(f"layer {index} ({name}) can't be built: {error}") from error
        return cls(layers, input_shape=input_shape)

    # ---- what it has learned ----

    def state(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by name: "1.weight", "2.running_mean"."""
        return {name: array.copy() for name, array in (self.params | self.buffers).items()}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Take over what ``state`` gave. Raises ShapeError, and changes nothing, unless all of it fits."""
        own = self.params | self.buffers
        if own.keys() != state.keys():
            missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
            raise ShapeError(f"the state does not fit the model: missing {missing}, unknown {unknown}")
        for name, array in own.items():
            if np.shape(state[name]) != array.shape:
                raise ShapeError(f"{name} must have shape {array.shape}, got {np.shape(state[name])}")
        for name, array in own.items():
            array[...] = state[name]

    # ---- twins ----

    def replica(self, allocate: Callable[[Shape, Any], Array] = aligned_zeros) -> Self:
        """A twin for a second training thread: shares the parameters, has its own gradients and caches.

        Its own gradients and buffers lie in memory that ``allocate(shape, dtype)`` gives.
        """
        twin = copy.copy(self)
        twin.layers = [layer.replica() for layer in self.layers]
        twin.substitute(lambda layer: layer)
        twin.flat_grads, twin.grads = _flatten("grads", twin.layers, allocate)
        twin.flat_buffers, twin.buffers = _flatten("buffers", twin.layers, allocate)
        return twin

    def substitute(self, stand_in: Callable[[Layer], Layer]) -> None:
        """From now on compute with ``stand_in(layer)`` for each of the layers; ``layers`` stays as it is."""
        self._in_order = [stand_in(layer) for layer in norms_joined(pooled_first(self.layers))]
        self._skip_useless_gradients()
        self._work_in_place()

    def move(self, allocate: Callable[[Shape, Any], Array]) -> None:
        """Take parameters, gradients and buffers to memory that ``allocate(shape, dtype)`` gives."""
        self.flat_params, self.params = _flatten("params", self.layers, allocate)
        self.flat_grads, self.grads = _flatten("grads", self.layers, allocate)
        self.flat_buffers, self.buffers = _flatten("buffers", self.layers, allocate)

    def astype(self, dtype: Any) -> Self:
        """An independent copy in another precision (``np.float64`` for the gradient check)."""
        return type(self)([layer.astype(dtype) for layer in self.layers], input_shape=self.input_shape)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.astype(self.flat_params.dtype)  # copied array by array, the views would come apart

    def folded(self) -> Self:
        """An independent model for inference only: BatchNorm joined to the layer before it, Dropout left out.

        It gives the same logits up to rounding, in less time, and is prepared for single pictures
        (``one_picture.py``). Its parameters must not change any more. Subclasses stay as they are.
        """
        layers: list[Layer] = []
        for layer in self.layers:
            if type(layer) is Dropout:
                continue
            if type(layer) is BatchNorm and layers and type(layers[-1]) in (Dense, Conv2D):
                layers[-1] = fold(layers[-1], layer)
            else:
                layers.append(layer.astype(self.flat_params.dtype))
        folded = type(self)(layers, input_shape=self.input_shape)
        for layer in folded.layers:
            if isinstance(layer, Conv2D):
                layer.is_constant = True
        folded._one_picture = OnePicture(folded._in_order, folded.input_shape, folded.flat_params.dtype)
        return folded

    # ---- helpers ----

    def _check_shapes(self) -> Shape:
        shape = self.input_shape
        for index, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ShapeError as error:
                raise ShapeError(f"layer {index} does not fit: {error}") from error
        return shape

    def _skip_useless_gradients(self) -> None:
        """Nobody asks how the picture should change: the way back ends at the first layer that learns."""
        learns_before = False
        for layer in self._in_order:
            layer.needs_input_grad = learns_before
            learns_before = learns_before or bool(layer.params)

    def _work_in_place(self) -> None:
        self._in_order[0].may_overwrite_inputs = False  # they are the caller's
        for before, layer in pairwise(self._in_order):
            layer.may_overwrite_inputs = not before.keeps_outputs


def _flatten(
    kind: str, layers: Sequence[Layer], allocate: Callable[[Shape, Any], Array]
) -> tuple[Array, dict[str, Array]]:
    """Move the arrays of all layers' ``kind`` dicts into one vector; the dicts then hold views into it."""
    named = [
        (f"{index}.{name}", getattr(layer, kind), name)
        for index, layer in enumerate(layers)
        for name in getattr(layer, kind)
    ]
    dtype = np.result_type(*(home[name] for _, home, name in named)) if named else np.float32
    vector = allocate((sum(home[name].size for _, home, name in named),), dtype)
    views, start = {}, 0
    for full_name, home, name in named:
        array = home[name]
        end = start + array.size
        view = vector[start:end].reshape(array.shape)
        # Memory that nobody writes to takes no room: the gradients of a model that only answers are none.
        if array.any():
            view[...] = array
        views[full_name] = home[name] = view
        start = end
    return vector, views
