"""`/runs`: all trainings, their curves over each other, and a card for each, from plain files alone."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mnistweb.recipes.runs import CURVES, FACTS, MODEL, SETTINGS, being_trained, write_curves
from mnistweb.web.runs import RUNS_A_PAGE
from tests.recipes.made_runs import DATA_SHA256, make_run
from tests.web.conftest import make_app, problem
from tests.web.test_pages import BROWSER

Runs = tuple[FlaskClient, Path]


@pytest.fixture(scope="module")
def shared(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """An application whose instance has two good runs, a broken one, and secrets beside the runs."""
    instance = tmp_path_factory.mktemp("instance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(instance))
        make_run(instance / "runs" / "first", data__dataset="/home/somebody/secret/shapes", data__mix={})
        make_run(instance / "runs" / "second one & <b>", recipe="mlp-128", epochs=4, finished=False)
        (instance / "runs" / "junk").mkdir()
        make_run(instance / "secret", finished=False)
        yield make_app(weights).test_client(), instance / "runs"


@pytest.fixture
def client(shared: Runs) -> FlaskClient:
    return shared[0]


@pytest.fixture
def fresh(weights: Path, instance: Path) -> Runs:
    """An application without any run, for tests that make their own."""
    return make_app(weights).test_client(), instance / "runs"


def test_all_runs_are_listed_and_a_broken_one_says_why(client: FlaskClient) -> None:
    page = client.get("/runs").text
    assert page.count('type="checkbox"') == 2
    for part in (
        "first",
        "second one &amp; &lt;b&gt;",
        "97.50 %",
        "finished",
        "stopped",
        "cannot read settings",
    ):
        assert part in page
    assert "<svg" not in page.split("<main")[1]


def test_without_runs_the_page_says_how_to_make_one(fresh: Runs) -> None:
    assert "mnistweb train --recipe convnet-quick" in fresh[0].get("/runs").text


def test_two_runs_lie_over_each_other_with_a_legend_and_a_table(client: FlaskClient) -> None:
    page = client.get("/runs", query_string={"run": ["first", "second one & <b>"]}).text
    charts = re.findall(r'<svg class="curves".*?</svg>', page, re.DOTALL)
    assert len(charts) == 5
    for chart in charts:
        assert len(re.findall(r'<polyline class="line line-[12]"', chart)) == 2
        assert re.search(r'aria-label="[^"]* over 4 epochs: first ends at [^"]*"', chart)
    assert page.count('class="line line-2" d=') == 5  # a sample of the pattern in each legend
    rows = re.findall(r'<tr><th scope="row">(\d)</th><td>(.*?)</td><td>(.*?)</td></tr>', page)
    assert rows[0] == ("1", "68.33 %", "65.00 %")
    assert rows[3] == ("4", "–", "95.00 %")
    assert page.count(" checked") == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"run": ["first", "nothing"]}, "not there any more"),
        ({"run": ["first"]}, "Choose another"),
        ({"run": ["junk"]}, "junk has no curves: junk is not the folder of a run"),
        ({"run": [f"run{number}" for number in range(7)]}, "At most 6"),
        ({"run": ["../secret"]}, "not there any more"),
        ({"page": ["7"]}, "first"),
        ({"page": ["x"]}, "first"),
        ({"page": ["-1"]}, "first"),
    ],
)
def test_a_choice_that_cannot_be_shown_is_explained(
    client: FlaskClient, query: dict[str, list[str]], words: str
) -> None:
    response = client.get("/runs", query_string=query)
    assert response.status_code == 200
    assert words in response.text


def test_the_card_has_settings_seed_hash_curves_accuracies_and_the_model(client: FlaskClient) -> None:
    page = client.get("/runs/first").text
    assert page.count('<svg class="curves"') == 3
    for part in (
        "finished",
        DATA_SHA256,
        "97.50 %",
        "<dt>Seed</dt><dd>1</dd>",
        "784 -&gt; 12 -&gt; 10",
        "weight decay",
    ):
        assert part in page
    assert "This server has not loaded it" in page


def test_no_page_tells_a_path_of_the_server(shared: Runs) -> None:
    client, folder = shared
    for path in ("/runs", "/runs/first", "/runs/junk", "/runs?run=junk"):
        page = client.get(path).text
        assert "/home/somebody" not in page
        assert str(folder.parent) not in page
    assert "shapes" in client.get("/runs/first").text


def test_the_card_leads_to_the_model_when_the_server_has_loaded_it(weights: Path, fresh: Runs) -> None:
    client, folder = fresh
    run = make_run(folder / "mine")
    (run / MODEL).write_bytes((weights / "tiny.pkl").read_bytes())
    page = client.get("/runs/mine").text
    assert '/models/tiny"' in page
    assert "/paint-screen?model=tiny" in page


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "..",
        ".",
        "%2e%2e",
        "..%2fsecret",
        "%2fetc",
        "first%00",
        "first%2f",
        "x" * 300,
        "..\\secret",
    ],
)
@pytest.mark.parametrize("end", ["", "/curves.csv", "/curves.png"])
def test_no_name_leads_out_of_the_folder_of_runs(client: FlaskClient, name: str, end: str) -> None:
    problem(client.get(f"/runs/{name}{end}"), 404, "not_found")


def test_the_curves_come_as_csv_and_png(shared: Runs) -> None:
    client, folder = shared
    table = client.get("/runs/first/curves.csv")
    assert table.mimetype == "text/csv"
    assert table.headers["Content-Disposition"] == "attachment; filename=first.csv"
    assert table.data == (folder / "first" / CURVES).read_bytes()
    assert client.get("/runs/second one & <b>/curves.csv").status_code == 200
    picture = client.get("/runs/first/curves.png")
    assert (picture.mimetype, picture.data[:4]) == ("image/png", b"\x89PNG")
    for end in ("curves.csv", "curves.png"):
        problem(client.get(f"/runs/junk/{end}"), 404, "not_found")


def test_without_matplotlib_the_png_says_so(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("mnistweb.web.runs.can_plot", lambda: False)
    found = problem(client.get("/runs/second one & <b>/curves.png"), 501, "plots_unavailable")
    assert "extra `plots`" in found["detail"]
    page = client.get("/runs/first", headers=BROWSER).text
    assert "curves.png" not in page
    assert "A PNG would need the extra" in page


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (SETTINGS, b"\xff\xfe"),
        (FACTS, b"[" * 10_000),
        (CURVES, b"epoch\nx\n"),
        (CURVES, b"\0" * 100),
        (FACTS, b'{"started": 7, "data": [1], "test_accuracy": "x", "data_sha256": {}}'),
    ],
)
def test_a_damaged_run_breaks_no_page(fresh: Runs, name: str, content: bytes) -> None:
    client, folder = fresh
    make_run(folder / "good")
    (make_run(folder / "bad") / name).write_bytes(content)
    for path in ("/runs", "/runs/bad", "/runs?run=bad&run=good"):
        assert client.get(path).status_code == 200
    assert "good" in client.get("/runs").text


def test_curves_of_one_epoch_flat_ones_and_zeros_can_be_drawn(fresh: Runs) -> None:
    client, folder = fresh
    make_run(folder / "one", epochs=1)
    flat = make_run(folder / "flat")
    write_curves(
        flat, [{"epoch": number, "loss": 0.0, "accuracy": 1.0, "learning_rate": 0.0} for number in (1, 2)]
    )
    make_run(folder / "long", epochs=700)
    for path in ("/runs/one", "/runs/flat", "/runs?run=one&run=flat&run=long", "/runs/long"):
        page = client.get(path).text
        assert "<polyline" in page
        assert "nan" not in page
        assert len(page) < 120_000


def test_many_runs_are_listed_page_by_page(fresh: Runs) -> None:
    client, folder = fresh
    for number in range(RUNS_A_PAGE + 1):
        (folder / f"run-{number:03}").mkdir(parents=True)
    first, second = (client.get(f"/runs?page={page}").text for page in (1, 2))
    names = [set(re.findall(r"run-\d{3}", page)) for page in (first, second)]
    assert [len(each) for each in names] == [RUNS_A_PAGE, 1]
    assert not names[0] & names[1]
    assert 'rel="next"' in first
    assert 'rel="prev"' in second


def test_a_run_under_way_leads_to_the_training_page_where_there_is_one(weights: Path, instance: Path) -> None:
    folder = make_run(instance / "runs" / "now", finished=False)
    other = make_run(instance / "runs" / "in-a-terminal", finished=False)
    (instance / "training").mkdir()
    queue = {"current": {"run": "now", "name": "own", "pid": 0}, "waiting": [], "ended": []}
    (instance / "training" / "queue.json").write_text(json.dumps(queue))
    with being_trained(folder), being_trained(other):
        with_queue = make_app(weights, TRAINING_PAGE=True).test_client()
        found = {path: with_queue.get(path).text for path in ("/runs", "/runs/now", "/runs/in-a-terminal")}
        page = make_app(weights).test_client().get("/runs").text
    assert page.count("state-running") == 2
    assert "/train" not in page.split("<main")[1]
    assert found["/runs"].count("/train?run=") == 1
    assert "/train?run=now" in found["/runs"]
    assert "/train?run=now" in found["/runs/now"]
    assert "/train?run=" not in found["/runs/in-a-terminal"]
