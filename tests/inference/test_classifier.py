"""The classifier: one picture, many pictures, many threads, the same answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistweb.imaging.errors import BlankImageError
from mnistweb.inference import DigitClassifier, PixelsError
from mnistweb.inference.prediction import calibrated
from mnistweb.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Sequential
from mnistweb.resources import shipped_weights_folder
from mnistweb.weights import SavedModel, WeightsError, write_model
from tests.inference.conftest import saved
from tests.inference.test_pictures import drawn_seven, png


def small_convnet(seed: int = 5) -> SavedModel:
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 4, 3, rng=rng),
        BatchNorm(4),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dropout(0.5, rng=rng),
        Dense(13 * 13 * 4, 10, rng=rng),
    ]
    model = Sequential(layers)
    # A training pass gives batch normalisation averages of its own.
    model.forward(rng.random((32, 28, 28, 1), dtype=np.float32), training=True)
    return SavedModel(name="small-convnet", model=model)


def test_probabilities_are_the_calibrated_softmax_of_the_logits(pictures: np.ndarray) -> None:
    given = saved(calibration={"temperature": 2.5})
    rows = DigitClassifier(given).probabilities(pictures)
    logits = given.model.forward(pictures[..., np.newaxis])
    np.testing.assert_allclose(rows, calibrated(logits, 2.5), rtol=1e-6)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-15)


def test_prediction_names_the_likeliest_digit_and_its_probability(pictures: np.ndarray) -> None:
    classifier = DigitClassifier(saved())
    answer = classifier.predict_pixels(pictures[:1])[0]
    row = classifier.probabilities(pictures[:1])[0]
    assert answer.prediction == int(row.argmax())
    assert answer.confidence == row.max()
    assert answer.model == "tiny"


def test_the_thresholds_of_the_weights_file_decide_the_verdict(pictures: np.ndarray) -> None:
    for bounds, verdict in (((0.0, 0.0), "digit"), ((1.1, 0.0), "uncertain"), ((1.1, 1.1), "not_a_digit")):
        given = saved(verdict=dict(zip(("digit_at_least", "not_a_digit_below"), bounds, strict=True)))
        assert DigitClassifier(given).predict_pixels(pictures[:1])[0].verdict == verdict


def test_folding_for_inference_changes_no_answer(pictures: np.ndarray) -> None:
    given = small_convnet()
    classifier = DigitClassifier(given)
    assert len(classifier.network.layers) == len(given.model.layers) - 2
    expected = given.model.forward(pictures[..., np.newaxis])
    np.testing.assert_allclose(classifier.logits(pictures), expected, rtol=1e-4, atol=1e-5)


def test_a_batch_is_one_forward_pass_and_answers_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = DigitClassifier(saved())
    sizes = []
    forward = classifier.network.forward
    monkeypatch.setattr(
        classifier.network, "forward", lambda inputs: sizes.append(len(inputs)) or forward(inputs)
    )
    images = [drawn_seven(), drawn_seven().rotate(90, fillcolor=255), drawn_seven(140)]
    together = classifier.predict_batch(images)
    assert sizes == [3]
    for one, image in zip(together, images, strict=True):
        np.testing.assert_allclose(one.probabilities, classifier.predict(image).probabilities, rtol=1e-5)


def test_an_empty_batch_has_no_answers() -> None:
    assert DigitClassifier(saved()).predict_batch([]) == []


def test_eight_threads_with_different_models_answer_bit_for_bit_as_one(pictures: np.ndarray) -> None:
    classifiers = [DigitClassifier(saved(seed=seed)) for seed in range(3)] + [
        DigitClassifier(small_convnet())
    ]
    jobs = [(classifier, picture[np.newaxis]) for classifier in classifiers for picture in pictures] * 5
    alone = [classifier.probabilities(picture).tobytes() for classifier, picture in jobs]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda job: job[0].probabilities(job[1]).tobytes(), jobs))
    assert together == alone


def test_a_blank_picture_never_reaches_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = DigitClassifier(saved())
    monkeypatch.setattr(classifier.network, "forward", lambda inputs: pytest.fail("it reached the network"))
    for blank in (Image.new("L", (280, 280), 255), np.zeros((28, 28)), np.ones((28, 28))):
        with pytest.raises(BlankImageError):
            classifier.predict(blank)
        with pytest.raises(BlankImageError):
            classifier.predict_batch([drawn_seven(), blank])
    with pytest.raises(BlankImageError):
        classifier.predict(np.zeros((28, 28)), preprocess=False)


@pytest.mark.parametrize("shape", [(3, 27, 28), (28, 28), (0, 3)])
def test_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    if shape == (0, 3):
        assert DigitClassifier(saved()).predict_pixels(np.zeros((0, 28, 28), np.float32)) == []
        return
    with pytest.raises(PixelsError, match="wanted is"):
        DigitClassifier(saved()).logits(np.zeros(shape, np.float32))


def test_load_reads_a_file_by_its_path_and_a_model_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "mine.pkl", saved("mine"))
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path))
    assert DigitClassifier.load(tmp_path / "mine.pkl").name == "mine"
    assert DigitClassifier.load(str(tmp_path / "mine.pkl")).name == "mine"
    assert DigitClassifier.load("mine").name == "mine"


def test_load_of_a_broken_file_says_which(tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match=r"bad\.pkl"):
        DigitClassifier.load(tmp_path / "bad.pkl")


def test_describe_gives_the_facts_of_a_perceptron() -> None:
    facts = DigitClassifier(saved(training={"seed": 1})).describe()
    assert facts["architecture"] == "784 -> 12 -> 10"
    assert facts["input_size"] == 784
    assert facts["hidden_sizes"] == [12]
    assert facts["output_size"] == 10
    assert facts["total_parameters"] == 784 * 12 + 12 + 12 * 10 + 10
    assert facts["num_layers"] == 2
    assert facts["weights_shapes"] == [[784, 12], [12, 10]]
    assert facts["biases_shapes"] == [[12], [10]]
    assert facts["training"] == {"seed": 1}


def test_the_shipped_default_reads_a_drawn_seven() -> None:
    if not list(shipped_weights_folder().glob("*.pkl")):
        pytest.skip("no weights are shipped yet")
    answer = DigitClassifier.load().predict(png(drawn_seven()))
    assert answer.prediction == 7
    assert answer.verdict == "digit"
