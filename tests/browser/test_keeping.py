"""Drawings go out as files and links, and pictures come in by choosing, dropping and pasting."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from mnistweb.imaging.strokes import render_strokes
from tests.browser.conftest import NewPage, Server
from tests.browser.digits import DIGITS
from tests.browser.screen import PaintScreen


@pytest.fixture
def seven_png() -> bytes:
    """A picture of a seven, 280 by 280."""
    strokes = [np.array(stroke, dtype=np.float32) for stroke in DIGITS[7]]
    stream = io.BytesIO()
    Image.fromarray(render_strokes(strokes)).save(stream, "PNG")
    return stream.getvalue()


def saved(page: Page, button: Locator) -> bytes:
    with page.expect_download() as download:
        button.click()
    return download.value.path().read_bytes()


def hand_over(page: Page, selector: str, event: str, data: bytes) -> None:
    """Drop or paste a PNG as a person would: the event carries a file."""
    page.evaluate(
        """([selector, event, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "seven.png", {type: "image/png"}));
            const made = event === "paste"
                ? new ClipboardEvent(event, {clipboardData: transfer, bubbles: true, cancelable: true})
                : new DragEvent(event, {dataTransfer: transfer, bubbles: true, cancelable: true});
            document.querySelector(selector).dispatchEvent(made);
        }""",
        [selector, event, list(data)],
    )


def test_the_drawing_is_saved_as_dark_ink_on_white(screen: PaintScreen) -> None:
    screen.draw_digit(7)
    screen.expect_digit(7)
    with Image.open(io.BytesIO(saved(screen.page, screen.save_drawing))) as image:
        grey = image.convert("L")
        assert image.size == (840, 840)
        assert grey.getpixel((5, 5)) == 255
        assert grey.getextrema() == (0, 255)


def test_the_small_picture_is_saved_as_28_by_28(screen: PaintScreen) -> None:
    screen.draw_digit(7)
    screen.expect_digit(7)
    with Image.open(io.BytesIO(saved(screen.page, screen.save_small))) as image:
        assert image.size == (28, 28)
        assert image.convert("L").getpixel((0, 0)) == 0


def test_the_answer_is_saved_as_the_server_gave_it(screen: PaintScreen) -> None:
    expect(screen.save_answer).to_be_disabled()
    screen.draw_digit(7)
    screen.expect_digit(7)
    answer = json.loads(saved(screen.page, screen.save_answer))
    assert answer["prediction"] == 7
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_a_link_carries_the_strokes(screen: PaintScreen, new_page: NewPage, server: Server) -> None:
    screen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    screen.draw_digit(5)
    screen.eraser.click()
    screen.draw([[(0.1, 0.9), (0.2, 0.9)]])
    screen.share.click()
    expect(screen.notice).to_contain_text("copied")
    link = screen.page.evaluate("navigator.clipboard.readText()")
    assert link == screen.page.url
    assert len(link) < 300
    page = new_page(locale="en")  # another browser
    page.goto(link)
    other = PaintScreen(page)
    other.expect_digit(5)
    assert other.ink() == pytest.approx(screen.ink(), rel=0.02)


def test_going_away_and_back_keeps_the_drawing(screen: PaintScreen, server: Server) -> None:
    screen.page.wait_for_load_state("networkidle")
    screen.draw_digit(3)
    screen.expect_digit(3)
    screen.page.goto(f"{server.url}/upload")
    screen.page.go_back()
    screen.expect_digit(3)


def test_a_broken_link_leaves_an_empty_sheet(new_page: NewPage, server: Server) -> None:
    screen = PaintScreen.open(new_page(), server.url, "#strokes=AA")
    screen.page.wait_for_load_state("networkidle")
    for fragment in ("#strokes=", "#strokes=AQBB____", "#strokes=%%", "#elsewhere"):
        screen.page.evaluate("fragment => (location.hash = fragment)", fragment)
        screen.expect_state("empty")
        assert screen.ink() == 0
    screen.draw_digit(1)
    screen.expect_digit(1)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_dropped_or_pasted_is_read(screen: PaintScreen, event: str, seven_png: bytes) -> None:
    screen.page.wait_for_load_state("networkidle")
    hand_over(screen.page, ".sheet", event, seven_png)
    screen.expect_digit(7)
    assert screen.ink() > 0
    screen.undo.click()
    assert screen.ink() == 0


def test_a_chosen_file_that_is_no_picture_leaves_the_drawing(screen: PaintScreen) -> None:
    screen.draw_digit(1)
    screen.expect_digit(1)
    screen.page.wait_for_load_state("networkidle")
    screen.picture.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"})
    expect(screen.notice).to_contain_text("notes.png is no picture")
    screen.expect_digit(1)
