"""Forms that other sites post here in the name of whoever visits them are refused."""

from __future__ import annotations

from flask import request

from mnistweb.web.errors import ProblemError


def refuse_other_sites() -> None:
    """Browsers say where a form was posted from: only our own is taken. Other clients say nothing."""
    came_from = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if came_from is not None:
        foreign = came_from not in ("same-origin", "none")
    else:
        foreign = origin is not None and origin.partition("://")[2].lower() != request.host.lower()
    if foreign:
        raise ProblemError("cross_site", "The form was posted from another site; open the page here instead.")
