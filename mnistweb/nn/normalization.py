"""Normalisation keeps the numbers inside a network near mean 0 and variance 1, which lets it learn faster."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from mnistweb.nn.activations import ReLU
from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.layers import Array, Layer, Shape
from mnistweb.nn.memory import scratch
from mnistweb.nn.pooling import MaxPool2D, few_pictures

Linear = TypeVar("Linear", bound=Layer)

# A short vector added to every row of a long matrix keeps NumPy busy with beginning rows. With so many rows
# side by side, and the vector repeated as often, the same numbers lie in few long lines.
_ROWS_IN_A_LINE = 64

# The formulas below take several passes over the data. Taken over so many numbers at a time, all but the
# first find them in the processor core's own cache.
_BLOCK_SIZE = 1 << 16


class BatchNorm(Layer):
    """Normalises each feature (last axis) over the batch, then lets the network scale and shift it.

        normalised = (inputs - mean) / sqrt(variance + epsilon);  outputs = normalised * gamma + beta

    In training, mean and (biased) variance are the batch's, over all axes but the last; inference uses
    running averages of the mean and of the unbiased variance, that times n / (n - 1) for n numbers of a
    feature (Ioffe, Szegedy, "Batch Normalization", 2015, algorithms 1 and 2).
    Takes (N, features) or (N, H, W, features).
    """

    def __init__(self, features: int, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        """``momentum`` is the share of the old running average kept at each step, in [0, 1)."""
        super().__init__()
        if features < 1 or not 0 <= momentum < 1 or epsilon <= 0:
            raise ConfigurationError(
                "BatchNorm wants features >= 1, 0 <= momentum < 1 and epsilon > 0, "
                f"got {features}, {momentum} and {epsilon}"
            )
        self.features, self.momentum, self.epsilon = features, momentum, epsilon
        self.params = {"gamma": np.ones(features, np.float32), "beta": np.zeros(features, np.float32)}
        self.grads = {name: np.zeros_like(param) for name, param in self.params.items()}
        self.buffers = {
            "running_mean": np.zeros(features, np.float32),
            "running_var": np.ones(features, np.float32),
        }

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        self.output_shape(inputs.shape[1:])
        if not training:
            scale, shift = self.scale_and_shift()
            outputs = inputs * scale
            outputs += shift
            return outputs
        mean, variance = self._measure(self._lines(inputs))
        inverse_deviation = 1 / np.sqrt(variance + self.epsilon)
        self._remember_averages(mean, variance, inputs.size // self.features)
        scale = self.params["gamma"] * inverse_deviation
        kept = self._keep(inputs)
        lines = self._lines(kept)
        scales, shifts = _repeated(lines, scale, self.params["beta"] - mean * scale)
        outputs = self.reuse("outputs", lines.shape, lines.dtype)
        for block in _blocks(lines):
            some = np.multiply(lines[block], scales, out=outputs[block])
            some += shifts
            self._go_on(some)
        self.cache.update(
            inputs=inputs, kept=lines, mean=mean, inverse_deviation=inverse_deviation, outputs=outputs
        )
        return outputs.reshape(kept.shape)

    def backward(self, grad_output: Array) -> Array:
        inputs, lines = self.remembered("inputs"), self.remembered("kept")
        mean, inverse_deviation = self.remembered("mean"), self.remembered("inverse_deviation")
        grad_output = np.ascontiguousarray(grad_output)  # so that its lines are a view
        grad_lines = self._lines(grad_output)
        grad_beta, grad_gamma = self.grads["beta"], self.grads["gamma"]
        # normalised = (inputs - mean) * inverse_deviation; grad_gamma = sum(grad * normalised)
        grad_beta[...] = grad_gamma[...] = 0
        (means,) = _repeated(lines, mean)
        for block in _blocks(lines):
            grad = self._go_back(grad_lines[block], block)
            grad_beta += self._sums(grad)
            product = np.subtract(lines[block], means, out=_scratch_for(grad))
            product *= grad
            grad_gamma += self._sums(product)
        grad_gamma *= inverse_deviation
        # The batch's mean and variance depend on each input too. Taking that into account removes from the
        # gradient its own mean and its part along the normalised values (Ioffe, Szegedy, section 3):
        # grad_inputs = scale * (grad - mean(grad) - normalised * mean(grad * normalised)), here as
        #             = scale * grad + slope * inputs + offset
        count = inputs.size // self.features
        scale = self.params["gamma"] * inverse_deviation
        slope = -scale * inverse_deviation * grad_gamma / count
        offset = -scale * grad_beta / count - slope * mean
        return self._grad_inputs(inputs, grad_output, scale, slope, offset)

    def _grad_inputs(
        self, inputs: Array, grad_output: Array, scale: Array, slope: Array, offset: Array
    ) -> Array:
        """scale * grad_output + slope * inputs + offset, in the place of ``grad_output``."""
        lines, grad_lines = self._lines(inputs), self._lines(grad_output)
        scales, slopes, offsets = _repeated(lines, scale, slope, offset)
        for block in _blocks(lines):
            correction = np.multiply(lines[block], slopes, out=_scratch_for(lines[block]))
            correction += offsets
            grad_lines[block] *= scales
            grad_lines[block] += correction
        return grad_output

    def _keep(self, inputs: Array) -> Array:
        """Those of the inputs that are normalised, if not all of them are needed afterwards."""
        return inputs

    def _go_on(self, outputs: Array) -> None:
        """Room for what comes next, where it is best done while these numbers are in the cache."""

    def _go_back(self, grads: Array, block: slice) -> Array:
        """The gradient of what ``_go_on`` did to this block of the outputs."""
        return grads

    def _measure(self, lines: Array) -> tuple[Array, Array]:
        """Mean and (biased) variance of each feature, in one walk over the numbers.

        The mean of squares minus the square of the mean is the variance around any point, but survives large
        means only around one that is near: the mean of the first block (Chan, Golub, LeVeque, "Algorithms for
        Computing the Sample Variance", 1983).
        """
        first = lines[next(_blocks(lines))]
        point = self._sums(first) * self.features / first.size
        (points,) = _repeated(lines, point)
        sums, squares = np.zeros((2, self.features), lines.dtype)
        for block in _blocks(lines):
            distances = np.subtract(lines[block], points, out=_scratch_for(lines[block]))
            sums += self._sums(distances)
            distances *= distances
            squares += self._sums(distances)
        count = lines.size // self.features
        sums /= count
        squares /= count
        return point + sums, np.maximum(squares - sums * sums, 0)

    def _sums(self, lines: Array) -> Array:
        """The sum of each feature."""
        rows = lines.reshape(-1, self.features)
        # A product with a row of ones: BLAS adds many partial sums, faster and more exactly than sum(axis=0).
        return np.ones(len(rows), rows.dtype) @ rows

    def _lines(self, inputs: Array) -> Array:
        """(..., features) as a matrix of long lines, each of which holds several rows; a view."""
        rows = inputs.size // self.features
        return inputs.reshape(-1, math.gcd(rows, _ROWS_IN_A_LINE) * self.features)

    def scale_and_shift(self) -> tuple[Array, Array]:
        """At inference the layer is ``inputs * scale + shift``; both (features,)."""
        scale = self.params["gamma"] / np.sqrt(self.buffers["running_var"] + self.epsilon)
        return scale, self.params["beta"] - self.buffers["running_mean"] * scale

    def _remember_averages(self, mean: Array, variance: Array, count: int) -> None:
        unbiased = variance * (count / max(count - 1, 1))
        for name, value in (("running_mean", mean), ("running_var", unbiased)):
            self.buffers[name] *= self.momentum
            self.buffers[name] += (1 - self.momentum) * value

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape[-1:] != (self.features,):
            raise ShapeError(
                f"BatchNorm expected inputs whose last axis has {self.features} features, got "
                f"(N, {', '.join(map(str, input_shape))}); set features to the size of that axis"
            )
        return input_shape

    def config(self) -> dict[str, Any]:
        return {"features": self.features, "momentum": self.momentum, "epsilon": self.epsilon}


class BatchNormReLU(BatchNorm):
    """A BatchNorm, a MaxPool2D if one follows, and a ReLU as one layer, with fewer walks through memory.

    ReLU takes each block of numbers while it is in the cache. Scaling and shifting keep the order of numbers
    where gamma is not negative, so the largest of a window can be found first; what is not the largest need
    then not be normalised, and on the way back has no gradient but what comes through mean and variance.
    All arrays are those of ``norm``.
    """

    keeps_outputs = True

    def __init__(self, norm: BatchNorm, relu: ReLU, pool: MaxPool2D | None = None) -> None:
        super().__init__(norm.features, norm.momentum, norm.epsilon)
        self.params, self.grads, self.buffers = norm.params, norm.grads, norm.buffers
        self._layers: list[BatchNorm | MaxPool2D | ReLU] = [norm, *([pool] if pool else []), relu]
        self._pool = pool

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        at_once = training and (self._pool is None or (self.params["gamma"] >= 0).all())
        if training:
            self.cache["at_once"] = at_once
        if at_once:
            return super().forward(inputs, training=True)
        for layer in self._layers:
            inputs = layer.forward(inputs, training=training)
        return inputs

    def backward(self, grad_output: Array) -> Array:
        if self.remembered("at_once"):
            return super().backward(grad_output)
        for layer in reversed(self._layers):
            grad_output = layer.backward(grad_output)
        return grad_output

    def _keep(self, inputs: Array) -> Array:
        return inputs if self._pool is None else self._pool.forward(inputs, training=True)

    def _go_on(self, outputs: Array) -> None:
        outputs.clip(0, np.inf, out=outputs)

    def _go_back(self, grads: Array, block: slice) -> Array:
        is_on = scratch("is_on", grads.shape, np.bool_)
        np.greater(self.remembered("outputs")[block], 0, out=is_on)
        grads *= is_on
        return grads

    def _grad_inputs(
        self, inputs: Array, grad_output: Array, scale: Array, slope: Array, offset: Array
    ) -> Array:
        if self._pool is None:
            return super()._grad_inputs(inputs, grad_output, scale, slope, offset)
        grad_output *= scale
        grad_inputs = self.reuse("grad", inputs.shape, grad_output.dtype)
        lines = self._lines(inputs[0])
        slopes, offsets = _repeated(lines, slope, offset)
        for part in few_pictures(inputs):
            shape = (-1, *lines.shape)
            some = np.multiply(inputs[part].reshape(shape), slopes, out=grad_inputs[part].reshape(shape))
            some += offsets
            self._pool.add_to_winners(grad_inputs, grad_output, part)
        return grad_inputs


def norms_joined(layers: Sequence[Layer]) -> list[Layer]:
    """The layers, with one BatchNormReLU for each BatchNorm that a ReLU follows, or a MaxPool2D and ReLU."""
    joined: list[Layer] = []
    for layer in layers:
        joined.append(layer)
        match joined[-3:]:
            case [*_, BatchNorm() as norm, ReLU() as relu] if _are_plain(norm, relu):
                joined[-2:] = [BatchNormReLU(norm, relu)]
            case [BatchNorm() as norm, MaxPool2D() as pool, ReLU() as relu] if _are_plain(norm, pool, relu):
                joined[-3:] = [BatchNormReLU(norm, relu, pool)]
    return joined


def _are_plain(*layers: Layer) -> bool:
    """Whether none is of a subclass, which may compute something else."""
    return all(type(layer) in (BatchNorm, MaxPool2D, ReLU) for layer in layers)


def measure_averages(layers: Sequence[Layer], batches: Iterable[Array]) -> None:
    """Set the running averages of each BatchNorm to the mean over `batches` of inputs, for these weights.

    Averages that were gathered while the weights moved do not fit the moving average of those weights: what
    they normalise has another mean and variance (Izmailov et al., "Averaging Weights Leads to Wider Optima
    and Better Generalization", 2018, section 3.2). Without batches, nothing changes.
    """
    norms = [layer for layer in layers if isinstance(layer, BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    try:
        for number, values in enumerate(batches):
            for norm in norms:
                norm.momentum = number / (number + 1)  # makes the running average the plain mean so far
            for layer in layers:
                values = layer.forward(values, training=isinstance(layer, BatchNorm))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def fold(linear: Linear, norm: BatchNorm) -> Linear:
    """One inference layer that does the work of a Dense or Conv2D and the BatchNorm after it.

    (inputs @ weight + bias) * scale + shift = inputs @ (weight * scale) + (bias * scale + shift), so the
    normalisation costs nothing once training is over. The given layers stay as they were.
    """
    scale, shift = norm.scale_and_shift()
    weight, bias = linear.params["weight"], linear.params.get("bias", 0)
    folded = copy.copy(linear)
    # The output channel is the last axis of the weights of both Dense (in, out) and Conv2D (k, k, in, out).
    folded.params = {"weight": weight * scale, "bias": bias * scale + shift}
    folded.grads = {name: np.zeros_like(param) for name, param in folded.params.items()}
    folded.buffers, folded.cache, folded._scratch = {}, {}, {}
    return folded


def _repeated(lines: Array, *vectors: Array) -> list[Array]:
    """Each vector (features,) repeated for the rows that lie in one line."""
    return [np.tile(vector, lines.shape[1] // len(vector)) for vector in vectors]


def _blocks(lines: Array) -> Iterator[slice]:
    step = max(1, _BLOCK_SIZE // lines.shape[1])
    for start in range(0, len(lines), step):
        yield slice(start, start + step)


def _scratch_for(block: Array) -> Array:
    return scratch("block", block.shape, block.dtype)
