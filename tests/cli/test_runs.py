"""`mnistweb runs` and `plot`, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mnistweb.cli import main
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.runs import write_curves, write_settings
from tests.recipes.made_runs import DATA_SHA256, make_run


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """The folder of runs: "first" is finished, "second" has four epochs and was stopped."""
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path / "instance"))
    folder = tmp_path / "instance" / "runs"
    make_run(folder / "first")
    make_run(folder / "second", recipe="mlp-128", epochs=4, finished=False)
    return folder


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_runs_lists_each_with_its_state_and_a_broken_one_with_the_reason(runs):
    (runs / "junk").mkdir()
    result = run("runs")
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: " ".join(line.split()) for line in result.output.splitlines()}
    assert rows["first"] == "first mlp-64 finished 3/3 95.00% 97.50% 6 1 2026-01-31 12:00"
    assert rows["second"] == "second mlp-128 stopped 4/4 95.00% - 8 1 2026-01-31 12:00"
    assert rows["junk"].startswith("junk - broken junk is not the folder of a run")


def test_runs_without_any_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path / "empty"))
    assert "mnistweb train" in run("runs").output
    assert run("runs", "--json").output == ""


def test_a_run_is_shown_with_settings_seed_hash_and_curves():
    result = run("runs", "first")
    assert result.exit_code == 0, result.output
    for part in (
        "first: finished",
        DATA_SHA256,
        "hidden 64",
        "epochs 3",
        "97.50%",
        "val. accuracy",
        "  best",
    ):
        assert part in result.output
    assert (
        len([line for line in result.output.splitlines() if line.split()[:1] in (["1"], ["2"], ["3"])]) == 3
    )


def test_the_folder_one_stands_in_is_called_by_its_name(runs, monkeypatch):
    for folder, words in (
        (runs / "first", "first: finished"),
        (runs, "runs: broken, runs is not the folder of"),
    ):
        monkeypatch.chdir(folder)
        assert run("runs", ".").output.startswith(words)


def test_a_long_run_is_shown_in_a_few_lines_and_says_how_to_see_them_all(runs):
    make_run(runs / "long", epochs=300)
    output = run("runs", "long").output
    assert len(output.splitlines()) < 60
    assert "300 epochs in all: mnistweb runs long --csv" in output


def test_runs_as_json_has_the_settings_and_curves_of_one_that_is_named():
    both = [json.loads(line) for line in run("runs", "--json").output.splitlines()]
    assert {each["run"]: each["test_accuracy"] for each in both} == {"first": 0.975, "second": None}
    (one,) = (json.loads(line) for line in run("runs", "first", "--json").output.splitlines())
    assert one["settings"]["architecture"]["hidden"] == [64]
    assert [row["epoch"] for row in one["curves"]] == [1, 2, 3]


def test_curves_are_exported_as_csv_those_of_several_runs_in_one_table(runs):
    assert (
        run("runs", "first", "--csv").output.splitlines()
        == (runs / "first/curves.csv").read_text().splitlines()
    )
    lines = run("runs", "first", "second", "--csv").output.splitlines()
    assert lines[0].startswith("run,epoch,")
    assert [line.split(",")[:2] for line in lines[3:5]] == [["first", "3"], ["second", "1"]]


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["nowhere"], 1, "nowhere is neither a folder nor a run in"),
        (["--csv"], 2, "--csv needs a RUN"),
        (["first", "--csv", "--json"], 2, "either"),
        (["junk"], 1, "junk: broken"),
        (["junk", "--csv"], 1, "is not the folder of a run"),
    ],
)
def test_a_wrong_word_is_answered_in_words(runs, words, code, part):
    (runs / "junk").mkdir()
    result = run("runs", *words)
    assert result.exit_code == code
    assert part in result.output
    assert "Traceback" not in result.output


def test_a_reader_that_has_enough_is_no_error(runs):
    make_run(runs / "long", epochs=9000)
    command = f"{sys.executable} -m mnistweb runs long --csv | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout[:6], done.stderr) == ("epoch,", "")


def test_plot_draws_the_curves_of_a_run_into_its_folder(runs):
    result = run("plot", "first")
    assert result.exit_code == 0, result.output
    with Image.open(runs / "first" / "curves.png") as drawn:
        assert drawn.size[0] > 500


def test_plot_draws_several_runs_over_each_other(runs, tmp_path):
    result = run("plot", "first", runs / "second", "-o", tmp_path / "two.png")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "two.png") as drawn:
        colours = {tuple(colour) for colour in np.asarray(drawn.convert("RGB")).reshape(-1, 3)}
    assert {(31, 119, 180), (255, 127, 14)} <= colours  # matplotlib's first and second


def test_plot_works_for_a_single_epoch_without_validation(tmp_path):
    write_settings(tmp_path, load_recipe("mlp-64"))
    write_curves(tmp_path, [{"epoch": 1, "loss": 0.5, "accuracy": 0.9}])
    assert run("plot", tmp_path).exit_code == 0
    assert (tmp_path / "curves.png").exists()


def test_plot_says_what_is_missing_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("plot", "first")
    assert result.exit_code == 1
    assert "pip install 'mnistweb[plots]'" in result.output


def test_plot_of_something_else_says_so(tmp_path, runs):
    write_settings(tmp_path, load_recipe("mlp-64"))
    assert "no curves" in run("plot", tmp_path).output
    assert "neither a folder nor a run" in run("plot", "nowhere").output
