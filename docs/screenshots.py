"""Take the pictures of the README anew from a running server: `python docs/screenshots.py [URL]`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).parent
FIVE = [
    [(0.38, 0.20), (0.36, 0.34), (0.34, 0.46), (0.46, 0.41), (0.58, 0.44), (0.66, 0.56), (0.64, 0.71),
     (0.53, 0.81), (0.40, 0.82), (0.29, 0.76)],
    [(0.38, 0.20), (0.52, 0.19), (0.68, 0.17)],
]  # fmt: skip


def main(url: str) -> None:
    """One picture of a desktop in light colours, one of a phone in dark ones."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take(
            browser,
            url,
            "paint-screen-light.png",
            viewport={"width": 1280, "height": 920},
            color_scheme="light",
        )
        phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "device_scale_factor": 2}
        take(browser, url, "paint-screen-dark.png", color_scheme="dark", **phone)
        browser.close()


def take(browser: Browser, url: str, name: str, **options: object) -> None:
    """Draw a five, wait for the answer, and save what is on the screen."""
    page = browser.new_context(**options, reduced_motion="reduce").new_page()  # type: ignore[arg-type]
    page.goto(f"{url}/paint-screen", wait_until="networkidle")
    box = page.locator("#paint-canvas").bounding_box()
    assert box is not None
    for stroke in FIVE:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    page.locator("#answer[data-state=done]").wait_for()
    page.wait_for_timeout(300)
    page.screenshot(path=FOLDER / name)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
