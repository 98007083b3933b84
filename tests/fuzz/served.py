"""A real server for the fuzzers that speak HTTP, and what must hold of it whatever it was sent.

Its workers note in a file whatever they import, compile, start or connect to, by an audit hook that the
instance's `config.py` sets; nothing may be noted once each route has answered once.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnistweb.weights import write_model
from tests.fuzz import jpeg_mutants, png_mutants
from tests.fuzz.batches import MEMORY_LIMIT_MB
from tests.fuzz.memory import forget_peak, peak_mb, resident_mb
from tests.inference.conftest import saved
from tests.web.live import LiveServer

PIXELS = [0.0] * 300 + [1.0] * 84 + [0.5] * 100 + [0.0] * 300
GOOD_BODY = json.dumps({"pixels": PIXELS}).encode()

_CONFIG = """
import os
import sys

_notes = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_FORBIDDEN = (
    "import", "exec", "compile", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system",
    "socket.connect", "ctypes.", "pickle.find_class", "code.", "pty.",
)


def _note(event, arguments):
    if event.startswith(_FORBIDDEN):
        os.write(_notes, f"{{event}} {{arguments!r:.200}}\\n".encode())


sys.addaudithook(_note)
"""


def good_bodies() -> dict[str, list[Any]]:
    """For each JSON route bodies that it answers with 200."""
    one = base64.b64encode(png_mutants.seeds()[1]).decode()
    other = "data:image/jpeg;base64," + base64.b64encode(jpeg_mutants.seeds()[1]).decode()
    tensor = {"name": "input", "shape": [1, 784], "datatype": "FP32", "data": PIXELS}
    two = tensor | {"shape": [2, 28, 28], "data": [PIXELS, PIXELS]}
    rows = [PIXELS[start : start + 28] for start in range(0, 784, 28)]
    singles: list[Any] = [
        {"image": one, "model": "tiny"},
        {"image": other, "explain": ["steps", "activations", "contributions"]},
        {"pixels": PIXELS, "explain": ["activations"]},
        {"pixels": rows, "preprocess": True},
    ]
    infers: list[Any] = [
        {"inputs": [tensor], "outputs": [{"name": "probabilities"}, {"name": "prediction"}], "id": "7"},
        {"inputs": [two], "parameters": {"binary_data_output": True}},
        {"inputs": [tensor], "outputs": [{"name": "prediction", "parameters": {"binary_data": True}}]},
    ]
    return {
        "/predict": singles,
        "/debug-image": singles,
        "/predict/batch": [
            {"images": [one, other, one]},
            {"pixels": [PIXELS, rows], "model": "tiny"},
            {"pixels": [PIXELS], "preprocess": True},
        ],
        "/v2/models/tiny/infer": infers,
        "/v2/models/tiny/versions/1/infer": infers,
    }


class Served:
    """A server under watch. `check` after each mutant, `close_accounts` at the end."""

    def __init__(self, server: LiveServer, notes: Path) -> None:
        self.server = server
        self._notes = notes
        self._reference: object = None

    def begin(self) -> None:
        """From now on nothing new may be done, and no more memory be used than is allowed."""
        self._warm_up()
        self._reference = self._ask()
        self._workers = sorted(self.server.workers())
        self._noted = self._notes.stat().st_size
        for pid in self._workers:
            forget_peak(pid)
        self._before = {pid: resident_mb(pid) for pid in self._workers}

    def check(self) -> None:
        """The next good request must get the answer that it always gets."""
        found = self._ask()
        assert found == self._reference, f"the next good request was answered {found}"

    def close_accounts(self) -> float:
        """By how many MB a worker grew at most. AssertionError when one died, failed or did something."""
        assert sorted(self.server.workers()) == self._workers, "a worker died"
        noted = self._notes.read_text()[self._noted :]
        assert not noted, f"while answering, a worker did: {noted}"
        log = self.server.log
        assert "raceback" not in log, log[log.index("raceback") - 500 :][:3000]
        grown = max(peak_mb(pid) - self._before[pid] for pid in self._workers)
        assert grown < MEMORY_LIMIT_MB, f"a worker grew by {grown:.0f} MB"
        return grown

    def _warm_up(self) -> None:
        """Ask for everything once: templates are compiled, and types looked at, when they are first used."""
        for path in ("/paint-screen", "/upload", "/debug-image", "/metrics", "/nothing", "/static/style.css"):
            self.server.request("GET", path, headers={"Accept": "text/html"})
        for path, bodies in good_bodies().items():
            for body in bodies:
                data = json.dumps(body).encode()
                answer = self.server.request("POST", path, data, {"Content-Type": "application/json"})
                assert answer.status == 200, (path, answer.body)
            self.server.request("POST", path, b"{]", {"Content-Type": "application/json"})

    def _ask(self) -> object:
        answer = self.server.request("POST", "/predict", GOOD_BODY, {"Content-Type": "application/json"})
        return answer.status, answer.json


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A server with one worker and a tiny network, its files in `folder`."""
    weights, instance, notes = folder / "weights", folder / "instance", folder / "notes"
    write_model(weights / "tiny.pkl", saved("tiny"))
    instance.mkdir()
    (instance / "config.py").write_text(_CONFIG.format(path=str(notes)))
    settings = {"REQUEST_TIMEOUT_SECONDS": 3.0, "KEEPALIVE_SECONDS": 3}
    with LiveServer(weights, instance, settings) as server:
        yield Served(server, notes)
