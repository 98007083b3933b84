"""schemathesis, a client that others wrote, reads /openapi.json and looks for answers unlike what it says.

No 5xx, no status, content type or body that is not in the document, nothing accepted that its types forbid.
The suite has time for a short run; a long one, of thousands of cases, is, while `mnistweb serve` runs:

    schemathesis --config-file tests/web/schemathesis.toml run \\
        http://127.0.0.1:8000/openapi.json --max-time 120
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.web.live import LiveServer

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# So many for each route, beside those that reach into every corner of the document: some 1,200 in all. With a
# limit of time instead, a machine that is busy would look less closely, and none would ever be done earlier.
EXAMPLES = "40"


def test_every_answer_is_as_the_document_says(server: LiveServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)]
    address = f"http://127.0.0.1:{server.port}/openapi.json"
    done = subprocess.run(
        [*command, "run", address, "--max-examples", EXAMPLES, "--seed", "1", "--no-color"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    generated = re.search(r"([\d,]+) generated", done.stdout)
    assert generated is not None
    assert int(generated[1].replace(",", "")) > 1000
    assert '"level":"error"' not in server.log
