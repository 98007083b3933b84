"""Normalisation keeps the numbers inside a network near mean 0 and variance 1, which lets it learn faster."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np

from mnistweb.nn.errors import ConfigurationError, ShapeError
from mnistweb.nn.layers import Array, Layer, Shape

Linear = TypeVar("Linear", bound=Layer)


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
            return inputs * scale + shift
        rows = inputs.reshape(-1, self.features)  # (N * H * W, features)
        mean = _column_means(rows)
        normalised = rows - mean
        variance = _column_means(np.square(normalised))
        inverse_deviation = 1 / np.sqrt(variance + self.epsilon)
        normalised *= inverse_deviation
        self.cache.update(normalised=normalised, inverse_deviation=inverse_deviation)
        self._remember_averages(mean, variance, len(rows))
        return (normalised * self.params["gamma"] + self.params["beta"]).reshape(inputs.shape)

    def backward(self, grad_output: Array) -> Array | None:
        normalised, inverse_deviation = self.remembered("normalised"), self.remembered("inverse_deviation")
        grad_rows = grad_output.reshape(normalised.shape)
        np.sum(grad_rows, axis=0, out=self.grads["beta"])
        np.sum(grad_rows * normalised, axis=0, out=self.grads["gamma"])
        # Mean and variance depend on every input too: take out the gradient's own mean and its part along the
        # normalised values (Ioffe, Szegedy, section 3).
        count = len(grad_rows)
        grad_inputs = grad_rows - self.grads["beta"] / count - normalised * (self.grads["gamma"] / count)
        grad_inputs *= self.params["gamma"] * inverse_deviation
        return grad_inputs.reshape(grad_output.shape)

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


def _column_means(rows: Array) -> Array:
    # A product with a row of ones: BLAS adds many partial sums, faster and more exactly than sum(axis=0).
    return (np.ones(len(rows), rows.dtype) @ rows) / len(rows)


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
