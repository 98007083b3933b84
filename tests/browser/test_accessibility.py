"""axe-core finds nothing to complain of, on any page, in either colour scheme."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Server
from tests.browser.screen import PaintScreen
from tests.browser.test_pages import BROKEN, picture_of


def complaints(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html']} {node['any']}" for each in found for node in each["nodes"]]


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, new_page: NewPage) -> Page:
    """A page in one of the colour schemes, without motion: no colour is caught halfway through a change."""
    page = new_page()
    page.emulate_media(color_scheme=request.param, reduced_motion="reduce")
    return page


def test_the_paint_screen(page: Page, server: Server) -> None:
    screen = PaintScreen.open(page, server.url)
    assert complaints(page) == []
    screen.reasons.locator("summary").click()
    screen.layers.locator("summary").click()
    screen.page.locator("#keys-help-box summary").click()
    screen.compare.select_option(index=1)
    screen.draw_digit(7)
    screen.expect_digit(7)
    screen.layers_list.locator(".unit").first.hover()
    expect(screen.layers_list.locator("table").first).to_be_visible()
    assert complaints(page) == []


def test_upload_and_its_result(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").set_input_files([picture_of(7), BROKEN])
    assert complaints(page) == []
    page.get_by_role("button", name="Read the digits").click()
    expect(page.locator(".result")).to_have_count(2)
    assert complaints(page) == []


def test_debug(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/debug-image")
    page.locator("input[type=file]").set_input_files(picture_of(7))
    expect(page.locator("#debug-result")).to_be_visible()
    assert complaints(page) == []


def test_the_error_page(page: Page, server: Server) -> None:
    page.expected_errors.append("404")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/nowhere")
    assert complaints(page) == []
