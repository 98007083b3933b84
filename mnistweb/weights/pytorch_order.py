"""PyTorch keeps the same numbers in another order; these are the two ways between its order and ours.

Ours: Dense (in, out), Conv2D (height, width, in, out), pictures (N, H, W, C). PyTorch's: Linear (out, in),
Conv2d (out, in, height, width), pictures (N, C, H, W). So Flatten lays a picture out in another order too,
and what follows it has its inputs permuted. ONNX has PyTorch's order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mnistweb.nn.errors import ShapeError
from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.model import Sequential

# Our names of arrays, and PyTorch's.
_NAMES = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


def to_pytorch(model: Sequential) -> dict[str, np.ndarray]:
    """The `state_dict` of a torch.nn.Sequential with the same layers at the same places."""
    state = {}
    orders = flatten_orders(model)
    for index, layer in enumerate(model.layers):
        for name, array in (layer.params | layer.buffers).items():
            order = orders[index]
            if order is not None and not (isinstance(layer, Dense) and name == "bias"):
                array = array[order]
            state[f"{index}.{_NAMES.get(name, name)}"] = _turned(array)
        if layer.buffers:
            state[f"{index}.num_batches_tracked"] = np.zeros((), np.int64)
    return state


def from_pytorch(model: Sequential, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a `state_dict` under the names and in the order of `model.state()`.

    Raises ShapeError, naming the array, unless `state` has exactly the arrays that fit the model.
    """
    wanted = to_pytorch(model)
    if wanted.keys() != state.keys():
        missing, unknown = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
        raise ShapeError(f"missing arrays {missing}, unknown arrays {unknown}"[:300])
    ours = {}
    orders = flatten_orders(model)
    for index, layer in enumerate(model.layers):
        for name in layer.params | layer.buffers:
            key = f"{index}.{_NAMES.get(name, name)}"
            if state[key].shape != wanted[key].shape:
                raise ShapeError(f"{key} must have shape {wanted[key].shape}, got {state[key].shape}")
            array = _turned_back(state[key])
            order = orders[index]
            if order is not None and not (isinstance(layer, Dense) and name == "bias"):
                array = array[np.argsort(order)]
            ours[f"{index}.{name}"] = array
    return ours


def flatten_orders(model: Sequential) -> list[np.ndarray | None]:
    """For each layer the order in which PyTorch gives it its inputs, if it is another than ours.

    order[i] is our number of PyTorch's feature i. Only layers between a Flatten and the next Dense have one.
    """
    orders: list[np.ndarray | None] = []
    order = None
    shape: tuple[int, ...] = model.input_shape
    for layer in model.layers:
        orders.append(order)
        if isinstance(layer, Flatten) and len(shape) == 3 and shape[2] > 1 and shape[0] * shape[1] > 1:
            order = np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1).ravel()
        elif isinstance(layer, Dense):
            order = None
        shape = layer.output_shape(shape)
    return orders


def _turned(array: np.ndarray) -> np.ndarray:
    axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(array.ndim)
    return np.ascontiguousarray(array.transpose(axes)) if axes else array.copy()


def _turned_back(array: np.ndarray) -> np.ndarray:
    axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(array.ndim)
    return np.ascontiguousarray(array.transpose(axes)) if axes else array
