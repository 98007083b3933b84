"""`/train`: the form and what it refuses, what is shown of a run, and streams that starve nobody."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnistweb.files import write_atomically
from mnistweb.recipes import training_queue
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.live import CONTROL, ENDING, LIVE, PAUSE, STOP
from mnistweb.recipes.runs import MODEL, read_settings, write_curves, write_settings
from mnistweb.recipes.training_queue import Entry, State, TrainingQueue
from mnistweb.web import streams
from mnistweb.web.training_view import view
from tests.recipes.tiny import write_tiny_dataset
from tests.web.conftest import make_app, problem
from tests.web.live import LiveServer

GOOD = {
    "recipe": "mlp-64",
    "name": "own-1",
    "data-dataset": "folder/tiny",
    "architecture-convolutions": "",
    "architecture-hidden": "16",
    "architecture-activation": "tanh",
    "architecture-dropout_rate": "0.1",
    "optimizer-name": "momentum",
    "optimizer-weight_decay": "0",
    "schedule-name": "cosine",
    "schedule-learning_rate": "0.05",
    "training-epochs": "3",
    "training-batch_size": "20",
    "training-threads": "1",
    "training-seed": "7",
    "data-validation": "100",
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def app_with_page(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(tmp_path_factory.mktemp("instance")))
        return make_app(weights, TRAINING_PAGE=True)


@pytest.fixture
def instance(app_with_page: Flask) -> Path:
    """The application's instance folder, empty."""
    folder = Path(app_with_page.instance_path)
    for below in ("runs", "training"):
        shutil.rmtree(folder / below, ignore_errors=True)
    return folder


@pytest.fixture
def page(
    app_with_page: Flask, instance: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlaskClient]:
    """The application with the page; what it starts only waits."""
    monkeypatch.setenv("MNISTWEB_DATA_DIR", str(dataset.parent))
    monkeypatch.setattr(training_queue, "_COMMAND", ("sh", "-c", "exec sleep 60"))
    yield app_with_page.test_client()
    state = TrainingQueue(instance).look()
    for entry in [*state.waiting, state.current]:
        if entry:
            TrainingQueue(instance).stop(entry.run)


def post(page: FlaskClient, path: str = "/train", **changes: str) -> Any:
    return page.post(path, data=GOOD | {key.replace("__", "-"): value for key, value in changes.items()})


def ask(page: FlaskClient, run: str, action: str) -> Any:
    # Flask's client leaves the length of an empty form out; browsers say 0.
    return page.post(f"/train/{run}/{action}", environ_overrides={"CONTENT_LENGTH": "0"})


def started(instance: Path) -> State:
    return TrainingQueue(instance).look()


def test_there_is_no_such_page_unless_it_is_asked_for(client: FlaskClient) -> None:
    assert client.get("/train").status_code == 404
    assert client.post("/train", data=GOOD).status_code == 404
    assert "/train" not in client.get("/paint-screen").text


def test_every_route_of_the_page_is_in_the_api_guide(page: FlaskClient) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    routes = [rule.rule for rule in page.application.url_map.iter_rules() if "train" in rule.rule]
    assert len(routes) == 5
    assert [route for route in routes if f"`{route}`" not in text] == []


def test_the_form_has_the_settings_of_the_recipe_that_was_chosen(page: FlaskClient) -> None:
    text = page.get("/train?recipe=mlp-256-128").text
    assert 'value="256, 128"' in text
    assert '<option value="mlp-256-128" selected>mlp-256-128</option>' in text
    assert '<option value="folder/tiny">tiny (a folder)</option>' in text
    assert 'value="own-1"' in text
    assert '<a href="/train" aria-current="page">Train</a>' in text


def test_a_recipe_that_does_not_exist_is_told_of(page: FlaskClient) -> None:
    assert "There is no recipe &#39;mlp-65&#39;" in page.get("/train?recipe=mlp-65").text


def test_what_was_filled_in_is_what_is_trained(page: FlaskClient, instance: Path, dataset: Path) -> None:
    answer = post(page, architecture__batch_norm="on")
    entry = started(instance).current
    assert entry is not None
    assert (answer.status_code, answer.location) == (303, f"/train?run={entry.run}")
    assert read_settings(instance / "runs" / entry.run) == load_recipe(
        "mlp-64",
        {
            "name": "own-1",
            "description": "After mlp-64, with other settings",
            "data.dataset": str(dataset),
            "data.validation": 100,
            "data.mix": {},
            "architecture.hidden": [16],
            "architecture.activation": "tanh",
            "architecture.batch_norm": True,
            "architecture.dropout_rate": 0.1,
            "optimizer.name": "momentum",
            "optimizer.weight_decay": 0.0,
            "schedule.name": "cosine",
            "schedule.learning_rate": 0.05,
            "training.epochs": 3,
            "training.batch_size": 20,
            "training.seed": 7,
            "augmentation.enabled": False,
        },
    )


def test_a_run_is_varied_with_all_its_settings(page: FlaskClient, instance: Path) -> None:
    run = post(page, training__batch_size="17").location.partition("=")[2]
    text = page.get(f"/train?run={run}&recipe=run/{run}").text
    assert f'<option value="run/{run}" selected>as own-1 was trained</option>' in text
    assert 'name="training-batch_size" value="17"' in text
    assert '<option value="folder/tiny" selected>' in text
    assert post(page, recipe=f"run/{run}", name="own-2", training__seed="8").status_code == 303
    first, second = started(instance).entries
    varied = asdict(read_settings(instance / "runs" / second.run))
    expected = asdict(read_settings(instance / "runs" / first.run))
    expected |= {"name": "own-2", "description": "After own-1, with other settings"}
    expected["training"] |= {"seed": 8, "batch_size": 20}
    assert varied == expected


def test_a_form_that_is_sent_as_it_came_trains_the_recipe_itself(page: FlaskClient, instance: Path) -> None:
    text = page.get("/train?recipe=convnet-quick").text
    form = text[text.index('<form class="fields"') :]
    values = dict(re.findall(r'<input type="(?:text|hidden)"[^>]* name="([^"]+)" value="([^"]*)"', form))
    (convolutions,) = re.findall(r"<textarea[^>]*>([^<]*)", form)
    values["architecture-convolutions"] = unescape(convolutions)
    for name, options in re.findall(r'<select id="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]+)" selected', options)
        values[name] = chosen[1] if chosen else ""
    values |= dict.fromkeys(re.findall(r'type="checkbox" id="([^"]+)"[^>]* checked', form), "on")
    values |= {"data-dataset": "folder/tiny", "data-validation": "100"}
    assert page.post("/train", data=values).status_code == 303
    entry = started(instance).current
    assert entry is not None
    found = asdict(read_settings(instance / "runs" / entry.run))
    expected = asdict(load_recipe("convnet-quick", {"name": "own-1", "data.validation": 100}))
    expected["description"] = "After convnet-quick, with other settings"
    found["data"].pop("dataset")
    expected["data"].pop("dataset")
    assert found == expected


def test_a_description_stays_only_with_the_settings_that_it_describes(
    page: FlaskClient, instance: Path
) -> None:
    post(page)
    run = started(instance).current.run  # type: ignore[union-attr]
    write_settings(
        instance / "runs" / run, replace(read_settings(instance / "runs" / run), description="Small")
    )
    for name, seed in (("same", "7"), ("other", "8")):
        post(page, recipe=f"run/{run}", name=name, training__seed=seed)
    found = [read_settings(instance / "runs" / entry.run) for entry in started(instance).waiting]
    assert [(each.name, each.description) for each in found] == [
        ("same", "Small"),
        ("other", "After own-1, with other settings"),
    ]


def test_the_name_goes_along_when_the_settings_of_a_recipe_are_taken(page: FlaskClient) -> None:
    text = page.get("/train?recipe=mlp-64&name=mine").text
    assert 'id="name" name="name" value="mine"' in text
    assert 'type="hidden" name="name" value="mine"' in text  # and so once more
    assert 'action="/train#new-title"' in text


def test_what_to_learn_from_goes_along_too_unless_a_run_says_it(page: FlaskClient, instance: Path) -> None:
    tiny = '<option value="folder/tiny" selected>'
    text = page.get("/train?recipe=mlp-64&data-dataset=folder/tiny").text
    assert tiny in text
    assert 'type="hidden" name="data-dataset" value="folder/tiny"' in text  # and so once more
    assert tiny not in page.get("/train?recipe=mlp-64&data-dataset=folder/elsewhere").text
    post(page)
    run = TrainingQueue(instance).look().entries[0].run
    assert tiny in page.get(f"/train?recipe=run/{run}&data-dataset=fashion-mnist").text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("schedule-learning_rate", "0", "Learning rate expected a number above 0, got 0.0."),
        ("schedule-learning_rate", "1e9", "Learning rate expected a number at most 10, got 1000000000.0."),
        ("schedule-learning_rate", "fast", "Learning rate expected a number, got 'fast'."),
        ("schedule-learning_rate", "nan", "Learning rate expected a finite number, got nan."),
        ("training-epochs", "0", "Epochs expected a number at least 1, got 0."),
        ("training-epochs", "", "Epochs expected a whole number, got ''."),
        ("training-epochs", "9" * 5000, "Epochs expected a number at most 10000"),
        ("training-seed", "-1", "Seed expected a number at least 0, got -1."),
        ("training-threads", "3", "Threads expected a number at most 2, got 3."),
        ("architecture-hidden", "3000, 3000", "Hidden layers expected a network of at most 5,000,000"),
        ("architecture-hidden", "16, x", "Hidden layers expected a whole number, got 'x'."),
        ("architecture-convolutions", "conv 3x3x8\nconv what", "Convolutions: cannot read 'conv what'"),
        ("architecture-convolutions", "max_pool 28x28\nconv 3x3x8 valid", "does not fit here"),
        ("optimizer-name", "adm", "Optimizer: unknown value 'adm'; did you mean adam"),
        ("name", "../up", "Name of the model expected letters, digits"),
        ("name", "tiny", "There is a model tiny already; choose another name."),
        ("data-dataset", "fashion-mnist", "Fashion-MNIST is not on this disk; get it with: mnistweb data"),
        ("data-dataset", "folder/../../etc", "That dataset is not on this disk."),
        ("data-validation", "400", "Kept aside must be below the 400 training images of tiny"),
        ("recipe", "mlp-65", "There is no recipe of that name"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_beside_its_field_before_anything_starts(
    page: FlaskClient, instance: Path, field: str, value: str, words: str
) -> None:
    answer = post(page, **{field.replace("-", "__"): value})
    assert answer.status_code == (409 if value == "tiny" else 422)
    text = unescape(answer.text)
    assert words in text
    if field != "recipe":
        assert words in text[text.index(f'id="{field}-problem"') :][:200]
        assert 'aria-invalid="true"' in text
    assert '<option value="cosine" selected>' in text  # what was filled in stays
    assert started(instance) == State()
    assert not (instance / "runs").exists()


def test_all_that_is_wrong_is_told_at_once_with_links_to_the_fields(page: FlaskClient) -> None:
    changes = {
        "architecture__hidden": "9000, 9000",
        "training__epochs": "0",
        "data__dataset": "fashion-mnist",
    }
    text = post(page, **changes).text
    for key in changes:
        name = key.replace("__", "-")
        assert f'<li><a href="#{name}">' in text
        assert f'id="{name}-problem"' in text
        assert f'id="{name}"' in text


def test_pen_strokes_that_are_missing_are_told_of(page: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistweb.web.training_form._is_here", lambda name: name == "mnist")
    answer = post(page, data__mix="on", data__dataset="mnist")
    assert answer.status_code == 422
    assert "The set of pen strokes is not on this disk; get it with: mnistweb data" in answer.text
    assert post(page, data__dataset="mnist").status_code == 303


def test_two_starts_at_once_give_one_run_and_one_clear_message(page: FlaskClient, instance: Path) -> None:
    answers: list[Any] = []
    clients = [page.application.test_client() for _ in range(2)]
    threads = [threading.Thread(target=lambda each=each: answers.append(post(each))) for each in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    refusal = max(answers, key=lambda answer: answer.status_code)
    assert "Own-1 is being trained already, so it was not started a second time." in refusal.text
    assert len(started(instance).entries) == 1


@pytest.mark.parametrize("path", ["/train", "/train/some-run/stop"])
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}], ids=list("so")
)
def test_forms_of_other_sites_are_refused(
    page: FlaskClient, instance: Path, path: str, headers: dict[str, str]
) -> None:
    answer = page.post(path, data=GOOD, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "cross_site")
    assert started(instance) == State()


def test_a_run_is_paused_resumed_and_stopped(page: FlaskClient, instance: Path) -> None:
    post(page)
    run = started(instance).current.run  # type: ignore[union-attr]
    for action, word in (("pause", PAUSE), ("resume", None), ("stop", STOP)):
        assert ask(page, run, action).location == f"/train?run={run}"
        control = instance / "runs" / run / CONTROL
        assert (control.read_text() if control.exists() else None) == word
    assert "Stopped; nothing is kept yet." in page.get("/train").text
    answer = ask(page, run, "stop")
    assert (answer.status_code, "is neither under way nor waiting" in answer.text) == (409, True)
    assert ask(page, run, "explode").status_code == 404
    assert ask(page, "no-such-run", "stop").status_code == 404


def put(instance: Path, state: State, run: str, live: dict[str, Any] | None, **files: str) -> Path:
    """A run's folder, and the queue, as they may be found."""
    folder = instance / "runs" / run
    write_settings(folder, load_recipe("mlp-64", {"name": "own"}))
    if live is not None:
        write_atomically(folder / LIVE, json.dumps(live).encode())
    for name, content in files.items():
        write_atomically(folder / name.replace("__", "."), content.encode())
    write_atomically(instance / "training" / "queue.json", json.dumps(asdict(state)).encode())
    return folder


ROW = {"epoch": 1, "loss": 0.5, "accuracy": 0.8, "validation_loss": 0.4, "validation_accuracy": 0.9}
ROWS = [ROW | {"seconds": 2.5}]
OWN = Entry("own-1", "own", 1)
NOW = {"epoch": 2, "epochs": 9, "stage": "epoch 2/9", "done": 3, "total": 15, "points": []}


@pytest.mark.parametrize(
    ("place", "live", "files", "state", "sentence"),
    [
        ("waiting", None, {}, "queued", "Waits for its turn, number 1 in the queue."),
        ("current", None, {}, "starting", "Starting."),
        ("current", {"state": "preparing", "stage": "strokes"}, {}, "preparing", "Preparing: strokes."),
        ("current", NOW | {"state": "training"}, {}, "training", "Training, epoch 2 of 9."),
        ("current", NOW | {"state": "training"}, {CONTROL: PAUSE}, "pausing", "Pausing, epoch 2 of 9."),
        ("current", NOW | {"state": "paused"}, {CONTROL: PAUSE}, "paused", "Paused, epoch 2 of 9."),
        ("ended", NOW | {"state": "training"}, {}, "lost", "Stopped unexpectedly: its process is gone"),
        ("ended", None, {}, "lost", "Stopped unexpectedly: its process is gone"),
        ("ended", NOW | {"state": "training"}, {CONTROL: STOP}, "stopped", "Stopped; nothing is kept yet."),
        ("ended", NOW, {CONTROL: STOP, "checkpoint__pkl": ""}, "stopped", "Stopped; 1 whole epoch is kept."),
        ("ended", NOW, {ENDING.replace(".", "__"): "It diverged. "}, "failed", "It diverged."),
        (
            "ended",
            {"state": "finished", "validation_accuracy": 0.98, "test_accuracy": 0.97},
            {MODEL.replace(".", "__"): ""},
            "finished",
            "Done: it reads 98.00 % of the images kept aside and 97.00 % of the test images right.",
        ),
    ],
)  # fmt: skip
def test_a_run_is_described_as_it_is(
    instance: Path, place: str, live: dict[str, Any] | None, files: dict[str, str], state: str, sentence: str
) -> None:
    known = State(OWN) if place == "current" else State(**{place: [OWN]})
    folder = put(instance, known, "own-1", live, **files)
    write_curves(folder, ROWS)
    seen = view(TrainingQueue(instance), known, OWN)
    assert seen.state == state
    assert sentence in seen.sentence
    assert seen.cells(seen.rows[0])[:5] == ["1", "0.5000", "0.4000", "80.00 %", "90.00 %"]


def test_a_run_that_is_not_in_the_queue_is_never_taken_for_another(page: FlaskClient, instance: Path) -> None:
    put(instance, State(), "in-a-terminal", None)
    put(instance, State(ended=[OWN]), "own-1", NOW)
    answer = page.get("/train?run=in-a-terminal")
    assert (answer.status_code, answer.location) == (302, "/runs/in-a-terminal")
    problem(page.get("/train?run=own-7"), 404, "not_found")
    problem(page.get("/train?run=../runs/own-1"), 404, "not_found")
    for path in ("/train", "/train?run=own-1"):
        assert 'data-run="own-1"' in page.get(path).text


def test_who_stops_a_run_that_never_began_comes_back_to_what_is_left(
    page: FlaskClient, instance: Path
) -> None:
    post(page)
    post(page, name="own-2")
    (waiting,) = started(instance).waiting
    assert ask(page, waiting.run, "stop").location == "/train"
    assert page.get(f"/train?run={waiting.run}").status_code == 404


def test_a_run_that_waits_for_one_that_is_paused_says_so(page: FlaskClient, instance: Path) -> None:
    post(page)
    post(page, name="own-2")
    first, second = started(instance).entries
    path = f"/train?run={second.run}"
    running = page.get(path).text
    assert "own-1 is being trained now." in running
    ask(page, first.run, "pause")
    paused = page.get(path).text
    assert "own-1 is paused; nothing else starts until it is resumed and done, or stopped." in paused
    assert "own-1 is being trained now" not in paused
    # An open page fetches its notice anew when this changes.
    assert len({re.search('data-queue="(.*?)"', text)[1] for text in (running, paused)}) == 2  # type: ignore[index]


def test_the_page_shows_the_state_without_javascript(page: FlaskClient, instance: Path) -> None:
    point = [1.2, 0.31, 0.9, 0.01, 2.5, 20.0]
    state = State(ended=[OWN])
    write_curves(put(instance, state, "own-1", NOW | {"state": "training", "points": [point]}), ROWS)
    text = page.get("/train").text
    assert "Stopped unexpectedly" in text
    assert '<form method="post" action="/train/own-1/resume">' in text
    for number in ("0.3100", "90.00 %", "2.5", "20", "80.00 %"):
        assert f">{number}<" in text
    assert 'href="/runs/own-1"' in text


def test_a_finished_model_that_is_loaded_can_be_tried_and_compared(page: FlaskClient, instance: Path) -> None:
    known = State(ended=[Entry("own-1", "tiny", 1)])
    put(instance, known, "own-1", {"state": "finished"}, model__pkl="")
    text = page.get("/train").text
    assert 'href="/paint-screen?model=tiny"' in text
    assert 'href="/models/compare"' in text
    assert '<option value="tiny" selected' in page.get("/paint-screen?model=tiny").text


def test_the_paint_screen_takes_a_model_from_the_address_if_it_has_it(client: FlaskClient) -> None:
    assert '<option value="small-convnet" selected' in client.get("/paint-screen?model=small-convnet").text
    assert '<option value="tiny" selected' in client.get("/paint-screen?model=none").text


def test_the_weights_of_a_run_are_a_picture_and_of_no_other_file(page: FlaskClient, instance: Path) -> None:
    put(instance, State(ended=[OWN]), "own-1", {}, weights__png="a picture")
    with page.get("/train/own-1/weights.png") as answer:
        assert (answer.mimetype, answer.data) == ("image/png", b"a picture")
    assert page.get("/train/../weights.png").status_code == 404
    assert page.get("/train/own-2/weights.png").status_code == 404


@pytest.fixture
def short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_STREAM_SECONDS", 0.3)
    monkeypatch.setattr(streams, "_LOOK_SECONDS", 0.02)


def told(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def test_a_stream_tells_each_change_once_and_ends(
    page: FlaskClient, instance: Path, short_streams: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_STREAM_SECONDS", 60)
    known = State(ended=[OWN])
    put(instance, known, "own-1", NOW)
    answer = page.get("/train/events?run=own-1", buffered=False)
    assert answer.mimetype == "text/event-stream"
    parts = iter(answer.response)
    assert next(parts) == b"retry: 200\n"
    assert [each["done"] for each in told(next(parts).decode())] == [3]  # type: ignore[attr-defined]
    threading.Timer(0.1, put, (instance, known, "own-1", NOW | {"done": 4})).start()
    assert [each["done"] for each in told(next(parts).decode())] == [4]  # type: ignore[attr-defined]
    monkeypatch.setattr(streams, "_STREAM_SECONDS", 0.1)
    answer.close()
    assert len(told(page.get("/train/events?run=own-1").text)) == 1  # which ends by itself


def test_who_comes_when_all_places_are_taken_gets_one_look(
    weights: Path, instance: Path, short_streams: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(instance))
    app = make_app(weights, TRAINING_PAGE=True, THREADS=2)
    put(instance, State(ended=[OWN]), "own-1", NOW | {"state": "training"})
    first = app.test_client().get("/train/events?run=own-1", buffered=False)
    opening = next(iter(first.response))
    second = app.test_client().get("/train/events?run=own-1").text
    assert opening == b"retry: 200\n"
    assert second.startswith("retry: 2000\n")
    assert len(told(second)) == 1
    first.close()
    assert app.test_client().get("/train/events?run=own-1").text.startswith("retry: 200\n")


def test_streams_end_with_their_worker(
    page: FlaskClient, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_STREAM_SECONDS", 60)
    put(instance, State(ended=[OWN]), "own-1", NOW | {"state": "training"})
    try:
        threading.Timer(0.1, streams.ending.set).start()
        assert len(told(page.get("/train/events?run=own-1").text)) == 1
    finally:
        streams.ending.clear()


def test_there_is_no_stream_of_a_run_that_is_not_in_the_queue(page: FlaskClient) -> None:
    assert page.get("/train/events?run=other").status_code == 404
    assert page.get("/train/events").status_code == 404


def test_streams_leave_threads_for_others_and_do_not_hold_up_the_end(weights: Path, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    put(instance, State(ended=[OWN]), "own-1", NOW)
    flags = ("--training", "--threads", "2")
    with LiveServer(weights, instance, flags=flags) as server, contextlib.ExitStack() as listeners:
        request = f"GET /train/events?run=own-1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        connections = [listeners.enter_context(server.connect()) for _ in range(6)]
        for connection in connections:
            connection.sendall(request)
        # Each event comes when it is told, not when the stream ends.
        heard = [connection.recv(100_000) for connection in connections]
        assert sum(b"retry: 200\n" in each for each in heard) == 1
        assert sum(b"retry: 2000\n" in each for each in heard) == 5
        assert server.request("GET", "/train").status == 200
        refused = server.request("GET", "/train", headers={"Host": "elsewhere.example"})
        assert (refused.status, refused.json["code"]) == (400, "untrusted_host")
        server.signal(signal.SIGTERM)
        began = time.monotonic()
        (streaming,) = [
            each for each, text in zip(connections, heard, strict=True) if b"retry: 200\n" in text
        ]
        while streaming.recv(100_000):
            pass
        assert time.monotonic() - began < 3  # by itself it would have gone on for five seconds
        assert server.process.wait(60) == 0
