"""When training blows up, the question is where: these look for the first array that is not finite."""

from __future__ import annotations

import numpy as np

from mnistweb.nn.model import Sequential


def find_divergence(model: Sequential, inputs: np.ndarray) -> str:
    """A few words that name the first thing that is NaN or infinite, in the order of computation.

    That is the inputs, a parameter, a layer's outputs (for these ``inputs``), or a gradient, of which the one
    nearest to the loss comes first.
    """
    if not np.isfinite(inputs).all():
        return "the inputs"
    for name, param in model.params.items():
        if not np.isfinite(param).all():
            return f"parameter {_full_name(model, name)}"
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        outputs = inputs
        for index, layer in enumerate(model.layers):
            outputs = layer.forward(outputs)
            if not np.isfinite(outputs).all():
                return f"the outputs of layer {index} ({type(layer).__name__})"
    for name, grad in reversed(model.grads.items()):
        if not np.isfinite(grad).all():
            return f"the gradient of {_full_name(model, name)}"
    return "the loss"


def _full_name(model: Sequential, name: str) -> str:
    """ "1.weight" becomes "1.weight (Dense)"."""
    return f"{name} ({type(model.layers[int(name.split('.')[0])]).__name__})"
