"""Reads handwritten digits with neural networks written from scratch in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistweb.inference import DigitClassifier, Prediction
    from mnistweb.web import create_app

__all__ = ["DigitClassifier", "Prediction", "create_app"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used, so that ``import mnistweb.nn`` needs NumPy alone."""
    if name == "create_app":
        from mnistweb.web import create_app

        return create_app
    if name in ("DigitClassifier", "Prediction"):
        import mnistweb.inference

        return getattr(mnistweb.inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
