"""The counts of /metrics: of one process, of several, of workers that come and go.

Guards: mnistweb/web/metrics.py, mnistweb/web/shared_counts.py.
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from mnistweb.web import shared_counts
from mnistweb.web.metrics import Metrics
from tests.web.conftest import make_app, post_json
from tests.web.live import LiveServer, until


def total(text: str, name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.fixture
def client(weights: Path, instance: Path) -> FlaskClient:
    """An application of the test's own, which has counted nothing yet."""
    return make_app(weights).test_client()


def test_requests_are_counted_by_route_method_and_status(client: FlaskClient) -> None:
    for path in ("/models", "/models", "/model/info?model=nobody", "/nowhere/at/all", "/elsewhere"):
        client.get(path)
    client.head("/models")
    client.open("/models", method="BREW")
    text = client.get("/metrics").text
    name = "mnistweb_requests_total"
    assert total(text, name, route="/models", method="GET", status="200") == 2
    assert total(text, name, route="/models", method="HEAD") == 1
    assert total(text, name, route="/model/info", status="404") == 1
    assert total(text, name, route="none", status="404") == 2
    assert total(text, name, method="other", status="405") == 1
    assert total(text, name) == total(text, "mnistweb_request_seconds_count") == 7
    assert "nowhere" not in text
    assert "BREW" not in text


def test_latencies_fall_into_buckets(client: FlaskClient) -> None:
    client.get("/models")
    text = client.get("/metrics").text
    assert 0 < total(text, "mnistweb_request_seconds_sum", route="/models") < 60
    assert total(text, "mnistweb_request_seconds_bucket", route="/models", le="+Inf") == 1


def test_each_picture_of_a_batch_an_upload_and_a_tensor_is_counted(
    client: FlaskClient, pixels: list[float], seven: bytes
) -> None:
    tensor = {"name": "input", "datatype": "FP32", "shape": [2, 784], "data": pixels * 2}
    assert post_json(client, "/predict", {"pixels": pixels}).status_code == 200
    assert post_json(client, "/predict", {"pixels": [0] * 784}).status_code == 422
    post_json(client, "/predict/batch", {"pixels": [pixels, [0] * 784, pixels], "model": "small-convnet"})
    client.post("/upload", data={"image": [(io.BytesIO(seven), "a.png"), (io.BytesIO(seven), "b.png")]})
    assert post_json(client, "/v2/models/tiny/infer", {"inputs": [tensor]}).status_code == 200
    text = client.get("/metrics").text
    name = "mnistweb_predictions_total"
    assert total(text, name, model="tiny") == 1 + 2 + 2
    assert total(text, name, model="small-convnet") == 2
    answer = post_json(client, "/predict", {"pixels": pixels}).json
    labels = {"digit": str(answer["prediction"]), "verdict": answer["verdict"]}
    assert total(text, name, model="tiny", **labels) >= 3


def test_one_process_by_itself_says_so(client: FlaskClient) -> None:
    response = client.get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert total(response.text, "mnistweb_metrics_shared") == 0


def test_the_counts_of_all_workers_are_added_up_and_outlive_them(
    tmp_path: Path, weights: Path, pixels: list[float]
) -> None:
    body = json.dumps({"pixels": pixels}).encode()
    settings = {"WORKERS": 2, "MAX_REQUESTS_PER_WORKER": 25}
    with LiveServer(weights, tmp_path / "instance", settings) as server:
        first = set(server.workers())
        for _ in range(60):
            assert (
                server.request("POST", "/predict", body, {"Content-Type": "application/json"}).status == 200
            )
        deadline = time.monotonic() + 60
        while first & set(server.workers()) and time.monotonic() < deadline:
            server.request("GET", "/models")
            time.sleep(0.05)
        assert not first & set(server.workers()), "no worker was replaced"
        text = server.request("GET", "/metrics").body.decode()
        assert total(text, "mnistweb_metrics_shared") == 1
        assert total(text, "mnistweb_requests_total", route="/predict", status="200") == 60
        assert total(text, "mnistweb_predictions_total", model="tiny") == 60
        assert total(text, "mnistweb_request_seconds_count", route="/predict") == 60
        folder = folder_of(server)
        assert len(list(folder.glob("counter_*.db"))) == 4  # two workers, and two that may replace them
        server.signal(signal.SIGTERM)
        server.process.wait(60)
        assert not folder.exists()


def folder_of(server: LiveServer) -> Path:
    """The folder whose files the workers have mapped."""
    maps = "".join(Path(f"/proc/{each}/maps").read_text() for each in server.workers())
    return next(Path(line.split()[-1]).parent for line in maps.splitlines() if "/mnistweb-counts-" in line)


def test_a_start_removes_the_counts_of_a_killed_server_and_not_those_of_a_living_one(
    tmp_path: Path, weights: Path
) -> None:
    with (
        LiveServer(weights, tmp_path / "killed") as killed,
        LiveServer(weights, tmp_path / "living") as living,
    ):
        forsaken, kept = folder_of(killed), folder_of(living)
        workers = killed.workers()
        killed.signal(signal.SIGKILL)
        killed.process.wait()
        assert until(lambda: not any(Path(f"/proc/{each}").exists() for each in workers))
        with LiveServer(weights, tmp_path / "next"):
            assert not forsaken.exists()
            assert kept.exists()
            text = living.request("GET", "/metrics").body.decode()
            assert total(text, "mnistweb_metrics_shared") == 1


def test_without_a_folder_predictions_go_on_and_each_worker_counts_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_space(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_space)
    shared_counts.start_sharing(SimpleNamespace(cfg=SimpleNamespace(workers=2)))
    assert shared_counts.all_workers() is None
    assert shared_counts.FOLDER_VARIABLE not in os.environ


def test_a_folder_that_is_gone_stops_no_answer(
    weights: Path, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Metrics, "count_request", gone)
    client = make_app(weights).test_client()
    assert client.get("/models").status_code == 200


def test_places_are_taken_again_when_their_worker_has_gone() -> None:
    arbiter = SimpleNamespace(WORKERS={})
    workers = [SimpleNamespace() for _ in range(3)]
    for pid, worker in enumerate(workers[:2]):
        shared_counts.take_place(arbiter, worker)
        arbiter.WORKERS[pid] = worker
    del arbiter.WORKERS[0]
    shared_counts.take_place(arbiter, workers[2])
    assert [each.place_of_counts for each in workers] == [1, 2, 1]
