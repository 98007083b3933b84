"""Names of a package that are imported when somebody first asks for them; a server starts sooner without."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def names_from(package: str, /, **modules: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package (PEP 562) some of whose public names live in these ``modules``.

    Each module is given with its names in one string: ``losses="softmax_cross_entropy"``. The function
    raises AttributeError for any other name, as modules do.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def find(name: str) -> Any:
        if name in homes:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
