"""The pages about models in a browser: accessible, narrow enough for a phone, and of use without a script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage, Server
from tests.browser.test_accessibility import Scheme, complaints

PHONE = {"width": 360, "height": 740}
ADDRESSES = ["/models", "/models/convnet", "/models/mlp-64", "/models/mlp-64/mistakes", "/models/compare"]


@pytest.mark.parametrize(("address", "scheme"), [("/models/convnet", "light"), ("/models/compare", "dark")])
def test_the_pages_about_models_are_accessible(
    new_page: NewPage, server: Server, address: str, scheme: Scheme
) -> None:
    page = new_page()
    page.goto(f"{server.url}{address}")
    assert complaints(page, scheme) == []


def test_on_a_phone_what_is_wide_scrolls_within_its_box(new_page: NewPage, server: Server) -> None:
    page = new_page(viewport=PHONE)
    page.set_viewport_size({"width": 320, "height": 640})  # also what 400 % zoom leaves of 1280 pixels
    for address in ADDRESSES:
        page.goto(f"{server.url}{address}")
        page.evaluate("document.querySelectorAll('details').forEach(each => (each.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_a_model_is_opened_and_compared_without_scripts(new_page: NewPage, server: Server) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{server.url}/models")
    page.get_by_role("link", name="convnet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("convnet")
    kernels = page.get_by_alt_text("The kernels of the first convolution", exact=False)
    expect(kernels).to_be_visible()
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Compare").click()
    page.get_by_label("The other").select_option("mlp-64")
    page.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(re.compile(r"/models/compare\?first=convnet&second=mlp-64\b.*#pair$"))
    expect(page.get_by_label("The other")).to_have_value("mlp-64")


def test_no_mistake_was_made_with_certainty(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/models/mlp-64/mistakes?set=negatives")
    surest = page.locator(".mistake").first
    expect(surest).to_contain_text(">99.9 % sure")
    expect(page.locator("main")).not_to_contain_text("100.0 % sure")
