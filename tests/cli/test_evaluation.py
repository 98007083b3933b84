"""`evaluate`, `confusion`, `predict`, `samples` and `models`, as a person types them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mnistweb.cli import main
from mnistweb.cli.prediction import ascii_art
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.sources import load_test
from mnistweb.recipes.training import train_recipe
from mnistweb.weights import write_model
from tests.recipes.tiny import write_tiny_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_tiny_dataset(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """A model that reads the tiny data set well, in a run folder."""
    folder = tmp_path_factory.mktemp("run")
    settings = {
        "name": "tiny",
        "data.dataset": str(dataset),
        "data.validation": 100,
        "data.mix": {},
        "architecture.hidden": [16],
        "training.epochs": 4,
        "training.batch_size": 20,
        "schedule.learning_rate": 0.01,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(folder / "instance"))
        saved = train_recipe(load_recipe("mlp-64", settings), run_folder=folder)
    return folder, saved


@pytest.fixture(autouse=True)
def instance(trained, tmp_path, monkeypatch):
    """An instance folder with that model installed, and no shipped weights beside it."""
    folder = tmp_path / "instance"
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(folder))
    monkeypatch.setattr("mnistweb.inference.registry.shipped_weights_folder", lambda: tmp_path / "shipped")
    write_model(folder / "tiny.pkl", trained[1])
    return folder


def run(*words, stdin=None):
    return CliRunner().invoke(main, [str(word) for word in words], input=stdin)


@pytest.fixture
def seven(tmp_path):
    """A PNG of a drawn seven, dark on white."""
    picture = Image.new("L", (120, 120), 255)
    for x in range(30, 91):
        for thick in range(8):
            picture.putpixel((x, 25 + thick), 0)
    for y in range(25, 100):
        for thick in range(8):
            picture.putpixel((84 - (y - 25) // 2 + thick, y), 0)
    path = tmp_path / "seven.png"
    picture.save(path)
    return path


def test_evaluate_gives_accuracy_interval_loss_and_calibration_error(dataset):
    result = run("evaluate", "--dataset", dataset)
    assert result.exit_code == 0, result.output
    assert "100 pictures" in result.output
    assert re.search(r"tiny +\d+\.\d\d% +\d+\.\d\d% - \d+\.\d\d% +\d\.\d{4} +\d+\.\d\d%", result.output)


def test_evaluate_as_json_agrees_with_what_the_model_does(dataset, trained):
    facts = json.loads(run("evaluate", "tiny", "--dataset", dataset, "--json").output)
    test = load_test(str(dataset))
    right = int((trained[1].model.forward(test.images).argmax(axis=1) == test.labels).sum())
    assert (facts["model"], facts["right"], facts["pictures"]) == ("tiny", right, 100)
    assert facts["interval"][0] < facts["accuracy"] <= facts["interval"][1]


def test_evaluate_all_measures_every_installed_model(dataset, trained, instance):
    import dataclasses

    write_model(instance / "twin.pkl", dataclasses.replace(trained[1], name="twin"))
    lines = run("evaluate", "--all", "--dataset", dataset, "--json").output.splitlines()
    assert {json.loads(line)["model"] for line in lines} == {"tiny", "twin"}


def test_evaluate_on_the_validation_part(dataset, monkeypatch):
    # The tiny set has 400 training pictures, fewer than the 5,000 kept aside of MNIST.
    result = run("evaluate", "--dataset", dataset, "--on", "validation")
    assert result.exit_code == 1
    assert "400" in result.output or "399" in result.output


@pytest.mark.parametrize("command", ["evaluate", "confusion", "samples"])
def test_an_unknown_model_names_those_that_are_there(command, dataset):
    result = run(command, "nobody", "--dataset", dataset)
    assert result.exit_code == 1
    assert "nobody" in result.output
    assert "tiny" in result.output


def test_evaluate_takes_a_model_or_all_but_not_both():
    assert run("evaluate", "tiny", "--all").exit_code == 2


def test_confusion_prints_a_table_and_draws_it(dataset, tmp_path):
    result = run("confusion", "--dataset", dataset, "--png", tmp_path / "table.png")
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if re.match(r"\d +[\d.]", line)]
    assert len(rows) == 10
    assert sum(int(cell) for row in rows for cell in row.split()[1:-1] if cell != ".") == 100
    with Image.open(tmp_path / "table.png") as drawn:
        assert drawn.format == "PNG"


def test_predict_reads_a_picture_and_names_the_next_likely_digits(seven):
    result = run("predict", seven)
    assert result.exit_code == 0, result.output
    pattern = r"seven\.png  \d \d+\.\d%  \(\d \d+\.\d%, \d \d+\.\d%\)  (digit|uncertain|not_a_digit)"
    assert re.search(pattern, result.output)


def test_predict_as_json_has_the_three_likeliest_in_order(seven):
    facts = json.loads(run("predict", "--json", seven).output)
    shares = [one["probability"] for one in facts["top"]]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    first = {"prediction": facts["prediction"], "label": facts["label"], "probability": facts["confidence"]}
    assert facts["top"][0] == first
    assert facts["model"] == "tiny"


def test_predict_reads_standard_input(seven):
    from_file = json.loads(run("predict", "--json", seven).output)
    from_stdin = json.loads(run("predict", "--json", "-", stdin=seven.read_bytes()).output)
    assert from_stdin == {**from_file, "image": "-"}


def test_predict_goes_on_after_a_picture_it_cannot_read(seven, tmp_path):
    broken, missing = tmp_path / "broken.png", tmp_path / "missing.png"
    broken.write_bytes(seven.read_bytes()[:60])
    result = run("predict", broken, missing, seven)
    assert result.exit_code == 1
    assert f"{broken}: " in result.output
    assert f"{missing}: No such file or directory" in result.output
    assert re.search(r"seven\.png +\d ", result.output)


def test_predict_without_a_picture_is_a_usage_error():
    assert run("predict").exit_code == 2


def test_predict_takes_a_picture_in_mnist_form_as_it_is(dataset, tmp_path):
    test = load_test(str(dataset))
    path = tmp_path / "three.png"
    Image.fromarray(np.rint(test.images[3, :, :, 0] * 255).astype(np.uint8)).save(path)
    assert json.loads(run("predict", "--json", "--as-is", path).output)["prediction"] == test.labels[3]


def test_samples_with_a_seed_are_the_same_again(dataset):
    first = run("samples", "--dataset", dataset, "--seed", 5, "--count", 2)
    assert first.exit_code == 0, first.output
    assert first.output == run("samples", "--dataset", dataset, "--seed", 5, "--count", 2).output
    assert first.output != run("samples", "--dataset", dataset, "--seed", 6, "--count", 2).output
    assert len(re.findall(r"^number \d+, a \d: (right|WRONG)", first.output, re.MULTILINE)) == 2


def test_ascii_art_shows_where_the_ink_is():
    pixels = np.zeros((28, 28), np.float32)
    pixels[10:14, 5:8] = 1
    assert ascii_art(pixels) == "     @@@\n     @@@"


def test_models_lists_what_is_installed_with_the_default_marked():
    result = run("models")
    assert result.exit_code == 0
    assert re.search(r"^\* tiny .* 784 -> 16 -> 10$", result.output, re.MULTILINE)
    facts = json.loads(run("models", "--json").output)
    assert facts["default"]
    assert facts["architecture"] == "784 -> 16 -> 10"


def test_models_without_any_says_how_to_get_one(instance):
    (instance / "tiny.pkl").unlink()
    assert "mnistweb train --install" in run("models").output


def test_a_broken_weights_file_is_named(instance):
    (instance / "tiny.pkl").write_bytes(b"<html>")
    result = run("models")
    assert result.exit_code == 1
    assert "tiny.pkl" in result.output
