"""The examples of docs/api.md and README.md are run: real curl, a real server, and the answers as shown.

Of an answer the keys are compared, not the values. Guards: docs/api.md, README.md, mnistweb/web.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from mnistweb import create_app
from mnistweb.resources import shipped_weights_folder
from mnistweb.web.errors import TITLES
from tests.recipes.made_runs import make_run
from tests.web.live import LiveServer
from tests.web.test_metrics import total

CHECKOUT = Path(__file__).resolve().parents[1]
GUIDE = (CHECKOUT / "docs" / "api.md").read_text()
README = (CHECKOUT / "README.md").read_text()
SHOWN_SERVER = "http://127.0.0.1:8000"


def examples() -> list[tuple[str, str]]:
    """Each shell block of the guide, and the JSON block right behind it or nothing."""
    return re.findall(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", GUIDE, flags=re.DOTALL)


README_LINES = [line for line in README.splitlines() if line.startswith("curl ")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    if shutil.which("curl") is None:
        pytest.skip("needs curl on the path (Debian: apt install curl)")
    instance = tmp_path_factory.mktemp("guide") / "instance"
    make_run(instance / "runs" / "mlp-64-20260131-120000")
    with LiveServer(shipped_weights_folder(), instance) as live:
        yield live


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples run: with the pictures that they speak of, and curl told to be quiet and strict."""
    place = tmp_path_factory.mktemp("examples")
    picture = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(picture).line([(80, 70), (200, 70), (130, 220)], fill=0, width=18, joint="curve")
    picture.save(place / "seven.png")
    picture.resize((600, 600)).convert("RGB").save(place / "photo.jpg")
    (place / ".curlrc").write_text("silent\nshow-error\nfail\n")
    return place


def run(server: LiveServer, folder: Path, *command: str) -> str:
    """What a command prints, the shown server replaced by the running one; it must succeed."""
    words = [each.replace(SHOWN_SERVER, f"http://127.0.0.1:{server.port}") for each in command]
    environment = os.environ | {"CURL_HOME": str(folder)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same_keys(shown: Any, found: Any, where: str = "the answer") -> None:
    """The same keys at every depth; "..." stands for any others, and a list is shown by its first items."""
    assert type(shown) is type(found) or {type(shown), type(found)} == {int, float}, where
    if isinstance(shown, dict):
        if "..." in shown:
            return
        assert set(shown) == set(found), where
        for key, value in shown.items():
            assert_same_keys(value, found[key], f"{where}.{key}")
    elif isinstance(shown, list):
        assert len(shown) <= len(found), where
        for index, value in enumerate(shown):
            assert_same_keys(value, found[index], f"{where}[{index}]")


def test_the_examples_of_the_guide_are_answered_as_shown_and_leave_no_route_out(
    server: LiveServer, folder: Path
) -> None:
    for script, shown in examples():
        printed = run(server, folder, "bash", "-e", "-c", script)
        if shown:
            assert_same_keys(json.loads(shown), json.loads(printed), script)
    counted = run(server, folder, "curl", f"{SHOWN_SERVER}/metrics")
    routes = {rule.rule for rule in create_app({"LOG_FORMAT": "off"}).url_map.iter_rules()}
    missing = {
        route
        for route in routes - {"/static/<path:filename>"}
        if not sum(
            total(counted, "mnistweb_requests_total", route=route, status=status) for status in ("200", "302")
        )
    }
    assert missing == set()


@pytest.mark.parametrize("line", README_LINES)
def test_the_readme_s_curl_lines_are_answered(server: LiveServer, folder: Path, line: str) -> None:
    answer = json.loads(run(server, folder, "bash", "-c", line))
    if line.endswith("/predict"):
        assert answer["prediction"] == 7
    if line.endswith("/predict/batch"):
        assert [each["prediction"] for each in answer["predictions"]] == [7, 7]


def test_the_readme_shows_every_kind_of_body() -> None:
    shown = "\n".join(README_LINES)
    assert all(each in shown for each in ("image/png", "-F image=@", "--json", "photo.jpg"))


def test_the_python_client_of_the_guide_reads_a_seven(server: LiveServer, folder: Path) -> None:
    (client,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    digit, confidence, verdict = run(server, folder, sys.executable, "-c", client).split()
    assert digit == "7"
    assert float(confidence) > 0.5
    assert verdict in ("digit", "uncertain")


def test_the_table_of_errors_is_that_of_the_program() -> None:
    shown = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (.+?) \| .+ \|$", GUIDE, flags=re.MULTILINE)
    assert [(code, (int(status), title)) for code, status, title in shown] == list(TITLES.items())
