"""The weights that ship: each is what its recipe makes, and reads what its recipe promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnistweb.data import load_dataset
from mnistweb.data.dataset import Dataset
from mnistweb.inference import DigitClassifier
from mnistweb.recipes.drawn_sources import VALIDATION_SEED, as_inputs
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.recipe import Recipe
from mnistweb.recipes.settings import read_section
from mnistweb.recipes.sources import load_drawings
from mnistweb.recipes.straight_ones import draw_straight_ones
from mnistweb.resources import shipped_weights_folder

# The least share of MNIST's 10,000 test images, and of held-out writers' drawings, that each reads right.
PROMISED = {
    "mlp-64": (0.973, 0.97),
    "mlp-128": (0.982, 0.98),
    "mlp-128-64": (0.984, 0.98),
    "mlp-256-128": (0.988, 0.985),
    "convnet": (0.997, 0.992),
}


# How a model was trained on from the one that its recipe made, as docs/training.md tells.
GONE_ON: dict[str, dict[str, object]] = {
    "convnet": {
        "training.start_from": "convnet",
        "training.epochs": 2,
        "training.seed": 2,
        "schedule.learning_rate": 0.00012,
    }
}


def classifier_of(name: str) -> DigitClassifier:
    return DigitClassifier.load(shipped_weights_folder() / f"{name}.pkl")


def test_these_models_ship_and_no_others() -> None:
    assert {path.stem for path in shipped_weights_folder().glob("*.pkl")} == set(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_a_shipped_model_was_made_by_the_recipe_of_its_name(name: str) -> None:
    recorded = classifier_of(name).saved.training
    wanted = load_recipe(name, GONE_ON.get(name))
    assert read_section(Recipe, recorded["recipe"]) == wanted  # settings that came later are as by default
    assert recorded["seed"] == wanted.training.seed


@pytest.fixture(scope="module")
def mnist_test(real_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """MNIST's 10,000 test images."""
    return load_dataset("mnist", "test", data_dir=real_data_dir, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize(("name", "promised"), PROMISED.items())
def test_a_shipped_model_reads_what_is_promised(
    name: str, promised: tuple[float, float], real_data_dir: Path, mnist_test: Dataset
) -> None:
    classifier = classifier_of(name)
    for images, labels, least in (
        (mnist_test.images, mnist_test.labels, promised[0]),
        (*drawings(real_data_dir), promised[1]),
    ):
        answers = [classifier.probabilities(part).argmax(axis=1) for part in np.array_split(images, 40)]
        assert np.mean(np.concatenate(answers) == labels) >= least


@pytest.fixture(scope="module")
def straight_ones() -> tuple[np.ndarray, np.ndarray]:
    """Pictures of straight lines, as the network takes them, and their labels."""
    images, labels = draw_straight_ones(np.arange(300), VALIDATION_SEED)
    return as_inputs(images), labels


@pytest.mark.parametrize("name", PROMISED)
def test_a_straight_line_is_surely_a_one(name: str, straight_ones: tuple[np.ndarray, np.ndarray]) -> None:
    """It is the digit that is drawn most simply, by arrow keys not in any other way."""
    images, labels = straight_ones
    classifier = classifier_of(name)
    probabilities = classifier.probabilities(images)
    sure = probabilities.max(axis=1) >= classifier.saved.verdict["digit_at_least"]
    assert np.mean((probabilities.argmax(axis=1) == labels) & sure) >= 0.95


_drawings: dict[Path, tuple[np.ndarray, np.ndarray]] = {}


def drawings(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Drawing them takes seconds, so they are drawn once."""
    if folder not in _drawings:
        dataset = load_drawings(data_dir=folder)
        _drawings[folder] = dataset.images, dataset.labels
    return _drawings[folder]
