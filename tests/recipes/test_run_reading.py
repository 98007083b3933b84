"""Runs are read from their plain files, whatever state they are in, and none of them stops the others."""

from __future__ import annotations

import os

import pytest

from mnistweb.recipes.errors import RunError
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.live import CONTROL, ENDING
from mnistweb.recipes.run_reading import as_table, find_run, list_runs, read_run
from mnistweb.recipes.runs import CURVES, FACTS, MODEL, SETTINGS, being_trained, write_settings
from mnistweb.weights import write_model
from tests.inference.conftest import saved
from tests.recipes.made_runs import DATA_SHA256, make_run


def test_a_finished_run_has_its_settings_seed_hash_curves_and_accuracies(tmp_path):
    run = read_run(make_run(tmp_path / "first", training__seed=7))
    assert as_table(run) == {
        "run": "first",
        "recipe": "mlp-64",
        "state": "finished",
        "reason": "",
        "epochs": 3,
        "epochs_wanted": 3,
        "best_validation_accuracy": pytest.approx(0.95),
        "test_accuracy": 0.975,
        "seconds": 6.0,
        "seed": 7,
        "date": "2026-01-31 12:00",
        "data": "mnist",
        "data_sha256": DATA_SHA256,
    }
    assert run.best == run.rows[2]


def test_a_run_is_running_or_paused_as_long_as_a_process_holds_its_folder(tmp_path):
    folder = make_run(tmp_path / "run", finished=False)
    assert read_run(folder).state == "stopped"
    with being_trained(folder):
        assert read_run(folder).state == "running"
        (folder / CONTROL).write_text("pause")
        assert read_run(folder).state == "paused"
    assert read_run(folder).state == "stopped"


def test_a_run_that_diverged_or_failed_says_why(tmp_path):
    diverged = make_run(tmp_path / "a", finished=False, facts={"diverged": "the loss became infinite"})
    assert (read_run(diverged).state, read_run(diverged).reason) == ("diverged", "the loss became infinite")
    failed = make_run(tmp_path / "b", finished=False)
    (failed / ENDING).write_text("The disk is full.   ")
    assert (read_run(failed).state, read_run(failed).reason) == ("stopped", "The disk is full.")


def test_a_run_with_settings_alone_waits_for_its_turn(tmp_path):
    write_settings(tmp_path, load_recipe("mlp-64"))
    run = read_run(tmp_path)
    assert (run.state, run.rows, run.best, run.seconds) == ("waiting", [], None, 0)


def test_the_facts_of_a_run_of_an_earlier_version_come_from_its_model(tmp_path):
    folder = make_run(tmp_path)
    (folder / FACTS).unlink()
    facts = {"seed": 1, "data_sha256": "cd" * 32, "test_accuracy": 0.5, "recipe": {"name": "x"}}
    write_model(folder / MODEL, saved(training=facts))
    run = read_run(folder)
    assert (run.number("test_accuracy"), run.facts["data_sha256"]) == (0.5, "cd" * 32)
    assert "recipe" not in run.facts


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (SETTINGS, b"[training]\nepochs = -1\n", "training.epochs expected a number at least 1"),
        (SETTINGS, b"\xff", "is not the folder of a run: cannot read settings.toml"),
        (SETTINGS, None, "is not the folder of a run: cannot read settings.toml"),
        (FACTS, b"{", "facts.json cannot be read as JSON"),
        (FACTS, b"[" * 100_000, "facts.json cannot be read as JSON"),
        (FACTS, b"[]", "facts.json: expected an object, got a list"),
        (CURVES, b"epoch,loss\n1,half\n", "curves.csv, line 2: expected numbers"),
        (CURVES, b"epoch,loss\n1,nan\n", "a number that is not finite"),
        (CURVES, b"loss\n1\n", "a line without an epoch"),
        (CURVES, b"epoch\n" + b"1\n" * 4_000_001, "curves.csv is larger than 8,000,000 bytes"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value)[:30],
)
def test_a_broken_run_says_what_is_wrong_without_its_path(tmp_path, name, content, reason):
    folder = make_run(tmp_path / "run", finished=False)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    run = read_run(folder)
    assert run.state == "broken"
    assert reason in run.reason
    assert str(tmp_path) not in run.reason
    assert as_table(run)["recipe"] is None


def test_a_broken_model_makes_a_run_of_an_earlier_version_broken(tmp_path):
    folder = make_run(tmp_path)
    (folder / FACTS).unlink()
    (folder / MODEL).write_bytes(b"<html>")
    assert "model.pkl" in read_run(folder).reason


def test_runs_are_listed_the_latest_first_and_files_beside_them_are_not(tmp_path):
    for number, name in enumerate(["b", "a", "c"]):
        os.utime(make_run(tmp_path / name, finished=False) / SETTINGS, (number, number))
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / ".hidden").mkdir()
    assert [path.name for path in list_runs(tmp_path)] == ["c", "a", "b"]
    assert list_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["..", ".", "", "a/../a", "../runs/a", "A", "a\0", "/", "notes.txt"])
def test_a_name_finds_a_run_or_nothing(tmp_path, name):
    runs = tmp_path / "runs"
    make_run(runs / "a", finished=False)
    (runs / "notes.txt").write_text("")
    assert find_run("a", runs) == runs / "a"
    with pytest.raises(RunError, match="there is no run"):
        find_run(name, runs)
