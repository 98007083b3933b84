"""The shipped nginx before replicas of ours: only addresses and the limits for one client are changed."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.web.live import free_port

CHECKOUT = Path(__file__).resolve().parents[2]


def nginx_program() -> str | None:
    """Where nginx is; Debian has it in a folder that is not on everyone's path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


class Front:
    """nginx on a free port, for the length of a `with` block.

    replicas: their ports. limited: keep the shipped limits of requests and connections.
    more: further changes, each as what stands in the file and what shall stand there.
    """

    def __init__(
        self,
        replicas: Sequence[int],
        folder: Path,
        *,
        limited: bool = False,
        more: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.port = free_port()
        self._folder = folder
        self._settings = folder / "nginx.conf"
        # max_fails=0: addresses that come from a name server, as in production, are asked anew each time.
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in replicas)
        changes = [
            ("worker_processes auto;", "worker_processes 1; daemon off;"),
            ("/tmp/", f"{folder}/"),
            ("listen 8080", f"listen 127.0.0.1:{self.port}"),
            ("set $application http://app:8000;", "set $application http://replicas;"),
            ("    server {", f"    upstream replicas {{ {servers} }}\n    server {{"),
            *more,
        ]
        if not limited:
            changes += [
                ("rate=50r/s", "rate=100000r/s"),
                ("limit_conn connections 64;", "limit_conn connections 1000;"),
            ]
        text = (CHECKOUT / "deploy" / "nginx.conf").read_text()
        for old, new in changes:
            assert old in text, f"deploy/nginx.conf no longer has {old!r}"
            text = text.replace(old, new, 1 if old == "    server {" else -1)
        self._settings.write_text(text)

    def __enter__(self) -> Front:
        program = nginx_program()
        assert program is not None
        with (self._folder / "nginx.log").open("wb") as log:
            command = [program, "-e", "stderr", "-c", str(self._settings)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)
        deadline = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.__exit__()
                raise RuntimeError(f"nginx did not come up:\n{(self._folder / 'nginx.log').read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/health-check")
            return connection.getresponse().status > 0
        except OSError:
            return False
        finally:
            connection.close()
