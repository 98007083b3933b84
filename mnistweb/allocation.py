"""Memory that was given back stays with the process, for the next request or the next batch to use.

glibc takes every array of more than 128 kB from the operating system and gives it back at once. The system
clears each page of it anew, which takes as long as all that the preprocessing of a drawing computes, or the
variation of a batch of pictures. So some megabytes are kept; what is larger than any array of a usual picture
still goes back at once.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt's numbers, from glibc's malloc.h

_KEPT_BYTES = 16 << 20
_LARGE_BYTES = 2 << 20  # a picture of 400x400 in float64, the largest that is worked on, has 1.3 MB


def keep_freed_memory() -> None:
    """Set glibc's allocator for this process and those it forks; where there is another, nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc: musl, macOS
        return
    # One heap for all threads, for each other would keep as much; Python's lock lets one compute at a time.
    for option, value in (
        (_ARENA_MAX, 1),
        (_TRIM_THRESHOLD, _KEPT_BYTES),
        (_MMAP_THRESHOLD, _LARGE_BYTES),
    ):
        mallopt(option, value)
