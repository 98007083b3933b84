"""Drawings go out as files and links, and pictures come in by choosing, dropping and pasting."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import NewPage, Server
from tests.browser.files import hand_over, picture_of
from tests.browser.screen import PaintScreen


def saved(page: Page, button: Locator) -> bytes:
    with page.expect_download() as download:
        button.click()
    return download.value.path().read_bytes()


def test_the_drawing_is_saved_as_dark_ink_on_white(screen: PaintScreen) -> None:
    screen.wait_for_extras()
    screen.draw_digit(7)
    screen.expect_digit(7)
    with Image.open(io.BytesIO(saved(screen.page, screen.save_drawing))) as image:
        grey = image.convert("L")
        assert image.size == (840, 840)
        assert grey.getpixel((5, 5)) == 255
        assert grey.getextrema() == (0, 255)


def test_the_small_picture_is_saved_as_28_by_28(screen: PaintScreen) -> None:
    screen.wait_for_extras()
    screen.draw_digit(7)
    screen.expect_digit(7)
    with Image.open(io.BytesIO(saved(screen.page, screen.save_small))) as image:
        assert image.size == (28, 28)
        assert image.convert("L").getpixel((0, 0)) == 0


def test_the_answer_is_saved_as_the_server_gave_it(screen: PaintScreen) -> None:
    expect(screen.save_answer).to_be_disabled()
    screen.wait_for_extras()
    screen.draw_digit(7)
    screen.expect_digit(7)
    answer = json.loads(saved(screen.page, screen.save_answer))
    assert answer["prediction"] == 7
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_a_link_carries_the_strokes(screen: PaintScreen, new_page: NewPage, server: Server) -> None:
    screen.wait_for_extras()
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
    # However much of it a mail or a chat cuts off, between two strokes even, that is seen; and so is a slip.
    fragment = link[link.index("#") :]
    read = "links => import('/static/js/share.js').then(({fromFragment}) => links.map(fromFragment))"
    damaged = [fragment[:end] for end in range(len("#strokes="), len(fragment))]
    damaged.append(fragment[:-3] + ("A" if fragment[-3] != "A" else "B") + fragment[-2:])
    assert page.evaluate(read, damaged) == [None] * len(damaged)


def test_a_link_of_the_first_version_still_opens(new_page: NewPage, server: Server) -> None:
    fragment = "#strokes=AQBBB5gHwAJjmAJ3hAKLAYQCwAIUwAITmAITAEEExAmoBRPAAifUAhPUAg"
    PaintScreen.open(new_page(), server.url, fragment).expect_digit(4)


def test_going_away_and_back_keeps_the_drawing(screen: PaintScreen, server: Server) -> None:
    screen.wait_for_extras()
    screen.draw_digit(3)
    screen.expect_digit(3)
    screen.brush.fill("10")
    screen.page.goto(f"{server.url}/upload")
    screen.page.go_back()
    screen.expect_digit(3)
    expect(screen.brush).to_have_value("10")
    expect(screen.brush).to_have_attribute("aria-valuetext", "10 % of the sheet")


def test_reloading_keeps_what_was_drawn_since_a_link_was_copied(screen: PaintScreen) -> None:
    screen.wait_for_extras()
    screen.draw_digit(1)
    screen.share.click()
    expect(screen.notice).to_contain_text("it carries the strokes")
    screen.clear.click()
    screen.draw_digit(7)
    screen.expect_digit(7)
    screen.page.reload()
    screen.expect_digit(7)


def test_nothing_to_keep_is_not_offered_nor_before_it_can_be_kept(new_page: NewPage, server: Server) -> None:
    """On a slow line the part of the page that keeps things comes long after the first stroke."""
    page = new_page()
    held: list[Route] = []
    page.route("**/extras.js", lambda route: held.append(route))
    screen = PaintScreen.open(page, server.url)
    buttons = (screen.share, screen.save_drawing, screen.save_small, screen.save_answer)
    screen.draw_digit(7)
    screen.expect_digit(7)
    for button in buttons:
        expect(button).to_be_disabled()
    held[0].continue_()
    for button in buttons:
        expect(button).to_be_enabled()
    screen.clear.click()
    for button in buttons:
        expect(button).to_be_disabled()


def test_a_link_is_not_offered_for_a_picture_alone(screen: PaintScreen) -> None:
    screen.wait_for_extras()
    screen.picture.set_input_files(picture_of(7))
    expect(screen.notice).to_contain_text("is on the sheet")
    expect(screen.save_drawing).to_be_enabled()
    expect(screen.share).to_be_disabled()
    screen.draw([[(0.1, 0.9), (0.9, 0.9)]])
    screen.share.click()
    expect(screen.notice).to_contain_text("does not travel with it")


def test_of_a_blank_picture_it_says_what_is_wrong(screen: PaintScreen) -> None:
    screen.page.expected_errors.append("422")
    screen.wait_for_extras()
    blank = io.BytesIO()
    Image.new("L", (100, 100), 255).save(blank, "PNG")
    screen.picture.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": blank.getvalue()})
    expect(screen.answer.locator(".sentence")).to_contain_text("the picture is blank")


def test_a_long_name_of_a_picture_pushes_nothing_sideways(screen: PaintScreen) -> None:
    screen.wait_for_extras()
    screen.page.set_viewport_size({"width": 390, "height": 844})
    screen.picture.set_input_files(
        picture_of(7) | {"name": "Screenshot_2026_" + "com.google.android.apps." * 3 + "png"}
    )
    expect(screen.notice).to_contain_text("is on the sheet")
    assert screen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_broken_link_leaves_an_empty_sheet(new_page: NewPage, server: Server) -> None:
    screen = PaintScreen.open(new_page(), server.url, "#strokes=AA")
    screen.wait_for_extras()
    expect(screen.notice).to_contain_text("The link is damaged")
    for fragment in ("#strokes=", "#strokes=AQBB____", "#strokes=%%", "#elsewhere"):
        screen.page.evaluate("fragment => (location.hash = fragment)", fragment)
        screen.expect_state("empty")
        assert screen.ink() == 0
    screen.draw_digit(1)
    screen.expect_digit(1)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_dropped_or_pasted_is_read(screen: PaintScreen, event: str) -> None:
    screen.wait_for_extras()
    hand_over(screen.page, ".sheet", event, picture_of(7)["buffer"])
    screen.expect_digit(7)
    assert screen.ink() > 0
    screen.undo.click()
    assert screen.ink() == 0


def test_ink_over_a_placed_picture_is_dark_on_a_dark_screen_too(screen: PaintScreen) -> None:
    screen.page.emulate_media(color_scheme="dark")
    screen.wait_for_extras()
    screen.picture.set_input_files(picture_of(7))
    expect(screen.notice).to_contain_text("is on the sheet")
    screen.draw([[(0.1, 0.95), (0.5, 0.95), (0.9, 0.95)]])
    screen.ink()  # painted
    colour = """canvas => {
        const copy = new OffscreenCanvas(1, 1).getContext("2d");
        copy.drawImage(canvas, -0.5 * canvas.width, -0.95 * canvas.height);
        return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    }"""
    assert max(screen.canvas.evaluate(colour)) < 100


def test_a_chosen_file_that_is_no_picture_leaves_the_drawing(screen: PaintScreen) -> None:
    screen.draw_digit(1)
    screen.expect_digit(1)
    screen.wait_for_extras()
    screen.picture.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"})
    expect(screen.notice).to_contain_text("notes.png is no picture")
    screen.expect_digit(1)


def test_a_dropped_file_that_is_no_picture_is_named(screen: PaintScreen) -> None:
    screen.wait_for_extras()
    hand_over(screen.page, ".sheet", "drop", b"Dear diary", "notes.txt")
    expect(screen.notice).to_have_text("notes.txt is no picture.")
    screen.expect_state("empty")
