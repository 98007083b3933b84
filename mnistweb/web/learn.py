"""Pages to learn from, at `/learn`: every layer, loss and optimizer with its formula, derivation and code."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from mnistweb.web.lessons import CONTENTS, lessons, render

blueprint = Blueprint("learn", __name__)


@blueprint.get("/learn")
def contents() -> str:
    """What there is to learn, in the order to read it."""
    return render_template("learn.html", lessons=lessons(), text=_text(CONTENTS))


@blueprint.get("/learn/<page>")
def lesson(page: str) -> str:
    """One page; 404 for any other name."""
    every = lessons()
    number = next((place for place, each in enumerate(every) if each.name == page), None)
    if number is None:
        abort(404)
    return render_template(
        "learn.html",
        lessons=every,
        lesson=every[number],
        before=every[number - 1] if number else None,
        after=every[number + 1] if number + 1 < len(every) else None,
        text=_text(page),
    )


def _text(page: str) -> str:
    return render(page, f"{request.script_root}/learn")
