"""The same networks in PyTorch and ONNX Runtime, with the same weights."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
from torch import nn

from mnistweb.nn.activations import ReLU
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Dropout, Flatten, Layer
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import MaxPool2D
from mnistweb.weights.document import SavedModel
from mnistweb.weights.onnx_export import onnx_bytes
from mnistweb.weights.pytorch_order import to_pytorch


def in_pytorch(model: Sequential) -> nn.Sequential:
    """A torch.nn.Sequential that computes the same from pictures (N, 1, 28, 28)."""
    modules, shape = [], model.input_shape
    for layer in model.layers:
        modules.append(_module(layer, shape))
        shape = layer.output_shape(shape)
    twin = nn.Sequential(*modules)
    twin.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in to_pytorch(model).items()})
    return twin


def in_onnx_runtime(model: Sequential, *, threads: int) -> onnxruntime.InferenceSession:
    """A session that computes `logits` from `input` (N, 28, 28, 1), its normalisation folded as ours is."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(onnx_bytes(SavedModel("twin", model)), options)


def as_torch_pictures(pictures: np.ndarray) -> torch.Tensor:
    """(N, 28, 28, 1) as (N, 1, 28, 28)."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def _module(layer: Layer, shape: tuple[int, ...]) -> nn.Module:
    """The module for a layer with inputs of this shape."""
    if isinstance(layer, Conv2D):
        sizes = (layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        return nn.Conv2d(*sizes, bias="bias" in layer.params)
    if isinstance(layer, BatchNorm):
        kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        return kind(layer.features, eps=layer.epsilon, momentum=1 - layer.momentum)
    if isinstance(layer, Dense):
        return nn.Linear(layer.in_features, layer.out_features)
    if isinstance(layer, Dropout):
        return nn.Dropout(layer.dropout_rate)
    if isinstance(layer, MaxPool2D):
        return nn.MaxPool2d(layer.pool_size, layer.stride)
    return {ReLU: nn.ReLU, Flatten: nn.Flatten}[type(layer)]()
