"""Everything can be done without a pointer: tools, drawing on the grid, asking."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.screen import PaintScreen

# A seven on the grid: the line at the top to the right, then down to the left.
TOP = ["ArrowRight"] * 12
STEM = ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"] * 5


@pytest.fixture
def focused(screen: PaintScreen) -> PaintScreen:
    """The sheet in focus, reached with the Tab key alone."""
    for _ in range(20):
        screen.page.keyboard.press("Tab")
        if screen.page.evaluate("document.activeElement.id") == "paint-canvas":
            return screen
    pytest.fail("the Tab key does not lead to the sheet")


def press(screen: PaintScreen, keys: list[str]) -> None:
    for key in keys:
        screen.page.keyboard.press(key)


def test_a_seven_drawn_with_the_keyboard_alone_is_read(focused: PaintScreen) -> None:
    expect(focused.page.locator(".cell")).to_be_visible()
    press(focused, ["ArrowLeft"] * 6 + ["ArrowUp"])
    focused.page.keyboard.down(" ")
    press(focused, TOP + STEM)
    focused.page.keyboard.up(" ")
    press(focused, ["Enter"])
    focused.expect_digit(7)


def test_space_inks_the_cell_and_arrows_move_without_ink(focused: PaintScreen) -> None:
    press(focused, ["ArrowLeft", "ArrowDown"])
    assert focused.ink() == 0
    press(focused, [" "])
    one = focused.ink()
    assert one > 0
    press(focused, ["ArrowRight"] * 6)
    assert focused.ink() == one
    press(focused, [" "])
    assert focused.ink() == pytest.approx(2 * one, rel=0.05)


def test_d_keeps_the_pen_down_until_it_is_pressed_again(focused: PaintScreen) -> None:
    press(focused, ["d", "ArrowDown", "ArrowDown", "ArrowDown", "d"])
    line = focused.ink()
    assert line > 0
    press(focused, ["ArrowDown", "ArrowDown", "ArrowDown"])
    assert focused.ink() == line


def test_shortcuts_undo_redo_and_clear(focused: PaintScreen) -> None:
    press(focused, [" "])
    inked = focused.ink()
    press(focused, ["Control+z"])
    assert focused.ink() == 0
    press(focused, ["Control+y"])
    assert focused.ink() == inked
    press(focused, ["Control+z", "Control+Shift+Z"])
    assert focused.ink() == inked
    press(focused, ["Delete"])
    assert focused.ink() == 0


def test_e_takes_the_eraser_and_brackets_change_the_brush(focused: PaintScreen) -> None:
    focused.page.expected_errors.append("422")  # a sheet on which all is erased is blank, says the server
    press(focused, [" "])
    before = float(focused.brush.input_value())
    press(focused, ["e", "]", "]"])
    expect(focused.eraser).to_have_attribute("aria-pressed", "true")
    assert float(focused.brush.input_value()) == before + 2
    press(focused, [" "])
    assert focused.ink() == 0


def test_screen_readers_hear_where_the_cell_is(focused: PaintScreen) -> None:
    press(focused, ["ArrowRight", "ArrowDown"])
    expect(focused.cell_report).to_have_text("row 9, column 16")
    press(focused, [" "])
    expect(focused.cell_report).to_have_text("row 9, column 16, inked")


def test_screen_readers_hear_what_a_key_did(focused: PaintScreen) -> None:
    expect(focused.canvas).to_have_accessible_description(re.compile("Arrow keys move .* Space inks"))
    said = {
        "e": "eraser",
        "]": "brush 7.5 % of the sheet",
        "E": "pen",
        " ": "inked",
        "Control+z": "undone",
        "Control+Shift+Z": "drawn again",
        "Delete": "cleared",
    }
    for key, done in said.items():
        press(focused, [key])
        expect(focused.cell_report).to_contain_text(done)


def test_letters_keep_their_meaning_outside_the_sheet(screen: PaintScreen) -> None:
    screen.brush.focus()
    press(screen, ["e"])
    expect(screen.eraser).to_have_attribute("aria-pressed", "false")


def test_undo_works_on_the_button_that_was_clicked_last(screen: PaintScreen) -> None:
    screen.draw([[(0.5, 0.2), (0.5, 0.8)]])
    inked = screen.ink()
    screen.clear.click()
    press(screen, ["Control+z"])
    assert screen.ink() == inked
    expect(screen.cell_report).to_have_text("undone")
    expect(screen.page.locator(".cell")).to_be_hidden()
    press(screen, ["Control+Shift+Z"])
    assert screen.ink() == 0


def test_undoing_to_the_end_keeps_the_focus(screen: PaintScreen) -> None:
    screen.draw([[(0.5, 0.2), (0.5, 0.8)]])
    screen.undo.focus()
    press(screen, ["Enter", "Enter"])
    assert screen.ink() == 0
    expect(screen.undo).to_be_disabled()
    expect(screen.undo).to_be_focused()
