"""Where the templates, the static files, the shipped weights and the instance folder are on this disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


# Where a checkout has a folder, if not beside the package under its own name.
_IN_CHECKOUT = {"maths": "docs/maths"}


def resource_folder(name: str) -> Path:
    """The folder ``templates``, ``static``, ``instance`` or ``maths`` as shipped.

    An installed package carries the four inside itself; a checkout has them beside the package.
    """
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _CHECKOUT / _IN_CHECKOUT.get(name, name)


def checkout_folder() -> Path | None:
    """The checkout that the program runs from, or None when it is installed."""
    return None if (_PACKAGE / "instance").is_dir() else _CHECKOUT


def shipped_weights_folder() -> Path:
    """The read-only folder with the weights that came with the program."""
    return resource_folder("instance")


def instance_folder() -> Path:
    """The folder this installation may write to: imported weights, runs, data, saved debug images.

    ``MNISTWEB_INSTANCE`` names it; otherwise it is the checkout's ``instance``, or for an installed
    package ``<prefix>/var/mnistweb-instance`` as Flask has it. It need not exist yet.
    """
    named = os.environ.get("MNISTWEB_INSTANCE")
    if named:
        return Path(named).expanduser().resolve()
    if (_PACKAGE / "instance").is_dir():
        return Path(sys.prefix) / "var" / "mnistweb-instance"
    return _CHECKOUT / "instance"
