"""What reading a stranger's bytes must never do: import, open, run or connect. Python's audit events tell."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

FORBIDDEN = (
    "import", "exec", "compile", "open", "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "code.",
    "pty.", "builtins.input", "webbrowser.", "urllib.", "tempfile.",
)  # fmt: skip

_watching = False
_deeds: list[str] = []


def install() -> None:
    """From now on `watched` notices what this process does; can't be undone."""
    sys.addaudithook(_note)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Raise AssertionError at the end when something forbidden was done meanwhile."""
    global _watching
    _watching = True
    try:
        yield
    finally:
        _watching = False
    if _deeds:
        deeds, _deeds[:] = list(_deeds), []
        raise AssertionError(f"reading did {deeds}")


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(FORBIDDEN):
        _deeds.append(f"{event} {arguments!r:.200}")
