"""Within the block BLAS uses as many threads as asked for, and afterwards as many as before."""

import pytest

from mnistweb.nn import blas


def test_threads_are_set_and_given_back():
    functions = blas._thread_functions()
    if functions is None:
        pytest.skip("this NumPy does not use OpenBLAS")
    get_threads, set_threads = functions
    before = get_threads()
    try:
        set_threads(2)
        with pytest.raises(RuntimeError, match="1 thread"):
            fail_inside(get_threads)
        assert get_threads() == 2
    finally:
        set_threads(before)


def fail_inside(get_threads):
    with blas.blas_threads(1):
        raise RuntimeError(f"{get_threads()} thread")


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(blas, "_PREFIXES_AND_SUFFIXES", [("mkl", "")])
    with blas.blas_threads(1) as nothing:
        assert nothing is None
