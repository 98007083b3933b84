"""Which of its kernels each library computes with: said in the results, and left to the library itself.

Every library looks at the processor and takes its fastest loops. Variables of the environment can forbid that
to one of them and not to the others: OPENBLAS_CORETYPE=Haswell halves the speed of NumPy's matrix products on
a processor with AVX-512, and PyTorch, which has kernels of its own, does not notice.
"""

from __future__ import annotations

import os
import sys

#: What each of them changes: the kernels, the cache sizes or the threads of one library alone.
FORCING = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
)


def let_libraries_choose() -> None:
    """Begin this command anew without those variables, if any is set. Call it before anything is measured."""
    forced = [name for name in FORCING if name in os.environ]
    if not forced:
        return
    print(f"measuring without {', '.join(forced)}: each library chooses its own kernels", file=sys.stderr)
    environment = {name: value for name, value in os.environ.items() if name not in FORCING}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def in_use() -> dict[str, str]:
    """The kernels of NumPy's OpenBLAS and of PyTorch, and what the environment says about any."""
    import torch
    from threadpoolctl import threadpool_info  # comes with scikit-learn

    pools = {pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"}
    return {
        "NumPy's OpenBLAS": ", ".join(sorted(pools)) or "none",
        "PyTorch": torch.backends.cpu.get_cpu_capability(),
        "forced": ", ".join(f"{name}={os.environ[name]}" for name in FORCING if name in os.environ)
        or "nothing",
    }
