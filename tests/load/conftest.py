"""The server of the web tests serves here too."""

from tests.web.conftest import server, weights

__all__ = ["server", "weights"]
