"""The direction of imports, which keeps each room readable on its own."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "mnistweb"

ROOMS = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}
UTILITIES = {"allocation", "config", "files", "lazy", "resources"}

# What each room may import of the package, besides itself; the reasons are in docs/architecture.md.
MAY_IMPORT = {
    "nn": {"lazy"},
    "data": {"files", "resources", "lazy"},
    "imaging": set(),
    "weights": {"nn", "files", "resources"},
    "inference": {"imaging", "weights", "nn", "files", "resources"},
    "recipes": {"data", "imaging", "weights", "nn", "inference", "allocation", "files", "resources", "lazy"},
    "web": ROOMS - {"cli"} | UTILITIES,
    "cli": ROOMS | UTILITIES,
}

# The packages from outside that a room may use, besides NumPy and the standard library.
MAY_USE = {
    "nn": set(),
    "data": set(),
    "imaging": {"PIL"},
    "weights": {"onnx", "google"},
    "inference": {"PIL"},
    "recipes": {"PIL", "matplotlib"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    """The full dotted names that a module imports, wherever in the file the import stands."""
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            prefix = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            base = (prefix + (node.module or "")).rstrip(".")
            names |= {base} if base != "mnistweb" else {f"mnistweb.{alias.name}" for alias in node.names}
    return names


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_its_place_in_the_picture() -> None:
    assert set(MAY_IMPORT) == ROOMS


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_go_down_the_house_only(room: str) -> None:
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        if room_of(path) == room
        for name in imported_names(path)
        if name.startswith("mnistweb.") and name.split(".")[1] not in MAY_IMPORT[room] | {room}
    }
    assert not wrong


@pytest.mark.parametrize("room", sorted(MAY_USE))
def test_rooms_below_the_doors_know_no_flask_and_no_click(room: str) -> None:
    allowed = MAY_USE[room] | {"numpy", "mnistweb"} | set(sys.stdlib_module_names)
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        if room_of(path) == room
        for name in imported_names(path)
        if name.split(".")[0] not in allowed
    }
    assert not wrong


def test_no_framework_of_others_is_used_at_run_time() -> None:
    refused = {"torch", "tensorflow", "sklearn", "keras", "jax", "scipy", "cv2", "onnxruntime"}
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        for name in imported_names(path)
        if name.split(".")[0] in refused
    }
    assert not wrong


@pytest.mark.parametrize(
    ("room", "brings_no"),
    [
        ("mnistweb.nn", "flask PIL click werkzeug msgspec matplotlib"),
        # A server starts sooner, and is smaller, without what trains, fetches and draws.
        (
            "mnistweb.web.server",
            "mnistweb.nn.training mnistweb.recipes.recipe mnistweb.data.download numpy.random",
        ),
    ],
)
def test_importing_a_room_brings_in_no_more_than_it_needs(room: str, brings_no: str) -> None:
    script = (
        f"import sys, {room}\n"
        f"heavy = set('{brings_no}'.split()) & set(sys.modules)\n"
        f"raise SystemExit(f'{room} brought in {{sorted(heavy)}}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", ["mnistweb", "mnistweb.nn", "mnistweb.data", "mnistweb.recipes"])
def test_every_name_that_a_room_offers_is_there(room: str) -> None:
    module = importlib.import_module(room)
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018
