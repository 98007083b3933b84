"""Small pictures take turns in each process; then all of them are answered sooner.

NumPy lets go of Python's lock at every step of its work, and another thread takes it. With steps of a few
microseconds, as for a drawing of 280x280, threads that compute side by side do little but hand the lock over:
four of them took three times as long for a picture as one. Large pictures have long steps and run beside.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

_MANY_PIXELS = 1_000_000  # some twenty milliseconds of work: no one should have to wait for more

_turn = threading.Lock()


def in_turn(pixels: int = 28 * 28) -> AbstractContextManager[object]:
    """Compute on a picture of so many pixels inside of this, and wait for nothing else there."""
    return _turn if pixels <= _MANY_PIXELS else nullcontext()
