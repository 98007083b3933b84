"""Digits drawn with real mouse and touch events are painted as drawn and read right by the network."""

from __future__ import annotations

import itertools
import re
import urllib.parse

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage, Server
from tests.browser.digits import DIGITS
from tests.browser.screen import PaintScreen, wait_until

PHONE = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


@pytest.fixture
def phone(new_page: NewPage, server: Server) -> PaintScreen:
    """The paint screen on a phone."""
    return PaintScreen.open(new_page(**PHONE), server.url)


def test_each_digit_drawn_with_the_mouse_is_read(screen: PaintScreen) -> None:
    read = {}
    for digit in DIGITS:
        screen.clear.click()
        screen.draw_digit(digit)
        screen.expect_state("done")
        read[digit] = screen.answer.get_attribute("data-prediction")
        assert screen.answer.locator(".digit").inner_text() == read[digit]
        expect(screen.answer.locator(".bars .top")).to_have_attribute("data-digit", read[digit])
    assert read == {digit: str(digit) for digit in DIGITS}


def test_each_digit_drawn_with_a_finger_on_a_phone_is_read(phone: PaintScreen) -> None:
    read = {}
    for digit, strokes in DIGITS.items():
        phone.clear.tap()
        phone.draw_with_finger(strokes)
        phone.expect_state("done")
        read[digit] = phone.answer.get_attribute("data-prediction")
    assert read == {digit: str(digit) for digit in DIGITS}
    assert phone.page.evaluate("scrollY") == 0


def test_a_button_takes_the_first_tap_after_a_quick_stroke(phone: PaintScreen) -> None:
    # A browser that takes the stroke for a fling lets the tap only stop that fling.
    phone.draw_with_finger(DIGITS[1])
    phone.clear.tap()
    expect(phone.redo).to_be_disabled()
    phone.expect_state("empty")


def test_the_verdict_stands_in_words_and_is_announced_politely(screen: PaintScreen) -> None:
    sentence = screen.answer.locator("[aria-live=polite]")
    expect(sentence).to_have_text("Nothing drawn yet")
    screen.draw_digit(0)
    screen.expect_digit(0)
    expect(sentence).to_have_text("surely a 0")
    assert screen.answer.get_attribute("data-verdict") == "digit"


def test_what_is_no_digit_is_not_shown_as_one(screen: PaintScreen) -> None:
    across = [(x / 10, 0.05 + 0.9 * (x % 2)) for x in range(1, 10)]
    screen.draw([across, [(y, x) for x, y in across], [(0.1, 0.1), (0.9, 0.9)], [(0.1, 0.9), (0.9, 0.1)]])
    expect(screen.answer).to_have_attribute("data-verdict", "not_a_digit")
    expect(screen.answer.locator(".sentence")).to_have_text("this does not look like a digit")
    expect(screen.answer.locator(".digit")).to_have_text("?")


def test_who_presses_predict_hears_the_answer_again(screen: PaintScreen) -> None:
    screen.draw_digit(7)
    screen.expect_digit(7)
    screen.answer.locator(".sentence").evaluate(
        """sentence => new MutationObserver(() => window.heard = sentence.textContent)
            .observe(sentence, {childList: true})"""
    )
    screen.predict.click()
    wait_until(screen.page, "window.heard === 'surely a 7'")


def test_the_bars_show_ten_numbers_that_sum_to_one_hundred(screen: PaintScreen) -> None:
    screen.draw_digit(4)
    screen.expect_digit(4)
    bars = screen.answer.locator(".bar rect")
    widths = bars.evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('width')))")
    assert len(widths) == 10
    assert sum(widths) == pytest.approx(100, abs=0.1)
    assert max(range(10), key=widths.__getitem__) == 4


def test_the_backing_store_has_the_pixels_of_the_device(new_page: NewPage, server: Server) -> None:
    screen = PaintScreen.open(new_page(device_scale_factor=3), server.url)
    shown, stored = screen.canvas.evaluate("canvas => [canvas.clientWidth, canvas.width]")
    assert stored == pytest.approx(3 * shown, abs=1.5)
    screen.draw_digit(3)
    screen.expect_digit(3)


def test_turning_the_phone_keeps_the_drawing(phone: PaintScreen) -> None:
    phone.draw_with_finger(DIGITS[2])
    phone.expect_digit(2)
    before = phone.ink()
    phone.page.set_viewport_size({"width": 740, "height": 360})
    assert phone.ink() == pytest.approx(before, rel=0.05)


def test_nothing_sticks_out_sideways_or_lies_over_the_sheet(screen: PaintScreen) -> None:
    screen.compare.select_option(index=1)
    screen.draw_digit(7)
    screen.expect_digit(7)
    phones, others = [(320, 568), (360, 740)], [(768, 1024), (1280, 900)]
    for width, height in [*phones, *others, *((height, width) for width, height in phones + others)]:
        screen.page.set_viewport_size({"width": width, "height": height})
        assert screen.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        sheet, answer = screen.canvas.bounding_box(), screen.answer.bounding_box()
        beside = answer["x"] >= sheet["x"] + sheet["width"]
        below = answer["y"] >= sheet["y"] + sheet["height"]
        assert beside or below, (width, height)


@pytest.mark.parametrize("size", [(640, 450), (512, 384), (568, 320), (480, 420), (740, 360), (1280, 500)])
def test_in_a_low_window_the_bars_have_room_and_the_sheet_is_no_taller(
    screen: PaintScreen, size: tuple[int, int]
) -> None:
    # 640 by 450 is a window of 1280 by 900 at twice the size.
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    assert screen.answer.locator(".bar").first.bounding_box()["width"] > 90
    assert screen.canvas.bounding_box()["height"] < size[1]


def test_a_second_finger_does_not_join_the_stroke(phone: PaintScreen) -> None:
    box = phone.canvas.bounding_box()
    one = {"x": box["x"] + 60, "y": box["y"] + 60, "id": 1}
    other = {"x": box["x"] + 250, "y": box["y"] + 250, "id": 2}
    phone.touch("touchStart", one)
    phone.touch("touchStart", one, other)
    phone.touch("touchMove", one | {"y": one["y"] + 30}, other)
    phone.touch("touchEnd")
    phone.undo.tap()
    expect(phone.undo).to_be_disabled()


def test_a_cancelled_touch_keeps_what_was_drawn_and_the_next_one_draws(phone: PaintScreen) -> None:
    box = phone.canvas.bounding_box()
    phone.touch("touchStart", {"x": box["x"] + 80, "y": box["y"] + 80})
    phone.touch("touchMove", {"x": box["x"] + 160, "y": box["y"] + 80})
    phone.touch("touchCancel")
    kept = phone.ink()
    assert kept > 0
    phone.draw_with_finger([[(0.3, 0.6), (0.7, 0.6)]])
    assert phone.ink() > kept


def test_points_that_arrive_together_are_all_drawn(screen: PaintScreen) -> None:
    # Between two frames a fast pointer visits many points; the browser hands them over in one event.
    [(left, top)] = screen.on_screen([(0.2, 0.2)])
    screen.page.mouse.move(left, top)
    screen.page.mouse.down()
    screen.canvas.evaluate(
        """canvas => {
            const box = canvas.getBoundingClientRect();
            const [clientX, clientY] = [x => box.left + x * box.width, y => box.top + y * box.height];
            const move = (x, y, more) => new PointerEvent(
                "pointermove", {clientX: clientX(x), clientY: clientY(y), pointerId: 1, ...more}
            );
            const visited = [move(0.2, 0.8), move(0.8, 0.8)];
            canvas.dispatchEvent(move(0.8, 0.8, {coalescedEvents: visited}));
        }"""
    )
    screen.page.mouse.up()
    screen.ink()  # painted
    alpha = """canvas => {
        const copy = new OffscreenCanvas(1, 1).getContext("2d");
        copy.drawImage(canvas, -0.5 * canvas.width, -0.8 * canvas.height);
        return copy.getImageData(0, 0, 1, 1).data[3];
    }"""
    assert screen.canvas.evaluate(alpha) == 255


def test_a_pen_that_presses_harder_draws_wider(screen: PaintScreen) -> None:
    inked = []
    for pressure in (0.1, 0.9):
        screen.clear.click()
        screen.draw_with_pen([(0.25 + 0.02 * step, 0.5, pressure) for step in range(26)])
        inked.append(screen.ink())
    assert inked[1] > 1.5 * inked[0]


def test_a_pen_that_presses_harder_and_harder_leaves_no_notch(screen: PaintScreen) -> None:
    screen.draw_with_pen([(0.1 + 0.1 * step, 0.5, 0.1 + 0.1 * step) for step in range(9)])
    screen.ink()  # painted
    widths = screen.canvas.evaluate(
        """canvas => {
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            const inked = (x, y) => data[4 * (y * canvas.width + x) + 3] > 127;
            const rows = [...Array(canvas.height).keys()];
            const parts = [...Array(60).keys()].map(each => 0.2 + each / 100);
            const across = parts.map(part => Math.round(canvas.width * part));
            return across.map(x => rows.filter(y => inked(x, y)).length);
        }"""
    )
    steps = [after - before for before, after in itertools.pairwise(widths)]
    assert widths[-1] > 1.5 * widths[0]
    assert min(steps) >= -1
    assert max(steps) <= 3


def test_a_pen_that_only_taps_leaves_a_dot(screen: PaintScreen) -> None:
    screen.draw_with_pen([(0.5, 0.5, 0.2), (0.5, 0.5, 0.6)])
    assert screen.ink() > 0


def test_points_that_crowd_upon_each_other_are_thinned(screen: PaintScreen) -> None:
    # A fast mouse sends a thousand points a second; a stroke must not grow slower the longer it gets.
    length, point = screen.page.evaluate(
        """async () => {
            const {Drawing} = await import(document.querySelector("link[href*='/drawing']").href);
            const drawing = new Drawing();
            const stroke = drawing.add({kind: "stroke", tool: "pen", width: 0.06, points: [{x: 0, y: 0}]});
            for (let i = 1; i <= 10000; i++) drawing.extend(stroke, [{x: i / 10000, y: 0}]);
            return [stroke.points.length, stroke.points.at(-1).x];
        }"""
    )
    assert length < 200
    assert point == 1


def test_the_pointer_is_a_ring_as_wide_as_the_brush(screen: PaintScreen) -> None:
    screen.brush.fill("10")
    cursor = urllib.parse.unquote(screen.canvas.evaluate("canvas => getComputedStyle(canvas).cursor"))
    radius = float(re.search(r'r="([\d.]+)"', cursor).group(1))
    assert radius == pytest.approx(screen.canvas.bounding_box()["width"] * 0.1 / 2, abs=1.5)
    assert "stroke-dasharray" not in cursor
    screen.eraser.click()
    assert "stroke-dasharray" in screen.canvas.evaluate("canvas => getComputedStyle(canvas).cursor")


def test_moving_the_slider_shows_how_wide_the_line_will_be(screen: PaintScreen) -> None:
    dot = screen.page.locator(".brush-dot")
    expect(dot).to_be_hidden()
    screen.brush.focus()
    screen.page.keyboard.press("ArrowRight")
    expect(dot).to_be_visible()
    assert dot.bounding_box()["width"] == pytest.approx(0.07 * screen.canvas.bounding_box()["width"], abs=1)
    expect(screen.brush).to_have_attribute("aria-valuetext", "7 % of the sheet")
    screen.draw_digit(1)
    expect(dot).to_be_hidden()
