"""Sequential: shapes, views into the flat vectors, saving and loading, twins."""

import copy

import numpy as np
import pytest

from mnistweb.nn import (
    LAYERS,
    BatchNorm,
    ConfigurationError,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    ReLU,
    Sequential,
    ShapeError,
    softmax_cross_entropy,
)
from tests.nn.checks import snapshot


def perceptron(*, seed=0):
    rng = np.random.default_rng(seed)
    return Sequential([Flatten(), Dense(784, 16, rng=rng), ReLU(), Dense(16, 10, rng=rng)])


def convnet(*, seed=0):
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 4, 3, padding=1, bias=False, rng=rng), BatchNorm(4), MaxPool2D(2), ReLU(), Flatten(),
        Dense(4 * 4 * 4, 12, rng=rng), BatchNorm(12), ReLU(), Dropout(0.5, rng=rng), Dense(12, 10, rng=rng),
    ]  # fmt: skip
    return Sequential(layers, input_shape=(8, 8, 1))


def train_a_little(model, steps=5):
    rng = np.random.default_rng(9)
    for _ in range(steps):
        logits = model.forward(rng.random((8, *model.input_shape), np.float32), training=True)
        model.backward(softmax_cross_entropy(logits, rng.integers(0, 10, 8))[1])
        model.flat_params -= 0.1 * model.flat_grads


def pictures(model, count=3):
    return np.random.default_rng(1).random((count, *model.input_shape), np.float32)


def test_logits_have_one_column_per_class():
    assert perceptron().forward(np.zeros((5, 28, 28, 1), np.float32)).shape == (5, 10)
    assert perceptron().num_classes == 10


def test_architecture_reads_as_people_write_it():
    assert perceptron().architecture == "784 -> 16 -> 10"
    assert convnet().architecture == "8x8x1 -> conv 3x3x4 -> 12 -> 10"


def test_parameters_are_counted():
    assert perceptron().num_parameters == 784 * 16 + 16 + 16 * 10 + 10


def test_params_and_grads_are_views_into_the_flat_vectors():
    model = convnet()
    model.flat_params[:] = 7
    model.flat_grads[:] = 8
    model.flat_buffers[:] = 9
    for layer in model.layers:
        assert all((param == 7).all() for param in layer.params.values())
        assert all((grad == 8).all() for grad in layer.grads.values())
        assert all((buffer == 9).all() for buffer in layer.buffers.values())
    assert list(model.params) == list(model.grads)
    assert list(model.params)[:3] == ["0.weight", "1.gamma", "1.beta"]
    assert list(model.buffers) == ["1.running_mean", "1.running_var", "6.running_mean", "6.running_var"]


def test_training_keeps_the_views():
    model = convnet()
    train_a_little(model)
    for name, view in (model.params | model.grads | model.buffers).items():
        index, key = name.split(".")
        layer = model.layers[int(index)]
        home = next(d for d in (layer.params, layer.buffers) if key in d)
        assert view.base is not None
        if name in model.params:
            assert home[key] is model.params[name]
            assert layer.grads[key] is model.grads[name]
        else:
            assert home[key] is view


def test_biases_and_normalisation_do_not_decay():
    model = convnet()
    decaying = {
        name for name, param in model.params.items()
        if model.decay_mask[_offset(model, name) : _offset(model, name) + param.size].all()
    }  # fmt: skip
    assert decaying == {"0.weight", "5.weight", "9.weight"}
    assert model.decay_mask.sum() == sum(model.params[name].size for name in decaying)


def _offset(model, wanted):
    start = 0
    for name, param in model.params.items():
        if name == wanted:
            return start
        start += param.size
    raise AssertionError(wanted)


def test_layers_that_do_not_fit_are_named_with_the_remedy():
    rng = np.random.default_rng(0)
    with pytest.raises(ShapeError, match=r"layer 0 does not fit: Dense expected.*add Flatten before it"):
        Sequential([Dense(784, 10, rng=rng)])
    with pytest.raises(ShapeError, match=r"layer 2 does not fit: Dense expected .*\(20,\), got \(30,\)"):
        Sequential([Flatten(), Dense(784, 30, rng=rng), Dense(20, 10, rng=rng)])


def test_a_model_without_layers_is_refused():
    with pytest.raises(ConfigurationError, match="at least one layer"):
        Sequential([])


def test_a_layer_has_one_place_only():
    """In two places its way back would take what belongs to the other."""
    rng = np.random.default_rng(0)
    relu = ReLU()
    layers = [Flatten(), Dense(784, 9, rng=rng), relu, Dense(9, 9, rng=rng), relu, Dense(9, 10, rng=rng)]
    with pytest.raises(ConfigurationError, match="layer 4 is the same object as layer 2"):
        Sequential(layers)


def test_no_inputs_are_refused():
    for training in (False, True):
        with pytest.raises(ShapeError, match=r"at least one input, got an array of shape \(0, 28, 28, 1\)"):
            perceptron().forward(np.zeros((0, 28, 28, 1), np.float32), training=training)


def test_inputs_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"inputs of shape \(N, 28, 28, 1\), got \(1, 784\)"):
        perceptron().forward(np.zeros((1, 784), np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_inputs_of_another_dtype_are_computed_in_float32(dtype):
    model, inputs = perceptron(), np.ones((2, 28, 28, 1), dtype)
    np.testing.assert_array_equal(model.forward(inputs), model.forward(inputs.astype(np.float32)))
    assert model.forward(inputs).dtype == np.float32


@pytest.mark.parametrize("make", [perceptron, convnet])
def test_inference_leaves_no_trace(make):
    model = make()
    train_a_little(model)
    before = [snapshot(layer) for layer in model.layers]
    first = model.forward(pictures(model))
    np.testing.assert_array_equal(first, model.forward(pictures(model)))
    assert [snapshot(layer) for layer in model.layers] == before


def test_batches_give_the_answers_of_one_pass():
    model = convnet()
    train_a_little(model)
    inputs = pictures(model, 23)
    np.testing.assert_allclose(
        model.forward_in_batches(inputs, batch_size=5), model.forward(inputs), rtol=1e-4, atol=1e-6
    )
    assert model.forward_in_batches(inputs[:0]).shape == (0, 10)


@pytest.mark.parametrize("make", [perceptron, convnet])
def test_config_builds_the_same_model_again(make):
    model = make()
    twin = Sequential.from_config(model.config(), input_shape=model.input_shape, rng=np.random.default_rng(5))
    assert twin.config() == model.config()
    twin.load_state(model.state())
    np.testing.assert_array_equal(twin.forward(pictures(model)), model.forward(pictures(model)))


def test_equal_seeds_give_equal_weights():
    config = convnet().config()
    first, again, other = (
        Sequential.from_config(config, input_shape=(8, 8, 1), rng=np.random.default_rng(seed)).flat_params
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_every_layer_can_be_named_in_a_config():
    assert {"Dense", "Conv2D", "BatchNorm", "MaxPool2D", "Dropout"} <= LAYERS.keys()
    rng = np.random.default_rng(0)
    model = Sequential.from_config([{"layer": "GlobalAveragePool2D"}], input_shape=(8, 8, 3), rng=rng)
    assert isinstance(model.layers[0], GlobalAveragePool2D)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"layer": "Attention"}, "layer 0 must be one of Dense, .*got 'Attention'"),
        ({"in_features": 3}, "layer 0 must be one of .*got None"),
        ({"layer": "Dense", "in_features": 3}, r"layer 0 \(Dense\) can't be built: .*out_features"),
        ({"layer": "ReLU", "slope": 3}, r"layer 0 \(ReLU\) can't be built: .*slope"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_by_entry(entry, reason):
    with pytest.raises(ConfigurationError, match=reason):
        Sequential.from_config([entry], rng=np.random.default_rng(0))


def test_state_is_a_copy_and_comes_back():
    model = convnet()
    train_a_little(model)
    state = model.state()
    assert set(state) == set(model.params) | set(model.buffers)
    wanted = model.forward(pictures(model))
    model.flat_params[:] = 0
    model.flat_buffers[:] = 1
    model.load_state(state)
    np.testing.assert_array_equal(model.forward(pictures(model)), wanted)


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    model = perceptron()
    before = model.flat_params.copy()
    wrong_shape = model.state() | {"3.bias": np.zeros(11, np.float32), "1.weight": np.ones((784, 16))}
    with pytest.raises(ShapeError, match=r"3.bias must have shape \(10,\), got \(11,\)"):
        model.load_state(wrong_shape)
    missing = model.state()
    missing["9.weight"] = missing.pop("1.weight")
    with pytest.raises(ShapeError, match=r"missing \['1.weight'\], unknown \['9.weight'\]"):
        model.load_state(missing)
    np.testing.assert_array_equal(model.flat_params, before)


def test_a_replica_sees_new_weights_and_keeps_its_own_gradients():
    model = convnet()
    replica = model.replica()
    train_a_little(replica, steps=1)
    assert (model.flat_grads == 0).all()
    assert (replica.flat_grads != 0).any()
    assert (model.flat_buffers != replica.flat_buffers).any()
    np.testing.assert_array_equal(model.flat_params, replica.flat_params)  # trained through the replica
    assert (model.flat_params != convnet().flat_params).any()


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda model: model.astype(np.float32)])
def test_a_copy_is_a_whole_model_of_its_own(twin_of):
    model = convnet()
    twin = twin_of(model)
    train_a_little(twin)
    twin.flat_params[:] = 0
    assert all((param == 0).all() for layer in twin.layers for param in layer.params.values())
    np.testing.assert_array_equal(model.flat_params, convnet().flat_params)
    np.testing.assert_array_equal(model.flat_buffers, convnet().flat_buffers)


def test_a_folded_model_answers_alike_with_fewer_layers():
    model = convnet()
    train_a_little(model)
    folded = model.folded()
    assert not any(isinstance(layer, BatchNorm | Dropout) for layer in folded.layers)
    np.testing.assert_allclose(folded.forward(pictures(model)), model.forward(pictures(model)), atol=1e-5)
    wanted = model.forward(pictures(model))
    folded.flat_params[:] = 0
    np.testing.assert_array_equal(model.forward(pictures(model)), wanted)


def test_a_normalisation_with_nothing_before_it_stays_when_folded():
    dense = Dense(64, 10, rng=np.random.default_rng(0))
    model = Sequential([BatchNorm(1), Flatten(), dense], input_shape=(8, 8, 1))
    train_a_little(model)
    inputs = pictures(model)
    np.testing.assert_allclose(model.folded().forward(inputs), model.forward(inputs), atol=1e-6)


def test_the_way_back_ends_at_the_first_layer_that_learns():
    model = perceptron()
    assert [layer.needs_input_grad for layer in model.layers] == [False, False, True, True]
    logits = model.forward(pictures(model), training=True)
    assert model.backward(np.ones_like(logits)) is None
    assert (model.grads["1.weight"] != 0).any()


def test_the_pictures_given_are_never_changed_even_by_layers_that_work_in_place():
    relu = ReLU()
    Sequential([Flatten(), Dense(64, 4, rng=np.random.default_rng(0)), relu], input_shape=(8, 8, 1))
    assert relu.may_overwrite_inputs
    model = Sequential([relu, Flatten()], input_shape=(8, 8, 1))
    inputs = -pictures(model)
    before = inputs.copy()
    model.forward(inputs, training=True)
    np.testing.assert_array_equal(inputs, before)
