"""One line a request, in JSON for machines and in words for people, and never a picture in it."""

from __future__ import annotations

import errno
import io
import json
import logging
import re
from pathlib import Path

import pytest

from mnistweb.web.logs import formatter_for
from tests.web.conftest import as_base64, make_app, post_json


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_request_is_one_json_line(
    weights: Path, instance: Path, seven: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_app(weights, LOG_FORMAT="json").test_client()
    response = post_json(client, "/predict", {"image": as_base64(seven)})
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert entry["id"] == response.headers["X-Request-ID"]
    assert (entry["method"], entry["route"], entry["status"]) == ("POST", "/predict", 200)
    assert entry["model"] == "tiny"
    assert entry["verdict"] == response.json["verdict"]
    assert 0 < entry["milliseconds"] < 10_000
    assert len(line) < 400
    assert as_base64(seven)[:40] not in line


def test_a_problem_is_logged_by_its_code(
    weights: Path, instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_app(weights, LOG_FORMAT="json").test_client()
    post_json(client, "/predict", {"pixels": [0] * 784})
    entry = json.loads(*lines(capsys))
    assert (entry["status"], entry["problem"]) == (422, "blank_image")
    assert "model" not in entry


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_a_client_writes_breaks_no_line(
    weights: Path, instance: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    client = make_app(weights, LOG_FORMAT=form).test_client()
    nasty = 'x\n{"status": 200}\r\n\u2028\ud800\0'
    post_json(client, "/predict", {"pixels": [0, 1] * 392, "model": nasty})
    post_json(client, "/predict", {nasty: 1})
    client.get("/a%0d%0ab%00?x=%0a")
    client.get("/health", headers={"User-Agent": "x", "X-Request-ID": "a;b{}"})
    client.open("/health", method="X" * 100)
    written = lines(capsys)
    assert len(written) == 5
    assert not any('{"status": 200}' in line for line in written)
    if form == "json":
        assert [json.loads(line)["status"] for line in written] == [422, 422, 404, 200, 405]


def test_people_get_a_line_of_words(
    weights: Path, instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_app(weights, LOG_FORMAT="text").test_client()
    post_json(client, "/predict", {"pixels": [0, 1] * 392})
    (line,) = lines(capsys)
    assert "POST /predict 200" in line
    assert "tiny" in line
    assert "{" not in line


def test_a_line_for_people_ends_with_the_id_and_has_the_unit(
    weights: Path, instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_app(weights, LOG_FORMAT="text").test_client()
    answer = client.get("/no-such-page")
    (line,) = lines(capsys)
    request_id = answer.headers["X-Request-ID"]
    assert re.search(rf" GET 404 \d+\.\d ms not_found \[{request_id}\]$", line)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "nasty", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x85b", "a\u2028b", "a\ud800b", "a\0b", "ä 7"]
)
def test_a_message_stays_on_its_line_and_commands_no_terminal(form: str, nasty: str) -> None:
    record = logging.LogRecord("mnistweb", logging.ERROR, __file__, 1, "it was %s", (nasty,), None)
    written = formatter_for(form).format(record)
    assert len(written.splitlines()) == 1
    assert written.encode("utf-8").decode("utf-8") == written
    assert "\x1b" not in written
    if form == "json":
        assert json.loads(written)["message"] == f"it was {nasty}"
    elif nasty == "ä 7":
        assert "ä 7" in written
    assert record.args == (nasty,), "other handlers get the record as it came"


def test_auto_is_json_where_nobody_looks(
    weights: Path, instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_app(weights, LOG_FORMAT="auto").test_client().get("/health")
    assert json.loads(*lines(capsys))["route"] == "/health"


def test_a_request_is_answered_where_no_log_can_be_written(
    weights: Path, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    client = make_app(weights, LOG_FORMAT="json").test_client()
    monkeypatch.setattr("sys.stderr", FullDisk())
    assert client.get("/health").status_code == 200


def test_off_is_silent(weights: Path, instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_app(weights, LOG_FORMAT="off").test_client().get("/health")
    assert lines(capsys) == []


def test_a_failure_of_our_own_is_logged_with_its_traceback_on_one_line(
    weights: Path, instance: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("mnistweb.web.predict.prediction_answer", fail)
    response = post_json(
        make_app(weights, LOG_FORMAT="json").test_client(), "/predict", {"pixels": [0, 1] * 392}
    )
    failure, request = (json.loads(line) for line in lines(capsys))
    assert "RuntimeError: it broke" in failure["traceback"]
    assert response.headers["X-Request-ID"] in failure["message"]
    assert request["problem"] == "internal_error"
