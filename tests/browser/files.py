"""Files that the tests give to pages: pictures of digits and a broken one, dropped or pasted."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import FilePayload, Page

from mnistweb.imaging.strokes import render_strokes
from tests.browser.digits import DIGITS


def picture_of(digit: int) -> FilePayload:
    """A PNG of one of the recorded drawings."""
    strokes = [np.array(stroke, dtype=np.float32) for stroke in DIGITS[digit]]
    stream = io.BytesIO()
    Image.fromarray(render_strokes(strokes)).save(stream, "PNG")
    return {"name": f"digit {digit}.png", "mimeType": "image/png", "buffer": stream.getvalue()}


BROKEN: FilePayload = {"name": "broken.png", "mimeType": "image/png", "buffer": b"not a picture"}


def hand_over(page: Page, selector: str, event: str, data: bytes, name: str = "seven.png") -> None:
    """Drop or paste a file as a person would: the event carries it, with the type that its name tells."""
    page.evaluate(
        """([selector, event, bytes, name]) => {
            const transfer = new DataTransfer();
            const type = name.endsWith(".png") ? "image/png" : "text/plain";
            transfer.items.add(new File([new Uint8Array(bytes)], name, {type}));
            const made = event === "paste"
                ? new ClipboardEvent(event, {clipboardData: transfer, bubbles: true, cancelable: true})
                : new DragEvent(event, {dataTransfer: transfer, bubbles: true, cancelable: true});
            document.querySelector(selector).dispatchEvent(made);
        }""",
        [selector, event, list(data), name],
    )
