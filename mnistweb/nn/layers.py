"""A layer turns arrays into arrays on the way forward, and gradients into gradients on the way back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np

from mnistweb.nn.errors import ConfigurationError, ShapeError, TrainingError
from mnistweb.nn.initializers import initialize
from mnistweb.nn.memory import aligned_zeros

Array = np.ndarray
Shape = tuple[int, ...]
Step = Callable[[], object]  # a call with its arguments, ready to be made


class Layer:
    """What every layer has: learned arrays, their gradients, and the two passes.

    ``params`` and ``grads`` have the same keys ("weight", "bias", ...) and shapes; ``buffers`` holds arrays
    that are kept but not learned (running averages). A model may replace the arrays in these dicts by views
    into one long vector, so a layer always goes through the dict and writes gradients in place
    (``self.grads["bias"][...] = ``).

    A layer computes in the dtype of its parameters, to which the model converts what it is given: float32 in
    daily use, float64 in the gradient check.

    ``forward`` does not write into its inputs, which the layer before may still need, except in training
    where ``may_overwrite_inputs`` says so. Without ``training`` it changes nothing in the layer either, so
    threads can share it. With ``training`` it may keep what ``backward`` needs in ``self.cache`` and hand out
    arrays from ``self.reuse``, which the next training pass overwrites.
    """

    #: False for the first layer with parameters: nobody asks how the picture should change, so ``backward``
    #: may skip that product and return None.
    needs_input_grad: bool = True

    #: True where ``backward`` needs the outputs as they were handed out, so that nobody may write into them.
    keeps_outputs: bool = False

    #: Set by the model where the layer before does not keep its outputs: a training pass may work in place.
    may_overwrite_inputs: bool = False

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "forward" in vars(cls) and "prepare" not in vars(cls):
            cls.prepare = Layer.prepare  # type: ignore[method-assign]  # what is inherited fits another forward

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}
        self.cache: dict[str, Any] = {}
        self._scratch: dict[str, Array] = {}

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        """Outputs (N, ...) for inputs (N, ...)."""
        raise NotImplementedError

    def prepare(self, inputs: Array, place: Callable[[Shape], Array]) -> tuple[list[Step], Array]:
        """What ``forward`` would call for one picture, and where the outputs are afterwards.

        The steps can be taken again whenever ``inputs`` (1, ...) have changed, into which they may write.
        ``place(shape)`` gives room for outputs; what it gave out before the last time must not be needed
        any more (see ``one_picture.py``). The layer's parameters must not change.
        """
        outputs = self.forward(inputs)
        return [lambda: np.copyto(outputs, self.forward(inputs))], outputs

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
        """Shape of one output, without N, for an input of this shape; ShapeError if it does not fit."""
        return input_shape

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain numbers and strings; ``from_config`` builds from them."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any], rng: np.random.Generator | None) -> Self:
        """A new layer from what ``config`` gave; layers that draw hand ``rng`` to their constructor.

        Without ``rng`` its weights are zeros, and only ``reseed`` lets it draw.
        """
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
        """A twin in another precision that shares no array with this layer."""
        twin = self.replica()
        for arrays in (twin.params, twin.grads, twin.buffers):
            for name, array in arrays.items():
                arrays[name] = array.astype(dtype)  # always a copy
        return twin

    def reuse(self, name: str, shape: Shape, dtype: Any) -> Array:
        """An array of zeros, allocated once and handed out again, as it was left, at every training step.

        Fresh memory has to be cleared by the operating system page by page; at every step that costs more
        than the arithmetic of a small network.
        """
        array = self._scratch.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self._scratch[name] = aligned_zeros(shape, dtype)
        return array


class Flatten(Layer):
    """Lays each picture out as one row: (N, 28, 28, 1) becomes (N, 784)."""

    keeps_outputs = True  # they are the layer before's

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        if training:
            self.cache["input_shape"] = inputs.shape
        return inputs.reshape(len(inputs), -1)

    def prepare(self, inputs: Array, place: Callable[[Shape], Array]) -> tuple[list[Step], Array]:
        return [], inputs.reshape(len(inputs), -1)

    def backward(self, grad_output: Array) -> Array | None:
        if not self.needs_input_grad:
            return None
        return grad_output.reshape(self.remembered("input_shape"))

    def output_shape(self, input_shape: Shape) -> Shape:
        return (int(np.prod(input_shape)),)


class Dense(Layer):
    """Every output is a weighted sum of all inputs plus a bias: y = x W + b.

    ``weight`` is (in_features, out_features), drawn by the initializer of that name (``INITIALIZERS``);
    ``bias`` is (out_features,) and starts at zero. Inputs are (N, in_features), outputs (N, out_features).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        initializer: str = "he_normal",
        rng: np.random.Generator | None,
    ) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ConfigurationError(
                f"Dense needs at least one input and one output, got {in_features} and {out_features}"
            )
        self.in_features = in_features
        self.out_features = out_features
        self.initializer = initializer
        weight = initialize(
            initializer, (in_features, out_features), fan_in=in_features, fan_out=out_features, rng=rng
        )
        self.params = {"weight": weight, "bias": np.zeros(out_features, np.float32)}
        self.grads = {name: np.zeros_like(param) for name, param in self.params.items()}

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        weight = self.params["weight"]
        try:
            if training:
                self.cache["inputs"] = inputs
                outputs = self.reuse("outputs", (len(inputs), self.out_features), weight.dtype)
                np.matmul(inputs, weight, out=outputs)
            else:
                outputs = inputs.dot(weight)  # the same as inputs @ weight, and quicker for a single row
        except ValueError as error:  # asking only when the product fails keeps a single picture fast
            raise self._wrong_shape(f"(N, {self.in_features})", inputs.shape, inputs.ndim - 1) from error
        outputs += self.params["bias"]
        return outputs

    def prepare(self, inputs: Array, place: Callable[[Shape], Array]) -> tuple[list[Step], Array]:
        weight, bias = self.params["weight"], self.params["bias"]
        outputs = place((len(inputs), self.out_features))
        return [partial(inputs.dot, weight, outputs), partial(np.add, outputs, bias, outputs)], outputs

    def backward(self, grad_output: Array) -> Array | None:
        inputs = self.remembered("inputs")
        np.matmul(inputs.T, grad_output, out=self.grads["weight"])
        grad_output.sum(axis=0, out=self.grads["bias"])
        if not self.needs_input_grad:
            return None
        weight = self.params["weight"]
        return np.matmul(grad_output, weight.T, out=self.reuse("grad", inputs.shape, weight.dtype))

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape != (self.in_features,):
            raise self._wrong_shape(f"({self.in_features},)", input_shape, len(input_shape))
        return (self.out_features,)

    def describe(self) -> str:
        return str(self.out_features)

    def config(self) -> dict[str, Any]:
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "initializer": self.initializer,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], rng: np.random.Generator | None) -> Self:
        return cls(**config, rng=rng)

    def _wrong_shape(self, wanted: str, got: Shape, dimensions: int) -> ShapeError:
        advice = "; add Flatten before it" if dimensions > 1 else ""
        return ShapeError(f"Dense expected inputs of shape {wanted}, got {got}{advice}")


class Dropout(Layer):
    """In training, zeroes each input with probability ``dropout_rate`` so that no unit can lean on another.

    What stays is divided by 1 - dropout_rate ("inverted" dropout), so the expected sum is the same and
    inference is just the identity (Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014). Where the
    zeros fall comes from the generator given last to ``reseed``, at first from ``rng``.
    """

    def __init__(self, dropout_rate: float, *, rng: np.random.Generator | None) -> None:
        super().__init__()
        if not 0 <= dropout_rate < 1:
            raise ConfigurationError(f"dropout_rate must be at least 0 and below 1, got {dropout_rate}")
        self.dropout_rate = dropout_rate
        self._rng = rng

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        if not training:
            return inputs
        # Uniform draws in float32 whatever the inputs' dtype, so that a float64 copy meets the same mask.
        draws = self.reuse("draws", inputs.shape, np.float32)
        self.stream().random(out=draws, dtype=np.float32)
        keeps = self.reuse("keeps", inputs.shape, inputs.dtype)
        np.greater_equal(draws, self.dropout_rate, out=keeps)  # 1 or 0
        keeps /= 1 - self.dropout_rate
        self.cache["keeps"] = keeps
        return np.multiply(inputs, keeps, out=self.reuse("outputs", inputs.shape, inputs.dtype))

    def backward(self, grad_output: Array) -> Array:
        keeps = self.remembered("keeps")
        return np.multiply(grad_output, keeps, out=self.reuse("grad", keeps.shape, keeps.dtype))

    def stream(self) -> np.random.Generator:
        """Where its randomness comes from. Raises TrainingError when it was made without any."""
        if self._rng is None:
            raise TrainingError("Dropout was made without a random stream; call reseed before training")
        return self._rng

    def reseed(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def config(self) -> dict[str, Any]:
        return {"dropout_rate": self.dropout_rate}

    @classmethod
    def from_config(cls, config: dict[str, Any], rng: np.random.Generator | None) -> Self:
        return cls(**config, rng=rng)
