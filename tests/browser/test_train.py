"""A training in the browser, from the form to the paint screen, with a process that is killed on the way.

The tests after the first show a training that stands still: files alone, and the lock of a process that runs.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mnistweb.recipes.runs import write_curves
from mnistweb.recipes.training_queue import Entry, State, TrainingQueue
from tests.browser.conftest import NewPage, Server
from tests.browser.screen import PaintScreen
from tests.browser.test_accessibility import complaints
from tests.recipes.tiny import write_tiny_dataset
from tests.web.test_train import NOW, put


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
    with page.expect_navigation():
        page.get_by_role("button", name="Resume own-1").click()
    page.evaluate(
        """() => {
            const sentence = document.getElementById("run-sentence");
            window.heard = [];
            const hear = () => sentence.ariaLive === "off" || heard.push(sentence.textContent);
            new MutationObserver(hear).observe(sentence, {childList: true});
        }"""
    )
    expect(run).to_have_attribute("data-state", "finished", timeout=120_000)
    heard = page.evaluate("heard")
    assert "of the test images right" in heard[-1]
    assert sum(each.startswith("Training, epoch") for each in heard) <= 1, "each epoch is read aloud"
    expect(page.locator("#run-sentence")).to_contain_text("of the test images right")
    expect(page.locator("#epoch-rows tr")).to_have_count(20)

    page.get_by_role("link", name="Try it on the paint screen").click()
    expect(page.locator("#model")).to_have_value("own-1")
    screen = PaintScreen(page)
    screen.draw_digit(7)
    expect(page.locator("#answer")).to_have_attribute("data-state", "done")


NO_PROCESS = 99_999_999  # above the highest process id there can be
UNDER_WAY = Entry("own-1", "own-1", NO_PROCESS)
WAITING, LEAVING = Entry("own-2", "own-2"), Entry("own-3", "own-3")
#: Epoch, and loss, accuracy, learning rate, norms of gradient and weights: the first steps know nothing.
POINTS = [
    [number / 20, 1.0, 0.1 if number < 3 else 0.9 + number / 1000, 0.01, 1.0, 1.0] for number in range(1, 61)
]
ROWS = [
    {"epoch": number, "loss": 1.0, "accuracy": 0.9, "validation_loss": 1.0, "validation_accuracy": accuracy}
    for number, accuracy in ((1, 0.7058), (2, 0.94), (3, 0.96))
]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a training under way, three epochs of which are done, and two that wait."""
    instance = tmp_path_factory.mktemp("standing")
    live = NOW | {"state": "training", "points": POINTS}
    state = State(UNDER_WAY, [WAITING, LEAVING])
    write_curves(put(instance, state, UNDER_WAY.run, live), ROWS)
    for entry in state.waiting:
        put(instance, state, entry.run, None)
    server = Server(instance, TRAINING_PAGE="true")
    with (instance / "training" / "running").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server.start()
        yield server
        server.stop()


def shown_values(page: Page) -> list[float]:
    """What the dots of the pictures kept aside say on the axis of accuracies."""
    return page.locator("[data-chart=accuracy]").evaluate(  # type: ignore[no-any-return]
        """chart => {
            const texts = [...chart.querySelectorAll("text")];
            const marks = texts.filter((text) => text.textContent.endsWith("%"));
            const read = (mark) => [mark.getAttribute("y") - 4, parseFloat(mark.textContent)];
            const [[y, value], [otherY, otherValue]] = [read(marks[0]), read(marks.at(-1))];
            const slope = (otherValue - value) / (otherY - y);
            return [...chart.querySelectorAll("circle.validation")].map(
                (dot) => value + slope * (dot.getAttribute("cy") - y));
        }"""
    )


def test_every_dot_of_the_accuracy_stands_at_its_value(standing: Server, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{standing.url}/train")
    expect(page.get_by_role("img", name="Accuracy: training from")).to_be_visible()
    assert shown_values(page) == pytest.approx([70.58, 94, 96])


def test_what_is_below_the_axis_is_cut_off_and_not_drawn_upon_it(standing: Server, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{standing.url}/train")
    height, begins, dots = page.evaluate(
        """async () => {
            const { drawChart } = await import("/static/js/chart.js");
            const frame = document.createElement("div");
            const points = Array.from({ length: 40 }, (_, at) => [at, at ? 0.9 + at / 1000 : 0.1]);
            const curves = [{ points }, { points: points.slice(0, 1) }]; // each has a dot at its last point
            drawChart(frame, { title: "", curves, epochs: 40, write: String, scale: "upper" });
            const paths = [...frame.querySelectorAll("path")];
            const begins = paths.map((path) => Number(path.getAttribute("d").split(/[ L]/)[1]));
            const height = frame.querySelector("svg svg").getAttribute("height");
            return [+height, begins, frame.querySelectorAll("circle").length];
        }"""
    )
    assert min(begins) > height
    assert dots == 1


def test_a_recipe_is_chosen_by_keyboard_in_peace_and_name_and_data_stay(
    standing: Server, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{standing.url}/train?run=own-2")
    page.get_by_label("Name of the model").fill("mine")
    page.get_by_label("Learn from").select_option("fashion-mnist")
    recipe = page.get_by_role("combobox", name="Recipe")
    recipe.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(recipe).to_be_focused()
    expect(recipe).to_have_value("mlp-128-64")
    expect(page.get_by_label("Hidden layers")).not_to_have_value("128, 64")
    page.get_by_role("button", name="Take its settings").click()
    expect(page.get_by_label("Hidden layers")).to_have_value("128, 64")
    expect(page.get_by_label("Name of the model")).to_have_value("mine")
    expect(page.get_by_label("Learn from")).to_have_value("fashion-mnist")
    expect(page.get_by_role("heading", name="A new training")).to_be_in_viewport()
    expect(page.locator("#run")).to_have_attribute("data-run", "own-2")


def test_a_server_that_falls_silent_is_told_of_until_it_speaks_again(
    standing: Server, new_page: NewPage
) -> None:
    page = new_page(locale="en-GB")  # a context of its own, for its clock is another
    page.expected_errors.append("net::ERR_")  # type: ignore[attr-defined]
    page.clock.install()
    page.goto(f"{standing.url}/train")
    expect(page.locator("#charts svg").first).to_be_visible()
    away = page.locator("#run-away")
    expect(away).to_be_hidden()
    standing.stop()
    page.clock.fast_forward(10_000)
    expect(away).to_have_text(
        re.compile(r"The server does not answer; this is how it was at \d\d:\d\d. Trying again.")
    )
    standing.start()
    page.clock.fast_forward(10_000)
    expect(away).to_be_hidden()


def test_a_run_that_has_gone_from_the_queue_is_not_shown_as_another(
    standing: Server, new_page: NewPage
) -> None:
    page = new_page()
    page.expected_errors.append("404")  # type: ignore[attr-defined]
    page.goto(f"{standing.url}/train?run=own-3")
    other = new_page(locale="en-US")
    other.goto(f"{standing.url}/train?run=own-3")
    other.locator("#run").get_by_role("button", name="Stop own-3").click()
    expect(other.locator("#run")).to_have_attribute("data-run", "own-1")
    expect(page.locator("#run-away")).to_contain_text("This run is not in the queue any more")
    expect(page.locator("#run button")).to_have_count(0)
