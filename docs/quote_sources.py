"""Keeps the code that docs/maths quotes equal to the code that runs.

    python docs/quote_sources.py            writes what has changed into the pages
    python docs/quote_sources.py --check    only says where, and fails if there is anything

A quotation is a block of Python under a comment that names a file and something in it:

    <!-- source: mnistweb/nn/layers.py Dense.backward -->
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

PAGES = Path(__file__).resolve().parent / "maths"
_QUOTATION = re.compile(r"(<!-- source: (\S+)\.py (\S+) -->\n+```python\n)(.*?)(```)", re.DOTALL)


def with_quotations(text: str) -> str:
    """The text of a page with every quotation as the source has it now.

    Raises ImportError or AttributeError for something that is not there.
    """
    return _QUOTATION.sub(lambda found: found[1] + source(found[2], found[3]) + found[5], text)


def source(module_path: str, name: str) -> str:
    """The code of `name`, "Dense.backward", without indentation and decorators; ends with a newline."""
    thing = importlib.import_module(module_path.replace("/", "."))
    for part in name.split("."):
        thing = getattr(thing, part)
    code = textwrap.dedent(inspect.getsource(thing))
    return code[re.search(r"^(def|class) ", code, re.MULTILINE).start() :]


def main() -> int:
    only_check = "--check" in sys.argv[1:]
    changed = 0
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text("utf-8")
        renewed = with_quotations(text)
        if renewed != text:
            changed += 1
            print(f"{page.name}: the code that it quotes has changed")
            if not only_check:
                page.write_text(renewed, "utf-8")
    return 1 if changed and only_check else 0


if __name__ == "__main__":
    sys.exit(main())
