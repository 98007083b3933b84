"""Undo, redo, eraser, clear and brush change the drawing as they say, and the answer follows."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.screen import PaintScreen

LINE = [(0.5, 0.2), (0.5, 0.8)]
ACROSS = [(0.2, 0.5), (0.8, 0.5)]


def test_an_empty_sheet_says_that_nothing_is_drawn(screen: PaintScreen) -> None:
    screen.predict.click()
    screen.expect_state("empty")
    assert screen.answer.get_attribute("data-prediction") == ""
    expect(screen.answer.locator(".sentence")).to_have_text("Nothing drawn yet")


def test_undo_takes_the_last_stroke_and_redo_brings_it_back(screen: PaintScreen) -> None:
    screen.draw([LINE])
    one = screen.ink()
    screen.draw([ACROSS])
    both = screen.ink()
    assert both > one
    screen.undo.click()
    assert screen.ink() == one
    screen.redo.click()
    assert screen.ink() == both


def test_undo_and_redo_are_offered_only_when_they_can_do_something(screen: PaintScreen) -> None:
    expect(screen.undo).to_be_disabled()
    expect(screen.redo).to_be_disabled()
    screen.draw([LINE])
    expect(screen.undo).to_be_enabled()
    screen.undo.click()
    expect(screen.undo).to_be_disabled()
    expect(screen.redo).to_be_enabled()
    screen.draw([ACROSS])
    expect(screen.redo).to_be_disabled()


def test_undo_changes_the_answer_back(screen: PaintScreen) -> None:
    screen.draw_digit(1)
    screen.expect_digit(1)
    screen.draw([[(0.4, 0.2), (0.25, 0.5), (0.4, 0.8), (0.6, 0.8), (0.75, 0.5), (0.6, 0.2), (0.4, 0.2)]])
    expect(screen.answer).not_to_have_attribute("data-prediction", "1")
    screen.undo.click()
    screen.expect_digit(1)


def test_the_eraser_removes_ink_and_can_be_undone(screen: PaintScreen) -> None:
    screen.draw([LINE])
    inked = screen.ink()
    screen.eraser.click()
    expect(screen.eraser).to_have_attribute("aria-pressed", "true")
    screen.draw([ACROSS])
    assert screen.ink() < inked
    screen.undo.click()
    assert screen.ink() == inked


def test_a_drawing_that_is_erased_altogether_is_a_blank_picture(screen: PaintScreen) -> None:
    # Only the server can tell: there are strokes, but no ink is left of them.
    screen.page.expected_errors.append("422")
    screen.draw([LINE])
    screen.expect_state("done")
    screen.eraser.click()
    screen.brush.fill("14")
    screen.draw([[(0.5, 0.1), (0.5, 0.9)]])
    assert screen.ink() == 0
    screen.expect_state("empty")
    # Not that nothing was drawn: the same is answered to a frame, or to a sheet that is inked all over.
    expect(screen.answer.locator(".sentence")).to_contain_text("the picture is blank")


def test_clear_empties_sheet_and_answer_and_can_be_undone(screen: PaintScreen) -> None:
    screen.draw_digit(7)
    screen.expect_digit(7)
    inked = screen.ink()
    screen.clear.click()
    assert screen.ink() == 0
    screen.expect_state("empty")
    assert screen.answer.get_attribute("data-prediction") == ""
    assert screen.answer.get_attribute("data-verdict") == ""
    screen.undo.click()
    assert screen.ink() == inked
    screen.expect_digit(7)


def test_a_wider_brush_inks_more(screen: PaintScreen) -> None:
    screen.brush.fill("4")
    screen.draw([LINE])
    thin = screen.ink()
    screen.clear.click()
    screen.brush.fill("8")
    screen.draw([LINE])
    assert screen.ink() == pytest.approx(2 * thin, rel=0.15)


def test_one_click_makes_a_dot_that_nothing_is_asked_about_yet(screen: PaintScreen) -> None:
    screen.canvas.click()
    assert screen.ink() > 0
    screen.page.wait_for_timeout(300)
    screen.expect_state("empty")


def test_without_live_answers_only_predict_asks(screen: PaintScreen) -> None:
    asked = []
    screen.page.route("**/predict", lambda route: (asked.append(route), route.continue_()))
    screen.live.uncheck()
    screen.draw_digit(7)
    screen.page.wait_for_timeout(400)
    assert asked == []
    screen.expect_state("empty")
    screen.predict.click()
    screen.expect_digit(7)
