"""A process keeps the memory of small pictures, and gives back that of large ones."""

import os
import platform
import subprocess
import sys

import pytest

# Page faults per picture: each is a page of memory that the operating system had to clear.
FAULTS = """
import resource, sys
import numpy as np
from mnistweb.allocation import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def work(shape):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        a = np.ones(shape); b = a + 1; c = b * 2; del a, b, c
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20
work((400, 400))
print(work((400, 400)), work((1500, 1500)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is set")
def test_small_arrays_find_their_memory_again_and_large_ones_go_back():
    # Unless it is told, glibc takes less and less from the system as large memory is given back. Arrays of
    # 1.3 MB, since smaller ones may find a gap in the heap that an import has left.
    unmoved = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(128 << 10)}

    def faults(what: str) -> list[float]:
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, what], check=True, capture_output=True, text=True, env=unmoved
        )
        return [float(word) for word in done.stdout.split()]

    small, large = faults("keep")
    assert small < 5 < faults("leave")[0]
    assert large > 1000  # 18 MB each, in pages of 4 kB
