"""axe-core finds nothing to complain of, on any page, in either colour scheme."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Server
from tests.browser.files import BROKEN, picture_of
from tests.browser.screen import PaintScreen, wait_until

Scheme = Literal["light", "dark"]


def complaints(page: Page, scheme: Scheme) -> list[str]:
    """What axe-core finds on a page that is open, in this colour scheme.

    Without motion, so that no colour is caught halfway through a change. The scheme is set once the page is
    open: on a busy machine Chromium forgets one that was set before.
    """
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    wait_until(page, f"matchMedia('(prefers-color-scheme: {scheme})').matches")
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html']} {node['any']}" for each in found for node in each["nodes"]]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    """Each of the colour schemes."""
    return request.param


def test_the_paint_screen(new_page: NewPage, server: Server, scheme: Scheme) -> None:
    page = new_page()
    screen = PaintScreen.open(page, server.url)
    screen.eraser.click()  # and the mouse is still there
    assert complaints(page, scheme) == []
    screen.eraser.click()
    screen.reasons.locator("summary").click()
    screen.layers.locator("summary").click()
    screen.page.locator("#keys-help-box summary").click()
    screen.compare.select_option(index=1)
    screen.draw_digit(7)
    screen.expect_digit(7)
    screen.layers_list.locator(".unit").first.hover()
    expect(screen.layers_list.locator("table").first).to_be_visible()
    assert complaints(page, scheme) == []


def test_upload_and_its_result(new_page: NewPage, server: Server, scheme: Scheme) -> None:
    page = new_page()
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").set_input_files([picture_of(7), BROKEN])
    assert complaints(page, scheme) == []
    page.get_by_role("button", name="Read the digits").click()
    expect(page.locator(".result")).to_have_count(2)
    assert complaints(page, scheme) == []


def test_debug(new_page: NewPage, server: Server, scheme: Scheme) -> None:
    page = new_page()
    page.goto(f"{server.url}/debug-image")
    page.locator("input[type=file]").set_input_files(picture_of(7))
    expect(page.locator("#debug-result")).to_be_visible()
    assert complaints(page, scheme) == []


def test_runs_and_their_curves(new_page: NewPage, server: Server, scheme: Scheme) -> None:
    page = new_page()
    page.goto(f"{server.url}/runs?run=first&run=second")
    expect(page.locator(".curves").first).to_be_visible()
    page.locator("summary").click()
    assert complaints(page, scheme) == []


def test_the_error_page(new_page: NewPage, server: Server, scheme: Scheme) -> None:
    page = new_page()
    page.expected_errors.append("404")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/nowhere")
    assert complaints(page, scheme) == []


def test_what_a_colour_says_is_seen_in_the_colours_of_the_system_too(screen: PaintScreen) -> None:
    """Which tool is chosen, which page this is, and ink on the white paper of a placed picture."""
    screen.page.emulate_media(forced_colors="active", color_scheme="dark")
    screen.wait_for_extras()
    screen.eraser.click()
    style = "(element, name) => getComputedStyle(element)[name]"
    assert screen.eraser.evaluate(style, "backgroundColor") != screen.clear.evaluate(style, "backgroundColor")
    here, elsewhere = (screen.page.locator(f".masthead nav a[href$='{end}']") for end in ("screen", "upload"))
    assert here.evaluate(style, "textDecorationLine") != elsewhere.evaluate(style, "textDecorationLine")
    screen.picture.set_input_files(picture_of(7))
    expect(screen.notice).to_contain_text("is on the sheet")
    assert screen.canvas.evaluate(style, "color") == "rgb(29, 34, 49)"
