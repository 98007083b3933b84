"""What is exported says the same: to the bit when it comes back, up to rounding elsewhere."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest

from mnistweb.nn.activations import ReLU, Sigmoid, Softmax
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from mnistweb.weights import SavedModel, WeightsError, write_model
from mnistweb.weights.exporters import EXPORTERS, export_model
from mnistweb.weights.importers import ImportOptions, import_model
from mnistweb.weights.npz import read_npz, write_npz
from mnistweb.weights.saved_model import model_bytes

SUFFIXES = {"pickle": ".pkl", "npz": ".npz", "safetensors": ".safetensors", "json": ".json", "onnx": ".onnx"}


@pytest.fixture
def unusual(rng) -> SavedModel:
    """The layers that the other models lack, and batch norms that can't be folded."""
    layers = [
        BatchNorm(1), Conv2D(1, 4, 3, padding=1, rng=rng), Sigmoid(), AveragePool2D(2), BatchNorm(4),
        MaxPool2D(3, 2), Flatten(), BatchNorm(144), ReLU(), Dense(144, 10, rng=rng), BatchNorm(10), Softmax(),
        Dense(10, 10, rng=rng),
    ]  # fmt: skip
    model = Sequential(layers)
    for name, array in (model.params | model.buffers).items():
        array[...] = (
            rng.uniform(0.5, 1.5, array.shape) if "running_var" in name else rng.normal(0, 0.3, array.shape)
        )
    return SavedModel("unusual", model, calibration={"temperature": 0.7})


@pytest.fixture
def averaged(rng) -> SavedModel:
    layers = [Conv2D(1, 6, 3, stride=2, rng=rng), ReLU(), GlobalAveragePool2D(), Dense(6, 10, rng=rng)]
    return SavedModel("averaged", Sequential(layers))


MODELS = ["tiny", "perceptron", "convnet", "unusual", "averaged"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format", [name for name in EXPORTERS if name != "onnx"])
def test_round_trips_are_exact_to_the_bit(tmp_path, request, format, name):
    saved = request.getfixturevalue(name)
    path = tmp_path / f"model{SUFFIXES[format]}"
    assert export_model(saved, path) == path.stat().st_size
    back = import_model(path, saved.name)
    assert model_bytes(back) == model_bytes(saved)


@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime_gives_the_same_probabilities(tmp_path, request, rng, name):
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [test] with onnxruntime")
    saved = request.getfixturevalue(name)
    export_model(saved, tmp_path / "model.onnx")
    session = runtime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    pictures = rng.random((1000, 28, 28, 1), dtype=np.float32)
    probabilities, logits = session.run(["probabilities", "logits"], {"input": pictures})
    wanted = saved.model.forward(pictures)
    np.testing.assert_allclose(logits, wanted, atol=1e-5)
    scaled = np.exp(wanted.astype("f8") / saved.calibration["temperature"])
    np.testing.assert_allclose(probabilities, scaled / scaled.sum(axis=1, keepdims=True), atol=1e-5)
    assert session.get_modelmeta().custom_metadata_map["labels"] == json.dumps(list(saved.labels))


def test_onnx_runtime_agrees_on_a_thousand_real_digits(tmp_path, real_data_dir):
    """The shipped models on the first 1,000 test images."""
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [test] with onnxruntime")
    from mnistweb.data import load_dataset
    from mnistweb.inference import DigitClassifier
    from mnistweb.resources import shipped_weights_folder
    from mnistweb.weights import read_model

    digits = load_dataset("mnist", "test", data_dir=real_data_dir, cache_dir=tmp_path).images[:1000]
    files = sorted(shipped_weights_folder().glob("*.pkl"))
    assert files
    for path in files:
        saved = read_model(path)
        export_model(saved, tmp_path / "model.onnx")
        session = runtime.InferenceSession((tmp_path / "model.onnx").read_bytes())
        [probabilities] = session.run(["probabilities"], {"input": digits})
        np.testing.assert_allclose(probabilities, DigitClassifier(saved).probabilities(digits), atol=1e-5)


def test_a_safetensors_export_is_the_state_dict_of_the_same_layers_in_pytorch(tmp_path, convnet, rng):
    torch = pytest.importorskip("torch", reason="only where PyTorch is installed")
    load_file = pytest.importorskip("safetensors.torch").load_file
    torch.set_num_threads(1)
    export_model(convnet, tmp_path / "model.safetensors")
    twin = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1, bias=False), torch.nn.BatchNorm2d(3), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Conv2d(3, 4, 5, stride=2), torch.nn.Tanh(), torch.nn.Flatten(),
        torch.nn.Linear(100, 12), torch.nn.BatchNorm1d(12), torch.nn.ReLU(),
        torch.nn.Dropout(0.2), torch.nn.Linear(12, 10),
    ).eval()  # fmt: skip
    twin.load_state_dict(load_file(tmp_path / "model.safetensors"))
    pictures = rng.random((20, 28, 28, 1), dtype=np.float32)
    with torch.no_grad():
        logits = twin(torch.from_numpy(pictures.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(logits, convnet.model.forward(pictures), atol=1e-5)


def test_an_npz_export_is_what_tutorials_use(tmp_path, perceptron, rng):
    export_model(perceptron, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as arrays:
        x = rng.random((5, 784), dtype=np.float32)
        hidden = np.maximum(x @ arrays["W1"] + arrays["b1"], 0)
        logits = np.maximum(hidden @ arrays["W2"] + arrays["b2"], 0) @ arrays["W3"] + arrays["b3"]
    np.testing.assert_allclose(logits, perceptron.model.forward(x.reshape(5, 28, 28, 1)), atol=1e-5)


def test_the_format_follows_the_suffix_unless_named(tmp_path, tiny):
    export_model(tiny, tmp_path / "a.bin", format="json")
    assert json.loads((tmp_path / "a.bin").read_text())["name"] == "tiny"
    with pytest.raises(
        WeightsError, match=r"a\.txt: no format goes with that name; wanted a suffix of \.pkl"
    ):
        export_model(tiny, tmp_path / "a.txt")


def test_an_export_that_fails_leaves_the_old_file(tmp_path, tiny):
    path = tmp_path / "model.json"
    export_model(tiny, path)
    before = path.read_bytes()
    with pytest.raises(WeightsError, match="x is nan"):
        export_model(dataclasses.replace(tiny, training={"x": float("nan")}), path)
    assert path.read_bytes() == before


def test_without_the_package_onnx_the_error_says_how_to_get_it(tmp_path, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(WeightsError, match=r"pip install 'mnistweb\[onnx\]'"):
        export_model(tiny, tmp_path / "model.onnx")


def test_our_own_files_take_no_options(tmp_path, tiny):
    write_model(tmp_path / "tiny.pkl", tiny)
    assert import_model(tmp_path / "tiny.pkl", "other").name == "other"
    with pytest.raises(WeightsError, match="says all that the options would; leave them out"):
        import_model(tmp_path / "tiny.pkl", "other", ImportOptions("relu"))


def test_own_files_that_were_tampered_with_are_refused(tmp_path, convnet):
    """Guards: own_formats and from_document."""
    path = tmp_path / "model.npz"
    export_model(convnet, path)
    arrays = read_npz(path.read_bytes())
    for changes, because in (
        ({"W1": arrays["W1"][..., :2]}, "weights for layer 0"),
        ({"W9": arrays["W1"]}, "of which"),
        ({"mnistweb": np.zeros(3)}, "holds no text"),
        ({"mnistweb": np.frombuffer(b"[]", np.uint8)}, "no JSON object"),
        ({"gamma1": arrays["gamma1"] * np.float32(np.nan)}, "NaN or infinity"),
    ):
        path.write_bytes(write_npz({**arrays, **changes}))
        with pytest.raises(WeightsError, match=because):
            import_model(path, "convnet")
    path = tmp_path / "model.json"
    export_model(convnet, path)
    document = json.loads(path.read_text())
    for changes, because in (
        ({"weights": [["x"]]}, "weights holds something other than lists of numbers"),
        ({"weights": 5}, "weights is missing, or no list"),
        (
            {"layers": [{"layer": "Dense", "in_features": 10**5, "out_features": 10**5}]},
            "weights for layer 0",
        ),
    ):
        path.write_text(json.dumps({**document, **changes}))
        with pytest.raises(WeightsError, match=because):
            import_model(path, "convnet")
    path = tmp_path / "model.safetensors"
    export_model(convnet, path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"11.bias"', b'"19.bias"'))
    with pytest.raises(WeightsError, match=r"missing arrays \['11.bias'\], unknown arrays \['19.bias'\]"):
        import_model(path, "convnet")
    big = data.replace(b'\\"out_features\\": 12,', b'\\"out_features\\":99999,')
    assert len(big) == len(data) + 2
    path.write_bytes((int.from_bytes(big[:8], "little") + 2).to_bytes(8, "little") + big[8:])
    with pytest.raises(WeightsError, match="more than the file has"):
        import_model(path, "convnet")
