"""The pictures of a request, whichever way they came: JSON with base64 or numbers, a form, or a bare file."""

from __future__ import annotations

import binascii
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from flask import current_app, request
from msgspec import UNSET
from numpy.typing import NDArray

from mnistweb.imaging import containers
from mnistweb.imaging.placement import MNIST_FRAME, Frame
from mnistweb.imaging.preprocess import Preprocessed, Step
from mnistweb.inference import DigitClassifier, PixelsError, mnist_pixels, prepare
from mnistweb.web.body import read_body
from mnistweb.web.errors import ProblemError
from mnistweb.web.json_body import JsonReader
from mnistweb.web.schemas import BatchBody, PredictBody

IMAGE_TYPES = ("image/png", "image/jpeg")

# base64 of a file, the bytes of a file, or numbers: what a picture can be before it is looked at.
Source = str | bytes | list[float | list[float]]

_COMMAS_OF_A_PICTURE = 28 * 28 + 28  # between 784 numbers in 28 rows, with a few to spare
_COMMAS_BESIDES = 1000

_predict_json = JsonReader(PredictBody)
_batch_json = JsonReader(BatchBody)


@dataclass(frozen=True)
class Incoming:
    """What a request asks.

    sources: the pictures. model: its name, None for the default. as_it_is: numbers are in MNIST form already.
    explain: the parts of the explanation that are wanted.
    """

    sources: list[Source]
    model: str | None
    as_it_is: bool = False
    explain: frozenset[str] = frozenset()


class PixelBudget:
    """How many pixels a request's pictures may still have, so that a few kilobytes cannot cost minutes."""

    def __init__(self) -> None:
        self._each: int = current_app.config["MAX_IMAGE_PIXELS"]
        self._left: int = current_app.config["MAX_REQUEST_PIXELS"]

    def spend(self, data: bytes) -> int:
        """Count a picture file; returns the most pixels it may have. ProblemError when none are left."""
        pixels = pixel_count(data)
        if pixels <= self._each and pixels > self._left:
            limit = current_app.config["MAX_REQUEST_PIXELS"]
            raise ProblemError(
                "image_too_large", f"All pictures of a request may have {limit:,} pixels together."
            )
        self._left -= min(pixels, self._left)
        return self._each


def read_one() -> Incoming:
    """The one picture of a request to `/predict` or `/debug-image`. Raises ProblemError."""
    kind = request.mimetype
    if kind == "application/json":
        body = _predict_json.read(read_body(), max_commas=8 * _COMMAS_OF_A_PICTURE)
        source = _one_of(image=body.image, pixels=body.pixels)
        as_it_is = body.pixels is not UNSET and not body.preprocess
        return Incoming([source], _model(body.model or None), as_it_is, frozenset(body.explain))
    if kind in IMAGE_TYPES:
        return Incoming([read_body()], _model(None))
    if kind == "multipart/form-data":
        incoming = read_form()
        if len(incoming.sources) > 1:
            raise ProblemError(
                "broken_form", f"{len(incoming.sources)} files were sent; wanted is one in the field image."
            )
        if not incoming.sources[0]:
            raise ProblemError("no_image", "The file in the field image is empty.")
        return incoming
    raise unsupported_type("application/json", "multipart/form-data", *IMAGE_TYPES)


def read_several() -> Incoming:
    """The pictures of a request to `/predict/batch`, at least one. Raises ProblemError."""
    limit: int = current_app.config["MAX_BATCH_IMAGES"]
    kind = request.mimetype
    if kind == "application/json":
        most = limit * _COMMAS_OF_A_PICTURE + _COMMAS_BESIDES
        body = _batch_json.read(read_body(), max_commas=most)
        sources = _one_of(images=body.images, pixels=body.pixels)
        incoming = Incoming(
            list(sources), _model(body.model or None), body.pixels is not UNSET and not body.preprocess
        )
        if not incoming.sources:
            raise ProblemError("invalid_body", "The list of pictures is empty.")
    elif kind == "multipart/form-data":
        incoming = read_form()
    else:
        raise unsupported_type("application/json", "multipart/form-data")
    if len(incoming.sources) > limit:
        raise ProblemError(
            "too_large", f"{len(incoming.sources):,} pictures were sent; at most {limit:,} are taken at once."
        )
    return incoming


def read_form() -> Incoming:
    """The files in the field `image` of a multipart form, at least one. Raises ProblemError."""
    if request.mimetype != "multipart/form-data":
        raise unsupported_type("multipart/form-data")
    request.environ["wsgi.input"] = io.BytesIO(read_body())  # so that none is parsed that was cut off
    files = request.files.getlist("image")
    if not files:
        raise ProblemError("no_image", "The form has no file in a field named image.")
    return Incoming([file.read() for file in files], _model(request.form.get("model")))


def unsupported_type(*wanted: str) -> ProblemError:
    """The body of the request is of none of the wanted types, which `Accept-Post` has for programs."""
    return ProblemError(
        "unsupported_media_type",
        f"{'The body is of another type' if request.mimetype else 'No Content-Type was sent'}; "
        f"wanted is {' or '.join(wanted)}.",
        {"Accept-Post": ", ".join(wanted)},
    )


def _model(in_body: str | None) -> str | None:
    """The model that the body or the address (`?model=`) names, None for neither. ProblemError for two."""
    in_address = request.args.get("model")
    if in_body and in_address and in_body != in_address:
        raise ProblemError(
            "invalid_body",
            "The body names one model and ?model= in the address another; wanted is one for both.",
        )
    return in_body or in_address


def prepare_source(
    source: Source,
    incoming: Incoming,
    budget: PixelBudget,
    *,
    keep_steps: bool = False,
    frame: Frame = MNIST_FRAME,
) -> Preprocessed:
    """One source in MNIST form, with all that is known of it. ProblemError, ImageError or PixelsError."""
    if isinstance(source, list):
        return prepare(as_array(source), as_it_is=incoming.as_it_is, keep_steps=keep_steps, frame=frame)
    data = decode_base64(source) if isinstance(source, str) else source
    return prepare(data, keep_steps=keep_steps, max_pixels=budget.spend(data), frame=frame)


def pixels_and_steps(
    source: Source,
    incoming: Incoming,
    budget: PixelBudget,
    classifier: DigitClassifier,
    *,
    keep_steps: bool = False,
) -> tuple[NDArray[np.float32], tuple[Step, ...]]:
    """Of one source what `classifier` needs: (28, 28) pixels and the steps. Raises as `prepare_source`."""
    if isinstance(source, list) and incoming.as_it_is:
        return mnist_pixels(as_array(source)), ()
    prepared = prepare_source(source, incoming, budget, keep_steps=keep_steps, frame=classifier.frame)
    return prepared.pixels, prepared.steps


def decode_base64(text: str) -> bytes:
    """The bytes behind base64, bare or in a data URL. Raises ProblemError: broken 400, a wrong type 415."""
    if text[:5].lower() == "data:":  # a URL's scheme is the same in capitals, and so is a media type
        head, comma, text = text.partition(",")
        if not comma:
            raise ProblemError("broken_base64", "The data URL has no comma before its data.")
        kind, *parameters = head.lower().removeprefix("data:").split(";")
        if kind not in IMAGE_TYPES:
            raise ProblemError(
                "unsupported_media_type", "The data URL is of another type than image/png and image/jpeg."
            )
        if "base64" not in parameters:
            raise ProblemError("broken_base64", "The data URL is not in base64.")
    if not text:
        raise ProblemError("broken_base64", "The image is empty.")
    try:
        if text.endswith("==="):
            raise binascii.Error("Excess padding")  # after whole groups of four, Python 3.11 lets it pass
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error is one; so is what a character beyond ASCII gives
        raise ProblemError("broken_base64", f"The image is not base64: {_reason(error)}.") from error


def as_array(numbers: list[float | list[float]]) -> NDArray[np.float64]:
    """784 numbers, or 28 rows of 28, as (28, 28) float64. Raises PixelsError."""
    try:
        array = np.array(numbers, np.float64)
        if array.shape in ((28 * 28,), (28, 28)):
            return array.reshape(28, 28)
    except ValueError:  # lists of different lengths, or lists among numbers
        pass
    raise PixelsError(f"{_what_came(numbers)}; wanted are 784 numbers or 28 rows of 28")


def _what_came(numbers: list[float | list[float]]) -> str:
    if len(numbers) != 28:
        nested = any(isinstance(each, list) for each in numbers)
        return f"got {len(numbers):,} {'values with lists among them' if nested else 'values'}"
    for index, row in enumerate(numbers):
        if not isinstance(row, list):
            return f"row {index} is a number"
        if len(row) != 28:
            return f"row {index} has {len(row):,} values"
    return "got 28 rows"


def _one_of(**given: Any) -> Any:
    found = {name: value for name, value in given.items() if value is not UNSET}
    if len(found) != 1:
        said = "Both came" if found else "Neither came"
        raise ProblemError("invalid_body", f"{said}, {' and '.join(given)}; wanted is one of them.")
    return next(iter(found.values()))


def _reason(error: ValueError) -> str:
    return str(error).lower() if isinstance(error, binascii.Error) else "it has characters beyond ASCII"


def pixel_count(data: bytes) -> int:
    """Width times height from the header, 0 when there is none: the decoder then says what is wrong."""
    try:
        if data.startswith(containers.PNG_SIGNATURE):
            width, height = containers.png_size(data)
        elif data.startswith(containers.JPEG_SIGNATURE):
            width, height = containers.jpeg_size(data)
        else:
            return 0
    except ValueError:
        return 0
    return width * height
