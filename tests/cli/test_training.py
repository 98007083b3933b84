"""`mnistweb train`, as a person types it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from mnistweb.cli import main
from mnistweb.recipes.files import load_recipe, parse_recipe
from mnistweb.recipes.runs import CHECKPOINT, MODEL, read_curves, read_settings
from mnistweb.weights import read_model
from tests.recipes.tiny import write_tiny_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_tiny_dataset(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def instance(tmp_path, monkeypatch):
    folder = tmp_path / "instance"
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(folder))
    return folder


def run(*words):
    return CliRunner().invoke(main, ["train", *map(str, words)])


def small(dataset, *words):
    return [
        "--dataset",
        dataset,
        "--validation",
        100,
        "--hidden",
        "16",
        "--batch-size",
        20,
        "--epochs",
        2,
        *words,
    ]


def test_train_tells_of_each_epoch_and_installs_the_model(dataset, instance, tmp_path):
    result = run(*small(dataset, "--name", "mine", "--install", "-o", tmp_path / "copy.pkl", "--seed", 3))
    assert result.exit_code == 0, result.output
    assert re.search(r"epoch 1/2  loss \d\.\d{4}  validation \d+\.\d\d%", result.output)
    assert "784 -> 16 -> 10" in result.output
    assert re.search(r"test images: \d+\.\d\d% right", result.output)
    saved = read_model(instance / "mine.pkl")
    assert (saved.name, saved.training["seed"]) == ("mine", 3)
    assert read_model(tmp_path / "copy.pkl").sha256 == saved.sha256
    (folder,) = (instance / "runs").iterdir()
    assert folder.name.startswith("mine-")
    assert (folder / MODEL).exists()


def test_flags_and_settings_end_up_in_the_recipe():
    result = run(
        "--recipe", "mlp-64", "--hidden", "32,16", "--optimizer", "momentum", "--learning-rate", "0.05",
        "--schedule", "cosine", "--epochs", "7", "--batch-size", "64", "--no-augment", "--validation", "4000",
        "--seed", "9", "--threads", "2", "--dataset", "fashion-mnist", "--activation", "tanh", "--batch-norm",
        "--set", "augmentation.blur=0.5", "--set", "data.mix.strokes=0.2",
        "--set", "description=two words", "--show",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    expected = load_recipe(
        "mlp-64",
        {
            "architecture.hidden": [32, 16],
            "architecture.activation": "tanh",
            "architecture.batch_norm": True,
            "optimizer.name": "momentum",
            "schedule.name": "cosine",
            "schedule.learning_rate": 0.05,
            "training.epochs": 7,
            "training.batch_size": 64,
            "training.seed": 9,
            "training.threads": 2,
            "data.dataset": "fashion-mnist",
            "data.validation": 4000,
            "data.mix.strokes": 0.2,
            "augmentation.enabled": False,
            "augmentation.blur": 0.5,
            "description": "two words",
            "name": "mlp-64-fashion-mnist",
        },
    )
    assert parse_recipe(result.output, name="x") == expected


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--dataset", "mnist"], "mlp-64"),
        (["--dataset", "/somewhere/My shapes!/"], "mlp-64-My-shapes"),
        (["--set", "data.dataset=x/" + "y" * 90], "mlp-64-" + "y" * 57),
        (["--dataset", "shapes", "--name", "mine"], "mine"),
        (["--dataset", "shapes", "--set", "name=mine"], "mine"),
    ],
)
def test_a_model_of_other_data_does_not_take_the_name_of_the_recipe_s_own(words, name):
    assert parse_recipe(run("--recipe", "mlp-64", *words, "--show").output, name="x").name == name


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--recipe", "mlp-65"], ["mlp-65", "did you mean mlp-64"]),
        (["--hidden", "12,x"], ["--hidden", "12,x"]),
        (["--optimizer", "adm"], ["adm", "adam"]),
        (["--set", "optimizer.nam=1"], ["optimizer.nam", "optimizer.name"]),
        (["--set", "optimizer.name"], ["KEY=VALUE"]),
        (["--epochs", "0"], ["training.epochs", "at least 1"]),
        (["--learning-rate", "0"], ["schedule.learning_rate", "above 0"]),
        (["--learning-rate", "1e9"], ["schedule.learning_rate", "at most 10"]),
        (["--hidden", "9000,9000"], ["architecture.hidden", "at most 5,000,000 parameters"]),
        (["--dataset", "odd\udcff.csv"], ["data.dataset", "a text in UTF-8", r"'odd\udcff.csv'"]),
        (["--resume"], ["no run of mlp-128-64"]),
        (["--resume", "--epochs", "3"], ["training.epochs", "leave out"]),
        (["--resume", "--run-folder", "nowhere"], ["nowhere is not the folder of a run"]),
        (["--resume", "--run-folder", "nowhere", "--recipe", "mlp-64"], ["leave out --recipe"]),
    ],
)
def test_a_wrong_word_is_a_usage_error_that_says_what_is_allowed(words, parts):
    result = run(*words)
    assert result.exit_code == 2
    for part in parts:
        assert part in result.output


def test_missing_data_are_one_clear_line(tmp_path):
    result = run("--dataset", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "nowhere" in result.output
    assert "Traceback" not in result.output


def test_a_used_run_folder_is_left_alone(dataset, tmp_path):
    assert run(*small(dataset, "--run-folder", tmp_path / "run")).exit_code == 0
    before = (tmp_path / "run" / MODEL).read_bytes()
    result = run(*small(dataset, "--run-folder", tmp_path / "run"))
    assert result.exit_code == 1
    assert "already holds a run" in result.output
    assert (tmp_path / "run" / MODEL).read_bytes() == before


def test_a_run_that_is_over_tells_of_no_stage_that_never_began(dataset, tmp_path):
    assert run(*small(dataset, "--run-folder", tmp_path / "run")).exit_code == 0
    result = run("--resume", "--run-folder", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "done in" not in result.output


def test_settings_that_no_longer_fit_the_checkpoint_are_not_to_be_resumed(dataset, tmp_path):
    assert run(*small(dataset, "--run-folder", tmp_path / "run")).exit_code == 0
    settings = tmp_path / "run" / "settings.toml"
    settings.write_text(settings.read_text().replace("hidden = [16]", "hidden = [17]"))
    result = run("--resume", "--run-folder", tmp_path / "run")
    assert result.exit_code == 1
    assert "must have shape (784, 17), got (784, 16)" in result.output
    assert "Go on with" not in result.output


def test_a_training_stopped_in_its_first_epoch_begins_again_in_its_folder(dataset, tmp_path, monkeypatch):
    def interrupted(*words, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mnistweb.recipes.training.fit", interrupted)
        stopped = run(*small(dataset, "--run-folder", tmp_path / "run"))
    assert stopped.exit_code == 130
    assert f"Begin it again with: mnistweb train --resume --run-folder {tmp_path / 'run'}" in stopped.output
    assert run("--resume", "--run-folder", tmp_path / "run").exit_code == 0


@pytest.mark.parametrize(("stop", "exit_code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_training_stopped_from_outside_resumes_to_the_same_model(
    dataset, instance, tmp_path, stop, exit_code
):
    epochs = 20  # enough of them that some are left to do when the signal comes
    words = small(dataset, "--epochs", epochs, "--seed", 4)
    assert run(*words, "--run-folder", tmp_path / "whole").exit_code == 0

    cut = tmp_path / "cut"
    command = [sys.executable, "-m", "mnistweb", "train", *map(str, words), "--run-folder", str(cut)]
    process = subprocess.Popen(
        command,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a script have inherited that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (cut / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == exit_code, errors
    if stop == signal.SIGINT:
        assert f"mnistweb train --resume --run-folder {cut}" in errors
        assert "Traceback" not in errors

    result = run("--resume", "--run-folder", cut)
    assert result.exit_code == 0, result.output
    assert len(read_curves(cut)) == epochs
    assert read_settings(cut) == read_settings(tmp_path / "whole")
    whole, resumed = read_model(tmp_path / "whole" / MODEL), read_model(cut / MODEL)
    assert (resumed.model.flat_params == whole.model.flat_params).all()
