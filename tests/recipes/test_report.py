"""The report: the card says what the data say, and one command writes all of it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mnistweb.cli import main
from mnistweb.data.dataset import Dataset
from mnistweb.inference import DigitClassifier
from mnistweb.inference.drawings import drawings
from mnistweb.recipes import evaluation_sets, report, view_trials
from mnistweb.recipes.evaluation import read_evaluation
from mnistweb.recipes.evaluation_measuring import evaluate_models
from mnistweb.recipes.evaluation_sets import EVALUATION_SETS, load_evaluation_set
from mnistweb.recipes.markdown import bullets, duration, paragraph, percent, table
from mnistweb.recipes.model_card import CARD, ModelCard
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.report import with_figures
from mnistweb.recipes.report_pictures import mistakes_png
from mnistweb.recipes.targets import TARGETS
from mnistweb.resources import shipped_weights_folder
from tests.recipes.tiny import stroke_digits

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_model_card_is_what_the_shipped_evaluation_says():
    evaluation = read_evaluation(shipped_weights_folder())
    assert (CHECKOUT / "docs" / CARD).read_text() == ModelCard(evaluation).text()


def test_the_table_in_readme_is_what_the_shipped_evaluation_says():
    readme = (CHECKOUT / "README.md").read_text()
    figures = ModelCard(read_evaluation(shipped_weights_folder())).figures()
    assert figures in readme
    assert with_figures(readme, figures) == readme
    assert "| other |" in with_figures(readme, "| other |\n\n")
    assert with_figures("no marks", figures) == "no marks"


def test_the_pictures_of_the_model_card_are_there():
    names = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (CHECKOUT / "docs" / CARD).read_text())
    assert len(names) == 3
    for name in names:
        with Image.open(CHECKOUT / "docs" / name) as picture:
            assert picture.format == "PNG"


def test_a_target_is_met_on_the_right_side_of_its_bar():
    high = next(target for target in TARGETS if target.at_least)
    low = next(target for target in TARGETS if not target.at_least)
    assert high.met(high.bar)
    assert not high.met(high.bar - 0.0001)
    assert low.met(low.bar)
    assert not low.met(low.bar + 0.0001)


def test_markdown_pieces():
    assert table(["a", "b"], [["1", "2"]], "lr") == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n\n"
    assert paragraph("One.", "Two.") == "One. Two.\n\n"
    assert max(map(len, paragraph("word " * 100).splitlines())) <= 118
    assert bullets(["one", "two"]) == "* one\n* two\n\n"
    assert (percent(0.997), percent(0.5, 0)) == ("99.70 %", "50 %")
    assert (duration(42.4), duration(3171), duration(None)) == ("42 s", "53 min", "unknown")


def test_a_sheet_of_mistakes_has_a_cell_for_each():
    pixels, digits = drawings()
    pictures = Dataset(pixels, digits, "drawings")
    mistakes = [[number, int(digits[number]), 3, 0.9] for number in range(13)] + [[13, 6, None, 0.0]]
    with Image.open(io.BytesIO(mistakes_png(mistakes, pictures, None))) as sheet:
        rows_of_twelve = sheet.size
    with Image.open(io.BytesIO(mistakes_png(mistakes[:12], pictures, None))) as sheet:
        assert sheet.width == rows_of_twelve[0]
        assert sheet.height < rows_of_twelve[1]
    with Image.open(io.BytesIO(mistakes_png([], pictures, None))) as sheet:
        assert sheet.height > 0


@pytest.fixture
def small_sets(monkeypatch):
    """Each set with a handful of pictures, drawn without other processes and without data files."""
    pixels, digits = drawings()
    few = Dataset(pixels.copy(), digits.copy(), "drawings")
    monkeypatch.setattr(
        evaluation_sets, "rendered", lambda title, draw, count, arguments, **_: draw(np.arange(9), *arguments)
    )
    monkeypatch.setattr(evaluation_sets, "load_test", lambda **_: few)
    monkeypatch.setattr(evaluation_sets, "_held_out", lambda data_dir: stroke_digits(9))
    monkeypatch.setattr(view_trials, "load_validation", lambda **_: few)


@pytest.fixture
def one_model(tmp_path, monkeypatch):
    """An instance folder with one small model in it, and nothing shipped beside it."""
    folder = tmp_path / "instance"
    folder.mkdir()
    (folder / "mlp-64.pkl").write_bytes((shipped_weights_folder() / "mlp-64.pkl").read_bytes())
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(folder))
    monkeypatch.setattr("mnistweb.inference.registry.shipped_weights_folder", lambda: tmp_path / "none")
    return folder


def test_one_command_measures_everything_and_writes_it_down(small_sets, one_model, tmp_path):
    result = CliRunner().invoke(main, ["evaluate", "--report", "--to", str(tmp_path / "card")])
    assert result.exit_code == 0, result.output
    evaluation = read_evaluation(one_model)
    assert list(evaluation["models"]) == ["mlp-64"]
    assert (tmp_path / "card" / CARD).read_text() == ModelCard(evaluation).text()
    written = {Path(line.removeprefix("wrote ")) for line in result.output.splitlines() if "wrote" in line}
    assert all(path.is_file() for path in written)
    assert {path.name for path in written if path.parent.name == "sheets"} == {
        f"mlp-64-{name}.png" for name in evaluation_sets.EVALUATION_SETS
    }
    assert sum(trial["chosen"] for trial in evaluation["views"]["trials"]) == 1


def test_what_was_measured_with_views_is_kept_while_weights_and_pictures_are_the_same(small_sets):
    classifier = DigitClassifier.load(shipped_weights_folder() / "mlp-64.pkl")
    sets = {name: load_evaluation_set(name) for name in EVALUATION_SETS}
    notes = []
    progress = Progress()
    progress.note = notes.append
    first = evaluate_models([classifier], sets, progress=progress)
    assert not notes
    again = evaluate_models([classifier], sets, progress=progress, earlier=first)
    assert len(notes) == 1
    assert _without_times(again) == _without_times(first)
    other = DigitClassifier.load(shipped_weights_folder() / "mlp-128.pkl")
    evaluate_models([other], sets, progress=progress, earlier=first)
    assert len(notes) == 1


def _without_times(evaluation):
    for model in evaluation["models"].values():
        del model["microseconds_a_picture"]
    return evaluation


def test_a_report_outside_of_a_checkout_needs_a_folder(one_model, monkeypatch):
    monkeypatch.setattr(report, "checkout_folder", lambda: None)
    result = CliRunner().invoke(main, ["evaluate", "--report"])
    assert result.exit_code == 1
    assert "--to" in result.output


@pytest.mark.parametrize("words", [["mlp-64"], ["--all"], ["--json"], ["--views"], ["--on", "photos"]])
def test_a_report_takes_no_other_choices(words):
    assert CliRunner().invoke(main, ["evaluate", "--report", *words]).exit_code == 2


def test_a_folder_goes_with_a_report(tmp_path):
    assert CliRunner().invoke(main, ["evaluate", "--to", str(tmp_path)]).exit_code == 2
