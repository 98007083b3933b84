"""A training in the browser, from the form to the paint screen, with a process that is killed on the way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mnistweb.recipes.training_queue import TrainingQueue
from tests.browser.conftest import NewPage, Server
from tests.browser.screen import PaintScreen
from tests.browser.test_accessibility import complaints
from tests.recipes.tiny import write_tiny_dataset


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Server]:
    """A server with the page, and a small data set to learn from."""
    write_tiny_dataset(tmp_path / "data" / "tiny")
    server = Server(tmp_path, TRAINING_PAGE="true")
    server.start()
    yield server
    server.stop()
    queue = TrainingQueue(tmp_path)
    if current := queue.look().current:  # it would outlive the server, as it should
        queue.stop(current.run)


def test_a_network_is_watched_as_it_learns_survives_a_kill_and_reads_on_the_paint_screen(
    trainer: Server, new_page: NewPage, tmp_path: Path
) -> None:
    page = new_page()
    page.goto(f"{trainer.url}/train")
    page.get_by_label("Learn from").select_option("folder/tiny")
    page.get_by_label("Epochs").fill("20")
    page.get_by_text("More settings").click()
    page.get_by_label("Batch", exact=True).fill("4")
    page.get_by_label("Threads").fill("1")
    page.get_by_label("Kept aside").fill("100")
    page.get_by_role("button", name="Start the training").click()

    run = page.locator("#run")
    expect(run).to_have_attribute("data-state", "training")
    page.get_by_role("button", name="Pause own-1").click()
    expect(run).to_have_attribute("data-state", "paused")
    expect(page.get_by_role("img", name="Loss: training from")).to_be_visible()
    expect(page.get_by_role("img", name="Accuracy: training from")).to_be_visible()
    expect(page.get_by_alt_text("The weights of the first layer")).to_be_visible()
    ticks = page.evaluate(
        "async () => { const chart = await import('/static/js/chart.js');"
        " return [chart.niceTicks(0.1, 2.3, 4), chart.logarithmicTicks(0.05, 2.4, 4)]; }"
    )
    assert ticks[0] == [0, 1, 2, 3]
    assert ticks[1] == pytest.approx([0.05, 0.1, 0.2, 0.5, 1, 2, 5])
    assert complaints(page, "light") == []
    assert complaints(page, "dark") == []

    queue = json.loads((tmp_path / "training" / "queue.json").read_text())
    os.kill(queue["current"]["pid"], signal.SIGKILL)
    expect(page.locator("#run-sentence")).to_contain_text("Stopped unexpectedly")
    page.get_by_role("button", name="Resume own-1").click()
    expect(run).to_have_attribute("data-state", "finished", timeout=120_000)
    expect(page.locator("#run-sentence")).to_contain_text("of the test images right")
    expect(page.locator("#epoch-rows tr")).to_have_count(20)

    page.get_by_role("link", name="Try it on the paint screen").click()
    expect(page.locator("#model")).to_have_value("own-1")
    screen = PaintScreen(page)
    screen.draw_digit(7)
    expect(page.locator("#answer")).to_have_attribute("data-state", "done")
