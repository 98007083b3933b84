"""Markdown with formulas as HTML with MathML.

Formulas become MathML here, on the server, which every current browser draws by itself: nothing is fetched
from another host, and no script or inline style is needed.
"""

from __future__ import annotations

import html
import re

import latex2mathml.converter
import mistune

_FUNCTION = re.compile(r"\\(ln|cos|tanh) (?=[\w\\])")
_SOURCE = re.compile(r"<!-- source: (\S+) (\S+) -->")


def as_html(markdown: str, address: str, contents: str) -> str:
    """The HTML of a page among others, which are found below `address`; the one named `contents` at it."""
    convert = mistune.create_markdown(renderer=_Renderer(address, contents), plugins=["math", "table"])
    return str(convert(markdown))


class _Renderer(mistune.HTMLRenderer):
    """Markdown's elements as HTML, and formulas as MathML."""

    def __init__(self, address: str, contents: str) -> None:
        super().__init__(escape=True)
        self._address = address
        self._contents = contents

    def heading(self, text: str, level: int, **attrs: object) -> str:
        words = html.unescape(re.sub(r"<[^>]+>", "", text)).lower()
        anchor = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        page, _, anchor = url.partition("#")
        if page.endswith(".md"):
            name = page.removesuffix(".md")
            url = self._address if name == self._contents else f"{self._address}/{name}"
            url += f"#{anchor}" if anchor else ""
        return super().link(text, url, title)

    def block_html(self, html: str) -> str:
        quoted = _SOURCE.fullmatch(html.strip())
        if quoted is None:
            return super().block_html(html)
        path, name = map(mistune.escape, quoted.groups())
        return f'<p class="source"><code>{name}</code> in <code>{path}</code></p>\n'

    def block_code(self, code: str, info: str | None = None) -> str:
        if info == "math":
            return self.block_math(code)
        # A box that scrolls must be within reach of the keyboard.
        return f'<pre tabindex="0"><code>{mistune.escape(code)}</code></pre>\n'

    def table(self, text: str) -> str:
        return f'<div class="wide"><table>{text}</table></div>\n'

    def block_math(self, text: str) -> str:
        # What a wide space divides are formulas of their own: on a phone they go below each other.
        formulas = "".join(_mathml(part, "block") for part in text.split(r"\qquad"))
        return f'<div class="formula">{formulas}</div>\n'

    def inline_math(self, text: str) -> str:
        return _mathml(text, "inline")


def _mathml(latex: str, display: str) -> str:
    spaced = _FUNCTION.sub(r"\\\1\\,", latex.strip())  # the converter sets ln 10 as ln10
    return latex2mathml.converter.convert(spaced, display=display)
