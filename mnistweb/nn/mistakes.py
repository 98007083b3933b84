"""Classic mistakes, which can be made on purpose: how is each noticed, and what does training make of it?

    with made(MISTAKES["sign"]):
        print(check_gradients(model, inputs, labels))

Each is one function of this package written wrongly; the comment says what it should be. The right ones are
written for speed, these for reading.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnistweb.nn import initializers, losses, model
from mnistweb.nn.activations import ReLU, softmax
from mnistweb.nn.batches import ArrayBatches, Batch
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Array, Dense, Dropout, Layer, Shape
from mnistweb.nn.losses import softmax_cross_entropy
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.optimizers import Momentum
from mnistweb.nn.pooling import MaxPool2D


@dataclass(frozen=True)
class Mistake:
    """One function, and how it goes wrong."""

    name: str  #: "sign", for the command line
    what: str  #: one sentence
    owner: Any  #: the class or module of the function
    attribute: str  #: the function's name there
    wrong: Callable[..., Any]  #: what takes its place
    noticed_by: str  #: what shows it where the gradient check can't; empty when the check catches it

    @property
    def caught_by_check(self) -> bool:
        """Whether ``check_gradients`` fails in a network that uses the function."""
        return not self.noticed_by

    @property
    def place(self) -> str:
        """The function as people write it: "Dense.backward", "losses.softmax_cross_entropy"."""
        return f"{self.owner.__name__.rpartition('.')[2]}.{self.attribute}"

    @property
    def lines(self) -> list[str]:
        """The wrong lines of code, each with what would be right."""
        return [line.strip() for line in inspect.getsource(self.wrong).splitlines() if "# right:" in line]

    @property
    def layer(self) -> type[Layer] | None:
        """The kind of layer that a network must have for the mistake to matter; None if any will do."""
        return self.owner if isinstance(self.owner, type) and issubclass(self.owner, Layer) else None


MISTAKES: dict[str, Mistake] = {}


@contextmanager
def made(mistake: Mistake) -> Iterator[None]:
    """While the ``with`` block runs, models made in it make the mistake; not for programs with threads.

    A loss goes wrong for those who write ``losses.softmax_cross_entropy``, and so look it up when they call.
    """
    right, joined = getattr(mistake.owner, mistake.attribute), model.norms_joined
    setattr(mistake.owner, mistake.attribute, mistake.wrong)
    # Each layer by itself: joined ones do not call what stands in its class.
    model.norms_joined = list  # type: ignore[assignment]
    try:
        yield
    finally:
        setattr(mistake.owner, mistake.attribute, right)
        model.norms_joined = joined


def _mistake(
    name: str, owner: Any, attribute: str, what: str, *, noticed_by: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(wrong: Callable[..., Any]) -> Callable[..., Any]:
        MISTAKES[name] = Mistake(name, what, owner, attribute, wrong, noticed_by)
        return wrong

    return register


# ---- on the way back through a layer ----


@_mistake("sign", Dense, "backward", "The gradient of the weights has the wrong sign.")
def wrong_sign(self: Dense, grad_output: Array) -> Array:
    inputs = self.remembered("inputs")
    self.grads["weight"][...] = -inputs.T @ grad_output  # right: inputs.T @ grad_output
    self.grads["bias"][...] = grad_output.sum(axis=0)
    return grad_output @ self.params["weight"].T


@_mistake(
    "transposed-weight",
    Dense,
    "backward",
    "The weights are reshaped on the way back where they should be transposed: the shapes fit all the same.",
)
def reshaped_not_transposed(self: Dense, grad_output: Array) -> Array:
    inputs, weight = self.remembered("inputs"), self.params["weight"]
    self.grads["weight"][...] = inputs.T @ grad_output
    self.grads["bias"][...] = grad_output.sum(axis=0)
    return grad_output @ weight.reshape(self.out_features, self.in_features)  # right: weight.T


@_mistake(
    "bias-not-summed",
    Dense,
    "backward",
    "The bias is given the gradient of the first example alone, not the sum over the batch.",
)
def bias_not_summed(self: Dense, grad_output: Array) -> Array:
    inputs = self.remembered("inputs")
    self.grads["weight"][...] = inputs.T @ grad_output
    self.grads["bias"][...] = grad_output[0]  # right: grad_output.sum(axis=0)
    return grad_output @ self.params["weight"].T


@_mistake(
    "relu-mask", ReLU, "backward", "ReLU lets the gradient through where it was off, not where it was on."
)
def relu_mask_inverted(self: ReLU, grad_output: Array) -> Array:
    is_on = self.remembered("outputs") <= 0  # right: > 0
    return grad_output * is_on


_right_pool_backward = MaxPool2D.backward


@_mistake(
    "maxpool-window",
    MaxPool2D,
    "backward",
    "The gradient of a maximum goes to its whole window, not only to the pixel that was the largest.",
)
def gradient_to_the_whole_window(self: MaxPool2D, grad_output: Array) -> Array:
    grad_inputs = np.zeros_like(_right_pool_backward(self, grad_output))
    for grads in self._corners(grad_inputs):
        grads += grad_output  # right: only where this pixel was the window's first maximum
    return grad_inputs


_right_convolution_backward = Conv2D.backward


@_mistake(
    "kernel-turned",
    Conv2D,
    "backward",
    "The convolution's kernel is turned round on the way back, as the word convolution suggests.",
)
def kernel_turned_round(self: Conv2D, grad_output: Array) -> Array | None:
    grad_inputs = _right_convolution_backward(self, grad_output.copy())  # weight and bias get what is right
    if grad_inputs is None:
        return None
    k, s, rim, weight = self.kernel_size, self.stride, self.padding, self.params["weight"]
    (n, height, width, channels), (_, out_h, out_w, _) = grad_inputs.shape, grad_output.shape
    padded = np.zeros((n, height + 2 * rim, width + 2 * rim, channels), grad_output.dtype)
    for i in range(k):
        for j in range(k):
            kernel = weight[k - 1 - i, k - 1 - j]  # right: weight[i, j]
            padded[:, i : i + out_h * s : s, j : j + out_w * s : s] += grad_output @ kernel.T
    return padded[:, rim : rim + height, rim : rim + width]


@_mistake(
    "dropout-new-mask",
    Dropout,
    "backward",
    "Dropout draws a new mask on the way back; the gradient reaches units that had no part in the answer.",
)
def dropout_draws_again(self: Dropout, grad_output: Array) -> Array:
    keeps = self.stream().random(grad_output.shape) >= self.dropout_rate  # right: the mask of the way forward
    return grad_output * keeps / (1 - self.dropout_rate)


_right_norm_forward = BatchNorm.forward


@_mistake(
    "batchnorm-axis",
    BatchNorm,
    "forward",
    "BatchNorm takes mean and variance over the features of each example, not over the batch.",
)
def statistics_over_the_wrong_axis(self: BatchNorm, inputs: Array, *, training: bool = False) -> Array:
    rows = inputs.reshape(-1, self.features).copy()  # (N * H * W, features)
    outputs = _right_norm_forward(self, inputs, training=training)  # keeps what backward needs
    if not training:
        return outputs
    mean = rows.mean(axis=1, keepdims=True)  # right: axis=0
    variance = rows.var(axis=1, keepdims=True)  # right: axis=0
    normalised = (rows - mean) / np.sqrt(variance + self.epsilon)
    return (normalised * self.params["gamma"] + self.params["beta"]).reshape(inputs.shape)


# ---- in the loss ----


@_mistake(
    "no-mean",
    losses,
    "softmax_cross_entropy",
    "The loss is the mean over the batch, but its gradient is not divided by the batch size N.",
)
def forgotten_mean(logits: Array, targets: Array) -> tuple[float, Array]:
    loss, grad_logits = softmax_cross_entropy(logits, targets)
    return loss, grad_logits * len(logits)  # right: grad_logits


@_mistake(
    "no-maximum",
    losses,
    "softmax_cross_entropy",
    "Softmax does not subtract the largest logit, and exp overflows once a logit is above 88 (float32).",
    noticed_by="a test of the loss with logits of 1000; for ordinary logits both formulas give one result",
)
def softmax_without_maximum(logits: Array, targets: Array) -> tuple[float, Array]:
    rows = np.arange(len(logits))
    exponentials = np.exp(logits)  # right: np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[rows, targets]).mean()
    probabilities[rows, targets] -= 1
    return float(loss), probabilities / len(logits)


@_mistake(
    "double-softmax",
    losses,
    "softmax_cross_entropy",
    "The network ends with a softmax, and the loss takes the softmax of that once more.",
    noticed_by="the loss: with ten classes it can't fall below log(1 + 9/e) = 1.46; "
    "forward and backward agree, so the check passes",
)
def softmax_twice(logits: Array, targets: Array) -> tuple[float, Array]:
    probabilities = softmax(logits)  # right: leave this out
    loss, grad = softmax_cross_entropy(probabilities, targets)
    return loss, probabilities * (grad - (grad * probabilities).sum(axis=1, keepdims=True))


@_mistake(
    "labels-off-by-one",
    losses,
    "softmax_cross_entropy",
    "Each picture is given the label before its own: the 7 is taught as a 6.",
    noticed_by="an accuracy far below chance while the loss falls; "
    "the gradient is that of the wrong question, and right as such",
)
def labels_off_by_one(logits: Array, targets: Array) -> tuple[float, Array]:
    return softmax_cross_entropy(logits, (targets - 1) % logits.shape[1])  # right: targets


# ---- where forward and backward agree, and both are wrong ----


@_mistake(
    "dropout-not-scaled",
    Dropout,
    "forward",
    "What Dropout lets through is not divided by 1 - dropout_rate: inference sees larger sums than training.",
    noticed_by="comparing the mean output in training with that at inference; "
    "backward uses the same mask, so the check passes",
)
def dropout_not_scaled(self: Dropout, inputs: Array, *, training: bool = False) -> Array:
    if not training:
        return inputs
    keeps = (self.stream().random(inputs.shape) >= self.dropout_rate).astype(inputs.dtype)
    self.cache["keeps"] = keeps  # right: keeps / (1 - self.dropout_rate), here and below
    return inputs * keeps


@_mistake(
    "never-reset",
    Dense,
    "backward",
    "Gradients are added to those of the step before and never reset to zero.",
    noticed_by="calling backward twice for one batch: both must give the same; the check calls it once",
)
def gradients_never_reset(self: Dense, grad_output: Array) -> Array:
    inputs = self.remembered("inputs")
    self.grads["weight"] += inputs.T @ grad_output  # right: self.grads["weight"][...] =
    self.grads["bias"] += grad_output.sum(axis=0)  # right: self.grads["bias"][...] =
    return grad_output @ self.params["weight"].T


# ---- outside of forward and backward ----


@_mistake(
    "momentum-sign",
    Momentum,
    "update",
    "The step goes with the velocity of gradients, uphill, instead of against it.",
    noticed_by="two steps worked out by hand, and a loss that rises from the first step; "
    "the check looks at gradients, not at what is done with them",
)
def uphill(
    self: Momentum, params: Array, grads: Array, learning_rate: float, scratch: Array, velocity: Array
) -> None:
    velocity *= self.momentum
    velocity += grads
    params += learning_rate * velocity  # right: params -=


@_mistake(
    "learning-rate-side",
    Momentum,
    "update",
    "The learning rate is on the wrong side of the fraction: the step is divided by it.",
    noticed_by="two steps worked out by hand, and smaller learning rates that make it worse",
)
def divided_by_the_learning_rate(
    self: Momentum, params: Array, grads: Array, learning_rate: float, scratch: Array, velocity: Array
) -> None:
    velocity *= self.momentum
    velocity += grads
    params -= velocity / learning_rate  # right: learning_rate * velocity


@_mistake(
    "zero-weights",
    initializers,
    "_normal",
    "All weights start at zero: every unit of a layer computes the same, and none can become different.",
    noticed_by="a look at the gradients of the first layers, which are exactly zero, as the check agrees",
)
def all_zero(shape: Shape, variance: float, rng: np.random.Generator) -> Array:
    return np.zeros(shape, np.float32)  # right: random numbers of that variance


@_mistake(
    "shuffled-pictures",
    ArrayBatches,
    "epoch",
    "The pictures are shuffled, their labels are not.",
    noticed_by="looking at a batch with its labels, and a loss that stays at log(10) = 2.30",
)
def only_pictures_shuffled(self: ArrayBatches, index: int) -> Iterator[Batch]:
    order = np.random.default_rng((self.seed, index)).permutation(len(self.inputs))
    for start in range(0, len(order), self.batch_size):
        batch = slice(start, start + self.batch_size)
        yield self.inputs[order[batch]], self.labels[batch]  # right: self.labels[order[batch]]
