"""How much memory a process has used at most, as Linux counts it; this one, unless its id is given.

Not `resource.getrusage`: its maximum includes what the parent process used before it started this one.
"""

from __future__ import annotations

import re
from pathlib import Path


def resident_mb(pid: int | str = "self") -> float:
    """What lies in memory now, in MB."""
    return _status("VmRSS", pid)


def peak_mb(pid: int | str = "self") -> float:
    """The most that lay in memory at once since the start, or since `forget_peak`, in MB."""
    return _status("VmHWM", pid)


def forget_peak(pid: int | str = "self") -> None:
    """Let `peak_mb` count from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(name: str, pid: int | str) -> float:
    match = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1]) / 1024
