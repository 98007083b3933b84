"""The tiny weights and the drawing of the web tests serve here too."""

from tests.web.conftest import seven, weights

__all__ = ["seven", "weights"]
