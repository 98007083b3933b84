"""Ten shapes instead of ten digits, the whole way: as a person trains, measures, serves and asks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from PIL import Image, ImageOps

from mnistweb import create_app
from mnistweb.cli import main
from mnistweb.inference import DigitClassifier
from mnistweb.resources import shipped_weights_folder
from tests.recipes.shapes import NAMES, shape, write_shapes
from tests.web.conftest import as_base64, post_json

MODEL = "mlp-64-shapes"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def drawn(label: int) -> bytes:
    """A PNG of the shape, as somebody would draw it: dark, small, somewhere on a sheet."""
    sheet = Image.new("L", (280, 280), 255)
    sheet.paste(ImageOps.invert(shape(label, np.random.default_rng(label), side=150)), (40, 90))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the set; its model is trained and installed in an instance folder of the tests' own."""
    folder = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(folder / "instance"))
        patch.setattr("mnistweb.recipes.training.Prefetched", _here)
        data = write_shapes(folder / "shapes", training=600)
        words = (
            "--recipe",
            "mlp-64",
            "--dataset",
            data,
            "--validation",
            100,
            "--epochs",
            6,
            "--batch-size",
            20,
        )
        done = run("train", *words, "--learning-rate", 0.005, "--ema-decay", 0, "--install")
        assert done.exit_code == 0, done.output
        yield data


class _here:
    """Batches made in this process, which saves starting another."""

    def __init__(self, batches: object) -> None:
        self.batches = batches

    def __enter__(self) -> object:
        return self.batches

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def client(shapes: Path) -> FlaskClient:
    """The application with the shipped models of digits and the one of shapes."""
    return create_app({"LOG_FORMAT": "off", "TESTING": True}).test_client()


def test_the_model_has_a_name_of_its_own_and_is_not_the_default(shapes: Path) -> None:
    listed = run("models").output
    assert re.search(r"^\* convnet ", listed, re.MULTILINE)
    assert re.search(rf"^  {MODEL} .*Disc", listed, re.MULTILINE)
    assert DigitClassifier.load("mlp-64").reads_digits


def test_it_is_measured_on_its_own_set_and_names_the_classes(shapes: Path) -> None:
    result = run("evaluate", MODEL, "--dataset", shapes, "--json")
    assert json.loads(result.output)["accuracy"] > 0.95
    table = run("confusion", MODEL, "--dataset", shapes).output
    assert "Half moon" in table
    assert "an Arrow: right" in run("samples", MODEL, "--dataset", shapes, "--count", 60, "--seed", 1).output


@pytest.mark.parametrize("command", ["evaluate", "confusion", "samples"])
def test_a_model_is_not_asked_about_a_set_of_other_classes(shapes: Path, command: str) -> None:
    result = run(command, "mlp-64", "--dataset", shapes)
    assert result.exit_code == 1
    assert "mlp-64 reads handwritten digits, shapes/test shows Disc, Square" in result.output


def test_all_models_are_measured_where_the_set_shows_what_they_know(shapes: Path) -> None:
    result = run("evaluate", "--all", "--dataset", shapes)
    assert result.exit_code == 0, result.output
    assert re.search(rf"^{MODEL} +\d", result.output, re.MULTILINE)
    assert "left out, for they read other things: convnet, mlp-128" in result.output


def test_the_command_line_answers_with_names(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "star.png").write_bytes(drawn(6))
    words = run("predict", "--model", MODEL, tmp_path / "star.png").output
    assert words.split()[1] == "Star"
    assert "digit" not in words
    answer = json.loads(run("predict", "--json", "--model", MODEL, tmp_path / "star.png").output)
    assert (answer["prediction"], answer["label"], answer["top"][0]["label"]) == (6, "Star", "Star")


def test_drawings_are_read_over_http_and_answered_with_names(client: FlaskClient) -> None:
    right = 0
    for label in range(10):
        answer = post_json(client, "/predict", {"image": as_base64(drawn(label)), "model": MODEL}).json
        assert answer["labels"] == list(NAMES)
        assert answer["label"] == NAMES[answer["prediction"]]
        assert answer["verdict"] == "not_a_digit" or answer["label"] in answer["sentence"]
        assert "digit" not in answer["sentence"]
        right += answer["prediction"] == label
    assert right >= 9
    usual = post_json(client, "/predict", {"image": as_base64(drawn(5))}).json
    assert {"label", "labels"}.isdisjoint(usual)


def test_the_paint_screen_says_which_model_is_for_what(client: FlaskClient) -> None:
    page = client.get("/paint-screen").text
    assert 'id="model-reads">reads handwritten digits</p>' in page
    (option,) = set(re.findall(rf'<option value="{MODEL}"[^>]*>([^<]*)', page))
    assert option == f"{MODEL} (Disc to Two dots)"
    other = client.get(f"/paint-screen?model={MODEL}").text
    assert 'id="model-reads">reads pictures of Disc, Square' in other
    listed = {each["name"]: each for each in client.get("/models").json["models"]}
    assert listed["convnet"]["reads"] == "handwritten digits"
    assert listed[MODEL]["labels"] == list(NAMES)


def test_the_pages_of_models_say_that_it_is_measured_elsewhere(client: FlaskClient) -> None:
    for path in ("/models", f"/models/{MODEL}", f"/models/compare?first={MODEL}"):
        page = client.get(path, headers={"Accept": "text/html"}).text
        assert "reads pictures of Disc, Square" in page


def test_the_upload_answers_with_names(client: FlaskClient) -> None:
    form = {"image": (io.BytesIO(drawn(4)), "cross.png"), "model": MODEL}
    page = client.post("/upload", data=form).text
    assert '<p class="digit" aria-hidden="true">Cross</p>' in page
    assert [name for name in NAMES if f'<span class="bar-digit">{name}</span>' not in page] == []


def test_clothes_are_called_so() -> None:
    from mnistweb.data.catalogue import FASHION_MNIST
    from tests.inference.conftest import saved

    model = DigitClassifier(saved(labels=FASHION_MNIST.label_names, training={"data": "fashion-mnist"}))
    assert model.subject == "clothing"
    assert model.reads.startswith("pictures of clothing: T-shirt/top, Trouser, ")


def test_only_shipped_weights_are_untouched(shapes: Path) -> None:
    assert not list(shipped_weights_folder().glob("*shapes*"))
