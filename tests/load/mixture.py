"""What clients send in the long runs: requests good and bad, each with the status it must get."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

# The way a pen goes for some digits, in a square of side 1.
_STROKES = (
    [(0.25, 0.2), (0.75, 0.2), (0.4, 0.85)],
    [(0.5, 0.15), (0.5, 0.85)],
    [(0.3, 0.3), (0.5, 0.15), (0.7, 0.3), (0.3, 0.85), (0.75, 0.85)],
    [(0.65, 0.85), (0.65, 0.15), (0.25, 0.6), (0.8, 0.6)],
)
_PNG = {"Content-Type": "image/png"}
_JPEG = {"Content-Type": "image/jpeg"}
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "multipart/form-data; boundary=------------------------0123456789abcdef"}


@dataclass(frozen=True)
class Ask:
    """One request, and the status that its answer must have."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    status: int = 200


def drawn_digit(rng: random.Random, side: int = 280, form: str = "PNG") -> bytes:
    """A picture file of a digit that is drawn a little differently each time."""
    image = Image.new("L", (side, side), 255)
    points = [
        (side * (x + rng.uniform(-0.05, 0.05)), side * (y + rng.uniform(-0.05, 0.05)))
        for x, y in rng.choice(_STROKES)
    ]
    ImageDraw.Draw(image).line(points, fill=rng.randrange(60), width=round(side * rng.uniform(0.05, 0.09)))
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def pixels(rng: random.Random) -> list[float]:
    """784 numbers with some ink among them."""
    return [round(rng.random(), 3) if 150 < place < 600 and place % 28 > 8 else 0.0 for place in range(784)]


def _form(*pictures: bytes) -> bytes:
    part = (
        b"--------------------------0123456789abcdef\r\n"
        b'Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    )
    return b"".join(part + each + b"\r\n" for each in pictures) + part[:42] + b"--\r\n"


def _json(kind: str, path: str, value: object, status: int = 200) -> Ask:
    return Ask(kind, "POST", path, _JSON, json.dumps(value).encode(), status)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _tensor(rng: random.Random) -> object:
    return {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 784], "data": pixels(rng)}]}


def get(path: str, status: int = 200) -> Ask:
    """A page or a fact."""
    return Ask(f"GET {path}", "GET", path, {}, None, status)


# Each kind with its weight: the paint screen's most often, then pictures, pages and mistakes.
_KINDS: tuple[tuple[int, Callable[[random.Random], Ask]], ...] = (
    (8, lambda rng: _json("pixels", "/predict", {"pixels": pixels(rng)})),
    (8, lambda rng: Ask("png", "POST", "/predict", _PNG, drawn_digit(rng))),
    (4, lambda rng: _json("base64", "/predict", {"image": _base64(drawn_digit(rng))})),
    (2, lambda rng: Ask("form", "POST", "/predict", _FORM, _form(drawn_digit(rng)))),
    (1, lambda rng: Ask("large jpeg", "POST", "/predict", _JPEG, drawn_digit(rng, 1200, "JPEG"))),
    (1, lambda rng: _json("other model", "/predict", {"pixels": pixels(rng), "model": "mlp-64"})),
    (
        2,
        lambda rng: _json(
            "explained",
            "/predict",
            {"image": _base64(drawn_digit(rng)), "explain": ["steps", "activations", "contributions"]},
        ),
    ),
    (1, lambda rng: _json("batch", "/predict/batch", {"pixels": [pixels(rng) for _ in range(8)]})),
    (1, lambda rng: Ask("upload", "POST", "/upload", _FORM, _form(drawn_digit(rng), drawn_digit(rng)))),
    (2, lambda rng: Ask("debug image", "POST", "/debug-image", _PNG, drawn_digit(rng))),
    (1, lambda rng: _json("tensor", "/v2/models/convnet/infer", _tensor(rng))),
    (2, lambda rng: get(rng.choice(("/paint-screen", "/upload", "/learn", "/docs", "/openapi.json")))),
    (2, lambda rng: get(rng.choice(("/health", "/health-check", "/models", "/model/info", "/metrics")))),
    (1, lambda rng: get("/no-such-page", 404)),
    (1, lambda rng: Ask("cut off", "POST", "/predict", _PNG, drawn_digit(rng)[:200], 400)),
    (1, lambda rng: Ask("broken json", "POST", "/predict", _JSON, b'{"pixels": [0, 1', 400)),
    (1, lambda rng: _json("blank", "/predict", {"pixels": [0] * 784}, 422)),
)


def mixed_requests(seed: int, count: int = 400) -> list[Ask]:
    """So many requests of all kinds in a random order, for a server with the shipped models."""
    rng = random.Random(seed)
    weights = [weight for weight, _ in _KINDS]
    return [make(rng) for _, make in rng.choices(_KINDS, weights, k=count)]
