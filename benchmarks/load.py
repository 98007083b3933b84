"""A steady stream of equal requests, sent by wrk, which takes a small part of the time a server takes."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# wrk reads its request from a script in Lua. The body comes from a file, whatever its bytes.
_SCRIPT = """
local file = io.open({body}, "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = {kind}
file:close()
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('\\n{{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "failed": %d}}\\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class Answered:
    """What came of it; times in milliseconds."""

    requests_a_second: float
    p50_ms: float
    p99_ms: float

    @property
    def cost_ms(self) -> float:
        """How long the whole server was busy with one request."""
        return 1000 / self.requests_a_second


def available() -> bool:
    """Whether wrk is installed (Debian has it)."""
    return shutil.which("wrk") is not None


def send(url: str, body: bytes, kind: str, *, connections: int = 32, seconds: int = 5) -> Answered:
    """Keep so many connections busy for so long. Raises RuntimeError when any request failed."""
    with tempfile.TemporaryDirectory() as folder:
        body_file, script = Path(folder, "body"), Path(folder, "post.lua")
        body_file.write_bytes(body)
        script.write_text(_SCRIPT.format(body=json.dumps(str(body_file)), kind=json.dumps(kind)))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
        output = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=seconds + 30
        ).stdout
    found = json.loads(output.strip().splitlines()[-1])
    if found["failed"] or not found["requests"]:
        raise RuntimeError(f"{found['failed']} of {found['requests']} requests to {url} failed")
    return Answered(found["requests"] / found["microseconds"] * 1e6, found["p50"] / 1000, found["p99"] / 1000)
