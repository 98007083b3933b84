"""The inside of a network. Guards: anatomy.py, favourites.py, histograms.py and sheets.py of inference."""

from __future__ import annotations

import io
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from mnistweb.inference import DigitClassifier
from mnistweb.inference.anatomy import MOST_TILES, dissect, layer_facts, unit_leanings
from mnistweb.inference.drawings import drawings
from mnistweb.inference.favourites import Window, favourites
from mnistweb.inference.histograms import BINS, activation_histograms, weight_histograms
from mnistweb.inference.sheets import framed_sheet, signed_sheet
from mnistweb.nn import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, Sigmoid
from mnistweb.weights import SavedModel
from tests.inference.conftest import saved, tiny_model
from tests.inference.test_classifier import small_convnet

RNG = np.random.default_rng(2)


def as_pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_every_parameter_of_a_model_is_in_the_table_of_its_layers() -> None:
    model = small_convnet().model
    facts = layer_facts(model)
    assert [each.name for each in facts] == [type(layer).__name__ for layer in model.layers]
    assert sum(each.parameters for each in facts) == model.num_parameters
    assert (facts[0].details, facts[0].output_shape) == (
        "4 kernels of 3x3x1, stride 1, padding 0",
        (26, 26, 4),
    )
    assert facts[-1].output_shape == (10,)


def test_the_leaning_of_a_unit_is_its_weights_to_the_classes_less_their_mean() -> None:
    model = tiny_model(hidden=3)
    leanings = unit_leanings(model)
    weight = model.params["3.weight"]
    np.testing.assert_allclose(leanings, weight - weight.mean(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)


def test_units_are_sorted_by_the_class_they_speak_for_and_their_strength() -> None:
    model = tiny_model(hidden=4)
    out = model.params["3.weight"]
    out[...] = 0
    out[[0, 1, 2, 3], [7, 2, 7, 2]] = [1, 1, 2, 1]
    model.params["1.weight"][:, 3] *= 5  # as strong on the way out as unit 1, stronger on the way in
    groups = dissect(DigitClassifier(SavedModel(name="m", model=model))).unit_groups
    assert [(group.label, group.units) for group in groups] == [(2, (3, 1)), (7, (2, 0))]


def test_a_batch_normalisation_in_between_turns_a_leaning_round() -> None:
    norm = BatchNorm(3)
    norm.params["gamma"][...] = [1, -1, 1]
    layers = [Flatten(), Dense(784, 3, rng=RNG), ReLU(), norm, Dense(3, 10, rng=RNG)]
    turned = unit_leanings(Sequential(layers))
    norm.params["gamma"][...] = 1
    plain = unit_leanings(Sequential(layers))
    assert turned is not None
    assert plain is not None
    np.testing.assert_allclose(turned, plain * [[1], [-1], [1]])


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_perceptrons_of_any_depth_are_taken_apart(depth: int) -> None:
    sizes = [784, *[300] * depth, 10]
    layers = [Flatten()]
    for before, after in pairwise(sizes):
        layers += [Dense(before, after, rng=RNG), Sigmoid()]
    labels = ("T-shirt/top", "Trouser", *"abcdefgh")
    found = dissect(DigitClassifier(SavedModel("clothes", Sequential(layers[:-1]), labels)))
    units = [unit for group in found.unit_groups for unit in group.units]
    assert len(set(units)) == len(units) == min(MOST_TILES, sizes[1])
    assert found.hidden_units == sizes[1]
    assert not found.filter_sheets
    assert all(png.startswith(b"\x89PNG") for png in found.pictures.values())


def test_a_network_that_pools_first_has_no_units_that_see_pixels() -> None:
    model = Sequential([MaxPool2D(2), Flatten(), Dense(196, 10, rng=RNG)])
    found = dissect(DigitClassifier(SavedModel("pooled", model)))
    assert (found.unit_groups, found.kernels, found.pictures) == ((), "", {})


def test_a_window_grows_and_steps_with_the_layers_before_it() -> None:
    first = Window().behind(Conv2D(1, 2, 3, padding=1, rng=RNG))
    pooled = first.behind(MaxPool2D(2))
    second = pooled.behind(Conv2D(2, 2, 3, rng=RNG))
    assert (first, pooled, second) == (Window(-1, 1, 3), Window(-1, 2, 4), Window(-1, 2, 8))
    assert first.pixels(0, 28) == (0, 2)
    assert second.pixels(1, 28) == (1, 9)


def test_nothing_outside_of_the_field_of_a_favourite_changes_its_answer() -> None:
    layers = [Conv2D(1, 4, 3, padding=1, rng=RNG), ReLU(), MaxPool2D(2), Conv2D(4, 6, 3, rng=RNG), ReLU()]
    model = Sequential([*layers, Flatten(), Dense(12 * 12 * 6, 10, rng=RNG)])
    found = favourites(model)[1]
    pictures = drawings()[0]
    for number in range(6):
        top, left, bottom, right = found.fields[number]
        picture = pictures[found.drawings[number]]
        alone = np.zeros_like(picture)
        alone[top:bottom, left:right] = picture[top:bottom, left:right]
        answers = alone[np.newaxis]
        for layer in model.layers[:4]:
            answers = layer.forward(answers)
        assert answers[..., number].max() >= found.answers[number] - 1e-5


def test_a_filter_that_answers_nothing_is_silent_and_its_place_stays_black() -> None:
    model = small_convnet().model.folded()
    model.layers[0].params["weight"][..., 2] = -1
    model.layers[0].params["bias"][2] = -1
    (found,) = favourites(model)
    assert found.is_silent.tolist() == [False, False, True, False]
    sheet = dissect(DigitClassifier(SavedModel("m", model)))
    assert sheet.filter_sheets[0].silent == 1
    tile = as_pixels(sheet.pictures["filters-1"])[:84, 2 * 88 : 2 * 88 + 84, :3]
    assert not tile.any()


def test_histograms_count_every_weight() -> None:
    found = weight_histograms(small_convnet().model)
    assert [(each.name, sum(each.counts)) for each in found] == [("Conv2D", 36), ("Dense", 6760)]
    assert all(len(each.counts) == BINS and each.low == -each.high for each in found)


def test_activations_are_those_of_the_drawings_and_zeros_are_told_apart() -> None:
    model = tiny_model()
    model.params["1.weight"][:, 4] = 0
    model.params["1.bias"][4] = -1
    hidden, answers = activation_histograms(model)
    assert (hidden.name, hidden.low, hidden.units) == ("ReLU", 0, 12)
    assert sum(hidden.counts) == round((1 - hidden.share_of_zeros) * 20 * 12)
    assert hidden.silent >= 1
    assert sum(answers.counts) == 20 * 10
    assert answers.mean == pytest.approx(model.forward(drawings()[0]).mean(), rel=1e-5)


def test_taking_a_model_apart_changes_nothing_in_it() -> None:
    given = small_convnet()
    before = given.model.state()
    classifier = DigitClassifier(given)
    answers = classifier.logits(drawings()[0])
    dissect(classifier)
    assert all(np.array_equal(before[name], array) for name, array in given.model.state().items())
    np.testing.assert_array_equal(classifier.logits(drawings()[0]), answers)


def test_signs_become_colours_and_zero_is_transparent() -> None:
    sheet = as_pixels(signed_sheet(np.array([[[1.0, -1.0, 0.0]]]), scale=1.0))
    assert sheet[0].tolist() == [[40, 110, 235, 254], [225, 90, 30, 254], [40, 110, 235, 0]]


def test_a_sheet_has_a_frame_around_the_part_and_the_rest_is_darker() -> None:
    tiles = np.full((9, 4, 4), 200, np.uint8)
    sheet = as_pixels(framed_sheet(tiles, np.array([[1, 1, 4, 4]] * 9), zoom=1))
    assert sheet.shape == (2 * 4 + 4, 8 * 4 + 7 * 4, 4)
    assert sheet[1, 1, :3].tolist() == [255, 150, 60]
    assert sheet[2, 2, :3].tolist() == [200] * 3
    assert sheet[0, 0, :3].tolist() == [70] * 3
    assert sheet[0, 4, 3] == 0


def test_a_model_without_any_weight_of_size_is_drawn_all_the_same() -> None:
    given = saved()
    given.model.flat_params[...] = 0
    assert dissect(DigitClassifier(given)).pictures


def test_a_wide_layer_is_taken_apart_in_little_memory() -> None:
    model = Sequential([Flatten(), Dense(784, 1500, rng=RNG), ReLU(), Dense(1500, 10, rng=RNG)])
    classifier = DigitClassifier(SavedModel("wide", model))
    tracemalloc.start()
    try:
        unit_leanings(classifier.network)
        assert tracemalloc.get_traced_memory()[1] < 2**20  # a square of its units would have 9 MB
    finally:
        tracemalloc.stop()
