"""Writes a model as ONNX, the exchange format that other programs run networks from. Needs the package onnx.

Source: the operator documentation at https://onnx.ai/onnx/operators.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mnistweb.nn.activations import ReLU, Sigmoid, Softmax, Tanh
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Dropout, Flatten, Layer
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from mnistweb.weights.document import SavedModel
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.pytorch_order import to_pytorch

OPSET = 17
_IR_VERSION = 8  # of the year of the operator set, so that older programs can read the file
_PLAIN: dict[type[Layer], str] = {
    ReLU: "Relu",
    Tanh: "Tanh",
    Sigmoid: "Sigmoid",
    Flatten: "Flatten",
    GlobalAveragePool2D: "GlobalAveragePool",
}
_POOLS: dict[type[Layer], str] = {MaxPool2D: "MaxPool", AveragePool2D: "AveragePool"}


def onnx_bytes(saved: SavedModel) -> bytes:
    """An ONNX file: `input` (N, 28, 28, 1), float32 from 0 to 1 -> `probabilities`, `logits` (N, 10).

    The probabilities are calibrated; batch normalisation is folded into the layers before it. Raises
    WeightsError when onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise WeightsError("ONNX export needs the package onnx: pip install 'mnistweb[onnx]'") from error
    graph = _Graph(saved.model.folded())
    graph.finish(temperature=saved.calibration["temperature"])
    helper = onnx.helper
    inputs = [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["N", *saved.model.input_shape])]
    outputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", saved.model.num_classes])
        for name in ("probabilities", "logits")
    ]
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    nodes = [helper.make_node(*node, **attributes) for node, attributes in graph.nodes]
    model = helper.make_model(
        helper.make_graph(nodes, saved.name, inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="mnistweb",
    )
    helper.set_model_props(
        model, {"labels": json.dumps(saved.labels), "architecture": saved.model.architecture}
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


class _Graph:
    """The nodes of the graph, each (operator, inputs, outputs) with attributes, and the constant arrays."""

    def __init__(self, model: Sequential) -> None:
        self.nodes: list[tuple[tuple[str, list[str], list[str]], dict[str, Any]]] = []
        self.constants: dict[str, np.ndarray] = {}
        self._arrays = to_pytorch(model)
        self._current = "input"
        height, width, channels = model.input_shape
        # With one channel (N, H, W, 1) and (N, 1, H, W) are the same numbers in the same order.
        self._add("Reshape", self._constant("picture_shape", np.array([0, channels, height, width])))
        shape: tuple[int, ...] = model.input_shape
        for index, layer in enumerate(model.layers):
            self._layer(index, layer, shape)
            shape = layer.output_shape(shape)

    def finish(self, *, temperature: float) -> None:
        """From the last layer's outputs to `logits` and `probabilities`."""
        self._add("Identity", output="logits")
        self._add("Div", self._constant("temperature", np.array(temperature, np.float32)))
        self._add("Softmax", output="probabilities", axis=1)

    def _layer(self, index: int, layer: Layer, shape: tuple[int, ...]) -> None:
        if isinstance(layer, Conv2D):
            sizes: dict[str, Any] = {
                "kernel_shape": [layer.kernel_size] * 2,
                "strides": [layer.stride] * 2,
                "pads": [layer.padding] * 4,
            }
            self._add("Conv", *self._learned(index, "weight", "bias"), **sizes)
        elif isinstance(layer, Dense):
            self._add("Gemm", *self._learned(index, "weight", "bias"), transB=1)
        elif isinstance(layer, BatchNorm):
            arrays = self._learned(index, "weight", "bias", "running_mean", "running_var")
            self._add("BatchNormalization", *arrays, epsilon=layer.epsilon)
        elif isinstance(layer, MaxPool2D | AveragePool2D):
            windows: dict[str, Any] = {"kernel_shape": [layer.pool_size] * 2, "strides": [layer.stride] * 2}
            self._add(_POOLS[type(layer)], **windows)
        elif isinstance(layer, Softmax):
            self._add("Softmax", axis=1)
        elif type(layer) in _PLAIN:
            self._add(_PLAIN[type(layer)])
            if isinstance(layer, GlobalAveragePool2D):
                self._add("Flatten")  # (N, C, 1, 1) to (N, C)
        elif not isinstance(layer, Dropout):  # which does nothing in inference
            raise WeightsError(f"layer {index} ({type(layer).__name__}) has no counterpart in ONNX here")

    def _learned(self, index: int, *names: str) -> list[str]:
        return [
            self._constant(key, self._arrays[key])
            for name in names
            if (key := f"{index}.{name}") in self._arrays
        ]

    def _constant(self, name: str, array: np.ndarray) -> str:
        self.constants[name] = array
        return name

    def _add(self, operator: str, *more_inputs: str, output: str = "", **attributes: Any) -> None:
        output = output or f"{len(self.nodes)}_{operator.lower()}"
        self.nodes.append(((operator, [self._current, *more_inputs], [output]), attributes))
        self._current = output
