"""What can go wrong between a picture and its digit; trouble with the picture itself is an ImageError."""

from __future__ import annotations


class InferenceError(ValueError):
    """A picture cannot be classified; the message says what came and what was wanted."""

    code = "inference_error"


class PixelsError(InferenceError):
    """An array is no picture: a wrong shape, or a value outside 0..1, which is at `index`."""

    code = "invalid_pixels"

    def __init__(self, message: str, index: int | tuple[int, ...] | None = None) -> None:
        super().__init__(message)
        self.index = index


class UnknownModelError(InferenceError, LookupError):
    """No model of that name is loaded."""

    code = "unknown_model"


class NoModelError(InferenceError, LookupError):
    """No model is loaded at all."""

    code = "no_model"
