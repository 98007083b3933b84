"""How fast the paint screen is: bytes on the wire, first paint, and from pen-up to the answer on the page.

    mnistweb serve --port 8000 &
    python benchmarks/page_speed.py http://127.0.0.1:8000

Draws a digit with real mouse events in a headless Chromium and watches `#answer` from inside the page.
Needs Playwright for Python and a Chromium on the path.
"""

from __future__ import annotations

import argparse
import shutil
import statistics

from playwright.sync_api import Browser, Page, sync_playwright

SEVEN = [
    (0.28, 0.21),
    (0.43, 0.20),
    (0.58, 0.19),
    (0.72, 0.20),
    (0.65, 0.34),
    (0.57, 0.50),
    (0.51, 0.66),
    (0.46, 0.83),
]

# Notes when the pen is lifted, and when the answer after that is in the page.
WATCH = """() => {
    window.waits = [];
    let lifted = 0;
    const answer = document.querySelector("#answer");
    document.querySelector("#paint-canvas").addEventListener("pointerup", () => (lifted = performance.now()));
    new MutationObserver(() => {
        if (answer.dataset.state !== "done" || !lifted) return;
        window.waits.push(performance.now() - lifted);
        lifted = 0;
    }).observe(answer, {attributes: true, attributeFilter: ["data-state"]});
}"""
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--drawings", type=int, default=50, help="how many digits to draw")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        requests, total, paint = load(browser, arguments.url)
        print(f"paint screen, nothing cached: {total / 1000:.1f} kB on the wire in {requests} requests")
        print(f"first contentful paint: {paint:.0f} ms")
        waits = pen_up_to_answer(browser, arguments.url, arguments.drawings)
        deciles = statistics.quantiles(waits, n=10)
        print(
            f"pen-up to answer over {len(waits)} drawings: median {statistics.median(waits):.0f} ms, "
            f"nine in ten within {deciles[-1]:.0f} ms, slowest {max(waits):.0f} ms"
        )
        browser.close()


def load(browser: Browser, url: str) -> tuple[int, int, float]:
    """Requests, bytes with headers, and milliseconds to the first paint of a visit without cache."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{url}/paint-screen", wait_until="networkidle")
    paint = page.evaluate(FIRST_PAINT)
    page.close()
    return len(sizes), round(sum(sizes)), paint


def pen_up_to_answer(browser: Browser, url: str, drawings: int) -> list[float]:
    """Milliseconds from lifting the pen to the answer, once for each drawing."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{url}/paint-screen", wait_until="networkidle")
    page.evaluate(WATCH)
    for _ in range(drawings):
        page.locator("#clear").click()
        draw(page)
        page.locator("#answer[data-state=done]").wait_for()
    waits: list[float] = page.evaluate("() => window.waits")
    page.close()
    return waits


def draw(page: Page) -> None:
    """A seven, at about the speed of a hand."""
    box = page.locator("#paint-canvas").bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*points[0])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(x, y, steps=6)
        page.wait_for_timeout(30)
    page.mouse.up()


if __name__ == "__main__":
    main()
