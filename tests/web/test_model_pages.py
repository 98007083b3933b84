"""The pages about models: what each is made of, what it gets wrong, and which of two is better.

Guards: mnistweb/web/model_pages.py, models.py and measured.py, and their templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnistweb.recipes.evaluation import EVALUATION
from mnistweb.recipes.set_pictures import _maker, set_picture
from mnistweb.weights import read_model, write_model
from tests.inference.conftest import saved
from tests.web.conftest import make_app, problem
from tests.web.test_pages import BROWSER

DIGITS = list("0123456789")
KINDS = ["letters", "blank sheets"]


def on_digits(mistakes: list[list[Any]], total: int = 100) -> dict[str, Any]:
    confusion = np.diag([total // 10] * 10)
    for _, truth, reading, _ in mistakes:
        if reading is not None:
            confusion[truth, reading] += 1
    right = total - len(mistakes)
    return {
        "right": right,
        "total": total,
        "accuracy": right / total,
        "interval": [right / total - 0.02, min(1, right / total + 0.01)],
        "loss": 0.1,
        "expected_calibration_error": 0.0123,
        "calibration": [[0, 0.0, 0.0]] * 14 + [[total, 0.97, right / total]],
        "confusion": confusion.tolist(),
        "doubted": 0.05,
        "mistakes": mistakes,
    }


def on_negatives(mistakes: list[list[Any]]) -> dict[str, Any]:
    found = on_digits([], 20)
    found |= {"right": 20 - len(mistakes), "accuracy": 1 - len(mistakes) / 20, "mistakes": mistakes}
    confusion = np.zeros((2, 10), int)
    for _, kind, reading, _ in mistakes:
        confusion[kind, reading] += 1
    none = {"loss": None, "expected_calibration_error": None, "calibration": []}
    return found | none | {"confusion": confusion.tolist()}


def about(title: str, pictures: int, names: list[str]) -> dict[str, Any]:
    facts = {"title": title, "shows": f"{title}, shown.", "pictures": pictures, "sha256": "0" * 64}
    return facts | {"source": "made up", "licence": "MIT", "label_names": names}


def evaluation(weights: Path) -> dict[str, Any]:
    """Evaluation data of the two models of the tests, of which "small-convnet" is better."""
    tiny = [[n, 4, 9, 0.9 - n / 100] for n in range(12)] + [[50, 3, None, 0.0]]
    entries = {"tiny": (tiny, [[0, 0, 8, 0.99], [3, 0, 8, 0.6]]), "small-convnet": ([[0, 4, 7, 0.8]], [])}
    return {
        "format": "mnistweb evaluation",
        "version": 1,
        "date": "2026-11-20",
        "machine": {},
        "sets": {"mnist": about("MNIST test", 100, DIGITS), "negatives": about("No digit", 20, KINDS)},
        "models": {
            name: {
                "sha256": read_model(weights / f"{name}.pkl").sha256,
                "architecture": "",
                "parameters": 1,
                "bytes": 1,
                "training_seconds": 12,
                "microseconds_a_picture": 1456.4,
                "sets": {"mnist": on_digits(mistakes), "negatives": on_negatives(taken)},
            }
            for name, (mistakes, taken) in entries.items()
        },
    }


@pytest.fixture
def no_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data of MNIST are not on this machine."""
    monkeypatch.setenv("MNISTWEB_DATA_DIR", str(tmp_path / "nowhere"))
    _maker.cache_clear()
    set_picture.cache_clear()


@pytest.fixture(scope="module")
def app_measured(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, Path]:
    """An application and its instance folder."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(folder))
        return make_app(weights), folder


@pytest.fixture
def client_with(
    app_measured: tuple[Flask, Path], no_mnist: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, Any]], FlaskClient]:
    """Gives a client of an application with these evaluation data, and without the data of MNIST."""
    app, folder = app_measured
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(folder))

    def make(found: dict[str, Any]) -> FlaskClient:
        (folder / EVALUATION).write_text(json.dumps(found))
        return app.test_client()

    return make


@pytest.fixture
def measured(client_with: Callable[[dict[str, Any]], FlaskClient], weights: Path) -> FlaskClient:
    """A client with evaluation data."""
    return client_with(evaluation(weights))


ADDRESSES = [
    "/models",
    "/models/tiny",
    "/models/small-convnet",
    "/models/tiny?set=negatives",
    "/models/compare",
    "/models/compare?first=tiny&second=small-convnet&set=negatives",
    "/models/tiny/mistakes",
    "/models/tiny/mistakes?set=negatives&truth=0&read=8",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_page_is_whole_and_all_it_links_to_is_there(measured: FlaskClient, address: str) -> None:
    page = measured.get(address, headers=BROWSER)
    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page.text)
    links = {each.replace("&amp;", "&") for each in re.findall(r'(?:src|href)="(/models[^"#]*)', page.text)}
    assert links
    for link in links:
        assert measured.get(link).status_code == 200, link
    anchors = set(re.findall(r'href="#([^"]+)"', page.text)) - {"more"}
    assert all(f'id="{each}"' in page.text for each in anchors)


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_evaluation_data_a_page_says_how_to_get_them(client: FlaskClient, address: str) -> None:
    page = client.get(address.partition("?")[0], headers=BROWSER)
    assert page.status_code == 200
    assert "<code>mnistweb evaluate --report</code>" in page.text


def test_programs_get_models_as_json_and_browsers_as_a_page(client: FlaskClient) -> None:
    for accept in (None, "*/*", "application/json"):
        answer = client.get("/models", headers={"Accept": accept} if accept else {})
        assert answer.content_type == "application/json"
        assert "Accept" in answer.headers["Vary"]
    page = client.get("/models", headers=BROWSER)
    assert page.content_type == "text/html; charset=utf-8"
    assert "Accept" in page.headers["Vary"]


@pytest.mark.parametrize("below", ["", "/mistakes", "/pictures/units-0.png"])
def test_a_model_that_is_not_loaded_is_404(client: FlaskClient, below: str) -> None:
    problem(client.get(f"/models/nope{below}"), 404, "unknown_model")
    page = client.get(f"/models/nope{below}", headers=BROWSER)
    assert (page.status_code, "there is no model" in page.text) == (404, True)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/models/compare?first=nope", "unknown_model"),
        ("/models/compare?second=<b>", "unknown_model"),
        ("/models/compare?set=nope", "not_found"),
        ("/models/tiny?set=nope", "not_found"),
        ("/models/tiny/mistakes?truth=10", "not_found"),
        ("/models/tiny/mistakes?truth=-1", "not_found"),
        ("/models/tiny/mistakes?read=x", "not_found"),
        ("/models/tiny/mistakes?read=%C2%B2", "not_found"),
        ("/models/tiny/mistakes?page=2", "not_found"),
        ("/models/tiny/mistakes?page=" + "9" * 5000, "not_found"),
        ("/models/tiny/pictures/kernels.png", "not_found"),
        ("/models/tiny/pictures/..%2Funits-0.png", "not_found"),
    ],
)
def test_what_is_not_there_is_404(measured: FlaskClient, address: str, code: str) -> None:
    problem(measured.get(address), 404, code)


def test_pictures_may_be_kept_for_good_under_an_address_of_their_weights(client: FlaskClient) -> None:
    (address,) = set(re.findall(r'src="([^"]*kernels[^"]*)"', client.get("/models/small-convnet").text))
    picture = client.get(address)
    assert (picture.content_type, picture.data[:4]) == ("image/png", b"\x89PNG")
    assert picture.headers["Cache-Control"] == "max-age=31536000, immutable, public"
    assert client.get(address.partition("?")[0]).headers["Cache-Control"] == "no-cache"


def test_each_layer_leads_to_the_page_that_explains_it(client: FlaskClient) -> None:
    page = client.get("/models/small-convnet").text
    lessons = set(re.findall(r'href="(/learn/[^"]+)"', page))
    assert lessons >= {
        f"/learn/{each}" for each in ("conv2d", "batch-norm", "relu", "max-pool-2d", "dropout")
    }
    assert all(client.get(each).status_code == 200 for each in lessons)


def test_a_model_is_taken_apart_once(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client.get("/models/tiny")

    def refuse(_: object) -> None:
        raise AssertionError("taken apart again")

    monkeypatch.setattr("mnistweb.inference.anatomy.dissect", refuse)
    assert client.get("/models/tiny").status_code == 200


def test_a_better_model_is_said_to_be_better_than_chance_explains(measured: FlaskClient) -> None:
    page = measured.get("/models/compare?first=tiny&second=small-convnet&set=mnist").text
    assert "tiny alone is right about 0 pictures, small-convnet alone about 12" in page
    assert "the difference is more than chance explains." in page
    assert "p = 0.0005, χ² = 12.00" in page
    assert "13 pictures were read differently" in page


def test_times_and_sizes_are_written_out(measured: FlaskClient) -> None:
    page = measured.get("/models/compare").text
    for words in ("1,456 µs", "12 s", "1.23 %", "9,550"):
        assert f"<td>{words}</td>" in page, words


def test_a_difference_of_little_weight_is_said_to_be_chance(measured: FlaskClient) -> None:
    page = measured.get("/models/compare?first=tiny&second=small-convnet&set=negatives").text
    assert "the difference is not more than chance explains." in page
    assert "p = 0.5000" in page


def test_a_model_is_not_compared_with_itself(measured: FlaskClient) -> None:
    assert "one and the same" in measured.get("/models/compare?first=tiny&second=tiny").text


def test_pictures_are_shown_where_they_can_be_made_and_asked_for_where_not(measured: FlaskClient) -> None:
    page = measured.get("/models/tiny/mistakes?set=negatives").text
    assert page.count('src="data:image/png;base64,') == 2
    page = measured.get("/models/tiny/mistakes?set=mnist").text
    assert "data:image" not in page
    assert "<code>mnistweb data fetch all</code>" in page
    assert "nowhere" not in page, "a path of the server"
    assert page.count('class="mistake"') == 13
    assert "mnistweb data fetch all" in measured.get("/models/compare?set=mnist").text


def test_a_cell_of_the_confusion_matrix_leads_to_its_mistakes(measured: FlaskClient) -> None:
    page = measured.get("/models/tiny?set=mnist").text
    assert 'aria-label="12: 4 read as 9"' in page
    cell = measured.get("/models/tiny/mistakes?set=mnist&truth=4&read=9").text
    assert "<h1>4 read as 9</h1>" in cell
    assert cell.count('class="mistake"') == 12
    assert "<h1>letters read as 8</h1>" in measured.get(ADDRESSES[-1]).text


def test_many_mistakes_come_a_page_at_a_time(
    client_with: Callable[[dict[str, Any]], FlaskClient], weights: Path
) -> None:
    found = evaluation(weights)
    found["models"]["tiny"]["sets"]["mnist"]["mistakes"] = [[n, 1, 7, 0.5] for n in range(95)]
    client = client_with(found)
    counts = [
        client.get(f"/models/tiny/mistakes?set=mnist&page={page}").text.count('class="mistake"')
        for page in (1, 2, 3)
    ]
    assert counts == [40, 40, 15]


def test_data_of_other_weights_are_stale(
    client_with: Callable[[dict[str, Any]], FlaskClient], weights: Path
) -> None:
    found = evaluation(weights)
    client = client_with(found)
    addresses = ("/models", "/models/tiny", "/models/tiny/mistakes?set=mnist", "/models/compare")
    assert not any("tale" in client.get(each, headers=BROWSER).text for each in addresses)
    found["models"]["tiny"]["sha256"] = "0" * 64
    client = client_with(found)
    for address in addresses:
        assert "other weights of" in client.get(address, headers=BROWSER).text, address
    assert "other weights of" not in client.get("/models/small-convnet").text


def test_a_model_of_clothes_is_said_not_to_be_for_digits(tmp_path: Path, instance: Path) -> None:
    names = ("T-shirt/top", "Trouser", "<b>Pullover", *"abcdefg")
    write_model(tmp_path / "clothes.pkl", saved("clothes", labels=names))
    client = make_app(tmp_path).test_client()
    assert "Not for digits: it reads pictures of T-shirt/top, " in client.get("/models", headers=BROWSER).text
    page = client.get("/models/clothes").text
    assert "&lt;b&gt;Pullover" in page
    assert "<b>Pullover" not in page
