"""Real HTTP servers on this machine with the manners of bad mirrors."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Mirror:
    """A real HTTP server whose manners a test chooses."""

    url: str
    body: bytes = b""
    status: int = 200
    ranges: bool = True  # whether it honours Range
    cut_after: int | None = None  # bytes after which the connection is closed, each time
    cuts: int = 10**9  # how often it does so
    says_length: bool = True
    stall: bool = False
    seen_ranges: list[str | None] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def do_GET(self) -> None:
        mirror = self.mirror
        asked = self.headers.get("Range")
        mirror.seen_ranges.append(asked)
        if mirror.stall:
            threading.Event().wait(2)
            return
        body, status, content_range = mirror.body, mirror.status, None
        if asked and mirror.ranges and status == 200:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                body, status = b"", 416
            else:
                content_range = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body, status = body[start:], 206
        self.send_response(status)
        if content_range:
            self.send_header("Content-Range", content_range)
        if mirror.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        if mirror.cut_after is not None and mirror.cuts > 0:
            mirror.cuts -= 1
            body = body[: mirror.cut_after]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def running_mirror(body: bytes) -> Iterator[Mirror]:
    """Serve `body` at every address of a free port until the block ends."""
    handler = type("OneHandler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.mirror = Mirror(f"http://127.0.0.1:{server.server_address[1]}/", body)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield handler.mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
