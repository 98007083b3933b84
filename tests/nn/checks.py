"""What the tests of several layers ask of each of them."""

import numpy as np


def assert_inference_leaves_no_trace(layer, inputs):
    """Inference changes nothing in the layer, nor in its inputs, and gives the same answer again."""
    before, inputs_before = snapshot(layer), inputs.copy()
    first = layer.forward(inputs)
    first_copy = first.copy()
    second = layer.forward(inputs)
    assert snapshot(layer) == before
    np.testing.assert_array_equal(inputs, inputs_before)
    np.testing.assert_array_equal(first, first_copy)  # the second answer did not overwrite the first
    np.testing.assert_array_equal(first, second)


def snapshot(layer):
    """All that a layer holds, as something that compares."""

    def plain(value):
        if isinstance(value, np.ndarray):
            return (value.shape, str(value.dtype), value.tobytes())
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, np.random.Generator):
            return value.bit_generator.state
        return value

    return plain(vars(layer))
