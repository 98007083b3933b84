"""One line a request: id, route, status, milliseconds, model and verdict; never the picture or raw input."""

from __future__ import annotations

import copy
import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Flask, Response, g, request

requests_log = logging.getLogger("mnistweb.requests")


class JsonLines(logging.Formatter):
    """Each record as one JSON object on one line, for machines."""

    _latest = (0, "", "")  # a second, as text, and its time zone: the same for all that happens in it

    def format(self, record: logging.LogRecord) -> str:
        second, text, zone = self._latest
        if second != int(record.created):
            text, zone = self.formatTime(record, "%Y-%m-%dT%H:%M:%S"), time.strftime("%z")
            self._latest = int(record.created), text, zone
        line = {
            "time": f"{text}.{record.msecs:03.0f}{zone}",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        facts = getattr(record, "facts", None)
        line |= facts if facts is not None else {"message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # ASCII alone: no sign that some program takes for the end of a line, and no half of a surrogate pair.
        return _ascii_json(line)


class TextLines(logging.Formatter):
    """Each record as a line for people; only a traceback takes more."""

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", None)
        shown = copy.copy(record)  # other handlers want the record as it came
        shown.msg = _on_one_line(record.getMessage() if facts is None else _in_words(facts))
        shown.args = ()
        return super().format(shown)


def configure_logging(app: Flask) -> None:
    """Send what the package says to stderr, one line a record, in the form that LOG_FORMAT names."""
    form = app.config["LOG_FORMAT"]
    requests_log.disabled = form == "off"
    logger = logging.getLogger("mnistweb")
    if not any(isinstance(each, _StderrHandler) for each in logger.handlers):
        logger.addHandler(_StderrHandler())
        logger.setLevel(logging.INFO)
        logger.propagate = False
    for each in logger.handlers:
        if isinstance(each, _StderrHandler):
            each.setFormatter(formatter_for(form))
    app.after_request(_log_request)


def formatter_for(form: str) -> logging.Formatter:
    """The formatter of a LOG_FORMAT."""
    if form == "text" or (form == "auto" and sys.stderr.isatty()):
        return TextLines("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
    return JsonLines()


def _ascii_json(line: dict[str, Any]) -> str:
    try:
        encoded = msgspec.json.encode(line)  # in a tenth of the time, but not of ASCII alone
        if encoded.isascii():
            return encoded.decode("ascii")
    except UnicodeEncodeError:  # half of a surrogate pair
        pass
    return json.dumps(line, separators=(",", ":"))


def _in_words(facts: Mapping[str, Any]) -> str:
    """`POST /predict 200 3.2 ms tiny digit [request's id]`."""
    words = [
        f"{value:.1f} ms" if name == "milliseconds" else str(value)
        for name, value in facts.items()
        if name != "id"
    ]
    return " ".join([*words, f"[{facts['id']}]"])


def _on_one_line(text: str) -> str:
    """`text` with what ends a line or commands a terminal spelled out."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def start_clock() -> None:
    """Note when the work on a request began. Runs before every request."""
    g.started = time.perf_counter()


def _log_request(response: Response) -> Response:
    if requests_log.isEnabledFor(logging.INFO):
        asked = request._get_current_object()  # type: ignore[attr-defined]  # each look through a proxy costs
        noted = vars(g._get_current_object())  # type: ignore[attr-defined]
        rule = asked.url_rule
        facts = {"id": noted["request_id"], "method": asked.method[:16]}
        if rule is not None:
            facts["route"] = rule.rule  # the pattern, not what the client wrote
        facts["status"] = response.status_code
        facts["milliseconds"] = round((time.perf_counter() - noted["started"]) * 1000, 3)
        for name in ("model", "verdict", "problem"):
            if name in noted:
                facts[name] = noted[name]
        requests_log.handle(_record(facts))
    return response


# What the records of all requests have in common. No formatter of ours asks for the thread or the process.
_RECORD = vars(logging.LogRecord(requests_log.name, logging.INFO, __file__, 0, "request", (), None))


def _record(facts: dict[str, Any]) -> logging.LogRecord:
    """As Logger.info makes it, but without looking up which line, thread and process of the program asks."""
    record = logging.LogRecord.__new__(logging.LogRecord)
    now = time.time()
    vars(record).update(_RECORD, created=now, msecs=now % 1 * 1000, facts=facts)
    return record


class _StderrHandler(logging.Handler):
    """Writes to whatever sys.stderr is at the moment, so that tests and servers may replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record in one piece, and what goes wrong with it as `logging` does."""
        try:
            stream = sys.stderr
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:
            self.handleError(record)
