"""The folder of a run is readable without the program, and a broken one says what is wrong with it."""

from __future__ import annotations

import os
from datetime import datetime

import pytest

from mnistweb.recipes.errors import RecipeError, RunError
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.runs import (
    CHECKPOINT,
    CURVES,
    SETTINGS,
    latest_run,
    new_run_folder,
    read_curves,
    read_settings,
    write_curves,
    write_settings,
)

ROWS = [
    {"epoch": 1, "loss": 0.5, "validation_accuracy": 0.875},
    {"epoch": 2, "loss": 0.123456789, "validation_accuracy": 1.0},
]


def test_settings_come_back_as_they_were(tmp_path):
    recipe = load_recipe("convnet", {"training.seed": 77})
    write_settings(tmp_path, recipe)
    assert read_settings(tmp_path) == recipe


def test_curves_are_a_plain_table(tmp_path):
    write_curves(tmp_path, ROWS)
    assert (tmp_path / CURVES).read_text() == "epoch,loss,validation_accuracy\n1,0.5,0.875\n2,0.123457,1\n"
    assert read_curves(tmp_path)[1] == pytest.approx(ROWS[1], rel=1e-5)


def test_writing_curves_again_replaces_them(tmp_path):
    write_curves(tmp_path, ROWS)
    write_curves(tmp_path, ROWS)
    assert len(read_curves(tmp_path)) == 2


def test_a_broken_line_of_the_curves_is_named(tmp_path):
    (tmp_path / CURVES).write_text("epoch,loss\n1,0.5\n2,half\n")
    with pytest.raises(RunError, match=r"curves\.csv, line 3: expected numbers, got \['2', 'half'\]"):
        read_curves(tmp_path)


def test_a_line_with_too_many_cells_is_named(tmp_path):
    (tmp_path / CURVES).write_text("epoch,loss\n1,0.5,7\n")
    with pytest.raises(RunError, match="line 2"):
        read_curves(tmp_path)


def test_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(RunError, match="not the folder of a run"):
        read_settings(tmp_path)
    with pytest.raises(RunError, match="no curves"):
        read_curves(tmp_path)


def test_broken_settings_name_the_key(tmp_path):
    (tmp_path / SETTINGS).write_text("[training]\nepoch = 3\n")
    with pytest.raises(RecipeError, match=r"training\.epoch"):
        read_settings(tmp_path)


def test_run_folders_are_called_by_name_and_time_and_never_twice_the_same(tmp_path):
    now = datetime(2026, 1, 31, 12, 0, 5)
    first = new_run_folder("mlp-64", parent=tmp_path, now=now)
    assert first.name == "mlp-64-20260131-120005"
    first.mkdir()
    assert new_run_folder("mlp-64", parent=tmp_path, now=now).name == "mlp-64-20260131-120005-2"


def test_the_latest_run_is_the_newest_of_that_recipe_with_a_checkpoint(tmp_path):
    for number, name in enumerate(["mlp-64", "mlp-64", "mlp-128"]):
        folder = tmp_path / f"run{number}"
        write_settings(folder, load_recipe(name))
        (folder / CHECKPOINT).write_bytes(b"")
        os.utime(folder / CHECKPOINT, (number, number))
    write_settings(tmp_path / "without-checkpoint", load_recipe("mlp-64"))
    assert latest_run("mlp-64", parent=tmp_path).name == "run1"
    with pytest.raises(RunError, match="no run of convnet"):
        latest_run("convnet", parent=tmp_path)
