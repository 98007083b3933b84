"""The pages under /learn: which there are, in which order, and each as HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mnistweb.resources import resource_folder

CONTENTS = "index"
_LINK = re.compile(r"^- \[([^\]]+)\]\(([a-z0-9-]+)\.md\)", re.MULTILINE)
_HEADING_OR_LINK = re.compile(rf"^## (.+)$|{_LINK.pattern}", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """One page, its name in the address, and the heading it stands under in the contents."""

    name: str
    title: str
    group: str


def lessons() -> list[Lesson]:
    """All pages but the contents, in the order of the contents."""
    found, group = [], ""
    for heading, title, name in _HEADING_OR_LINK.findall(_path(CONTENTS).read_text("utf-8")):
        group = heading or group
        if name:
            found.append(Lesson(name, title, group))
    return found


def render(name: str, address: str) -> str:
    """The HTML of a page, with links that begin with `address`, where the contents are.

    `name` must be one of `lessons`, or CONTENTS: it becomes part of a path.
    """
    path = _path(name)
    return _rendered(path, path.stat().st_mtime_ns, address)


def _path(name: str) -> Path:
    return resource_folder("maths") / f"{name}.md"


@lru_cache(maxsize=128)
def _rendered(path: Path, changed: int, address: str) -> str:
    # Imported when someone learns: a server that only reads digits starts sooner and smaller without.
    from mnistweb.web.lesson_markup import as_html

    return as_html(path.read_text("utf-8"), address, CONTENTS)
