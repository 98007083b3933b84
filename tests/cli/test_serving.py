"""`mnistweb serve`: its words, its errors, and that it is up when it says so."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from mnistweb.cli import main
from mnistweb.config import load_settings
from mnistweb.web.server import server_settings
from mnistweb.weights import write_model
from tests.inference.conftest import saved
from tests.web.live import LiveServer, free_port, until


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    write_model(folder / "tiny.pkl", saved("tiny"))
    monkeypatch.setenv("MNISTWEB_WEIGHTS_FOLDERS", f'["{folder}"]')
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path / "instance"))
    return folder


def refusal(*flags: str) -> str:
    result = CliRunner().invoke(main, ["serve", *flags])
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert result.output.startswith("Error: ")
    return result.output


def test_the_help_names_every_option() -> None:
    text = CliRunner().invoke(main, ["serve", "--help"]).output
    for option in ("--host", "--port", "--workers", "--threads", "--open", "--training", "--reload"):
        assert option in text


def test_a_taken_port_is_named_with_the_way_out(weights: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} is taken by another program; choose one with --port" in refusal(
            "--port", str(port)
        )


def test_an_address_that_is_not_ours_is_named(weights: Path) -> None:
    assert "cannot listen on 203.0.113.1 port" in refusal("--host", "203.0.113.1", "--port", "0")


def test_a_host_that_is_no_address_is_named(weights: Path) -> None:
    assert "cannot listen on no.such.host.invalid" in refusal("--host", "no.such.host.invalid", "--port", "0")


@pytest.mark.parametrize(("host", "bound"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("", ":80")])
def test_addresses_with_colons_are_told_from_their_port(tmp_path: Path, host: str, bound: str) -> None:
    settings = load_settings(tmp_path, {"HOST": host, "PORT": 80})
    assert server_settings(settings)["bind"] == bound


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost.example", ""])
def test_the_training_page_is_for_this_machine_alone(
    weights: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = f"loopback alone, not on {host or 'every address'}; leave out --host"
    assert wanted in refusal("--training", "--host", host, "--port", "0")
    monkeypatch.setenv("MNISTWEB_TRAINING_PAGE", "true")
    assert wanted in refusal("--host", host, "--port", "0")


def test_broken_weights_are_named_with_the_reason(weights: Path) -> None:
    (weights / "broken.pkl").write_bytes(b"PK\x03\x04")
    message = refusal("--port", "0")
    assert "broken.pkl" in message
    assert "zip archive" in message


def test_a_weights_folder_that_is_not_there_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNISTWEB_WEIGHTS_FOLDERS", f'["{weights}", "{weights}-mistyped"]')
    assert "weights-mistyped: this folder of weights cannot be listed: No such file" in refusal("--port", "0")


def test_weights_and_a_choice_that_cannot_be_read_are_named(weights: Path, tmp_path: Path) -> None:
    (weights / "gone.pkl").symlink_to(weights / "nowhere")
    assert "gone.pkl: cannot be read: No such file" in refusal("--port", "0")
    (weights / "gone.pkl").unlink()
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "active-model").write_bytes(b"tiny\xff")
    message = refusal("--port", "0")
    assert "active-model: holds" in message
    assert message.count("\n") == 1


def test_an_error_of_the_system_is_one_line(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/some/where")

    monkeypatch.setattr("mnistweb.web.load_models", refuse)
    assert refusal("--port", "0") == "Error: [Errno 13] Permission denied: '/some/where'\n"


def test_a_port_beyond_the_last_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNISTWEB_PORT", "70000")
    assert "PORT is 70000; wanted is a whole number of at least 0 and at most 65535" in refusal()
    monkeypatch.setenv("MNISTWEB_PORT", "tcp://10.0.0.1:80")  # what Kubernetes says of a service `mnistweb`
    assert "PORT is 'tcp://10.0.0.1:80'; wanted is a whole number" in refusal()


def test_a_full_disk_for_its_words_does_not_keep_it_from_serving(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, log = free_port(), tmp_path / "log"
    # Unbuffered, Python forgets what it could not write; else it tries again at the end of each process.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with log.open("wb") as errors, Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "mnistweb", "serve", "--port", str(port), "--workers", "1"],
            stdout=full,
            stderr=errors,
        )
    try:
        assert until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        assert process.wait(60) == 0
    assert "No space left" not in log.read_text()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_a_setting_that_makes_no_sense_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNISTWEB_KEEPALIVE_SECONDS", "long")
    assert "KEEPALIVE_SECONDS is 'long'; wanted is a whole number" in refusal("--port", "0")


def test_a_default_model_that_is_not_there_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNISTWEB_DEFAULT_MODEL", "gpt")
    assert "'gpt'; loaded are tiny" in refusal("--port", "0")


@pytest.mark.parametrize(
    "flags", [("--port", "65536"), ("--port", "x"), ("--workers", "0"), ("--threads", "0")]
)
def test_numbers_out_of_range_are_a_usage_error(flags: tuple[str, str]) -> None:
    assert CliRunner().invoke(main, ["serve", *flags]).exit_code == 2


def test_it_prints_the_address_of_the_paint_screen_and_serves_it(weights: Path, tmp_path: Path) -> None:
    with LiveServer(weights, tmp_path / "instance", flags=("--workers", "1", "--threads", "2")) as server:
        assert f"http://127.0.0.1:{server.port}/paint-screen" in server.log
        assert server.request("GET", "/paint-screen").status == 200
        assert len(server.workers()) == 1


def test_reload_starts_anew_when_a_weights_file_changes(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    write_model(instance / "tiny.pkl", saved("tiny", training={"version": 1}))
    with LiveServer(instance, instance, flags=("--reload",)) as server:
        assert server.request("GET", "/model/info").json["training"] == {"version": 1}
        time.sleep(0.1)
        write_model(instance / "tiny.pkl", saved("tiny", training={"version": 2}))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if server.request("GET", "/model/info").json["training"] == {"version": 2}:
                    return
            except OSError:  # between the old worker and the new
                pass
            time.sleep(0.1)
        pytest.fail(f"the new weights were not loaded:\n{server.log}")


def test_open_opens_the_paint_screen_in_the_browser(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    opened = tmp_path / "opened"
    with LiveServer(weights, tmp_path / "instance", flags=("--open",)) as server:
        deadline = time.monotonic() + 15
        while not (opened.exists() and opened.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert opened.read_text() == f"http://127.0.0.1:{server.port}/paint-screen\n"
