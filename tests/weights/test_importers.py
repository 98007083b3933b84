"""Weights of books and frameworks give the same answers here as they gave at home."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from mnistweb.weights import WeightsError, read_model, write_model, write_pickle
from mnistweb.weights.importers import ImportOptions, import_model
from mnistweb.weights.safetensors import write_safetensors

Arrays = list[np.ndarray]
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


def network(sizes: tuple[int, ...], rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Weights (in, out) and biases (out,) of a perceptron, float64 as books have them."""
    shapes = list(pairwise(sizes))
    return [rng.normal(0, 1 / np.sqrt(s[0]), s) for s in shapes], [rng.normal(0, 0.1, s[1]) for s in shapes]


def answers(weights: Arrays, biases: Arrays, activation: str, x: np.ndarray) -> np.ndarray:
    """The logits, by the formula of the books, in float64."""
    for weight, bias in zip(weights, biases, strict=True):
        logits = x @ weight + bias
        x = ACTIVATIONS[activation](logits)
    return logits


def columns(biases: Arrays) -> Arrays:
    return [bias[:, None] for bias in biases]


def rows(biases: Arrays) -> Arrays:
    return [bias[None] for bias in biases]


def npz(weights: Arrays, biases: Arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **numbered(weights, biases))
    return stream.getvalue()


def numbered(weights: Arrays, biases: Arrays) -> dict[str, np.ndarray]:
    named = [(f"W{i}", w, f"b{i}", b) for i, (w, b) in enumerate(zip(weights, biases, strict=True), start=1)]
    return {key: array for w_name, w, b_name, b in named for key, array in ((w_name, w), (b_name, b))}


def layer_list(weights: Arrays, biases: Arrays) -> list:
    entries: list = []
    for weight, bias in zip(weights, biases, strict=True):
        entries += [{"weights": weight, "biases": bias[None]}, None]
    return entries


def nielsen(weights: Arrays, biases: Arrays) -> bytes:
    sizes = [len(weights[0]), *(w.shape[1] for w in weights)]
    data = {
        "sizes": sizes,
        "weights": [w.T.tolist() for w in weights],
        "biases": [b.tolist() for b in columns(biases)],
        "cost": "CrossEntropyCost",
    }
    return json.dumps(data).encode()


def state_dict(weights: Arrays, biases: Arrays) -> bytes:
    arrays = {}
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        arrays |= {f"net.{2 * i + 1}.bias": b.astype("f4"), f"net.{2 * i + 1}.weight": w.T.astype("f4")}
    return write_safetensors(arrays, {"format": "pt"})


LAYOUTS: dict[str, Callable[[Arrays, Arrays], bytes]] = {
    "npz": npz,
    "lists": lambda w, b: pickle.dumps({"weights": w, "biases": b}),
    "lists, row biases": lambda w, b: pickle.dumps({"weights": w, "biases": rows(b)}),
    "lists, column biases, transposed": lambda w, b: pickle.dumps(
        {"weights": [x.T for x in w], "biases": columns(b)}
    ),
    "lists and sizes": lambda w, b: pickle.dumps(
        {"weights": w, "biases": b, "layer_sizes": [784, *(x.shape[1] for x in w)]}
    ),
    "layer list": lambda w, b: pickle.dumps(layer_list(w, b)),
    "pairs": lambda w, b: pickle.dumps([(x, y[None]) for x, y in zip(w, b, strict=True)]),
    "numbered dict": lambda w, b: pickle.dumps(numbered(w, b)),
    "numbered dict of protocol 2": lambda w, b: pickle.dumps(numbered(w, b), protocol=2),
    "JSON without cost": lambda w, b: json.dumps(
        {"weights": [x.tolist() for x in w], "biases": [x.tolist() for x in b]}
    ).encode(),
    "state_dict": state_dict,
}


@pytest.fixture
def pictures(rng) -> np.ndarray:
    return rng.random((20, 28, 28, 1), dtype=np.float32)


def save(folder: Path, data: bytes) -> Path:
    path = folder / "weights.bin"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("sizes", [(784, 10), (784, 30, 10), (784, 16, 16, 10), (784, 20, 16, 12, 10)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_any_depth_gives_the_same_answers(tmp_path, rng, pictures, layout, sizes):
    weights, biases = network(sizes, rng)
    path = save(tmp_path, LAYOUTS[layout](weights, biases))
    options = ImportOptions(activation="tanh" if len(sizes) > 2 else None)
    saved = import_model(path, "mine", options)
    wanted = answers(weights, biases, "tanh", pictures.reshape(20, 784))
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=2e-5)
    assert saved.model.architecture == " -> ".join(map(str, sizes))
    assert saved.training["imported_from"] == "weights.bin"
    assert read_model(write_model(tmp_path / "mine.pkl", saved).path).name == "mine"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_activation_is_the_one_that_was_named(tmp_path, rng, pictures, activation):
    weights, biases = network((784, 30, 10), rng)
    saved = import_model(save(tmp_path, npz(weights, biases)), "mine", ImportOptions(activation=activation))
    wanted = answers(weights, biases, activation, pictures.reshape(20, 784))
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=2e-5)
    assert saved.training["activation"] == activation


def test_nielsens_networks_are_known_to_be_sigmoid(tmp_path, rng, pictures):
    weights, biases = network((784, 30, 10), rng)
    saved = import_model(save(tmp_path, nielsen(weights, biases)), "nielsen")
    wanted = answers(weights, biases, "sigmoid", pictures.reshape(20, 784))
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=2e-5)
    assert saved.training["layout"] == "JSON: sizes, weights, biases, cost (Nielsen) (out x in)"


def test_a_list_may_name_its_activation(tmp_path, rng):
    weights, biases = network((784, 30, 10), rng)
    entries = [{"W": weights[0], "b": biases[0]}, "ReLU", {"W": weights[1], "b": biases[1]}, "softmax"]
    assert import_model(save(tmp_path, pickle.dumps(entries)), "mine").training["activation"] == "relu"


def test_float32_arrays_are_taken_over_bit_for_bit(tmp_path, rng):
    weights, biases = network((784, 30, 10), rng)
    weights, biases = [w.astype("f4") for w in weights], [b.astype("f4") for b in biases]
    saved = import_model(save(tmp_path, npz(weights, biases)), "mine", ImportOptions(activation="relu"))
    state = saved.model.state()
    for key, array in (("1.weight", weights[0]), ("1.bias", biases[0]), ("3.weight", weights[1])):
        assert state[key].tobytes() == array.tobytes()


# ------------------------------------------------------------------ what the pictures were like


@pytest.mark.parametrize(
    ("scale", "seen"),
    [
        ("0..255", lambda x: x * 255),
        ("-1..1", lambda x: 2 * x - 1),
        ("1..0", lambda x: 1 - x),
        ("255..0", lambda x: 255 - 255 * x),
        ("-0.5..0.5", lambda x: x - 0.5),
        ("0.1307,0.3081", lambda x: (x - 0.1307) / 0.3081),
    ],
)
def test_a_network_trained_on_another_scale_gets_its_pictures_so_again(tmp_path, rng, pictures, scale, seen):
    weights, biases = network((784, 30, 10), rng)
    weights[0] /= 100 if "255" in scale else 1  # as training on such numbers makes them
    path = save(tmp_path, npz(weights, biases))
    saved = import_model(path, "mine", ImportOptions(activation="sigmoid", input_scale=scale))
    wanted = answers(weights, biases, "sigmoid", seen(pictures.astype("f8")).reshape(20, 784))
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=5e-5)
    assert saved.training["input_scale"] == scale


def test_the_plain_scale_changes_no_bit(tmp_path, rng):
    weights, biases = network((784, 10), rng)
    path = save(tmp_path, npz(weights, biases))
    plain, named = import_model(path, "a"), import_model(path, "a", ImportOptions(input_scale="0.0..1.0"))
    assert plain.model.state()["1.weight"].tobytes() == named.model.state()["1.weight"].tobytes()


def test_a_network_trained_on_transposed_pictures_gets_them_so_again(tmp_path, rng, pictures):
    weights, biases = network((784, 30, 10), rng)
    path = save(tmp_path, npz(weights, biases))
    saved = import_model(path, "mine", ImportOptions(activation="relu", orientation="transposed"))
    wanted = answers(weights, biases, "relu", pictures.swapaxes(1, 2).reshape(20, 784))
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=2e-5)


# ------------------------------------------------------------------ convolutions


def conv_nchw(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, padding: int) -> np.ndarray:
    """PyTorch's Conv2d: x (N, C, H, W), weight (O, C, k, k)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))  # (N, C, h, w, k, k)
    return np.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]


def max_pool_nchw(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    return x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


class ConvNet:
    """What a PyTorch class with conv1, bn1, conv2, fc1, fc2 computes, and its state_dict."""

    def __init__(
        self, rng: np.random.Generator, *, k: int, padding: int, pools: tuple[bool, bool], flat: int
    ) -> None:
        self.padding, self.pools = padding, pools
        shapes = {
            "conv1.weight": (4, 1, k, k),
            "conv1.bias": (4,),
            "conv2.weight": (6, 4, k, k),
            "conv2.bias": (6,),
            **{f"bn1.{name}": (4,) for name in ("weight", "bias", "running_mean", "running_var")},
            "fc1.weight": (12, flat),
            "fc1.bias": (12,),
            "fc2.weight": (10, 12),
            "fc2.bias": (10,),
        }
        self.state = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
        self.state["bn1.running_var"] = rng.uniform(0.5, 2, 4).astype(np.float32)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        s = self.state
        x = conv_nchw(x, s["conv1.weight"], s["conv1.bias"], self.padding)
        deviation = np.sqrt(s["bn1.running_var"] + 1e-5)[:, None, None]
        x = (x - s["bn1.running_mean"][:, None, None]) / deviation
        x = np.maximum(x * s["bn1.weight"][:, None, None] + s["bn1.bias"][:, None, None], 0)
        x = max_pool_nchw(x) if self.pools[0] else x
        x = np.maximum(conv_nchw(x, s["conv2.weight"], s["conv2.bias"], self.padding), 0)
        x = max_pool_nchw(x) if self.pools[1] else x
        x = np.maximum(x.reshape(len(x), -1) @ s["fc1.weight"].T + s["fc1.bias"], 0)
        return x @ s["fc2.weight"].T + s["fc2.bias"]

    def file(self) -> bytes:
        tracked = {"bn1.num_batches_tracked": np.array(5)}
        return write_safetensors(dict(sorted({**self.state, **tracked}.items())), {"format": "pt"})


def test_a_convolutional_state_dict_gives_the_same_answers(tmp_path, rng, pictures):
    net = ConvNet(rng, k=5, padding=0, pools=(True, True), flat=6 * 4 * 4)
    saved = import_model(save(tmp_path, net.file()), "torch", ImportOptions(activation="relu"))
    assert saved.model.architecture.startswith("28x28x1 -> conv 5x5x4 -> conv 5x5x6")
    np.testing.assert_allclose(saved.model.forward(pictures), net(pictures.transpose(0, 3, 1, 2)), atol=1e-4)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("orientation", ["upright", "transposed"])
def test_convolutions_of_normalised_pictures_are_exact_to_the_rim(
    tmp_path, rng, pictures, padding, orientation
):
    same = padding == "same"
    net = ConvNet(rng, k=3, padding=int(same), pools=(False, True), flat=6 * (14 * 14 if same else 12 * 12))
    options = ImportOptions(
        activation="relu",
        input_scale="0.1307,0.3081",
        orientation=orientation,
        padding=padding,
        pool_after=[2],
    )
    saved = import_model(save(tmp_path, net.file()), "torch", options)
    x = pictures.swapaxes(1, 2) if orientation == "transposed" else pictures
    wanted = net((x.transpose(0, 3, 1, 2).astype("f8") - 0.1307) / 0.3081)
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=2e-4)


def test_networks_that_fit_the_same_shapes_are_listed_to_choose_from(tmp_path, rng):
    net = ConvNet(rng, k=3, padding=1, pools=(False, True), flat=6 * 14 * 14)
    path = save(tmp_path, net.file())
    with pytest.raises(
        WeightsError, match="2 networks fit these shapes; choose one: --padding same --pool-after 2; "
    ):
        import_model(path, "torch", ImportOptions(activation="relu"))
    with pytest.raises(WeightsError, match="no way to pad and pool with the options given leads from 28x28"):
        import_model(path, "torch", ImportOptions(activation="relu", pool_after=[1, 2]))
    with pytest.raises(WeightsError, match="wanted numbers from 1 to 2"):
        import_model(path, "torch", ImportOptions(activation="relu", pool_after=[3]))


def test_numbered_convolutions_of_books_give_the_same_answers(tmp_path, rng, pictures):
    """Deep Learning from Scratch, chapter 7: W1 (n, 1, 5, 5), then W2 (in, out) of pictures (C, H, W)."""
    w1, b1 = rng.normal(0, 0.2, (3, 1, 5, 5)), rng.normal(0, 0.1, 3)
    (w2, w3), (b2, b3) = network((3 * 12 * 12, 20, 10), rng)
    params = {"W1": w1, "b1": b1, "W2": w2, "b2": b2, "W3": w3, "b3": b3}
    saved = import_model(save(tmp_path, pickle.dumps(params)), "book", ImportOptions(activation="relu"))
    hidden = max_pool_nchw(np.maximum(conv_nchw(pictures.transpose(0, 3, 1, 2), w1, b1, 0), 0)).reshape(
        20, -1
    )
    np.testing.assert_allclose(
        saved.model.forward(pictures), answers([w2, w3], [b2, b3], "relu", hidden), atol=5e-5
    )


def test_convolutions_in_tensorflows_order_need_no_turning(tmp_path, rng, pictures):
    w1, b1 = rng.normal(0, 0.2, (5, 5, 1, 3)), rng.normal(0, 0.1, 3)
    (w2,), (b2,) = network((3 * 12 * 12, 10), rng)
    saved = import_model(
        save(tmp_path, pickle.dumps({"weights": [w1, w2], "biases": [b1, b2]})), "tf", ImportOptions("relu")
    )
    x = conv_nchw(pictures.transpose(0, 3, 1, 2), w1.transpose(3, 2, 0, 1), b1, 0)
    hidden = max_pool_nchw(np.maximum(x, 0)).transpose(0, 2, 3, 1).reshape(20, -1)
    np.testing.assert_allclose(saved.model.forward(pictures), hidden @ w2 + b2, atol=5e-5)


def test_a_network_that_ends_in_a_global_average_is_found(tmp_path, rng, pictures):
    w1, w2 = rng.normal(0, 0.2, (4, 1, 3, 3)), rng.normal(0, 0.2, (10, 4, 3, 3))
    state = {"features.0.weight": w1.astype("f4"), "features.2.weight": w2.astype("f4")}
    options = ImportOptions("relu", padding="valid", pool_after=[])
    saved = import_model(save(tmp_path, write_safetensors(state, {})), "all-conv", options)
    hidden = np.maximum(conv_nchw(pictures.transpose(0, 3, 1, 2), w1, np.zeros(4), 0), 0)
    wanted = conv_nchw(hidden, w2, np.zeros(10), 0).mean(axis=(2, 3))
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=5e-5)


def test_layers_are_put_in_order_by_their_shapes_where_names_mislead(tmp_path, rng, pictures):
    """A state_dict sorts "classifier" before "features" and "fc10" before "fc2"."""
    weights, biases = network((784, 20, 16, 10), rng)
    names = ("z_first", "m.middle", "a_last")
    arrays = {}
    for name, w, b in zip(names, weights, biases, strict=True):
        arrays |= {f"{name}.weight": w.T.astype("f4"), f"{name}.bias": b.astype("f4")}
    path = save(tmp_path, write_safetensors(dict(sorted(arrays.items())), {}))
    saved = import_model(path, "named", ImportOptions("relu"))
    wanted = answers(weights, biases, "relu", pictures.reshape(20, 784))
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=2e-5)


def test_real_pytorch_agrees(tmp_path, rng, pictures):
    torch = pytest.importorskip(
        "torch", reason="only where PyTorch is installed; the tests above hold without it"
    )
    save_file = pytest.importorskip("safetensors.torch").save_file
    torch.manual_seed(1)
    torch.set_num_threads(1)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 5, padding=2), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 6, 5, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(294, 20), torch.nn.ReLU(), torch.nn.Linear(20, 10),
    ).eval()  # fmt: skip
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    saved = import_model(tmp_path / "net.safetensors", "torch", ImportOptions("relu", "0.1307,0.3081"))
    with torch.no_grad():
        wanted = net((torch.from_numpy(pictures.transpose(0, 3, 1, 2)) - 0.1307) / 0.3081).numpy()
    np.testing.assert_allclose(saved.model.forward(pictures), wanted, atol=1e-5)


# ------------------------------------------------------------------ what is refused, and how it is said


W = [np.ones((784, 30)), np.ones((30, 10))]
B = [np.ones(30), np.ones(10)]


def both(weights: object, biases: object, **more: object) -> dict:
    return {"weights": weights, "biases": biases, **more}


@pytest.mark.parametrize(
    ("value", "because"),
    [
        (both(W, B), "which activation stands between its 2 layers; name it with --activation"),
        (both([np.ones((100, 30)), W[1]], B),
         r"weights\[0\] has shape \(100, 30\), but pictures of 28x28 pixels give 784 numbers; wanted"),
        (both([W[0], np.ones((20, 10))], B),
         r"weights\[1\] has shape \(20, 10\), but weights\[0\].* give 30 numbers; wanted \(30, n\)"),
        (both([W[0].T, np.ones((10, 20))], B), r"wanted \(n, 30\)"),
        (both([W[0], np.ones((30, 26))], B), "gives 26 numbers; wanted ten, one a digit"),
        (both(W, [np.ones(29), B[1]]), r"the bias of weights\[0\] has shape \(29,\); wanted \(30,\)"),
        (both(W, [np.ones((5, 6)), B[1]]), r"biases\[0\] has shape \(5, 6\); wanted \(n,\), \(1, n\)"),
        (both(W, B[:1]), "2 weights and 1 biases"),
        (both(W, B, sizes=[784, 40, 10]), r"sizes is \[784, 40, 10\], but weights\[0\] has shape"),
        (both(W, B, sizes=[784, 30, 10, 10]), "but there are weights of 2 layers"),
        (both(W[0], B[0]), "weights and biases are no lists"),
        (both([W[0] * np.nan, W[1]], B), r"weights\[0\] holds NaN or infinity"),
        (both([W[0] * 1e300, W[1]], B), "too large for float32"),
        (both([[["1", "2"]], W[1]], B), "wanted numbers"),
        (both([[[1, 2], [3]], W[1]], B), "rows of different lengths"),
        (both([W[0][None], W[1]], B), r"shape \(1, 784, 30\); wanted 2 or 4 axes"),
        (both([np.zeros((784, 0)), W[1]], B), "none empty"),
        ({"W1": W[0], "b1": B[0], "W3": W[1], "b3": B[1]}, r"numbered \[1, 3\]; wanted 1, 2, 3"),
        ({"W1": W[0], "b1": B[0], "w_1": W[1]}, "w_1 and W1 have the same number"),
        ({"W1": W[0], "b1": B[0], "b2": B[1]}, "b2 has no weights of the same number"),
        ({"W1": W[0], "b1": B[0], "gamma1": B[0]}, "array 'gamma1' beside W1, b1"),
        ([{"weights": W[0], "biases": B[0]}, 5], "entry 1 is a int; wanted a dict"),
        ([{"type": "relu"}, None], "a list without weights"),
        ({"a.weight": W[0].T, "a.running_mean": B[0]}, "'a' has weight, running_mean; known are linear"),
        ({"0.weight": W[0].T, **{f"1.{part}": np.ones(30) for part in ("weight", "bias", "running_mean")},
          "1.running_var": np.ones(29)}, r"1: the arrays of a batch norm must .* got \(30,\), \(29,\)"),
        ({"conv.weight": np.ones((4, 3, 3, 3)), "fc.weight": np.ones((10, 4))}, "do not follow one another"),
        ({"epoch": 3, "optimizer": {}}, "a dict with the keys epoch, optimizer; known layouts are in docs"),
        ([1.0, 2.0], r"a list of 2 \(float\); known layouts"),
        (5, "a single int; known layouts"),
        (both([np.ones((784, 784))] * 60, [np.ones(784)] * 60), "weights of 60 layers; at most 50"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_shape(tmp_path, value, because):
    write_pickle(tmp_path / "odd.pkl", value)
    with pytest.raises(WeightsError, match=because) as caught:
        import_model(
            tmp_path / "odd.pkl", "odd", ImportOptions() if "activation" in because else ImportOptions("relu")
        )
    assert str(caught.value).startswith(str(tmp_path / "odd.pkl"))


@pytest.mark.parametrize(
    "scale", ["", "255", "0..0", "nan..1", "0..1e9", "1,0", "1,-1", "a..b", "0..1..2", "0..99999999"]
)
def test_input_scales_that_make_no_sense_are_refused(tmp_path, rng, scale):
    path = save(tmp_path, npz(*network((784, 10), rng)))
    with pytest.raises(WeightsError, match="wanted the values of paper and ink"):
        import_model(path, "mine", ImportOptions(input_scale=scale))


def test_wrong_words_are_refused(tmp_path, rng):
    path = save(tmp_path, npz(*network((784, 20, 10), rng)))
    with pytest.raises(WeightsError, match="activation 'swish'; wanted one of relu, sigmoid, tanh"):
        import_model(path, "mine", ImportOptions("swish"))
    with pytest.raises(WeightsError, match="orientation 'mirrored'; wanted one of upright, transposed"):
        import_model(path, "mine", ImportOptions("relu", orientation="mirrored"))
    with pytest.raises(WeightsError, match="model name 'a b'"):
        import_model(path, "a b", ImportOptions("relu"))


def test_a_search_for_the_order_of_many_layers_ends(tmp_path):
    """Guard: the limit on steps in ordering._chain; forty layers that lead nowhere have 40! orders."""
    arrays = {f"{i}.weight": np.ones((20 + i % 3, 20 + (i + 1) % 3), np.float32) for i in range(40)}
    arrays["first.weight"] = np.ones((20, 784), np.float32)
    with pytest.raises(WeightsError, match="has shape"):
        import_model(save(tmp_path, write_safetensors(arrays, {})), "maze", ImportOptions("relu"))
