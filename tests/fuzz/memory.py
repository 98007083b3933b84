"""How much memory this process has used at most, as Linux counts it.

Not `resource.getrusage`: its maximum includes what the parent process used before it started this one.
"""

from __future__ import annotations

import re
from pathlib import Path


def resident_mb() -> float:
    """What lies in memory now, in MB."""
    return _status("VmRSS")


def peak_mb() -> float:
    """The most that lay in memory at once since the start, or since `forget_peak`, in MB."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Let `peak_mb` count from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> float:
    match = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1]) / 1024
