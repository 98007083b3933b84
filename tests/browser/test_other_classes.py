"""A network that knows other things than digits answers with their names, and the page says so."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.browser.conftest import SHAPES, NewPage, Server
from tests.browser.screen import PaintScreen


def test_the_answer_names_what_was_drawn(screen: PaintScreen) -> None:
    expect(screen.model_reads).to_have_text("reads handwritten digits")
    screen.draw_digit(7)
    screen.expect_digit(7)
    screen.model.select_option("names-shapes")
    expect(screen.model_reads).to_have_text(f"reads pictures of {', '.join(SHAPES)}")
    expect(screen.answer.locator(".answer-model")).to_have_text("read by names-shapes")
    assert screen.answer.locator(".bar-digit").all_inner_texts() == list(SHAPES)
    name = SHAPES[int(screen.answer.get_attribute("data-prediction") or "")]
    expect(screen.answer.locator(".digit")).to_have_text(name)
    expect(screen.answer.locator(".sentence")).to_have_text(re.compile(name))
    screen.reasons.locator("summary").click()
    expect(screen.page.locator("#reasons-pictures figcaption").first).to_contain_text(f"for {name}")
    screen.model.select_option("convnet")
    screen.expect_digit(7)
    assert screen.answer.locator(".bar-digit").all_inner_texts() == list("0123456789")
    expect(screen.answer.locator(".digit")).to_have_text("7")


def test_names_fit_into_their_cards(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/paint-screen?model=names-shapes")
    expect(page.locator(".sheet-hint")).to_have_text(", ".join(SHAPES))
    page.select_option("#compare", "convnet")
    screen = PaintScreen(page)
    screen.draw_digit(7)
    expect(screen.second_answer).to_have_attribute("data-prediction", "7")
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        name = page.locator(".named .digit")
        assert name.evaluate("each => each.scrollHeight <= each.clientHeight + 1"), "it hangs over the bars"
        wide = page.locator(".bar-digit, .digit, .models p").evaluate_all(
            "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.outerHTML)"
        )
        assert json.dumps(wide) == "[]"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_runs_are_chosen_and_laid_over_each_other_without_scripts(new_page: NewPage, server: Server) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{server.url}/runs")
    for name in ("first", "second"):
        page.get_by_label(f"Show the curves of {name}").check()
    page.get_by_role("button", name="Show the curves").click()
    expect(page.locator(".curves")).to_have_count(5)
    chart = page.locator(".curves").first.bounding_box()
    line = page.locator(".curves polyline").first.bounding_box()
    assert chart is not None
    assert line is not None
    assert line["width"] > chart["width"] / 3
    assert line["height"] > chart["height"] / 3
    page.locator(".runs-table").get_by_role("link", name="first").click()
    expect(page.locator("h1")).to_have_text("first")
