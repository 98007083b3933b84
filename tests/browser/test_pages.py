"""The pages for files and for trouble: upload with and without JavaScript, debug, and the error page."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from tests.browser.conftest import NewPage, Server
from tests.browser.files import BROKEN, hand_over, picture_of
from tests.browser.screen import PaintScreen, wait_until

HARD_TO_QUOTE = 'it\'s; a "7", \\o.png'


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_several_files_are_read_and_a_broken_one_is_named(
    new_page: NewPage, server: Server, javascript: bool
) -> None:
    page = new_page(java_script_enabled=javascript)
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").set_input_files([picture_of(7), BROKEN, picture_of(0)])
    page.get_by_role("button", name="Read the digits").click()
    results = page.locator(".result")
    expect(results).to_have_count(3)
    assert [results.nth(each).get_attribute("data-prediction") for each in range(3)] == ["7", "", "0"]
    assert results.nth(0).get_attribute("data-verdict") == "digit"
    expect(results.nth(0).locator(".sentence")).to_have_text("surely a 7")
    expect(results.nth(0).locator(".bars li")).to_have_count(10)
    assert results.nth(0).locator(".steps img").count() >= 5
    expect(results.nth(1)).to_contain_text("broken.png")
    expect(results.nth(1).locator(".notice")).to_be_visible()
    page.set_viewport_size({"width": 640, "height": 450})  # a window of 1280 by 900 at twice the size
    assert results.nth(0).locator(".bar").first.bounding_box()["width"] > 90


def test_the_bars_of_the_result_need_no_javascript(new_page: NewPage, server: Server) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").set_input_files(picture_of(1))
    page.get_by_role("button", name="Read the digits").click()
    bar = page.locator('.result [data-digit="1"]')
    full, shown = bar.locator("svg").bounding_box(), bar.locator("rect").bounding_box()
    assert shown["width"] > 0.5 * full["width"]


def test_a_form_without_a_file_says_what_is_missing(new_page: NewPage, server: Server) -> None:
    page = new_page(java_script_enabled=False)
    page.expected_errors.append("400")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").evaluate("input => input.removeAttribute('required')")
    page.get_by_role("button", name="Read the digits").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_dropped_pictures_are_listed_and_back_leads_to_the_form(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/upload")
    hand_over(page, "#drop", "drop", picture_of(7)["buffer"])
    expect(page.locator("#chosen li bdi")).to_have_text(["seven.png"])
    page.get_by_role("button", name="Read the digits").click()
    expect(page.locator(".result")).to_have_attribute("data-prediction", "7")
    expect(page.locator("h1")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("button", name="Read the digits")).to_be_enabled()


def test_links_within_the_result_leave_it_and_forward_leads_back_to_it(
    new_page: NewPage, server: Server
) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").set_input_files(picture_of(7))
    read = page.get_by_role("button", name="Read the digits")
    read.click()
    expect(page.locator(".result")).to_have_attribute("data-prediction", "7")
    page.get_by_role("link", name="More", exact=True).click()
    page.wait_for_url("**/upload#more")
    page.wait_for_timeout(200)  # in which the form would be back
    expect(page.locator(".result")).to_have_count(1)
    page.go_back()
    expect(page.locator(".result")).to_have_count(1)
    page.go_back()
    expect(read).to_be_enabled()
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#chosen li")).to_have_count(1)
    page.go_forward()
    expect(page).to_have_title(re.compile("What was read"))
    expect(page.locator(".result")).to_have_attribute("data-prediction", "7")
    page.go_back()
    read.click()
    expect(page.locator(".result")).to_have_count(1)


def test_a_refused_upload_leaves_the_form_alive(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.expected_errors.append("400")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/upload")
    empty = {"name": "empty.png", "mimeType": "image/png", "buffer": b""}
    page.locator("input[type=file]").set_input_files(empty)
    read = page.get_by_role("button", name="Read the digits")
    read.click()
    expect(page.get_by_role("alert")).to_contain_text("No file was chosen, or it is empty.")
    expect(page.locator("#progress")).to_be_hidden()
    page.get_by_role("button", name="Leave out empty.png").click()
    hand_over(page, "#drop", "drop", picture_of(7)["buffer"])
    expect(page.locator("#chosen li bdi")).to_have_text(["seven.png"])
    expect(page.get_by_role("alert")).to_be_hidden()
    read.click()
    expect(page.locator(".result")).to_have_attribute("data-prediction", "7")


def test_pictures_that_the_browser_kept_are_listed(new_page: NewPage, server: Server, tmp_path: Path) -> None:
    page = new_page()
    (tmp_path / "seven.png").write_bytes(picture_of(7)["buffer"])
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").set_input_files(tmp_path / "seven.png")
    page.goto(f"{server.url}/models")
    page.go_back()
    expect(page.locator("#chosen li bdi")).to_have_text(["seven.png"])


def test_a_long_name_of_a_model_pushes_nothing_sideways(new_page: NewPage, server: Server) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    for path in ("/upload", "/models/compare", "/runs/first"):
        page.goto(server.url + path)
        page.locator("h1").evaluate("title => title.textContent = 'W'.repeat(64)")
        page.locator("select option").evaluate_all(
            "all => all.forEach(each => each.textContent = 'W'.repeat(64))"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_chosen_picture_can_be_left_out_again(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/upload")
    page.locator("input[type=file]").set_input_files([picture_of(7), BROKEN])
    page.get_by_role("button", name="Leave out broken.png").click()
    expect(page.locator("#chosen li bdi")).to_have_text(["digit 7.png"])
    expect(page.get_by_role("button", name="Leave out digit 7.png")).to_be_visible()
    page.get_by_role("button", name="Read the digits").click()
    expect(page.locator(".result")).to_have_count(1)


def test_too_many_files_are_refused_before_they_are_sent(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/upload")
    most = int(page.locator("#upload-form").get_attribute("data-max-files"))
    page.locator("input[type=file]").set_input_files([picture_of(1)] * (most + 1))
    page.get_by_role("button", name="Read the digits").click()
    expect(page.get_by_role("alert")).to_contain_text(f"{most} at a time")


def test_the_debug_page_shows_every_step_and_its_numbers(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/debug-image")
    page.locator("input[type=file]").set_input_files(picture_of(7))
    numbers = page.locator("#numbers")
    for name in ("Shape", "Minimum", "Maximum", "Mean", "not zero", "Centre of mass", "Polarity"):
        expect(numbers).to_contain_text(name)
    expect(numbers).to_contain_text("28 × 28")
    expect(numbers).to_contain_text("dark on light")
    assert page.locator("#steps img").count() >= 5
    expect(page.locator("#steps li").last).to_contain_text("mean")
    saved = page.request.get(page.locator("#numbers a").evaluate("link => link.href"))
    with Image.open(io.BytesIO(saved.body())) as image:
        assert image.size == (28, 28)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl on the path")
def test_the_curl_command_of_the_debug_page_does_the_same(
    new_page: NewPage, server: Server, tmp_path: Path
) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{server.url}/debug-image")
    page.locator("input[type=file]").set_input_files(picture_of(7) | {"name": HARD_TO_QUOTE})
    expect(page.locator("#debug-result")).to_be_visible()
    page.get_by_role("button", name="Copy the command").click()
    command = page.evaluate("navigator.clipboard.readText()")
    (tmp_path / HARD_TO_QUOTE).write_bytes(picture_of(7)["buffer"])
    answer = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True, timeout=30)
    assert json.loads(answer.stdout)["shape"] == [28, 28]


def test_the_debug_page_says_what_is_wrong_with_a_file(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.expected_errors += ["415", "400"]  # type: ignore[attr-defined]
    page.goto(f"{server.url}/debug-image")
    page.locator("input[type=file]").set_input_files(BROKEN)
    expect(page.locator("#debug-notice")).to_have_class("notice wrong")
    expect(page.locator("#debug-result")).to_be_hidden()


def test_the_debug_page_names_what_is_no_picture_it_reads(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.expected_errors.append("415")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/debug-image")
    gif = {"name": "moving.gif", "mimeType": "image/gif", "buffer": b"GIF89a" + bytes(100)}
    page.locator("input[type=file]").set_input_files(gif)
    expect(page.locator("#debug-notice")).to_contain_text("a GIF picture was sent")


def test_the_debug_page_tries_again_when_it_is_told_to(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.expected_errors.append("ERR_FAILED")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/debug-image")
    page.route("**/debug-image", lambda route: route.abort())
    page.locator("input[type=file]").set_input_files(picture_of(7))
    expect(page.locator("#debug-notice")).to_contain_text("The server does not answer")
    page.unroute_all()
    page.get_by_role("button", name="Show the numbers").click()
    expect(page.locator("#debug-result")).to_be_visible()


def test_a_late_answer_of_the_debug_page_does_not_replace_a_newer_one(
    new_page: NewPage, server: Server
) -> None:
    page = new_page()
    page.goto(f"{server.url}/debug-image")
    held: list[Route] = []
    page.route("**/debug-image", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/debug-image"):
        page.locator("input[type=file]").set_input_files(picture_of(1))
    page.locator("input[type=file]").set_input_files(picture_of(7))
    expect(page.locator("#debug-notice")).to_have_text("digit 7.png was read.")
    with page.expect_response("**/debug-image"):
        held[0].continue_()
    page.wait_for_timeout(200)
    expect(page.locator("#debug-notice")).to_have_text("digit 7.png was read.")


def test_without_scripts_the_debug_page_says_how_it_answers(new_page: NewPage, server: Server) -> None:
    page = new_page(java_script_enabled=False)
    page.expected_errors.append("415")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/debug-image")
    expect(page.locator("noscript .notice")).to_contain_text("the answer comes as JSON")
    page.locator("input[type=file]").set_input_files(BROKEN)
    page.get_by_role("button", name="Show the numbers").click()
    detail = page.locator(".lead")  # written in small letters, to stand behind a colon as well
    expect(detail).to_have_text("a text was sent; a PNG or JPEG picture is wanted")
    begins = "element => getComputedStyle(element, '::first-letter').textTransform"
    assert detail.evaluate(begins) == "uppercase"


def test_an_unknown_address_gets_a_page_in_the_same_dress(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.expected_errors.append("404")  # type: ignore[attr-defined]
    page.goto(f"{server.url}/nowhere")
    expect(page.locator("main")).to_contain_text("404")
    expect(page.locator("main")).to_contain_text("not_found")
    page.get_by_role("link", name="Draw a digit").click()
    expect(page.locator("#paint-canvas")).to_be_visible()


def test_a_printed_result_leaves_out_what_paper_cannot_do(new_page: NewPage, server: Server) -> None:
    page = new_page()
    page.goto(f"{server.url}/paint-screen")
    page.emulate_media(media="print")
    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator(".tools")).to_be_hidden()
    expect(page.locator(".masthead nav")).to_be_hidden()


def test_a_drawing_on_a_dark_screen_is_printed_in_black(new_page: NewPage, server: Server) -> None:
    screen = PaintScreen.open(new_page(), server.url)
    screen.page.emulate_media(color_scheme="dark")
    screen.draw_digit(1)
    ink = """() => {
        const canvas = document.querySelector("#paint-canvas");
        const copy = new OffscreenCanvas(1, 1).getContext("2d");
        copy.drawImage(canvas, -0.53 * canvas.width, -0.5 * canvas.height);
        return [...copy.getImageData(0, 0, 1, 1).data];
    }"""
    screen.ink()  # painted
    assert min(screen.page.evaluate(ink)) > 200
    screen.page.evaluate(f"() => addEventListener('beforeprint', () => window.printed = ({ink})())")
    screen.page.pdf()
    assert screen.page.evaluate("window.printed") == [0, 0, 0, 255]
    assert min(screen.page.evaluate(ink)) > 200


def test_the_paint_screen_is_light_on_the_wire(new_page: NewPage, server: Server) -> None:
    page = new_page(locale="de")  # nothing cached
    sizes: list[float] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{server.url}/paint-screen", wait_until="networkidle")
    assert 10_000 < sum(sizes) < 60_000


def test_everything_comes_from_this_server(new_page: NewPage, server: Server) -> None:
    page = new_page()
    asked: list[str] = []
    page.route("**/*", lambda route: (asked.append(route.request.url), route.continue_()))
    for path in ("/paint-screen", "/upload", "/debug-image"):
        page.goto(server.url + path, wait_until="networkidle")
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(server.url)] == []


def test_the_page_is_painted_before_its_scripts_arrive(new_page: NewPage, server: Server) -> None:
    page = new_page()
    held: list[Route] = []
    page.route("**/*.js", lambda route: held.append(route))
    page.goto(f"{server.url}/paint-screen", wait_until="commit")
    expect(page.locator("#answer .bars li")).to_have_count(10)
    wait_until(page, "performance.getEntriesByName('first-contentful-paint').length === 1")
    assert held != []
    for route in held:
        route.abort()
    page.expected_errors.append("ERR_FAILED")  # type: ignore[attr-defined]
