"""What can be wrong with a picture: each kind of trouble is an exception of its own, with a stable code."""

from __future__ import annotations


class ImageError(ValueError):
    """A picture cannot be read as a digit; the message says what came and what was wanted."""

    code = "image_error"


class BrokenImageError(ImageError):
    """It calls itself PNG or JPEG, but its bytes are cut off, damaged or contradict one another."""

    code = "broken_image"


class UnsupportedImageError(ImageError):
    """It is something else than a still PNG or JPEG picture."""

    code = "unsupported_image"


class ImageTooLargeError(ImageError):
    """It has more pixels than are taken."""

    code = "image_too_large"


class ImageTooSmallError(ImageError):
    """It is so small or so narrow that no digit fits into it."""

    code = "image_too_small"


class BlankImageError(ImageError):
    """Nothing that could be a digit is drawn on it."""

    code = "blank_image"
