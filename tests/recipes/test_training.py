"""A training from a recipe to a model, interrupted in every way."""

from __future__ import annotations

import gzip
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from mnistweb.data.errors import MissingDataError
from mnistweb.nn.errors import DivergedError
from mnistweb.recipes import training
from mnistweb.recipes.errors import RecipeError, RunError
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.runs import (
    CHECKPOINT,
    CURVES,
    FACTS,
    MODEL,
    SETTINGS,
    being_trained,
    is_being_trained,
    read_curves,
    read_facts,
    read_settings,
)
from mnistweb.recipes.training import train_recipe
from mnistweb.weights import WeightsError, read_model
from tests.recipes.tiny import write_tiny_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_tiny_dataset(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def _own_instance_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path / "instance"))


@pytest.fixture(autouse=True)
def _one_process(request, monkeypatch):
    # Starting a second process costs a second each time; one test here, and those of mixing, do it.
    if "two_processes" not in request.fixturenames:
        monkeypatch.setattr(training, "Prefetched", nullcontext)


@pytest.fixture
def two_processes():
    """Prepare batches in a second process, as in daily use."""


@pytest.fixture
def recipe(dataset):
    return small_recipe(dataset)


def small_recipe(dataset, **changes):
    settings = {
        "data.dataset": str(dataset),
        "data.validation": 100,
        "data.mix": {},
        "architecture.hidden": [16],
        "architecture.batch_norm": True,
        "architecture.dropout_rate": 0.2,
        "training.epochs": 4,
        "training.batch_size": 20,
        "training.ema_decay": 0.9,
        "schedule.learning_rate": 0.01,
    }
    return load_recipe("mlp-64", {**settings, **changes})


class Killed(Exception):
    """What the tests raise to stop a training in the middle of things."""


class KillAfter(Progress):
    def __init__(self, epochs):
        self.left = epochs

    def epoch(self, row, epochs):
        self.left -= 1
        if self.left == 0:
            raise Killed


def test_a_training_leaves_a_readable_run_and_a_model_that_has_learned(recipe, tmp_path, two_processes):
    folder = tmp_path / "run"
    saved = train_recipe(recipe, run_folder=folder)
    assert {path.name for path in folder.iterdir()} == {SETTINGS, FACTS, CURVES, CHECKPOINT, MODEL}
    assert read_settings(folder) == recipe
    assert [row["epoch"] for row in read_curves(folder)] == [1, 2, 3, 4]
    assert saved.training["test_accuracy"] > 0.9
    facts = read_model(folder / MODEL).training
    assert facts == saved.training
    assert facts["recipe"]["architecture"]["hidden"] == [16]
    assert len(facts["data_sha256"]) == 64
    assert {"seed", "epochs", "validation_accuracy", "date", "seconds", "program_version"} <= set(facts)


def test_a_training_can_begin_with_the_weights_of_another(recipe, dataset, tmp_path):
    first = train_recipe(recipe, run_folder=tmp_path / "first")
    start = str(tmp_path / "first" / MODEL)
    gentle = {"schedule.learning_rate": 1e-6, "training.epochs": 2, "training.ema_decay": 0.0}
    more = small_recipe(dataset, **{"training.start_from": start, **gentle})
    with pytest.raises(Killed):
        train_recipe(more, run_folder=tmp_path / "second", progress=KillAfter(1))
    (tmp_path / "first" / MODEL).unlink()  # what was begun knows all it needs
    second = train_recipe(more, run_folder=tmp_path / "second", resume=True)
    np.testing.assert_allclose(second.model.flat_params, first.model.flat_params, atol=1e-3)
    assert second.training["start_from"] == first.name
    assert len(second.training["start_from_sha256"]) == 64
    assert second.training["start_from_sha256"] == read_facts(tmp_path / "second")["start_from_sha256"]


def test_weights_of_another_architecture_are_refused_before_anything_is_written(recipe, dataset, tmp_path):
    train_recipe(recipe, run_folder=tmp_path / "first")
    start = str(tmp_path / "first" / MODEL)
    other = small_recipe(dataset, **{"training.start_from": start, "architecture.hidden": [17]})
    words = r"start_from: mlp-64 is 784 -> 16 -> 10, and this is to be 784 -> 17 -> 10: 1.weight must have"
    with pytest.raises(RecipeError, match=words):
        train_recipe(other, run_folder=tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_a_model_that_is_not_there_to_start_from_is_missed_before_data_are_read(dataset, tmp_path):
    missing = {"training.start_from": "nobody", "data.dataset": str(tmp_path / "no data either")}
    with pytest.raises(WeightsError, match="there is no model 'nobody' and no such file"):
        train_recipe(small_recipe(dataset, **missing), run_folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_classes_that_no_weights_file_can_hold_are_refused_before_training(tmp_path):
    for number, shape in enumerate(("disc", "ring", "star")):
        (tmp_path / "shapes" / shape).mkdir(parents=True)
        for place in range(5):
            picture = Image.new("L", (40, 40), 255)
            picture.paste(0, (4 + 5 * number, 5 + place, 20, 30))
            picture.save(tmp_path / "shapes" / shape / f"{place}.png")
    recipe = small_recipe(tmp_path / "shapes", **{"data.validation": 3, "training.batch_size": 2})
    with pytest.raises(
        RecipeError, match=r"shapes/train has 3 classes: labels .*; wanted 10 different short"
    ):
        train_recipe(recipe, run_folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_hold_a_run_is_noticed_before_data_are_read(tmp_path, monkeypatch):
    recipe = small_recipe(tmp_path / "no data either")
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=f"run cannot hold a run: {tmp_path}/file is no folder"):
        train_recipe(recipe, run_folder=tmp_path / "file" / "new" / "run")
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(RunError, match=f"run cannot hold a run: {tmp_path} cannot be written"):
        train_recipe(recipe, run_folder=tmp_path / "new" / "run")


def test_hash_of_the_data_seed_and_accuracies_are_in_a_plain_file(recipe, tmp_path):
    class Looks(Progress):
        def epoch(self, row, epochs):
            self.facts, self.trains = read_facts(tmp_path), is_being_trained(tmp_path)

    looks = Looks()
    saved = train_recipe(recipe, run_folder=tmp_path, progress=looks)
    assert looks.trains
    assert looks.facts["data_sha256"] == saved.training["data_sha256"]
    assert (looks.facts["seed"], "test_accuracy" in looks.facts) == (1, False)
    facts = read_facts(tmp_path)
    assert facts["test_accuracy"] == saved.training["test_accuracy"]
    assert facts["started"] == looks.facts["started"]
    assert not is_being_trained(tmp_path)


def test_a_run_that_is_being_trained_is_not_trained_a_second_time(recipe, tmp_path):
    with pytest.raises(Killed):
        train_recipe(recipe, run_folder=tmp_path, progress=KillAfter(1))
    with being_trained(tmp_path), pytest.raises(RunError, match="is being trained already"):
        train_recipe(recipe, run_folder=tmp_path, resume=True)
    train_recipe(recipe, run_folder=tmp_path, resume=True)


def test_equal_recipes_give_equal_weights_and_other_seeds_others(dataset, tmp_path):
    def weights(name, seed):
        recipe = small_recipe(dataset, **{"training.seed": seed, "training.epochs": 1})
        return train_recipe(recipe, run_folder=tmp_path / name).model.flat_params

    first = weights("a", 1)
    np.testing.assert_array_equal(first, weights("b", 1))
    assert not np.array_equal(first, weights("c", 2))


@pytest.mark.parametrize("epochs_before", [1, 3])
def test_a_killed_training_resumes_bit_for_bit(recipe, tmp_path, epochs_before):
    whole = train_recipe(recipe, run_folder=tmp_path / "whole")
    with pytest.raises(Killed):
        train_recipe(recipe, run_folder=tmp_path / "cut", progress=KillAfter(epochs_before))
    assert not (tmp_path / "cut" / MODEL).exists()
    resumed = train_recipe(recipe, run_folder=tmp_path / "cut", resume=True)
    expected, state = whole.model.state(), resumed.model.state()
    for name, array in expected.items():
        np.testing.assert_array_equal(state[name], array)
    assert resumed.calibration == whole.calibration
    assert resumed.verdict == whole.verdict
    assert len(read_curves(tmp_path / "cut")) == 4


def test_a_finished_training_can_be_resumed_and_gives_the_same_model(recipe, tmp_path):
    first = train_recipe(recipe, run_folder=tmp_path)
    again = train_recipe(recipe, run_folder=tmp_path, resume=True)
    np.testing.assert_array_equal(first.model.flat_params, again.model.flat_params)


def test_a_training_is_not_resumed_with_other_data(tmp_path):
    dataset = write_tiny_dataset(tmp_path / "tiny")
    recipe = small_recipe(dataset)
    with pytest.raises(Killed):
        train_recipe(recipe, run_folder=tmp_path / "run", progress=KillAfter(1))
    facts = read_facts(tmp_path / "run")
    labels = dataset / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(gzip.decompress(labels.read_bytes())[:-1] + b"\3"))
    with pytest.raises(
        RunError, match=f"began with other data, data_sha256 {facts['data_sha256'][:16]}, now "
    ):
        train_recipe(recipe, run_folder=tmp_path / "run", resume=True)
    assert read_facts(tmp_path / "run") == facts


def test_a_training_that_blows_up_says_where_and_keeps_the_last_checkpoint(dataset, tmp_path, monkeypatch):
    good = small_recipe(dataset)
    with pytest.raises(Killed):
        train_recipe(good, run_folder=tmp_path, progress=KillAfter(1))
    checkpoint = (tmp_path / CHECKPOINT).read_bytes()

    def infinite(*args, **kwargs):
        return lambda step: float("inf")

    monkeypatch.setattr(training, "build_schedule", infinite)
    with pytest.raises(DivergedError, match="epoch 2"):
        train_recipe(good, run_folder=tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == checkpoint
    assert "epoch 2" in read_facts(tmp_path)["diverged"]
    monkeypatch.undo()
    train_recipe(good, run_folder=tmp_path, resume=True)
    assert "diverged" not in read_facts(tmp_path)


def test_a_folder_that_holds_a_run_is_not_overwritten(recipe, tmp_path):
    (tmp_path / SETTINGS).write_text("")
    with pytest.raises(RunError, match="already holds a run"):
        train_recipe(recipe, run_folder=tmp_path)


def test_resuming_needs_a_checkpoint(recipe, tmp_path):
    with pytest.raises(RunError, match="no checkpoint"):
        train_recipe(recipe, run_folder=tmp_path, resume=True)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04}."])
def test_a_broken_checkpoint_is_named_and_left_alone(recipe, tmp_path, content):
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(RunError, match=r"checkpoint\.pkl"):
        train_recipe(recipe, run_folder=tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == content


def test_missing_data_are_noticed_before_anything_is_written(tmp_path):
    recipe = load_recipe("mlp-64", {"data.dataset": str(tmp_path / "nowhere"), "data.mix": {}})
    with pytest.raises(MissingDataError):
        train_recipe(recipe, run_folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_network_that_is_too_large_is_refused_before_the_data_are_read(tmp_path):
    recipe = load_recipe("mlp-64", {"data.dataset": "nowhere", "architecture.hidden": [16384, 16384]})
    with pytest.raises(RecipeError, match="at most 5,000,000 parameters"):
        train_recipe(recipe, run_folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_validation_images_than_there_are_is_refused(dataset, tmp_path):
    with pytest.raises(RecipeError, match=r"data\.validation must be below the 400"):
        train_recipe(small_recipe(dataset, **{"data.validation": 400}), run_folder=tmp_path / "run")
