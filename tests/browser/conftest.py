"""A real server in a process of its own and a real browser, started once for all browser tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, WebError, expect, sync_playwright

from mnistweb.weights import write_model
from tests.browser.screen import PaintScreen
from tests.inference.conftest import saved
from tests.recipes.made_runs import make_run
from tests.recipes.shapes import NAMES as SHAPES

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS = 90  # and to stop; far more than it takes on a machine that has nothing else to do
WAIT_MILLISECONDS = 40_000  # for what a page is expected to show; a busy machine needs some of it
DESKTOP = {"width": 1280, "height": 900}

expect.set_options(timeout=WAIT_MILLISECONDS)


class Server:
    """gunicorn with the application on a free port of this machine; it can be stopped and started again.

    settings: those of `mnistweb.config`, as the environment has them.
    """

    def __init__(self, instance: Path, **settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "MNISTWEB_INSTANCE": str(instance), "OPENBLAS_NUM_THREADS": "1"}
        self._environment |= {f"MNISTWEB_{name}": value for name, value in settings.items()}
        self._log = instance / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once the server answers."""
        options = ["--bind", f"127.0.0.1:{self.port}", "--threads", "4", "--no-control-socket", "--preload"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "wsgi:app", *options],
                cwd=CHECKOUT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return  # the weights are loaded before the port opens
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"the server did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Returns once the port is closed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # gunicorn's quick end: it waits for no idle connection
            self._process.wait(timeout=START_SECONDS)
            self._process = None


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this system; CI fails without it, elsewhere the test is skipped."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        reason = "needs a Chromium on the path (Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that all tests share; do not stop it.

    Beside the shipped models it has one that names shapes (at random: it has learned nothing), and two runs.
    """
    instance = tmp_path_factory.mktemp("instance")
    write_model(instance / "names-shapes.pkl", saved("names-shapes", labels=SHAPES))
    for name in ("first", "second"):
        make_run(instance / "runs" / name)
    server = Server(instance)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server_of_its_own(tmp_path: Path) -> Iterator[Server]:
    """A server, started, that a test may stop and start again."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


NewPage = Callable[..., Page]


@pytest.fixture(scope="session")
def pages(browser: Browser) -> dict[str, Page]:
    """The pages that were made so far, by their options: making one takes longer than most tests."""
    return {}


@pytest.fixture
def new_page(browser: Browser, pages: dict[str, Page]) -> Iterator[NewPage]:
    """Gives blank pages, each in a browser context of its own that has Playwright's context options.

    At the end of the test the consoles must hold no error, no warning and no violation of the content
    security policy. `page.expected_errors` is a list of texts that a test expects there; 503 is what a server
    says that has too much to do, and the page asks again.
    """
    used: list[Page] = []
    said: list[tuple[Page, str]] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.page is not None:
            said.append((message.page, message.text))

    def listen_to_exceptions(error: WebError) -> None:
        said.append((error.page, str(error.error)))  # type: ignore[arg-type]

    def make(**options: Any) -> Page:
        key = repr(sorted(options.items()))
        if key not in pages:
            pages[key] = browser.new_context(**{"viewport": DESKTOP, **options}).new_page()
            pages[key].set_default_timeout(WAIT_MILLISECONDS)
        page = pages[key]
        page.set_viewport_size(options.get("viewport", DESKTOP))
        page.expected_errors = ["status of 503"]  # type: ignore[attr-defined]
        page.context.on("console", listen)
        page.context.on("weberror", listen_to_exceptions)
        used.append(page)
        return page

    yield make
    for page in used:
        page.unroute_all()
        page.goto("about:blank")
        page.emulate_media(media="null", color_scheme="null", reduced_motion="null", forced_colors="null")
        page.context.remove_listener("console", listen)
        page.context.remove_listener("weberror", listen_to_exceptions)
    unexpected = [text for page, text in said if not any(each in text for each in page.expected_errors)]  # type: ignore[attr-defined]
    assert unexpected == []


@pytest.fixture
def screen(new_page: NewPage, server: Server) -> PaintScreen:
    """The paint screen on a desktop."""
    return PaintScreen.open(new_page(), server.url)
