"""`mnistweb gradcheck` says what is right, what is wrong, and what the check cannot know."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mnistweb.cli import main
from mnistweb.cli.charts import chart, side_by_side
from mnistweb.nn import Dense, Flatten, Sequential
from mnistweb.nn.mistakes import MISTAKES, made
from mnistweb.recipes.practice import practice_network
from mnistweb.weights import SavedModel, write_model


def gradcheck(*words: str) -> Result:
    return CliRunner().invoke(main, ["gradcheck", *words])


@pytest.fixture
def perceptron(tmp_path: Path) -> str:
    """The path of a weights file."""
    layers = [Flatten(), Dense(784, 10, rng=np.random.default_rng(0))]
    return str(write_model(tmp_path / "small.pkl", SavedModel("small", Sequential(layers))).path)


def test_a_right_network_passes_with_a_row_for_each_parameter() -> None:
    done = gradcheck("--entries", "1")
    assert done.exit_code == 0, done.output
    rows = [line.split()[0] for line in done.output.splitlines()[2:]]
    assert rows == [*practice_network().params, "inputs"]
    assert "WRONG" not in done.output


def test_a_model_is_checked_by_name_or_file(perceptron: str) -> None:
    done = gradcheck(perceptron, "--entries", "2")
    assert done.exit_code == 0, done.output
    assert "784 -> 10" in done.output
    assert "1.weight                    2" in done.output


def test_a_wrong_gradient_is_named_and_the_exit_code_is_1(perceptron: str) -> None:
    with made(MISTAKES["sign"]):
        done = gradcheck(perceptron, "--entries", "3")
    assert done.exit_code == 1
    assert [line.split()[0] for line in done.output.splitlines() if "WRONG" in line] == ["1.weight"]


def test_a_mistake_on_purpose_is_shown_caught_and_trained_with() -> None:
    done = gradcheck("--break", "momentum-sign", "--entries", "1")
    assert done.exit_code == 0, done.output
    unwrapped = " ".join(done.output.split())
    for words in (
        MISTAKES["momentum-sign"].what,
        "params += learning_rate * velocity # right: params -=",
        "can't catch this one",
        "as it should be",
        "with the mistake",
        "diverged in epoch 1",
    ):
        assert words in unwrapped
    assert all(len(line) < 80 for line in done.output.splitlines())


def test_what_the_check_catches_is_said(perceptron: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # By its own name the module is hidden behind the command.
    monkeypatch.setattr(sys.modules["mnistweb.cli.gradcheck"], "_train", lambda mistake, seed: None)
    done = gradcheck(perceptron, "--break", "no-mean", "--entries", "3")
    assert done.exit_code == 0, done.output
    assert "The check catches it: 3 of 3 gradients are wrong." in done.output


def test_a_mistake_in_a_layer_that_the_model_does_not_have_is_refused(perceptron: str) -> None:
    done = gradcheck(perceptron, "--break", "batchnorm-axis")
    assert done.exit_code == 2
    assert "has no BatchNorm" in done.output


def test_all_mistakes_are_listed() -> None:
    done = gradcheck("--mistakes")
    assert [line.split()[0] for line in done.output.splitlines() if line[0] != " "] == list(MISTAKES)


@pytest.mark.parametrize(
    "words", [["--break", "nothing"], ["--entries", "0"], ["--seed", "-1"], ["one", "two"]]
)
def test_nonsense_is_refused(words: list[str]) -> None:
    assert gradcheck(*words).exit_code == 2


def test_an_unknown_model_is_one_line() -> None:
    done = gradcheck("there-is-no-such-model")
    assert done.exit_code == 1
    assert "there is no model" in done.output


def test_a_chart_is_an_eighth_of_a_line_exact() -> None:
    assert chart([0, 0.5, 1], width=4, height=2, column=1) == ["  █ ", "▁██ "]
    assert chart([1 / 16, 9 / 16], width=2, height=2, column=1) == [" ▁", "▁█"]
    assert chart([-1, 7, float("inf")], width=3, height=1, column=1) == ["▁██"]
    assert chart([1, 1, 1], width=3, height=1) == ["███"]


def test_charts_stand_beside_each_other() -> None:
    assert side_by_side(["ab", "c"], ["x", "y", "z"], gap=" ") == ["ab x", "c  y", "   z"]
