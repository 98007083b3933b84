"""The interactive documentation at /docs works under our policy, and asks this server alone.

Guards: mnistweb/web/docs.py, templates/docs.html, static/js/docs.js, static/docs.css.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage, Server
from tests.browser.test_accessibility import Scheme, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_operation_expands_and_can_be_tried_out(server: Server, new_page: NewPage, scheme: Scheme) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/docs")
    page.emulate_media(color_scheme=scheme)
    expect(page.locator("html.dark-mode")).to_have_count(int(scheme == "dark"))
    operation = page.locator("#operations-models-models")
    operation.locator(".opblock-summary-control").click()
    operation.locator(".try-out__btn").click()
    operation.locator(".execute").click()
    answer = operation.locator(".live-responses-table")
    assert "200" in answer.locator(".response-col_status").last.inner_text()
    assert '"default"' in answer.inner_text()
    assert {url for url in asked if not url.startswith((server.url, "data:"))} == set()


def test_every_route_of_the_document_is_on_the_page(server: Server, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{server.url}/docs")
    page.wait_for_selector(".opblock")
    document = page.request.get(f"{server.url}/openapi.json").json()
    assert page.locator(".opblock").count() == sum(len(each) for each in document["paths"].values())
    assert "`" not in "".join(page.locator(".opblock-summary-description").all_inner_texts())
    expect(page.get_by_role("main")).to_have_count(1)
    # Swagger UI's structure is its own; what can be mended from outside is that it can be read.
    page.locator("#operations-predict-predict .opblock-summary-control").click()
    expect(page.locator("#operations-predict-predict .responses-table")).to_be_visible()
    assert [each for each in complaints(page, "light") if each.startswith("color-contrast")] == []
