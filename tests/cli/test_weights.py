"""`mnistweb weights` brings models in and out, and leaves the instance folder as it was when it can't."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mnistweb import create_app
from mnistweb.cli import main
from mnistweb.inference import ModelRegistry
from mnistweb.inference.drawings import drawings
from mnistweb.resources import shipped_weights_folder
from mnistweb.weights import read_model

MODEL = "mlp-256-128"


@pytest.fixture(autouse=True)
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "instance"
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(folder))
    return folder


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["weights", *map(str, words)])


@pytest.fixture
def shipped() -> dict[str, np.ndarray]:
    return read_model(shipped_weights_folder() / f"{MODEL}.pkl").model.state()


def as_trained_on(state: dict[str, np.ndarray], path: Path, *, factor: float, offset: float) -> Path:
    """The same network for pictures factor * x + offset instead of x, as an npz file."""
    weight = state["1.weight"].astype("f8") / factor
    arrays = {"W1": weight, "b1": state["1.bias"] - offset * weight.sum(axis=0)}
    arrays |= {"W2": state["3.weight"], "b2": state["3.bias"], "W3": state["5.weight"], "b3": state["5.bias"]}
    np.savez(path, **arrays)
    return path


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_an_imported_model_is_among_the_models(tmp_path, instance, shipped):
    path = as_trained_on(shipped, tmp_path / "theirs.npz", factor=1, offset=0)
    done = run("import", path, "--name", "theirs", "--activation", "relu")
    assert done.exit_code == 0, done.output
    assert "784 -> 256 -> 128 -> 10, 235,146 parameters" in done.output
    assert "of the shipped drawings read right" in done.output
    assert files(instance) == ["theirs.pkl"]
    assert "theirs" in ModelRegistry.load_installed().names
    np.testing.assert_allclose(
        read_model(instance / "theirs.pkl").model.state()["1.weight"], shipped["1.weight"]
    )


def test_an_imported_model_is_served(tmp_path, shipped):
    path = as_trained_on(shipped, tmp_path / "theirs.npz", factor=255, offset=0)
    done = run("import", path, "--name", "theirs", "--activation", "relu", "--input-scale", "0..255")
    assert done.exit_code == 0, done.output
    client = create_app({"TESTING": True}).test_client()
    assert "theirs" in client.get("/models").get_data(as_text=True)
    pixels, digits = drawings()
    for picture, digit in zip(pixels[::5], digits[::5], strict=True):
        answers = [
            client.post("/predict", json={"pixels": picture.ravel().tolist(), "model": name}).get_json()
            for name in ("theirs", MODEL)
        ]
        assert [answer["prediction"] for answer in answers] == [digit, digit]


def test_a_wrong_guess_of_the_input_scale_is_noticed_and_the_right_one_named(tmp_path, instance, shipped):
    path = as_trained_on(shipped, tmp_path / "centred.npz", factor=2, offset=-1)
    done = run("import", path, "--name", "centred", "--activation", "relu")
    assert done.exit_code == 0, done.output
    assert "Warning: only" in done.stderr
    assert (
        "of the 20 shipped drawings read right: with --input-scale -1..1 --orientation upright" in done.stderr
    )
    again = run(
        "import", path, "--name", "centred", "--activation", "relu", "--input-scale", "-1..1", "--replace"
    )
    assert again.exit_code == 0, again.output
    assert "Warning" not in again.stderr


def test_a_network_that_reads_no_digits_at_all_is_warned_about(tmp_path, rng):
    np.savez(tmp_path / "noise.npz", W1=rng.normal(size=(784, 10)), b1=np.zeros(10))
    done = run("import", tmp_path / "noise.npz", "--name", "noise")
    assert "shipped drawings read right: was it trained on 0..255 or -1..1" in done.stderr


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_other_labels_are_not_tried_on_digits(tmp_path, instance, rng):
    np.savez(tmp_path / "clothes.npz", W1=rng.normal(size=(784, 10)), b1=np.zeros(10))
    labels = "shirt,trousers,pullover,dress,coat,sandal,blouse,sneaker,bag,boot"
    done = run("import", tmp_path / "clothes.npz", "--name", "clothes", "--labels", labels)
    assert done.exit_code == 0, done.output
    assert not done.stderr
    assert read_model(instance / "clothes.pkl").labels == tuple(labels.split(","))


@pytest.mark.parametrize(
    ("words", "because"),
    [
        ((), "--activation relu, sigmoid or tanh"),
        (("--activation", "relu", "--input-scale", "much"), "wanted the values of paper and ink"),
        (("--activation", "relu", "--labels", "a,b"), "wanted 10 different short texts"),
        (("--activation", "relu", "--name", "../escape"), "model name '../escape'; wanted"),
        (
            ("--activation", "relu", "--name", MODEL),
            f"there is a model '{MODEL}' already; choose another name",
        ),
    ],
)
def test_an_import_that_fails_leaves_the_instance_folder_as_it_was(
    tmp_path, instance, shipped, words, because
):
    path = as_trained_on(shipped, tmp_path / "theirs.npz", factor=1, offset=0)
    for before in ([], ["kept.pkl"]):
        if before:
            instance.mkdir()
            (instance / "kept.pkl").write_bytes((shipped_weights_folder() / f"{MODEL}.pkl").read_bytes())
        done = run("import", path, *([] if "--name" in words else ["--name", "theirs"]), *words)
        assert done.exit_code == 1
        assert because in done.stderr
        assert "Traceback" not in done.output
        assert files(instance) == before


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path, instance, shipped):
    instance.write_text("a file is in the way")
    path = as_trained_on(shipped, tmp_path / "theirs.npz", factor=1, offset=0)
    done = run("import", path, "--name", "theirs", "--activation", "relu")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert instance.read_text() == "a file is in the way"


def test_a_name_in_a_file_of_another_name_is_not_taken_twice(tmp_path, instance, shipped):
    instance.mkdir()
    (instance / "copy.pkl").write_bytes((shipped_weights_folder() / f"{MODEL}.pkl").read_bytes())
    path = as_trained_on(shipped, tmp_path / "theirs.npz", factor=1, offset=0)
    done = run("import", path, "--name", MODEL, "--activation", "relu", "--replace")
    assert done.exit_code == 1
    assert f"copy.pkl: this file holds the model '{MODEL}'; remove it first" in done.stderr


@pytest.mark.parametrize("suffix", ["pkl", "npz", "safetensors", "json", "onnx"])
def test_export_writes_every_format_and_import_takes_it_back(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    done = run("export", MODEL, "--to", path)
    assert done.exit_code == 0, done.output
    assert f"{path.stat().st_size:,} bytes" in done.output
    if suffix != "onnx":
        assert run("import", path, "--name", "back").exit_code == 0


def test_export_of_an_unknown_model_names_the_known_ones(tmp_path):
    done = run("export", "nobody", "--to", tmp_path / "x.npz")
    assert done.exit_code == 1
    assert "there is no model 'nobody' and no such file; installed are:" in done.stderr
    assert MODEL in done.stderr


def test_info_says_what_the_file_holds():
    done = run("info", MODEL)
    assert done.exit_code == 0
    facts = dict(line.split(maxsplit=1) for line in done.output.splitlines())
    assert facts["architecture"] == "784 -> 256 -> 128 -> 10"
    assert facts["sha256"] == read_model(shipped_weights_folder() / f"{MODEL}.pkl").sha256
    assert "layer 1 Dense            256          200,960  784 inputs to each of 256 units" in done.output


def test_verify_finds_the_broken_file(tmp_path, instance):
    assert run("verify").exit_code == 0
    instance.mkdir()
    good = (shipped_weights_folder() / f"{MODEL}.pkl").read_bytes()
    (instance / "broken.pkl").write_bytes(good[:-100])
    done = run("verify")
    assert done.exit_code == 1
    assert "good " in done.output
    assert "broken.pkl: damaged or cut off" in done.stderr
    missing = run("verify", tmp_path / "none.pkl")
    assert missing.exit_code == 1
    assert "none.pkl" in missing.stderr


def test_pool_after_wants_numbers(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"weights": [], "biases": []}))
    done = run("import", tmp_path / "x.json", "--name", "x", "--pool-after", "one")
    assert done.exit_code == 2
    assert "'one'; wanted numbers as in 1,2, or none" in done.output
