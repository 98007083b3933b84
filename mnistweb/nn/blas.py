"""NumPy's matrix products come from a BLAS library; here its threads are set for a while."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

# What OpenBLAS calls its functions depends on who built it: NumPy's wheels, conda, Debian.
_PREFIXES_AND_SUFFIXES = (
    ("scipy_openblas", "64_"),
    ("scipy_openblas", ""),
    ("openblas", "64_"),
    ("openblas", ""),
)


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """While the ``with`` block runs, each matrix product of this process may use ``count`` threads.

    Their number is set rather than left to the machine because the last bits of a product can depend on it.
    Where NumPy uses another library than OpenBLAS, nothing happens.
    """
    functions = _thread_functions()
    if functions is None:
        yield
        return
    get_threads, set_threads = functions
    before = get_threads()
    set_threads(count)
    try:
        yield
    finally:
        set_threads(before)


def _thread_functions() -> tuple[ctypes._NamedFuncPointer, ctypes._NamedFuncPointer] | None:
    # Symbols are looked up in NumPy's core and in the libraries that it has loaded.
    core = ctypes.CDLL(_multiarray_umath.__file__)
    for prefix, suffix in _PREFIXES_AND_SUFFIXES:
        try:
            return (
                getattr(core, f"{prefix}_get_num_threads{suffix}"),
                getattr(core, f"{prefix}_set_num_threads{suffix}"),
            )
        except AttributeError:
            continue
    return None
