"""The paint screen as a test handles it: draw with mouse or finger, and read what it shows."""

from __future__ import annotations

import time
from collections.abc import Iterable

from playwright.sync_api import Locator, Page, expect

from tests.browser.digits import DIGITS, Stroke

# Counts the pixels of the canvas that are mostly opaque; the paper is transparent.
_INK = """canvas => {
    const scratch = new OffscreenCanvas(canvas.width, canvas.height);
    const copy = scratch.getContext("2d", {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
    let inked = 0;
    for (let i = 3; i < data.length; i += 4) inked += data[i] > 127;
    return inked / (canvas.width * canvas.height);
}"""
_PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


def wait_until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true; Playwright's own way is against our policy."""
    deadline = time.monotonic() + 40
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


class PaintScreen:
    """One open paint screen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.canvas = page.locator("#paint-canvas")
        self.answer = page.locator("#answer")
        self._devtools = page.context.new_cdp_session(page)

    @classmethod
    def open(cls, page: Page, url: str, fragment: str = "") -> PaintScreen:
        """Load the page; once it is loaded one can draw."""
        page.goto(f"{url}/paint-screen{fragment}")
        return cls(page)

    def wait_for_extras(self) -> None:
        """Wait until pictures, links and files can be handled; that part of the page is loaded last."""
        expect(self.picture).to_be_enabled()

    def __getattr__(self, name: str) -> Locator:
        """The element of that id: `screen.undo`, `screen.save_small`."""
        return self.page.locator(f"#{name.replace('_', '-')}")

    def draw(self, strokes: Iterable[Stroke]) -> None:
        """Draw with the mouse."""
        self.canvas.scroll_into_view_if_needed()
        for stroke in strokes:
            points = self.on_screen(stroke)
            self.page.mouse.move(*points[0])
            self.page.mouse.down()
            for x, y in points[1:]:
                self.page.mouse.move(x, y)
            self.page.mouse.up()

    def draw_digit(self, digit: int) -> None:
        """Draw a digit with the mouse."""
        self.draw(DIGITS[digit])

    def draw_with_finger(self, strokes: Iterable[Stroke]) -> None:
        """Draw with touch events, as a phone sends them."""
        for stroke in strokes:
            points = self.on_screen(stroke)
            self.touch("touchStart", {"x": points[0][0], "y": points[0][1]})
            for x, y in points[1:]:
                self.touch("touchMove", {"x": x, "y": y})
            self.touch("touchEnd")

    def draw_with_pen(self, points: Iterable[tuple[float, float, float]]) -> None:
        """Draw one stroke of (x, y, pressure) with a pen."""
        points = list(points)
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1)]
        for kind, (x, y, pressure) in [*zip(kinds, points, strict=True), ("mouseReleased", points[-1])]:
            [(left, top)] = self.on_screen([(x, y)])
            pen = {"pointerType": "pen", "force": pressure, "button": "left", "buttons": 1, "clickCount": 1}
            self._devtools.send("Input.dispatchMouseEvent", {"type": kind, "x": left, "y": top, **pen})

    def touch(self, kind: str, *fingers: dict[str, float]) -> None:
        """Send one touch event with these fingers on the glass."""
        self._devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(fingers)})

    def expect_digit(self, digit: int) -> None:
        """Wait until the answer on the page is this digit."""
        expect(self.answer).to_have_attribute("data-prediction", str(digit))
        expect(self.answer).to_have_attribute("data-state", "done")

    def expect_state(self, state: str) -> None:
        """Wait for a value of data-state."""
        expect(self.answer).to_have_attribute("data-state", state)

    def ink(self) -> float:
        """The part of the sheet that is inked, once everything drawn has been painted."""
        self.page.evaluate(_PAINTED)
        return self.canvas.evaluate(_INK)

    def on_screen(self, stroke: Stroke) -> list[tuple[float, float]]:
        """The points of a stroke in pixels of the window."""
        box = self.canvas.bounding_box()
        assert box is not None
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
