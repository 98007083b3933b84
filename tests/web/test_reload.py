"""A SIGHUP that finds something wrong: the server says what, and answers with what it has.

Guards: model_files and active_model in mnistweb/weights/installed.py, reload_models in
mnistweb/web/loaded.py, settings_of_the_server in mnistweb/config.py. test_server.py breaks weights files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnistweb.inference import ModelRegistry
from mnistweb.web.loaded import reload_models
from mnistweb.weights import write_model
from tests.inference.conftest import saved
from tests.web.conftest import make_app
from tests.web.live import LiveServer, free_port, until

REFUSED = "the weights were not reloaded, the earlier ones stay in use"
CHECKOUT = Path(__file__).resolve().parents[2]


def test_sighup_keeps_the_models_while_a_folder_is_missing_empty_or_the_choice_is_unreadable(
    tmp_path: Path, weights: Path
) -> None:
    folder, instance = tmp_path / "d", tmp_path / "instance"
    shutil.copytree(weights, folder)
    with LiveServer(folder, instance) as server:

        def asked_to_reload() -> str:
            """What the log says of it."""
            before, workers = len(server.log), set(server.workers())
            server.signal(signal.SIGHUP)
            assert until(lambda: server.process.poll() is not None or "reloaded" in server.log[before:])
            assert server.process.poll() is None, server.log
            assert until(lambda: bool(server.workers()) and not workers & set(server.workers()))
            assert server.request("GET", "/health").status == 200
            assert server.request("GET", "/models").json["default"] == "tiny"
            return server.log[before:]

        folder.rename(tmp_path / "gone")
        said = asked_to_reload()
        assert REFUSED in said
        assert f"{folder}: this folder of weights cannot be listed: No such file" in said

        folder.mkdir()
        said = asked_to_reload()
        assert REFUSED in said
        assert "no weights file (*.pkl) any more" in said

        folder.rmdir()
        (tmp_path / "gone").rename(folder)
        (instance / "active-model").write_bytes(b"tiny\xff\xfe")
        said = asked_to_reload()
        assert REFUSED in said
        assert "active-model: holds" in said

        (instance / "active-model").unlink()
        assert "the weights were reloaded: tiny, small-convnet" in asked_to_reload()


def test_whatever_goes_wrong_while_weights_are_reloaded_the_earlier_ones_stay(
    weights: Path, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(weights)

    def fail(*_: object, **__: object) -> None:
        raise MemoryError("all of it is in use")

    monkeypatch.setattr(ModelRegistry, "load_folders", fail)
    assert reload_models(app) == "MemoryError: all of it is in use"
    assert app.test_client().get("/health").status_code == 200


def test_a_server_without_models_takes_none_again_and_then_the_first(instance: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    app = make_app(tmp_path / "empty")
    assert reload_models(app) == ""
    assert app.test_client().get("/health").status_code == 503
    write_model(tmp_path / "empty" / "net.pkl", saved("net"))
    assert reload_models(app) == ""
    assert app.test_client().get("/health").status_code == 200


def test_plain_gunicorn_keeps_its_settings_when_config_py_is_bad_and_says_so_at_the_start(
    tmp_path: Path, weights: Path
) -> None:
    config, log, port = tmp_path / "config.py", tmp_path / "log", free_port()

    def start() -> subprocess.Popen[bytes]:
        with log.open("wb") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "wsgi:app"],
                cwd=CHECKOUT,
                env=os.environ
                | {
                    "MNISTWEB_WEIGHTS_FOLDERS": json.dumps([str(weights)]),
                    "MNISTWEB_INSTANCE": str(tmp_path),
                    "MNISTWEB_PORT": str(port),
                    "MNISTWEB_WORKERS": "1",
                },
                stdout=file,
                stderr=file,
            )

    server = LiveServer(weights, tmp_path, port=port)
    server.log_path = log
    server.process = start()
    try:
        server.wait_until_up()
        config.write_text('MAX_UPLOAD_FILES = "50"')
        workers = set(server.workers())
        server.signal(signal.SIGHUP)
        assert until(lambda: server.process.poll() is not None or "weights were reloaded" in server.log)
        assert server.process.poll() is None, server.log
        assert until(lambda: bool(server.workers()) and not workers & set(server.workers()))
        assert server.request("GET", "/health").status == 200
        assert "the settings were not reloaded" in server.log
        assert "MAX_UPLOAD_FILES is '50'; wanted is a whole number" in server.log
    finally:
        server.process.terminate()
        server.process.wait(60)

    process = start()
    assert process.wait(60) == 1
    assert server.log == "Error: MAX_UPLOAD_FILES is '50'; wanted is a whole number of at least 1\n"
