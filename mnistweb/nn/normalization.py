"""Normalisation keeps the numbers inside a network near mean 0 and variance 1, which lets it learn faster."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from mnistweb.nn.activations import ReLU
from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.layers import Array, Layer, Shape
from mnistweb.nn.memory import scratch

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
    running averages of them (Ioffe, Szegedy, "Batch Normalization", 2015, algorithms 1 and 2).
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
        rows = inputs.reshape(-1, self.features)  # (N * H * W, features)
        lines = self._lines(inputs)
        mean, variance = self._measure(lines)
        inverse_deviation = 1 / np.sqrt(variance + self.epsilon)
        self._remember_averages(mean, variance, len(rows))
        scale = self.params["gamma"] * inverse_deviation
        scales, shifts = _repeated(lines, scale, self.params["beta"] - mean * scale)
        outputs = self.reuse("outputs", lines.shape, lines.dtype)
        for block in _blocks(lines):
            some = np.multiply(lines[block], scales, out=outputs[block])
            some += shifts
            self._go_on(some)
        self.cache.update(rows=rows, mean=mean, inverse_deviation=inverse_deviation, outputs=outputs)
        return outputs.reshape(inputs.shape)

    def backward(self, grad_output: Array) -> Array | None:
        rows, mean, inverse_deviation = map(self.remembered, ("rows", "mean", "inverse_deviation"))
        lines, grad_lines = self._lines(rows), self._lines(grad_output)
        grad_beta, grad_gamma = self.grads["beta"], self.grads["gamma"]
        # normalised = (rows - mean) * inverse_deviation; grad_gamma = sum(grad * normalised)
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
        #             = scale * grad + slope * rows + offset
        scale = self.params["gamma"] * inverse_deviation
        slope = -scale * inverse_deviation * grad_gamma / len(rows)
        offset = -scale * grad_beta / len(rows) - slope * mean
        scales, slopes, offsets = _repeated(lines, scale, slope, offset)
        for block in _blocks(lines):
            correction = np.multiply(lines[block], slopes, out=_scratch_for(lines[block]))
            correction += offsets
            grad_lines[block] *= scales
            grad_lines[block] += correction
        return grad_lines.reshape(grad_output.shape)

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
    """A BatchNorm and the ReLU that follows it as one layer, which needs fewer walks through memory.

    ReLU takes each block of numbers while it is in the cache. All arrays are those of ``norm``.
    """

    keeps_outputs = True

    def __init__(self, norm: BatchNorm, relu: ReLU) -> None:
        super().__init__(norm.features, norm.momentum, norm.epsilon)
        self.params, self.grads, self.buffers = norm.params, norm.grads, norm.buffers
        self._relu = relu

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        outputs = super().forward(inputs, training=training)
        return outputs if training else self._relu.forward(outputs)

    def _go_on(self, outputs: Array) -> None:
        outputs.clip(0, np.inf, out=outputs)

    def _go_back(self, grads: Array, block: slice) -> Array:
        is_on = scratch("is_on", grads.shape, np.bool_)
        np.greater(self.remembered("outputs")[block], 0, out=is_on)
        grads *= is_on
        return grads


def rectified_at_once(layers: Sequence[Layer]) -> list[Layer]:
    """The layers, with one BatchNormReLU for each BatchNorm that a ReLU follows."""
    joined: list[Layer] = []
    for layer in layers:
        if isinstance(layer, ReLU) and joined and type(joined[-1]) is BatchNorm:
            joined[-1] = BatchNormReLU(joined[-1], layer)
        else:
            joined.append(layer)
    return joined


def measure_averages(layers: Sequence[Layer], batches: Sequence[Array]) -> None:
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
