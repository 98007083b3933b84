"""`mnistweb weights activate` and a server that answers meanwhile: it takes the model, or nothing changes.

Guards: mnistweb/web/activation.py (tried first, put back), mnistweb/web/running.py (which servers live).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mnistweb.cli import main
from mnistweb.web.running import Announcement, running_servers
from mnistweb.weights import write_model
from tests.inference.conftest import saved
from tests.web.live import LiveServer
from tests.web.test_server import Load, until


@pytest.fixture
def settings(instance: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Those of the server, which the command has as well: the tiny weights, and what is installed."""
    folders = [str(weights), str(instance)]
    monkeypatch.setenv("MNISTWEB_WEIGHTS_FOLDERS", json.dumps(folders))
    return {"WEIGHTS_FOLDERS": folders}


@pytest.fixture
def server(instance: Path, weights: Path, settings: dict[str, object]) -> Iterator[LiveServer]:
    with LiveServer(weights, instance, settings) as live:
        yield live


def activate(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["weights", "activate", *map(str, words)])


def default(server: LiveServer) -> str:
    found: str = server.request("GET", "/models").json["default"]
    return found


def test_a_running_server_takes_the_model_without_a_failed_request_or_keeps_the_one_it_has(
    server: LiveServer, instance: Path, tmp_path: Path, pixels: list[float]
) -> None:
    new = tmp_path / "new.pkl"
    write_model(new, saved("new", seed=9))
    with Load(server, json.dumps({"pixels": pixels}).encode()) as load:
        assert default(server) == "tiny"
        done = activate(new)
        assert done.exit_code == 0, done.output
        assert f"The server {server.process.pid} has loaded it." in done.output
        assert until(lambda: default(server) == "new")

        # A broken file, and one that only the server refuses: all stays as it is.
        data = bytearray(new.read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / "broken.pkl").write_bytes(data)
        done = activate(tmp_path / "broken.pkl")
        assert done.exit_code == 1
        assert "broken.pkl: damaged" in done.output
        write_model(new, saved("new", seed=10))
        done = activate(new)
        assert done.exit_code == 1
        assert "--replace" in done.output
        assert activate(new, "--replace").exit_code == 0
        asked = len(load.answers)
        assert until(lambda: len(load.answers) > asked + 20)
    assert default(server) == "new"
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}
    assert {answer.json["model"] for answer in load.answers} == {"tiny", "new"}


def test_when_only_the_server_refuses_the_folder_is_put_back(
    instance: Path, weights: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    new = tmp_path / "new.pkl"
    write_model(new, saved("new", seed=9))
    with LiveServer(weights, instance, settings | {"DEFAULT_MODEL": "small-convnet"}) as server:
        done = activate(new)
        assert done.exit_code == 1
        assert "answers with 'small-convnet' all the same" in done.output
        assert default(server) == "small-convnet"
        assert sorted(os.listdir(instance)) == [f"server-{server.process.pid}.json"]


def test_a_killed_server_is_not_taken_for_one_that_lives(server: LiveServer, instance: Path) -> None:
    assert [each.pid for each in running_servers(instance)] == [server.process.pid]
    server.signal(signal.SIGKILL)
    server.process.wait()
    assert until(lambda: running_servers(instance) == [])
    assert os.listdir(instance) == []


NAMESAKE = """
import fcntl, json, os, sys
file = os.fdopen(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), "r+")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
json.dump({"pid": int(sys.argv[2]), "loads": 1, "namespace": "pid:[1]"}, file)
file.flush()
print("locked", flush=True)
input()
"""


@contextlib.contextmanager
def server_of_another_container(instance: Path, pid: int) -> Iterator[Path]:
    """Another server's word in the folder, locked by a process that lives; to it, its number is `pid`."""
    path = instance / f"server-{pid}.json"
    command = [sys.executable, "-c", NAMESAKE, str(path), str(pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield path
        process.communicate("\n")


def test_a_server_of_another_container_is_named_and_no_process_of_its_number_is_sent_a_signal(
    instance: Path, settings: dict[str, object], tmp_path: Path
) -> None:
    write_model(tmp_path / "new.pkl", saved("new"))
    with subprocess.Popen(["sleep", "600"]) as unrelated:
        try:
            with server_of_another_container(instance, unrelated.pid) as path:
                done = activate(tmp_path / "new.pkl")
                assert done.exit_code == 1
                assert f"the server {unrelated.pid}" in done.output
                assert "another container" in done.output
                assert unrelated.poll() is None
                assert os.listdir(instance) == [path.name]  # all is as it was
        finally:
            unrelated.kill()


def test_a_server_leaves_the_file_of_its_namesake_in_another_container_alone(
    instance: Path,
) -> None:
    with server_of_another_container(instance, os.getpid()) as others:
        before = others.read_text()
        announcement = Announcement(instance)
        announcement.loaded(default="tiny", sha256="abc")
        assert others.read_text() == before
        (ours,) = set(instance.iterdir()) - {others}
        told = json.loads(ours.read_text())
        assert (told["pid"], told["namespace"]) == (os.getpid(), os.readlink("/proc/self/ns/pid"))
        announcement.withdraw()
        assert list(instance.iterdir()) == [others]


def test_a_server_that_ends_removes_no_file_but_its_own(instance: Path) -> None:
    announcement = Announcement(instance)
    (ours,) = instance.iterdir()
    ours.unlink()
    ours.write_text("another's")
    announcement.withdraw()
    assert ours.read_text() == "another's"


def test_without_a_server_the_model_is_the_default_of_the_next_one(
    instance: Path, settings: dict[str, object]
) -> None:
    write_model(instance / "mine.pkl", saved("mine"))
    done = activate("mine")
    assert done.exit_code == 0, done.output
    assert "No server runs" in done.output
    assert "* mine" in CliRunner().invoke(main, ["models"]).output
    (instance / "mine.pkl").unlink()
    failed = CliRunner().invoke(main, ["models"])
    assert failed.exit_code == 1
    assert "mnistweb weights activate" in failed.output


def test_a_setting_that_comes_first_and_a_process_that_is_not_there_are_said(
    instance: Path, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(instance / "mine.pkl", saved("mine"))
    assert "there is no process" in activate("mine", "--pid", 2**22 + 1).output
    monkeypatch.setenv("MNISTWEB_DEFAULT_MODEL", "tiny")
    done = activate("mine")
    assert done.exit_code == 1
    assert "DEFAULT_MODEL names 'tiny'" in done.output
    assert os.listdir(instance) == ["mine.pkl"]
