"""Reads handwritten digits with neural networks written from scratch in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnistweb.lazy import names_from

if TYPE_CHECKING:
    from mnistweb.inference import DigitClassifier, Prediction
    from mnistweb.web import create_app

__all__ = ["DigitClassifier", "Prediction", "create_app"]
__version__ = "0.1.0"

# So that `import mnistweb.nn` needs NumPy alone.
__getattr__ = names_from(
    __name__,
    inference="DigitClassifier Prediction",
    web="create_app",
)
