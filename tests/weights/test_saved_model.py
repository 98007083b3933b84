"""Model files: what is written is read bit for bit, and whatever is wrong with a file is found and named."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import re
from collections.abc import Iterator

import numpy as np
import pytest

from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D
from mnistweb.weights import SavedModel, WeightsError, read_model, write_model
from mnistweb.weights.document import from_document, to_document
from mnistweb.weights.saved_model import model_bytes, parse_model


def sealed(document: dict) -> bytes:
    """A model file with a right hash, whatever its document says."""
    blank = pickle.dumps({**document, "sha256": "0" * 64}, protocol=4)
    return blank.replace(b"0" * 64, hashlib.sha256(blank).hexdigest().encode())


def refused(data: bytes, *, because: str) -> None:
    with pytest.raises(WeightsError, match=because):
        parse_model(data)


@pytest.mark.parametrize("name", ["tiny", "perceptron", "convnet"])
def test_a_model_is_read_as_it_was_written(tmp_path, request, name):
    saved = request.getfixturevalue(name)
    written = write_model(tmp_path / "model.pkl", saved)
    read = read_model(tmp_path / "model.pkl")
    assert read.model.config() == saved.model.config()
    for key, array in saved.model.state().items():
        assert read.model.state()[key].tobytes() == array.tobytes()
    for field in ("name", "labels", "training", "calibration", "verdict"):
        assert getattr(read, field) == getattr(saved, field)
    assert (read.sha256, read.size_bytes, read.path) == (written.sha256, written.size_bytes, written.path)
    assert read.size_bytes == (tmp_path / "model.pkl").stat().st_size
    assert re.fullmatch("[0-9a-f]{64}", read.sha256)
    assert model_bytes(read) == model_bytes(saved) == (tmp_path / "model.pkl").read_bytes()


def test_anybody_can_read_the_weights_with_numpy_alone(tmp_path, perceptron, rng):
    write_model(tmp_path / "model.pkl", perceptron)
    plain = pickle.loads((tmp_path / "model.pkl").read_bytes())
    x = rng.random((5, 784), dtype=np.float32)
    hidden = x
    for weight, bias in zip(plain["weights"], plain["biases"], strict=True):
        logits = hidden @ weight + bias
        hidden = np.maximum(logits, 0)
    np.testing.assert_array_equal(logits, perceptron.model.forward(x.reshape(5, 28, 28, 1)))


def test_every_truncation_is_refused(tiny):
    """Guard: the look at the pickle's instructions."""
    data = model_bytes(tiny)
    for length in range(len(data)):
        refused(data[:length], because=".")
    refused(data + b"\n", because="1 bytes after the end")


def test_every_flipped_byte_is_refused(tiny):
    """Guard: the comparison of hashes in parse_model, and the look for what is no pickle any more."""
    data = model_bytes(tiny)
    for position in range(len(data)):
        for flip in (1 << position % 8, 0xFF):
            flipped = bytearray(data)
            flipped[position] ^= flip
            refused(bytes(flipped), because=".")


def test_a_flip_inside_the_numbers_is_caught_by_the_hash(tiny):
    """Guard: the comparison of hashes in parse_model."""
    weight = tiny.model.params["2.weight"].tobytes()
    data = model_bytes(tiny)
    assert weight in data
    refused(data.replace(weight, weight[:-1] + bytes([weight[-1] ^ 1])), because="damaged: its SHA-256 is")
    refused(data.replace(b"tiny", b"tinz"), because="damaged: its SHA-256 is")
    stored = parse_model(data).sha256.encode()
    refused(data.replace(stored, stored.upper()), because="damaged: its SHA-256 is")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, convnet, value):
    """Guard: np.isfinite in document._state."""
    for key in ("0.weight", "4.bias", "8.running_mean", "1.gamma"):
        broken = dataclasses.replace(convnet, model=Sequential(convnet.model.layers))
        array = (broken.model.params | broken.model.buffers)[key]
        before = array.flat[0]
        array.flat[0] = value
        with pytest.raises(WeightsError, match="NaN or infinity"):
            write_model(tmp_path / "never.pkl", broken)
        array.flat[0] = before


def change(document: dict, **changes: object) -> dict:
    return {**document, **changes}


def test_wrong_arrays_are_refused(perceptron, convnet):
    """Guard: document._state."""
    document = to_document(perceptron)
    weights, biases = document["weights"], document["biases"]
    for changes, because in (
        (
            {"weights": [weights[0].T, *weights[1:]]},
            r"float32 of shape \(16, 784\); wanted float32 of shape \(784, 16\)",
        ),
        (
            {"weights": [weights[1], weights[0], weights[2]]},
            r"weights for layer 1 \(Dense\): float32 of shape \(16, 12\)",
        ),
        ({"weights": [weights[0].astype("f8"), *weights[1:]]}, "float64 of shape .* wanted float32"),
        ({"weights": [weights[0].astype("i4"), *weights[1:]]}, "int32 of shape"),
        ({"weights": weights[:2]}, r"weights for layer 5 \(Dense\): None; wanted"),
        ({"weights": [*weights, weights[2]]}, "1 arrays in weights that belong to no layer"),
        ({"weights": [w.tolist() for w in weights]}, "wanted float32 of shape"),
        ({"biases": [b[None] for b in biases]}, r"biases for layer 1 \(Dense\): float32 of shape \(1, 16\)"),
        ({"biases": [biases[0]]}, "biases for layer 3"),
        ({"weights": 3}, "weights is a int; wanted a list"),
    ):
        refused(sealed(change(document, **changes)), because=because)
    document = to_document(convnet)
    refused(sealed(change(document, biases=document["biases"][1:])), because="wanted None in its place")
    refused(
        sealed(change(document, running_vars=[-v for v in document["running_vars"]])),
        because="negative variance",
    )


def test_wrong_layers_are_refused(perceptron):
    """Guards: check_layers, Sequential's own look at the shapes, and the look at what comes out."""
    document = to_document(perceptron)
    layers = document["layers"]
    first, last = layers[1], layers[-1]
    for wrong, because in (
        ([layers[1], layers[0], *layers[2:]], "do not make a network: layer 0 does not fit"),
        (layers[1:], "do not make a network"),
        ([*layers[:3], *layers[3:][::-1]], r"weights for layer 3 \(Dense\)"),
        ([*layers, {"layer": "Softmax"}], "ends with Softmax; wanted are logits"),
        (layers[:-2], "1 arrays in weights that belong to no layer"),
        ([], "layers must be a list of 1 to 200"),
        (layers * 50, "layers must be a list of 1 to 200"),
        ("Dense", "layers must be a list"),
        ([{"layer": "Eval"}], "layer 0 is .*; wanted a dict with one of Dense"),
        ([layers[0], {**first, "in_features": 10**9}], "in_features is 1000000000; wanted 0 to 100,000"),
        ([layers[0], {**first, "in_features": -1}], "in_features is -1"),
        ([layers[0], {**first, "in_features": 784.0}, *layers[2:]], "in_features is 784.0; wanted int"),
        ([layers[0], {**first, "in_features": [784]}], "in_features is \\[784\\]; wanted int"),
        ([layers[0], {"layer": "Dense", "out_features": 16}], "lacks 'in_features'"),
        ([layers[0], {**first, "colour": 3}, *layers[2:]], "do not make a network"),
        ([{"layer": "MaxPool2D", "pool_size": 99, "stride": 1}, *layers], "do not make a network"),
        ([*layers[:-1], {**last, "initializer": "no_such"}], "do not make a network"),
    ):
        refused(sealed(change(document, layers=wrong)), because=because)


def test_a_network_that_does_not_end_in_ten_logits_is_refused(perceptron):
    """Guard: the look at output_shape in document._build."""
    document = to_document(perceptron)
    document["layers"] = document["layers"][:-2]
    document["weights"], document["biases"] = document["weights"][:-1], document["biases"][:-1]
    refused(sealed(document), because=r"ends with shape \(12,\); wanted \(10,\), one logit a label")


def test_a_network_that_needs_gigabytes_a_picture_is_refused(tiny):
    """Guard: check_work; the padding of a convolution costs nothing in the file."""
    document = to_document(tiny)
    conv = {
        "layer": "Conv2D",
        "in_channels": 1,
        "out_channels": 1,
        "kernel_size": 1,
        "stride": 1,
        "padding": 20_000,
    }
    document["layers"] = [
        conv,
        {"layer": "GlobalAveragePool2D"},
        {"layer": "Dense", "in_features": 1, "out_features": 10},
    ]
    document["weights"] = [np.ones((1, 1, 1, 1), np.float32), np.ones((1, 10), np.float32)]
    document["biases"] = [np.ones(1, np.float32), np.ones(10, np.float32)]
    refused(sealed(document), because="numbers a picture, at most")


def test_a_network_whose_numbers_overflow_is_refused(perceptron, convnet):
    """Guard: document._try_out; every weight is finite, the answers are not."""
    document = to_document(perceptron)
    huge = [array * np.float32(1e30) for array in document["weights"]]
    refused(
        sealed(change(document, weights=huge)), because="the answer to a plain picture is NaN or infinity"
    )
    document = to_document(convnet)
    no_epsilon = [layer | ({"epsilon": 1e-300} if "epsilon" in layer else {}) for layer in document["layers"]]
    zeros = [np.zeros_like(array) for array in document["running_vars"]]
    refused(sealed(change(document, layers=no_epsilon, running_vars=zeros)), because="NaN or infinity")


ODD = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        2**70,
        float("nan"),
        float("inf"),
        "",
        "x" * 300,
        "\x00",
        b"",
        (1, 2),
        {3: 4},
    ),
    *([], {}, [[]], {"a": {}}, [None] * 10, list("0123456789"), [1, "a", None], [np.ones(3)]),
    *(np.zeros(3, np.float32), np.ones((4, 10)), np.float32(1)),
]


def odd_documents(document: dict) -> Iterator[dict]:
    """The document with an odd value in each of its places, one at a time."""
    for odd in ODD:
        for key, value in document.items():
            yield {**document, key: odd}
            if isinstance(value, list):
                for index in range(len(value)):
                    yield {**document, key: [*value[:index], odd, *value[index + 1 :]]}
        for index, layer in enumerate(document["layers"]):
            for key in [*layer, "colour"]:
                layers = list(document["layers"])
                layers[index] = {**layer, key: odd}
                yield {**document, "layers": layers}


def test_odd_values_anywhere_are_refused_or_harmless(tiny, rng):
    """Whatever stands in a document: WeightsError, or a model that answers with finite numbers."""
    norm = [BatchNorm(1), AveragePool2D(7), Conv2D(1, 1, 3, rng=rng), *tiny.model.layers[1:]]
    picture = rng.random((1, 28, 28, 1), dtype=np.float32)
    taken = 0
    for document in odd_documents(to_document(SavedModel("odd", Sequential(norm)))):
        try:
            model = from_document(document).model
        except WeightsError:
            continue
        taken += 1
        assert np.isfinite(model.forward(picture)).all()
    assert taken > 0


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"format": "other"}, "no model file of mnistweb; `mnistweb weights import`"),
        ({"version": 2}, "format version 2; this program reads version 1"),
        ({"extra": 1}, r"unknown keys \['extra'\]"),
        ({"input_shape": [32, 32, 3]}, r"input shape \[32, 32, 3\]; wanted \[28, 28, 1\]"),
        ({"labels": list("012345678")}, "wanted 10 different short texts"),
        ({"labels": list("0123456788")}, "wanted 10 different short texts"),
        ({"labels": [*"012345678", "\x1b[2J"]}, "wanted 10 different short texts"),
        ({"labels": "0123456789"}, "labels is a str; wanted a list"),
        ({"name": "../../etc/passwd"}, "model name '../../etc/passwd'; wanted"),
        ({"name": ""}, "model name ''"),
        ({"name": "a" * 65}, "model name"),
        ({"training": []}, "training is a list; wanted a dict"),
        ({"training": {"accuracy": np.nan}}, "training.accuracy is nan; wanted a finite number"),
        ({"training": {"a": np.zeros(3)}}, "training.a is a ndarray; wanted plain"),
        ({"training": {3: 4}}, "training has a key that is no text"),
        ({"calibration": {"temperature": 0.0}}, "calibration.temperature is 0.0; wanted a number from"),
        ({"calibration": {"temperature": True}}, "calibration.temperature is True"),
        ({"calibration": {}}, r"calibration has the keys \[\]; wanted \['temperature'\]"),
        ({"verdict": {"digit_at_least": 0.2, "not_a_digit_below": 0.5}}, "not_a_digit_below is above"),
        ({"verdict": {"digit_at_least": 2, "not_a_digit_below": 0.5}}, "digit_at_least is 2; wanted"),
    ],
)  # fmt: skip
def test_wrong_facts_are_refused(tiny, changes, because):
    """Guard: document.from_document."""
    refused(sealed(change(to_document(tiny), **changes)), because=because)


def test_a_missing_key_is_named(tiny):
    """Guard: the comparison of keys in from_document."""
    document = to_document(tiny)
    for key in document:
        if key not in ("format", "version"):
            refused(
                sealed({k: v for k, v in document.items() if k != key}), because=rf"missing keys \['{key}'\]"
            )


def test_a_file_without_hash_is_refused(tiny):
    """Guard: the look for digits in parse_model."""
    document = to_document(tiny)
    for digits in (None, "", "0" * 63, 5, b"0" * 64, "é" * 64):
        refused(pickle.dumps({**document, "sha256": digits}), because="no SHA-256 in the file")
    refused(pickle.dumps(document), because="no SHA-256 in the file")


def test_errors_name_the_file_and_other_peoples_pickles_are_pointed_to_import(tmp_path, perceptron):
    path = tmp_path / "foreign.pkl"
    path.write_bytes(pickle.dumps({"weights": [np.ones((784, 10))], "biases": [np.ones(10)]}))
    with pytest.raises(
        WeightsError, match=r"foreign\.pkl: no model file of mnistweb; `mnistweb weights import`"
    ) as caught:
        read_model(path)
    assert caught.value.source == str(path)
    with pytest.raises(FileNotFoundError):
        read_model(tmp_path / "none.pkl")


def test_a_model_that_cannot_be_read_back_is_not_written(tmp_path, perceptron):
    path = tmp_path / "model.pkl"
    write_model(path, perceptron)
    before = path.read_bytes()
    with pytest.raises(WeightsError, match="loss is inf"):
        write_model(path, dataclasses.replace(perceptron, training={"loss": float("inf")}))
    with pytest.raises(WeightsError, match="model name"):
        write_model(path, SavedModel("a/b", perceptron.model))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.pkl"]
