"""The lessons in a browser: formulas are drawn, a phone is wide enough, and axe-core finds nothing amiss."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage, Server
from tests.browser.test_accessibility import Scheme, complaints

PHONE = {"width": 360, "height": 740}
LESSONS = ["", "/dense", "/conv2d", "/mistakes"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lessons_are_accessible(new_page: NewPage, server: Server, scheme: Scheme) -> None:
    page = new_page()
    for lesson in LESSONS:
        page.goto(f"{server.url}/learn{lesson}")
        assert complaints(page, scheme) == []


def test_on_a_phone_what_is_wide_scrolls_within_its_box(new_page: NewPage, server: Server) -> None:
    page = new_page(viewport=PHONE)
    page.set_viewport_size({"width": 320, "height": 640})  # also what 400 % zoom leaves of 1280 pixels
    for lesson in (*LESSONS, "/weight-average"):
        page.goto(f"{server.url}/learn{lesson}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), lesson
    page.goto(f"{server.url}/learn/conv2d")
    wide = page.locator(".formula").filter(has_text="∂").last
    assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
    assert wide.evaluate("box => getComputedStyle(box).overflowX") == "auto"
    assert wide.evaluate("box => box.firstElementChild.getBoundingClientRect().left") >= 0, "cut off"


def test_formulas_are_drawn_as_formulas(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/learn/dense")
    fraction = page.locator("mfrac").first
    above, below = (fraction.locator("> *").nth(each).bounding_box() for each in (0, 1))
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"] + 1


def test_one_lesson_leads_to_the_next(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/paint-screen")
    page.get_by_role("link", name="Learn").click()
    page.get_by_role("link", name="Backpropagation").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Backpropagation")
    page.locator('[rel="next"]').click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The gradient check")


def test_a_printed_lesson_is_dark_on_light_without_navigation(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/learn/dense")
    page.emulate_media(media="print", color_scheme="dark")  # after loading: a new page may forget it
    expect(page.locator(".learn-all")).to_be_hidden()
    assert page.locator("math").first.evaluate("math => getComputedStyle(math).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
