"""Normalisation keeps the numbers inside a network near mean 0 and variance 1, which lets it learn faster."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.layers import Array, Layer, Shape

Linear = TypeVar("Linear", bound=Layer)

# The formulas below take several passes over the data. Taken over so many numbers at a time, all but the
# first find them in the processor core's own cache.
_BLOCK_SIZE = 1 << 15


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
        mean = _column_sums(rows) / len(rows)
        variance = self._variance(rows, mean)
        inverse_deviation = 1 / np.sqrt(variance + self.epsilon)
        self.cache.update(rows=rows, mean=mean, inverse_deviation=inverse_deviation)
        self._remember_averages(mean, variance, len(rows))
        scale = self.params["gamma"] * inverse_deviation
        outputs = self.reuse("outputs", rows.shape, rows.dtype)
        scales, shifts = self._blocks_of(scale, self.params["beta"] - mean * scale)
        for block, size in self._blocks(rows):
            np.multiply(rows[block], scales[:size], out=outputs[block])
            outputs[block] += shifts[:size]
        return outputs.reshape(inputs.shape)

    def backward(self, grad_output: Array) -> Array | None:
        rows, mean, inverse_deviation = map(self.remembered, ("rows", "mean", "inverse_deviation"))
        grad_rows = grad_output.reshape(rows.shape)
        grad_beta, grad_gamma = self.grads["beta"], self.grads["gamma"]
        # normalised = (rows - mean) * inverse_deviation; grad_gamma = sum(grad * normalised)
        grad_beta[...] = _column_sums(grad_rows)
        grad_gamma[...] = 0
        (means,) = self._blocks_of(mean)
        scratch = self.reuse("scratch", means.shape, rows.dtype)
        for block, size in self._blocks(rows):
            product = np.subtract(rows[block], means[:size], out=scratch[:size])
            product *= grad_rows[block]
            grad_gamma += _column_sums(product)
        grad_gamma *= inverse_deviation
        # The batch's mean and variance depend on each input too. Taking that into account removes from the
        # gradient its own mean and its part along the normalised values (Ioffe, Szegedy, section 3):
        # grad_inputs = scale * (grad - mean(grad) - normalised * mean(grad * normalised)), here as
        #             = scale * grad + slope * rows + offset
        scale = self.params["gamma"] * inverse_deviation
        slope = -scale * inverse_deviation * grad_gamma / len(rows)
        offset = -scale * grad_beta / len(rows) - slope * mean
        scales, slopes, offsets = self._blocks_of(scale, slope, offset)
        for block, size in self._blocks(rows):
            correction = np.multiply(rows[block], slopes[:size], out=scratch[:size])
            correction += offsets[:size]
            grad_rows[block] *= scales[:size]
            grad_rows[block] += correction
        return grad_rows.reshape(grad_output.shape)

    def _variance(self, rows: Array, mean: Array) -> Array:
        """The mean of squares around the mean; unlike mean(x^2) - mean(x)^2 it survives large means."""
        (means,) = self._blocks_of(mean)
        scratch = self.reuse("scratch", means.shape, rows.dtype)
        total = np.zeros(self.features, rows.dtype)
        for block, size in self._blocks(rows):
            squares = np.subtract(rows[block], means[:size], out=scratch[:size])
            squares *= squares
            total += _column_sums(squares)
        return total / len(rows)

    def _blocks(self, rows: Array) -> Iterator[tuple[slice, int]]:
        step = max(1, _BLOCK_SIZE // self.features)
        for start in range(0, len(rows), step):
            stop = min(start + step, len(rows))
            yield slice(start, stop), stop - start

    def _blocks_of(self, *vectors: Array) -> list[Array]:
        """Each vector (features,) repeated for a block of rows: NumPy works faster on two arrays of one shape
        than when it has to repeat a short vector for every row."""
        shape = (max(1, _BLOCK_SIZE // self.features), self.features)
        blocks = []
        for number, vector in enumerate(vectors):
            block = self.reuse(f"block {number}", shape, vector.dtype)
            block[...] = vector
            blocks.append(block)
        return blocks

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


def _column_sums(rows: Array) -> Array:
    # A product with a row of ones: BLAS adds many partial sums, faster and more exactly than sum(axis=0).
    return np.ones(len(rows), rows.dtype) @ rows
