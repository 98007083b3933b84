"""The page shows what the network sees: its pixels, the steps, the reasons, the layers, a second network."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.screen import PaintScreen

_PIXELS = """canvas => {
    const copy = new OffscreenCanvas(28, 28).getContext("2d", {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    return [...copy.getImageData(0, 0, 28, 28).data].filter((value, index) => index % 4 === 0);
}"""


def test_the_small_picture_is_bright_ink_on_black(screen: PaintScreen) -> None:
    assert max(screen.small.evaluate(_PIXELS)) == 0
    screen.draw_digit(7)
    screen.expect_digit(7)
    pixels = screen.small.evaluate(_PIXELS)
    assert max(pixels) > 200
    assert 40 < sum(value > 0 for value in pixels) < 300


def test_each_step_is_a_picture_with_a_title_and_a_size(screen: PaintScreen) -> None:
    screen.draw_digit(7)
    screen.expect_digit(7)
    pictures = screen.steps.locator("img")
    assert pictures.count() >= 5
    sizes = "all => all.map(each => [each.naturalWidth, each.width, each.alt.length])"
    assert min(map(min, pictures.evaluate_all(sizes))) > 0
    expect(pictures.last).to_have_attribute("width", "28")


def test_reasons_are_shown_for_the_digit_and_its_runner_up(screen: PaintScreen) -> None:
    screen.reasons.locator("summary").click()
    screen.draw_digit(7)
    screen.expect_digit(7)
    captions = screen.reasons_pictures.locator("figcaption strong")
    expect(captions).to_have_count(2)
    expect(captions.first).to_have_text("for a 7")
    expect(captions.last).not_to_have_text("for a 7")
    expect(screen.reasons_method).not_to_contain_text("Draw something")
    screen.clear.click()
    expect(captions).to_have_count(0)


def test_a_dense_unit_shows_how_its_sum_comes_about(screen: PaintScreen) -> None:
    screen.model.select_option("mlp-256-128")
    screen.draw_digit(7)
    screen.expect_digit(7)
    screen.layers.locator("summary").click()
    layer = screen.layers_list.locator(".layer").first
    layer.locator(".unit").nth(5).hover()
    rows = layer.locator(".unit-sum tbody tr")
    values = [float(text.replace("−", "-")) for text in rows.locator("td:last-child").all_inner_texts()]
    assert len(values) == 8  # five inputs, all others, the bias, and the sum
    assert abs(sum(values[:-1]) - values[-1]) < 0.01
    expect(layer.locator("caption")).to_contain_text("Unit 5: ")
    expect(layer.locator("thead")).to_contain_text("pixel (row, column)")


def test_units_are_reached_with_the_keyboard(screen: PaintScreen) -> None:
    screen.layers.locator("summary").click()
    screen.draw_digit(7)
    screen.expect_digit(7)
    units = screen.layers_list.locator(".units").first
    units.locator("[tabindex='0']").focus()
    chosen = units.locator("[aria-selected=true]")
    for _ in range(128):
        screen.page.keyboard.press("ArrowLeft")
    expect(chosen).to_have_accessible_name(re.compile(r"^unit 0, sum "))
    screen.page.keyboard.press("ArrowRight")
    screen.page.keyboard.press("ArrowRight")
    expect(chosen).to_have_accessible_name(re.compile(r"^unit 2, sum "))


def test_of_the_last_layer_the_sum_of_the_digit_itself_is_shown_first(screen: PaintScreen) -> None:
    screen.layers.locator("summary").click()
    screen.draw_digit(7)
    screen.expect_digit(7)
    last = screen.layers_list.locator(".layer").last
    expect(last.locator("caption")).to_contain_text("Unit 7: ")
    expect(last.locator(".unit-name")).to_have_text([str(digit) for digit in range(10)])


def test_another_network_can_be_asked(screen: PaintScreen) -> None:
    screen.draw_digit(3)
    screen.expect_digit(3)
    screen.model.select_option("mlp-64")
    expect(screen.answer.locator(".answer-model")).to_have_text("read by mlp-64")
    screen.expect_digit(3)


def test_two_networks_answer_the_same_drawing_side_by_side(screen: PaintScreen) -> None:
    second = screen.page.locator("#second-answer")
    expect(second).to_be_hidden()
    screen.compare.select_option(index=1)
    screen.draw_digit(0)
    screen.expect_digit(0)
    expect(second).to_have_attribute("data-prediction", "0")
    left, right = screen.answer.bounding_box(), second.bounding_box()
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    screen.clear.click()  # heard once, not from either card
    expect(screen.answer.locator(".sentence")).to_have_text("Nothing drawn yet")
    expect(second.locator(".sentence")).to_have_text("")
