"""When the server is away the page says so, keeps the drawing, and answers once the server is back."""

from __future__ import annotations

import time

from playwright.sync_api import Route, expect

from tests.browser.conftest import NewPage, Server
from tests.browser.screen import PaintScreen


def test_a_server_stopped_and_started_while_drawing(new_page: NewPage, server_of_its_own: Server) -> None:
    page = new_page()
    page.expected_errors.append("Failed to load resource: net::ERR_")  # type: ignore[attr-defined]
    screen = PaintScreen.open(page, server_of_its_own.url)
    screen.draw([[(0.46, 0.16), (0.35, 0.43), (0.28, 0.56), (0.44, 0.57), (0.74, 0.55)]])
    screen.expect_state("done")
    server_of_its_own.stop()
    screen.draw([[(0.61, 0.34), (0.60, 0.50), (0.57, 0.84)]])
    screen.expect_state("error")
    expect(screen.answer.locator(".sentence")).to_contain_text("Your drawing is kept")
    kept = screen.ink()
    assert kept > 0
    server_of_its_own.start()
    screen.expect_digit(4)
    assert screen.ink() == kept


def test_a_busy_server_is_asked_again_after_the_time_it_names(screen: PaintScreen) -> None:
    screen.page.expected_errors.append("503")
    asked = []

    def refuse_once(route: Route) -> None:
        asked.append(time.monotonic())
        if len(asked) > 1:
            route.continue_()
            return
        problem = {"title": "Too busy", "status": 503, "code": "busy"}
        route.fulfill(status=503, headers={"Retry-After": "1"}, json=problem)

    screen.page.route("**/predict", refuse_once)
    screen.live.uncheck()
    screen.draw_digit(7)
    screen.predict.click()
    screen.expect_digit(7)
    assert asked[1] - asked[0] > 0.9


def test_one_request_at_a_time_and_stale_answers_are_dropped(screen: PaintScreen) -> None:
    held: list[Route] = []
    released = False
    screen.page.route("**/predict", lambda route: route.continue_() if released else held.append(route))
    with screen.page.expect_request("**/predict"):
        screen.draw_digit(1)
    screen.page.wait_for_timeout(200)
    assert len(held) == 1
    screen.clear.click()
    screen.draw_digit(7)
    screen.page.wait_for_timeout(300)
    assert len(held) == 1  # the first is still in flight
    shown = screen.answer.evaluate_handle(
        """element => {
            const seen = [];
            const look = () => seen.push(element.dataset.prediction);
            new MutationObserver(look).observe(element, {attributes: true});
            return seen;
        }"""
    )
    released = True
    held[0].continue_()
    screen.expect_digit(7)
    assert "1" not in shown.json_value()


def test_a_refusal_is_shown_in_its_own_words_and_not_repeated(screen: PaintScreen) -> None:
    screen.page.expected_errors.append("413")
    asked = []

    def refuse(route: Route) -> None:
        asked.append(route)
        problem = {
            "title": "Too large",
            "detail": "The picture is too large.",
            "status": 413,
            "code": "too_large",
        }
        route.fulfill(status=413, json=problem)

    screen.page.route("**/predict", refuse)
    screen.live.uncheck()
    screen.draw_digit(7)
    screen.predict.click()
    screen.expect_state("error")
    expect(screen.answer.locator(".sentence")).to_have_text("The picture is too large.")
    expect(screen.answer.locator(".sentence")).to_have_css("font-size", "16px")
    screen.page.wait_for_timeout(700)
    assert len(asked) == 1


def test_without_an_answer_the_old_one_is_dimmed_and_cannot_be_saved(screen: PaintScreen) -> None:
    screen.page.expected_errors.append("413")
    screen.draw_digit(7)
    screen.expect_digit(7)
    held: list[Route] = []
    screen.page.route("**/predict", lambda route: held.append(route))
    with screen.page.expect_request("**/predict"):
        screen.predict.click()
    for button in (screen.save_answer, screen.save_small):
        expect(button).to_be_disabled()
    held[0].fulfill(status=413, json={"title": "Too large", "status": 413, "code": "too_large"})
    screen.expect_state("error")
    for button in (screen.save_answer, screen.save_small):
        expect(button).to_be_disabled()
    expect(screen.page.locator("#steps li")).to_have_count(0)
    for part in (".digit", ".bars", ".answer-model"):
        expect(screen.answer.locator(part)).to_have_css("opacity", "0.35")


def test_what_is_wrong_does_not_lie_over_the_bars_of_two_answers(screen: PaintScreen) -> None:
    screen.page.expected_errors.append("413")
    problem = {"title": "Too large", "detail": "Too large, by far. " * 6, "status": 413, "code": "too_large"}
    screen.page.route("**/predict", lambda route: route.fulfill(status=413, json=problem))
    screen.page.set_viewport_size({"width": 390, "height": 844})
    screen.compare.select_option(index=1)
    screen.draw_digit(7)
    screen.expect_state("error")
    sentence = screen.answer.locator(".sentence")
    assert sentence.evaluate("element => element.scrollHeight <= element.clientHeight")
