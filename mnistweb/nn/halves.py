"""What each member of a pair does of a training step (``pair.py``), and where it waits for the other.

* A convolutional network computes much with few weights: each member takes half of the batch through all of
  it, and then adds up one half of both gradients.
* A network of dense layers has large matrices: each member takes the whole batch through half of every one.
  Of y = x W it finds x1 W1, where x1 is half of the inputs and W1 the rows of weights that belong to them,
  and y = x1 W1 + x2 W2. It alone reads and changes these rows, so they never travel from one processor to the
  other (Shoeybi et al., "Megatron-LM", 2019, section 3, by rows). Where y goes, through an activation, into
  another large matrix, each member needs only its half of y. What is small, both compute alike.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from mnistweb.nn.activations import ReLU, Sigmoid, Tanh
from mnistweb.nn.layers import Array, Dense, Flatten, Layer, Shape
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Optimizer

Allocate = Callable[[Shape, Any], Array]
Meet = Callable[[], None]
Parts = Sequence[slice]

#: Memory that both see is not set aside for larger batches. (It is no memory until it is used.)
MOST_EXAMPLES = 1 << 16

# A matrix of fewer weights is multiplied sooner than two have met.
_MANY_WEIGHTS = 1 << 15

# Fewer numbers than these are changed sooner than NumPy has been called.
_MANY_NUMBERS = 1 << 13


class Found(NamedTuple):
    """What was found in a batch, or in a part of it whose ``loss`` is its share of the batch's mean."""

    loss: float
    right: int
    labelled: int


NOTHING = Found(0.0, 0, 0)

#: (model, inputs, targets, share of the batch) -> what was found, the gradients of the model being filled
Compute = Callable[[Sequential, Array, Array, float], Found]


class Member:
    """One of the two, with all that it needs for a step: the first is ``me`` = 0, the second 1.

    ``own`` are the parts of the flat parameters that this member changes, ``found`` is (2, 4) that both see.
    A subclass is one way to divide the work, and says in its class methods what that means for a pair.
    """

    @classmethod
    def divide(
        cls, models: Sequence[Sequential], meets: Sequence[Meet], zeros: Allocate
    ) -> tuple[Parts, Parts]:
        """Get both models ready; the parts of the flat parameters that each member changes."""
        raise NotImplementedError

    @classmethod
    def split(cls, count: int) -> tuple[slice, slice]:
        """Which of so many examples each member takes."""
        raise NotImplementedError

    @classmethod
    def looked_at(cls, model: Sequential) -> tuple[slice, slice]:
        """Which numbers of each of its examples each member needs."""
        raise NotImplementedError

    @classmethod
    def streams(cls, rng: np.random.Generator) -> tuple[np.random.Generator, np.random.Generator]:
        """What each member draws dropout from: different streams for different pictures, else equal ones."""
        raise NotImplementedError

    def __init__(
        self,
        me: int,
        models: Sequence[Sequential],
        optimizer: Optimizer,
        compute: Compute,
        meet: Meet,
        own: Parts,
        found: Array,
    ) -> None:
        self.me, self.model, self.other = me, models[me], models[1 - me]
        self.optimizer, self.compute, self.meet = optimizer, compute, meet
        self.own, self.found = own, found

    def take_step(
        self, inputs: Array, targets: Array, share: float, learning_rate: float
    ) -> tuple[Found, float]:
        """Do one's part of a step; what was found in the whole batch, and the length of its gradient."""
        found = self.find_gradients(inputs, targets, share)
        params, grads = self.model.flat_params, self.model.flat_grads
        squares = sum(float(grads[part] @ grads[part]) for part in self.own)
        self.found[self.me] = *found, squares
        self.meet()
        loss, right, labelled, squares = (self.found[0] + self.found[1]).tolist()
        gradient_norm = math.sqrt(squares)
        if math.isfinite(loss + gradient_norm):
            self.optimizer.step(params, grads, learning_rate, self.own)
        self.meet()
        return Found(loss, int(right), int(labelled)), gradient_norm

    def find_gradients(self, inputs: Array, targets: Array, share: float) -> Found:
        """Fill the gradients of one's own parameters; what this member contributes to what was found."""
        raise NotImplementedError


class HalfOfTheBatch(Member):
    """Takes half of the batch through the whole network.

    BatchNorm takes its statistics over each half, and the running averages of both are averaged.
    """

    @classmethod
    def divide(
        cls, models: Sequence[Sequential], meets: Sequence[Meet], zeros: Allocate
    ) -> tuple[Parts, Parts]:
        first, second = _halves(models[0].flat_params.size)
        return [first], [second]

    @classmethod
    def split(cls, count: int) -> tuple[slice, slice]:
        middle = (count + 1) // 2
        return slice(0, middle), slice(middle, count)

    @classmethod
    def looked_at(cls, model: Sequential) -> tuple[slice, slice]:
        return slice(None), slice(None)

    @classmethod
    def streams(cls, rng: np.random.Generator) -> tuple[np.random.Generator, np.random.Generator]:
        first, second = rng.spawn(2)
        return first, second

    def find_gradients(self, inputs: Array, targets: Array, share: float) -> Found:
        model, other = self.model, self.other
        if len(inputs):
            found = self.compute(model, inputs, targets, share)
        else:  # the batch was one example
            found = NOTHING
            model.flat_grads.fill(0)
        self.meet()
        for part in self.own:
            model.flat_grads[part] += other.flat_grads[part]
        if self.me == 0:
            model.flat_buffers *= share
            model.flat_buffers += (1 - share) * other.flat_buffers
        return found


class HalfOfTheMatrices(Member):
    """Takes the whole batch through half of each large matrix, and does the rest as the other does."""

    @classmethod
    def divide(
        cls, models: Sequence[Sequential], meets: Sequence[Meet], zeros: Allocate
    ) -> tuple[Parts, Parts]:
        """Let the models compute with halves of the large matrices."""
        layers, dtype = models[0].layers, models[0].flat_params.dtype
        stand_ins: dict[Layer, Layer] = {}
        in_halves = False  # what goes into the layer
        for index, twins in enumerate(zip(*(model.layers for model in models), strict=True)):
            if large := [layer for layer in twins if _is_large(layer)]:
                room = _Room.of(large[0], zeros, dtype)
                takes_half, in_halves = in_halves, _leads_to_large(layers[index + 1 :])
                for me, dense in enumerate(large):
                    stand_ins[dense] = HalfDense(dense, me, meets[me], room, takes_half, in_halves)
        for model in models:
            model.substitute(lambda layer: stand_ins.get(layer, layer))
        parts = [slice(*part) for part in pairwise(_turns(layers))]
        return parts[0::2], parts[1::2]

    @classmethod
    def split(cls, count: int) -> tuple[slice, slice]:
        return slice(0, count), slice(0, count)

    @classmethod
    def looked_at(cls, model: Sequential) -> tuple[slice, slice]:
        first = next((layer for layer in model.layers if type(layer) is not Flatten), None)
        if isinstance(first, Dense) and _is_large(first):
            return _halves(first.in_features)
        return slice(None), slice(None)

    @classmethod
    def streams(cls, rng: np.random.Generator) -> tuple[np.random.Generator, np.random.Generator]:
        (first,) = rng.spawn(1)
        return first, copy.deepcopy(first)  # before anything is drawn

    def find_gradients(self, inputs: Array, targets: Array, share: float) -> Found:
        found = self.compute(self.model, inputs, targets, share)
        return found if self.me == 0 else NOTHING  # to be counted once


def has_large_matrices(model: Sequential) -> bool:
    """Whether there is something to divide."""
    return any(_is_large(layer) for layer in model.layers)


def _is_large(layer: Layer) -> TypeGuard[Dense]:
    return type(layer) is Dense and layer.in_features > 1 and layer.params["weight"].size >= _MANY_WEIGHTS


def _leads_to_large(layers: Sequence[Layer]) -> bool:
    """Whether these layers begin with activations, if with anything, and then a large matrix comes."""
    following = next((layer for layer in layers if type(layer) not in (ReLU, Tanh, Sigmoid)), None)
    return following is not None and _is_large(following)


class _Room(NamedTuple):
    """Memory for what both members find of a Dense layer, up to so many examples."""

    products: Array  #: (2, examples, out_features)
    grad_outputs: Array  #: (examples, out_features), if each member has found half of it
    grad_inputs: tuple[Array, Array]  #: (examples, half of in_features) each

    @classmethod
    def of(cls, dense: Dense, zeros: Allocate, dtype: Any) -> _Room:
        products = zeros((2, MOST_EXAMPLES, dense.out_features), dtype)
        grad_outputs = zeros((MOST_EXAMPLES, dense.out_features), dtype)
        first, second = (
            zeros((MOST_EXAMPLES, half.stop - half.start), dtype) for half in _halves(dense.in_features)
        )
        return cls(products, grad_outputs, (first, second))


class HalfDense(Layer):
    """In training, does the work of a Dense layer together with another one that has the other half of it.

    If it ``takes_half``, its inputs, and what it finds of their gradient, are only those that belong to its
    rows, and if it ``gives_half``, so are its outputs to the rows of the next one.
    """

    def __init__(
        self, dense: Dense, me: int, meet: Meet, room: _Room, takes_half: bool, gives_half: bool
    ) -> None:
        super().__init__()
        self.params, self.grads = dense.params, dense.grads
        self._dense, self._me, self._meet, self._room = dense, me, meet, room
        self._rows = _halves(dense.in_features)[me]
        self._columns = _halves(dense.out_features)[me] if gives_half else slice(None)
        self._takes_half, self._gives_half = takes_half, gives_half

    def forward(self, inputs: Array, *, training: bool = False) -> Array:
        if not training:
            return self._dense.forward(inputs)
        if not self._takes_half:
            inputs = inputs[:, self._rows]
        self.cache["inputs"] = inputs
        first, second = products = self._room.products[:, : len(inputs)]
        np.matmul(inputs, self.params["weight"][self._rows], out=products[self._me])
        self._meet()
        bias = self.params["bias"][self._columns]
        outputs = self.reuse("outputs", (len(inputs), len(bias)), bias.dtype)
        np.add(first[:, self._columns], second[:, self._columns], out=outputs)
        outputs += bias
        return outputs

    def backward(self, grad_output: Array) -> Array | None:
        """Fill the gradients of one's own rows and of the bias; the rest as in Dense."""
        inputs = self.remembered("inputs")
        if self._gives_half:
            whole = self._room.grad_outputs[: len(inputs)]
            whole[:, self._columns] = grad_output
            self._meet()
            grad_output = whole
        np.matmul(inputs.T, grad_output, out=self.grads["weight"][self._rows])
        grad_output.sum(axis=0, out=self.grads["bias"])
        if not self.needs_input_grad:
            return None
        found = [grad[: len(inputs)] for grad in self._room.grad_inputs]
        mine = found[self._me]
        np.matmul(grad_output, self.params["weight"][self._rows].T, out=mine)
        if self._takes_half:
            return mine
        self._meet()
        return np.concatenate(
            found, axis=1, out=self.reuse("grad", (len(inputs), self._dense.in_features), mine.dtype)
        )


def _halves(size: int) -> tuple[slice, slice]:
    return slice(0, size // 2), slice(size // 2, size)


def _turns(layers: Sequence[Layer]) -> list[int]:
    """Where along the flat parameters one member's part ends and the other's begins, and both ends of all.

    The upper rows of a large matrix are the first one's, the lower rows the second one's, and so are in one
    go the small arrays behind it; if those are many, half of them are the first one's, in one go with the
    upper rows of the next large matrix.
    """
    turns = [0]
    behind = end = 0  # the place behind the last large matrix, and behind all arrays so far
    for layer in layers:
        for name, param in layer.params.items():
            if name == "weight" and _is_large(layer):
                if behind:
                    turns.append(_turn(behind, end))
                turns.append(end + _halves(layer.in_features)[0].stop * layer.out_features)
                behind = end + param.size
            end += param.size
    return [*turns, _turn(behind, end), end]


def _turn(begin: int, end: int) -> int:
    """Where the first member takes over from the second, which has come to the small arrays begin...end."""
    return (begin + end) // 2 if end - begin >= _MANY_NUMBERS else end
