"""A training that tells of itself: what it writes, that it changes nothing, and that it pauses when asked."""

from __future__ import annotations

import errno
import io
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.recipes import live, runs, training
from mnistweb.recipes.live import (
    CONTROL,
    ENDING,
    LIVE,
    PAUSE,
    POINT,
    WEIGHTS,
    LiveProgress,
    read_ending,
    read_live,
)
from mnistweb.recipes.runs import CHECKPOINT, CURVES
from mnistweb.recipes.training import train_recipe
from mnistweb.recipes.weight_pictures import first_layer_picture, first_layer_tiles
from tests.recipes.test_training import small_recipe
from tests.recipes.tiny import write_tiny_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_tiny_dataset(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def _in_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path / "instance"))
    monkeypatch.setattr(training, "Prefetched", nullcontext)


def train_live(recipe, folder, **settings):
    progress = LiveProgress(folder, recipe.training.epochs)
    saved = train_recipe(recipe, run_folder=folder, progress=progress, **settings)
    progress.finished(saved.training)
    return saved


def test_a_training_that_tells_of_itself_ends_with_the_same_bits(dataset, tmp_path, monkeypatch):
    for name in ("_NUMBERS_SECONDS", "_WEIGHTS_SECONDS", "_CONTROL_SECONDS", "_REST"):
        monkeypatch.setattr(live, name, 0.0)  # everything is looked at and written after every step
    alone = train_recipe(small_recipe(dataset), run_folder=tmp_path / "alone")
    told = train_live(small_recipe(dataset), tmp_path / "told")
    np.testing.assert_array_equal(told.model.flat_params, alone.model.flat_params)
    np.testing.assert_array_equal(told.model.flat_buffers, alone.model.flat_buffers)


def test_what_it_tells_is_what_the_curves_say(dataset, tmp_path):
    saved = train_live(small_recipe(dataset), tmp_path)
    told = read_live(tmp_path)
    assert (told["state"], told["epoch"], told["epochs"]) == ("finished", 4, 4)
    assert told["test_accuracy"] == saved.training["test_accuracy"]
    points = np.array(told["points"])
    assert points.shape == (4 * 15, len(POINT))  # 300 pictures, 20 a step
    assert points[-1, 0] == 4
    last = runs.read_curves(tmp_path)[-1]
    assert points[-15:, 1].mean() == pytest.approx(last["loss"], rel=1e-3)
    assert points[-15:, 2].mean() == pytest.approx(last["accuracy"], rel=1e-3)
    assert points[-15:, 4].mean() == pytest.approx(last["gradient_norm"], rel=1e-3)
    assert points[-1, 5] == pytest.approx(last["weight_norm"], rel=1e-4)
    with Image.open(tmp_path / WEIGHTS) as picture:
        assert picture.size == (8 * 30 - 2, 2 * 30 - 2)  # of 16 units


def test_what_takes_long_is_done_more_rarely(dataset, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(live, "_WEIGHTS_SECONDS", 0.0)
    monkeypatch.setattr(LiveProgress, "_draw_weights", lambda *_: drawn.append(time.sleep(0.01)))
    began = time.monotonic()
    train_live(small_recipe(dataset), tmp_path)
    # The first, the last, and between them rests of 250 times as long as it took.
    assert len(drawn) <= 2 + (time.monotonic() - began) / 2.5


def test_a_long_training_is_told_in_some_hundred_points(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_MOST_POINTS", 12)
    train_live(small_recipe(dataset), tmp_path)
    points = read_live(tmp_path)["points"]
    assert len(points) == 12
    assert [point[0] for point in points][2::3] == [1, 2, 3, 4]


def test_a_resumed_training_goes_on_with_its_curve(dataset, tmp_path):
    class Killed(Exception):
        pass

    class Killer(LiveProgress):
        def step(self, report):
            super().step(report)
            if (report.epoch, report.step) == (2, 5):
                self._write()
                raise Killed

    progress = Killer(tmp_path, 4)
    with pytest.raises(Killed):
        train_recipe(small_recipe(dataset), run_folder=tmp_path, progress=progress)
    assert read_live(tmp_path)["points"][-1][0] == pytest.approx(2 + 5 / 15, abs=1e-3)
    train_live(small_recipe(dataset), tmp_path, resume=True)
    epochs = [point[0] for point in read_live(tmp_path)["points"]]
    assert epochs == pytest.approx([(step + 1) / 15 for step in range(60)], abs=1e-3)


def test_a_run_that_has_settings_alone_is_begun_by_resuming_it(dataset, tmp_path):
    runs.write_settings(tmp_path, small_recipe(dataset))
    assert train_live(small_recipe(dataset), tmp_path, resume=True).training["epochs"] == 4


def test_it_pauses_while_it_is_asked_to_and_does_not_count_that_time(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_CONTROL_SECONDS", 0.01)
    (tmp_path / CONTROL).write_text(PAUSE)
    done = threading.Thread(target=train_live, args=(small_recipe(dataset), tmp_path))
    began = time.monotonic()
    done.start()
    deadline = time.monotonic() + 30
    while read_live(tmp_path).get("state") != "paused" and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    assert (read_live(tmp_path)["state"], read_live(tmp_path)["done"]) == ("paused", 1)
    (tmp_path / CONTROL).unlink()
    done.join(30)
    assert read_live(tmp_path)["state"] == "finished"
    counted = sum(row["seconds"] for row in runs.read_curves(tmp_path))
    assert counted < time.monotonic() - began - 0.5


def test_a_full_disk_stops_the_run_with_its_last_checkpoint_whole_and_is_told_of(
    dataset, tmp_path, monkeypatch
):
    recipe, progress = small_recipe(dataset), LiveProgress(tmp_path, 4)
    written = runs.write_atomically

    def full_from_the_third_epoch(path, data, **settings):
        if (tmp_path / CURVES).exists() and len(runs.read_curves(tmp_path)) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written(path, data, **settings)

    monkeypatch.setattr("mnistweb.weights.safe_pickle.write_atomically", full_from_the_third_epoch)
    monkeypatch.setattr(live, "write_atomically", full_from_the_third_epoch)
    with pytest.raises(OSError, match="No space left") as problem:
        train_recipe(recipe, run_folder=tmp_path, progress=progress)
    progress.failed(problem.value)
    assert read_ending(tmp_path).startswith("The disk is full. The last checkpoint is whole")
    monkeypatch.undo()
    assert (tmp_path / CHECKPOINT).exists()
    assert train_live(recipe, tmp_path, resume=True).training["epochs"] == 4
    assert read_ending(tmp_path) == ""


def test_the_last_words_take_no_further_room(tmp_path):
    progress = LiveProgress(tmp_path, 1)
    before = (tmp_path / ENDING).stat()
    progress.failed(ValueError("diverged: " + "é" * 4000))
    after = (tmp_path / ENDING).stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert read_ending(tmp_path).startswith("diverged: éé")


def test_files_that_are_not_ours_tell_nothing(tmp_path):
    assert read_live(tmp_path) == {}
    for content in (b"", b"[]", b"\xff", b'{"state":'):
        (tmp_path / LIVE).write_bytes(content)
        assert read_live(tmp_path) == {}


def test_the_first_layer_is_drawn_unit_by_unit():
    dense = Sequential([Flatten(), Dense(784, 40, rng=np.random.default_rng(0))])
    tiles = first_layer_tiles(dense)
    assert tiles.shape == (32, 28, 28)
    np.testing.assert_array_equal(tiles[3, 5], dense.params["1.weight"][5 * 28 : 6 * 28, 3])
    convolution = Conv2D(1, 6, 5, rng=np.random.default_rng(0))
    tiles = first_layer_tiles(Sequential([convolution]))
    np.testing.assert_array_equal(tiles[2], convolution.params["weight"][:, :, 0, 2])


def test_weights_that_speak_for_are_blue_and_those_against_orange_and_none_transparent():
    convolution = Conv2D(1, 1, 3, rng=np.random.default_rng(0))
    convolution.params["weight"][...] = 0
    model = Sequential([convolution])
    convolution.params["weight"][0, 0], convolution.params["weight"][0, 1] = 1, -1
    picture = Image.open(io.BytesIO(first_layer_picture(model))).convert("RGBA")
    assert picture.getpixel((0, 0))[:3] == (40, 110, 235)
    assert picture.getpixel((1, 0))[:3] == (225, 90, 30)
    assert picture.getpixel((0, 0))[3] > 250
    assert picture.getpixel((2, 2))[3] == 0


def test_a_layer_that_looks_at_no_picture_is_not_drawn():
    model = Sequential([Dense(10, 4, rng=np.random.default_rng(0))], input_shape=(10,))
    assert first_layer_picture(model) is None
