"""Measuring finished models: the sets, what is counted, and that what ships says what is true."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from mnistweb.data.dataset import Dataset
from mnistweb.data.errors import DataError, MissingDataError
from mnistweb.imaging.errors import BlankImageError
from mnistweb.inference import DigitClassifier
from mnistweb.inference.drawings import drawings
from mnistweb.recipes.evaluation import EVALUATION, read_evaluation, write_evaluation
from mnistweb.recipes.evaluation_measuring import measure_on
from mnistweb.recipes.evaluation_negatives import KINDS, draw_negatives, negative_file
from mnistweb.recipes.evaluation_pictures import (
    draw_photos,
    draw_scans,
    draw_writers,
    scan_file,
    writers_file,
)
from mnistweb.recipes.evaluation_sets import EVALUATION_SETS, load_evaluation_set
from mnistweb.recipes.progress import Progress
from mnistweb.resources import shipped_weights_folder
from tests.recipes.tiny import stroke_digits


@pytest.fixture(scope="module")
def classifier() -> DigitClassifier:
    return DigitClassifier.load(shipped_weights_folder() / "mlp-64.pkl")


@pytest.fixture(scope="module")
def pictures_of_digits():
    """The shipped drawings, as a set of which picture 3 was refused as blank."""
    pixels, digits = drawings()
    images = pixels.copy()
    images[3] = 0
    return Dataset(images, digits.copy(), "drawings")


def test_what_is_measured_is_what_a_request_is_answered(classifier):
    digits = stroke_digits(4)
    for draw, file_of in (
        (draw_writers, lambda number: writers_file(number, digits)[0]),
        (draw_scans, lambda number: scan_file(number, digits)[0]),
    ):
        images, labels = draw(np.arange(4), digits)
        assert labels.tolist() == [0, 1, 2, 3]
        for number, answer in enumerate(classifier.predict_pixels(images)):
            asked = classifier.predict(file_of(number))
            assert (asked.prediction, asked.verdict) == (answer.prediction, answer.verdict)
            np.testing.assert_allclose(asked.probabilities, answer.probabilities, atol=1e-6)


def test_a_picture_of_a_set_depends_on_its_number_alone():
    digits, images, labels = stroke_digits(5), np.zeros((3, 28, 28), np.uint8), np.array([4, 5, 6])
    images[:, 4:24, 12:16] = 255
    for draw, material in (
        (draw_writers, [digits]),
        (draw_scans, [digits]),
        (draw_photos, [digits, images, labels]),
        (draw_negatives, []),
    ):
        several, several_labels = draw(np.arange(5), *material)
        one, one_label = draw(np.array([3]), *material)
        np.testing.assert_array_equal(one[0], several[3])
        assert one_label[0] == several_labels[3]


def test_kinds_of_negatives_take_turns_and_empty_sheets_are_refused_as_blank(classifier):
    images, kinds = draw_negatives(np.arange(2 * len(KINDS)))
    assert kinds.tolist() == 2 * list(range(len(KINDS)))
    with pytest.raises(BlankImageError):
        classifier.predict(negative_file(KINDS.index("blank")))
    for number, image in enumerate(images):
        assert image.any() == (KINDS[kinds[number]] != "blank")


def test_files_of_negatives_are_png_and_jpeg():
    forms = {Image.open(io.BytesIO(negative_file(number))).format for number in range(18)}
    assert forms == {"PNG", "JPEG"}


def test_a_digit_refused_as_blank_counts_as_wrong_and_as_doubted(classifier, pictures_of_digits):
    found = measure_on(classifier, "writers", pictures_of_digits, Progress())
    answers = classifier.predict_pixels(drawings()[0])
    sure = [answer.verdict == "digit" for answer in answers]
    right = [answer.prediction == digit for answer, digit in zip(answers, drawings()[1], strict=True)]
    sure[3] = right[3] = False
    assert (found["right"], found["total"], found["blank"]) == (sum(right), 20, 1)
    assert found["doubted"] == pytest.approx(1 - sum(sure) / 20)
    assert sum(map(sum, found["confusion"])) == 19
    assert sum(count for count, _, _ in found["calibration"]) == 19
    assert found["mistakes"][-1] == [3, int(drawings()[1][3]), None, 0.0]
    assert len(found["mistakes"]) == 20 - sum(right)


def test_of_pictures_of_no_digit_those_are_right_that_are_not_called_a_digit(classifier):
    images, kinds = draw_negatives(np.arange(2 * len(KINDS)))
    images[
        0,
        ...,
    ] = drawings()[0][8, ..., 0]  # a clear four among the letters
    found = measure_on(
        classifier, "negatives", Dataset(images[..., None], kinds, "negatives", KINDS), Progress()
    )
    assert found["blank"] == 2
    assert found["right"] + len(found["mistakes"]) == found["total"] == 2 * len(KINDS)
    assert [0, 0, 4] in [mistake[:3] for mistake in found["mistakes"]]
    assert found["confusion"][0][4] >= 1
    assert sum(map(sum, found["confusion"])) == len(found["mistakes"])
    assert found["kinds"]["blank"] == [2, 2]
    json.dumps(found, allow_nan=False)


def test_an_unknown_set_names_those_that_there_are():
    with pytest.raises(DataError, match="writers"):
        load_evaluation_set("nothing")


@pytest.mark.parametrize("name", ["mnist", "writers", "photos", "scans"])
def test_a_set_without_its_data_says_how_to_get_them(name, tmp_path):
    with pytest.raises(MissingDataError, match="mnistweb data fetch"):
        load_evaluation_set(name, data_dir=tmp_path)


def test_an_evaluation_is_read_from_the_instance_folder_first(tmp_path, monkeypatch):
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path))
    assert read_evaluation()["models"]  # the shipped one
    write_evaluation(tmp_path, {"models": {}})
    assert read_evaluation()["models"] == {}
    assert read_evaluation(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "another", "version": 1}', "\udcff"])
def test_what_is_no_evaluation_counts_as_none(content, tmp_path):
    (tmp_path / EVALUATION).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_evaluation(tmp_path) is None


def test_the_shipped_evaluation_is_of_the_shipped_weights():
    evaluation = read_evaluation(shipped_weights_folder())
    shipped = {path.stem: DigitClassifier.load(path).saved for path in shipped_weights_folder().glob("*.pkl")}
    evaluated = {name: model["sha256"] for name, model in evaluation["models"].items()}
    assert {name: saved.sha256 for name, saved in shipped.items()}.items() <= evaluated.items()
    assert set(evaluation["sets"]) == set(EVALUATION_SETS)
    for name, saved in shipped.items():
        assert evaluation["models"][name]["parameters"] == saved.model.num_parameters
        assert evaluation["models"][name]["bytes"] == saved.size_bytes


@pytest.mark.parametrize("name", sorted(EVALUATION_SETS))
def test_the_shipped_figures_agree_with_one_another(name):
    evaluation = read_evaluation(shipped_weights_folder())
    for model in evaluation["models"].values():
        found = model["sets"][name]
        assert found["total"] == evaluation["sets"][name]["pictures"]
        assert found["right"] == found["total"] - len(found["mistakes"])
        assert found["accuracy"] == pytest.approx(found["right"] / found["total"], abs=1e-6)
        assert found["interval"][0] < found["accuracy"] < found["interval"][1]
        confused = np.array(found["confusion"])
        if name != "negatives":
            assert confused.trace() == found["right"]
            assert confused.sum() == found["total"] - found["blank"]


def test_the_shipped_model_reads_as_the_evaluation_says(real_data_dir):
    # The smallest model on the largest set; all others take the same way.
    evaluation = read_evaluation(shipped_weights_folder())
    pictures = load_evaluation_set("mnist", data_dir=real_data_dir)
    assert pictures.sha256 == evaluation["sets"]["mnist"]["sha256"]
    classifier = DigitClassifier.load(shipped_weights_folder() / "mlp-64.pkl")
    found = measure_on(classifier, "mnist", pictures, Progress())
    recorded = evaluation["models"]["mlp-64"]["sets"]["mnist"]
    # Another processor may add in another order: that moves an answer on the edge, not the figures.
    assert abs(found["right"] - recorded["right"]) <= 2
    assert found["expected_calibration_error"] == pytest.approx(
        recorded["expected_calibration_error"], abs=1e-3
    )
    assert dataclasses.asdict(EVALUATION_SETS["mnist"])["licence"] == evaluation["sets"]["mnist"]["licence"]
