"""A real server that is served under its own names only, and that can write nowhere.

Guards: TRUSTED_HOSTS; Request in mnistweb/web/body.py keeps uploads in memory; _save in
mnistweb/web/debug_image.py and the counts of mnistweb/web/shared_counts.py do without a disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.live import LiveServer
from tests.web.test_forms import END, FORM, part

NAMES = ["127.0.0.1", "mnistweb.example", ".sub.example"]


@pytest.fixture(scope="module")
def server(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    instance = tmp_path_factory.mktemp("confined") / "instance"
    instance.mkdir()
    (instance / "debug-images").write_text("a file where the folder should be; permissions don't stop root")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
            patch.setenv(name, "/proc/nowhere")
        with LiveServer(weights, instance, {"TRUSTED_HOSTS": NAMES}) as live:
            yield live


@pytest.mark.parametrize(
    "head",
    [
        b"GET /models HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET /paint-screen HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET http://evil.example/models HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET /models HTTP/1.1\r\nHost: mnistweb.example.evil.example\r\n",
        b"GET /models HTTP/1.1\r\nHost: mnistweb.example@evil.example\r\n",
        b"GET /models HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: mnistweb.example\r\n",
        b"GET /models HTTP/1.1\r\nHost: \r\n",
    ],
)
def test_another_host_is_400(server: LiveServer, head: bytes) -> None:
    answer = server.send(head + b"Connection: close\r\n\r\n")
    assert answer.status == 400
    assert answer.json["code"] in ("untrusted_host", "broken_request")
    assert b"evil" not in answer.body


@pytest.mark.parametrize("host", ["mnistweb.example", "mnistweb.example:8000", "a.sub.example", "127.0.0.1"])
def test_its_own_names_are_served(server: LiveServer, host: str) -> None:
    assert server.request("GET", "/models", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.7:8000", "[fd00::7]:8000", ""])
def test_probes_are_answered_whatever_host_they_name(server: LiveServer, host: str) -> None:
    for path in ("/health", "/health-check", "/metrics", "/v2/health/live", "/v2/health/ready"):
        assert server.request("GET", path, headers={"Host": host}).status == 200
    assert server.request("GET", "/health/", headers={"Host": host}).status == 400
    assert server.request("GET", "/health/../models", headers={"Host": host}).status == 400


def test_where_nothing_can_be_written_pictures_are_read_all_the_same(
    server: LiveServer, seven: bytes
) -> None:
    large = part("image", seven + bytes(2_000_000), "seven.png") + END
    assert server.request("POST", "/predict", large, {"Content-Type": FORM}).status == 200
    assert server.request("POST", "/upload", large, {"Content-Type": FORM}).status == 200
    assert server.request("GET", "/metrics").status == 200
    answer = server.request("POST", "/debug-image", seven, {"Content-Type": "image/png"})
    assert answer.status == 200
    assert answer.json["saved_debug_image"] is None
    assert "cannot be written" in answer.json["not_saved_because"]
    assert "raceback" not in server.log
