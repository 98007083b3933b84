"""Every setting of the web application: its name with the unit, its default, and one sentence about it.

A setting comes from, each over the one before: the default here, ``config.py`` in the instance folder (plain
Python assignments), the environment (``MNISTWEB_PORT=9000``; lists as JSON), and what the caller of
``create_app`` gives.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

log = logging.getLogger("mnistweb.config")

PREFIX = "MNISTWEB_"
# Variables of the same prefix that are read elsewhere, before there is an application to configure.
_NOT_SETTINGS = {"INSTANCE", "DATA_DIR", "CACHE_DIR"}

Value = bool | int | float | str | list[str] | None


class SettingError(ValueError):
    """A setting has a value that it cannot have; the message names it, the value and what is wanted."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    at_least, at_most: the bounds of a number; at_least also how many words a list must have. choices: the
    words that a word may be. of, fits: what the words of a list are, in our words and as a check of each.
    """

    name: str
    default: Value
    sentence: str
    at_least: float = 0
    at_most: float = float("inf")
    choices: tuple[str, ...] = ()
    of: str = "words"
    fits: Callable[[str], bool] = bool

    def checked(self, value: Any) -> Value:
        """`value` in this setting's type. Raises SettingError."""
        if isinstance(self.default, list) or self.default is None:
            if value is None or (
                isinstance(value, list | tuple)
                and len(value) >= self.at_least
                and all(isinstance(each, str) and self.fits(each) for each in value)
            ):
                return None if value is None else list(value)
            some = f"{self.at_least:g} or more " if self.at_least else ""
            unset = ", or leave it unset" if self.default is None else ""
            raise self._refuses(
                value, f'a list of {some}{self.of}, in the environment as JSON: ["a", "b"]{unset}'
            )
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise self._refuses(value, "true or false")
        if isinstance(self.default, int | float):
            whole = isinstance(self.default, int)
            fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if fits and self.at_least <= value <= self.at_most:
                return value
            most = f" and at most {self.at_most:g}" if self.at_most < float("inf") else ""
            raise self._refuses(
                value, f"a {'whole ' if whole else ''}number of at least {self.at_least:g}{most}"
            )
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            raise self._refuses(value, f"one of {', '.join(self.choices)}" if self.choices else "a word")
        return value

    def _refuses(self, value: Any, wanted: str) -> SettingError:
        return SettingError(f"{self.name} is {value!r}; wanted is {wanted}")


def _is_host_name(word: str) -> bool:
    """Whether it can be in TRUSTED_HOSTS; what cannot be written as a name would make each request a 500."""
    try:
        return bool(word.removeprefix(".").partition(":")[0].encode("idna"))
    except UnicodeError:  # two dots on end, a part of more than 63 letters
        return False


SETTINGS: tuple[Setting, ...] = (
    # Models
    Setting(
        "DEFAULT_MODEL",
        "",
        "The model that answers when a request names none; "
        "empty: the activated one; else, of those that read digits, `convnet` or the most accurate one.",
    ),
    Setting(
        "WEIGHTS_FOLDERS",
        [],
        "Folders whose `*.pkl` are loaded, later ones over earlier ones; "
        "empty: the shipped ones and the instance folder.",
    ),
    # What a request may bring
    Setting(
        "MAX_REQUEST_BYTES",
        16 * 1024 * 1024,
        "The largest body of a request, in bytes; beyond it 413.",
        at_least=1024,
    ),
    Setting(
        "MAX_FORM_FIELD_BYTES",
        500_000,
        "The largest form field that is no file, in bytes; beyond it 413.",
        at_least=1,
    ),
    Setting("MAX_FORM_PARTS", 1000, "How many parts a form may have; beyond it 413.", at_least=1),
    Setting(
        "MAX_IMAGE_PIXELS",
        25_000_000,
        "The largest picture, width times height in pixels; beyond it 413, before anything is decoded.",
        at_least=784,
    ),
    Setting(
        "MAX_REQUEST_PIXELS",
        100_000_000,
        "How many pixels all pictures of one request may have together; beyond it 413.",
        at_least=784,
    ),
    Setting(
        "MAX_BATCH_IMAGES", 256, "How many pictures one `/predict/batch` takes; beyond it 413.", at_least=1
    ),
    Setting("MAX_UPLOAD_FILES", 20, "How many files one upload takes; beyond it 413.", at_least=1),
    Setting(
        "TRUSTED_HOSTS",
        None,
        "Host names that requests may be for, a leading dot for subdomains; unset: any. "
        "Others get 400, save where probes ask.",
        at_least=1,
        of="host names",
        fits=_is_host_name,
    ),
    Setting(
        "TRUSTED_PROXIES",
        0,
        "How many proxies in front set `X-Forwarded-For`, `-Proto` and `-Host`; "
        "0: those headers are not believed.",
    ),
    # What the service keeps and says
    Setting(
        "MAX_SAVED_DEBUG_IMAGES",
        200,
        "How many 28x28 pictures of `/debug-image` are kept in the instance folder; the oldest go; "
        "0: none are saved.",
    ),
    Setting(
        "LOG_FORMAT",
        "auto",
        "How a request is logged: `json` one object a line, `text` for people, "
        "`auto` text on a terminal, `off` not at all.",
        choices=("auto", "json", "text", "off"),
    ),
    Setting(
        "TRAINING_PAGE",
        False,
        "Whether there is `/train`, where whoever reaches the server trains networks on this machine.",
    ),
    # The server of `mnistweb serve`
    Setting("HOST", "127.0.0.1", "The address to listen on."),
    Setting("PORT", 8000, "The port to listen on; 0: any free one.", at_most=65535),
    Setting("WORKERS", 2, "Worker processes.", at_least=1),
    Setting("THREADS", 4, "Threads of each worker, that is requests answered at once.", at_least=1),
    Setting(
        "MAX_CONNECTIONS",
        1000,
        "Connections a worker holds open at once, idle ones included; further ones wait to be accepted.",
        at_least=1,
    ),
    Setting(
        "MAX_REQUESTS_IN_FLIGHT",
        64,
        "How many requests a worker has at once, answered and waiting together; further ones get 503.",
        at_least=1,
    ),
    Setting("RETRY_AFTER_SECONDS", 1, "What Retry-After says with 503, in seconds.", at_least=1),
    Setting(
        "REQUEST_TIMEOUT_SECONDS",
        10.0,
        "How long a client may take to send a request, in seconds; then the connection is closed. "
        "A request that has waited so long for a thread gets 503.",
        at_least=0.1,
    ),
    Setting("KEEPALIVE_SECONDS", 15, "How long an idle connection is kept open, in seconds.", at_least=1),
    Setting(
        "GRACEFUL_TIMEOUT_SECONDS",
        30,
        "How long requests under way may take to end after SIGTERM or SIGHUP, in seconds.",
        at_least=1,
    ),
    Setting(
        "WORKER_TIMEOUT_SECONDS",
        30,
        "A worker that is stuck for this long is replaced, in seconds.",
        at_least=1,
    ),
    Setting(
        "MAX_REQUESTS_PER_WORKER",
        0,
        "After about so many requests a worker is replaced by a fresh one; 0: never.",
    ),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def load_settings(instance_folder: Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All settings, checked, and whatever else in capitals the instance's config.py or `overrides` gives.

    Raises SettingError for a value that a setting cannot have, a ``MNISTWEB_`` variable that is nearly a
    setting, or a config.py that does not run.
    """
    values: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
    values |= _from_file(instance_folder / "config.py")
    values |= _from_environment(os.environ)
    values |= overrides or {}
    return {
        name: _BY_NAME[name].checked(value) if name in _BY_NAME else value for name, value in values.items()
    }


_latest: dict[str, Any] | None = None


def settings_of_the_server(instance_folder: Path) -> dict[str, Any]:
    """As `load_settings`, for a server that asks again at each SIGHUP.

    When the settings are refused then, that is logged, and the earlier ones are returned.
    """
    global _latest
    try:
        _latest = load_settings(instance_folder)
    except SettingError as error:
        if _latest is None:
            raise
        log.error("the settings were not reloaded, the earlier ones stay in use: %s", error)
    return _latest


def _from_file(path: Path) -> dict[str, Any]:
    try:
        source = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingError(f"{path.name} in the instance folder cannot be read: {error.strerror}") from error
    names: dict[str, Any] = {}
    try:
        code: CodeType = compile(source, str(path), "exec")
        exec(code, names)  # the operator's own file, as Flask's from_pyfile reads it
    except Exception as error:
        raise SettingError(f"{path.name} in the instance folder does not run: {error}") from error
    return {name: value for name, value in names.items() if name.isupper()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """As Flask's from_prefixed_env: what is JSON is read as JSON, anything else is a word."""
    found: dict[str, Any] = {}
    for variable, text in environment.items():
        name = variable.removeprefix(PREFIX)
        if name == variable or name in _NOT_SETTINGS:
            continue
        if name not in _BY_NAME:
            near = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.8)
            if near:
                raise SettingError(f"{variable} is no setting; did you mean {PREFIX}{near[0]}?")
            continue  # some other program's, such as the compose file's MNISTWEB_IMAGE
        if isinstance(_BY_NAME[name].default, str):
            found[name] = text  # a word stays a word, even when it reads as a number
            continue
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
