"""Aligned arrays: where they begin, and that nothing else about them is special."""

import numpy as np
import pytest

from mnistweb.nn.memory import aligned_copy, aligned_zeros


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("shape", [(), (7,), (3, 5, 2)])
def test_zeros_begin_at_a_line_of_memory(shape, dtype):
    for _ in range(5):
        array = aligned_zeros(shape, dtype)
        assert array.ctypes.data % 64 == 0
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert not array.any()


def test_nothing_takes_no_room():
    assert aligned_zeros((0,), np.float32).shape == (0,)


def test_a_copy_has_the_same_numbers_and_its_own_memory():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]
    copy = aligned_copy(array)
    np.testing.assert_array_equal(copy, array)
    assert copy.dtype == np.float32
    assert not np.shares_memory(copy, array)
