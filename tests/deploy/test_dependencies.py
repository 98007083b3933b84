"""What is installed and what the container gets: no version with a known hole, all pinned, nothing extra.

An audit against the world's list of holes needs the network; docs/operations.md has its command. This one
needs none: it holds the versions of setup.cfg, of the lock file and of this environment against one another.
"""

from __future__ import annotations

import configparser
import re
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CHECKOUT = Path(__file__).resolve().parents[2]
ARCHITECTURE = (CHECKOUT / "docs" / "architecture.md").read_text()
SETUP = configparser.ConfigParser()
SETUP.read(CHECKOUT / "setup.cfg")

# The first versions without a hole that is known; docs/architecture.md says which ones the earlier have.
SAFE_FROM = {
    "flask": "3.1.3",
    "werkzeug": "3.1.6",
    "jinja2": "3.1.6",
    "gunicorn": "26.2.1",
    "pillow": "12.3",
}

# The first versions that have what is used of them, found by running the tests with earlier ones.
RIGHT_FROM = {"numpy": "2.3", "click": "8.2"}


def wanted() -> dict[str, Requirement]:
    """What the package needs at run time, by name."""
    lines = SETUP["options"]["install_requires"].split()
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


def locked() -> dict[str, tuple[Version, list[str]]]:
    """The version and the hashes of each package in the lock file."""
    text = (CHECKOUT / "deploy" / "requirements.lock").read_text()
    entries = re.findall(r"^(\S+)==(\S+) \\\n((?:    --hash=.*\n)+)", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[a-z]", text, re.MULTILINE)), "a line that names no version"
    return {name: (Version(number), re.findall(r"--hash=(\S+)", hashes)) for name, number, hashes in entries}


@pytest.mark.parametrize(("name", "first"), [*SAFE_FROM.items(), *RIGHT_FROM.items()])
def test_no_version_with_a_known_hole_or_fault_is_let_in(name: str, first: str) -> None:
    bounds = [Version(each.version) for each in wanted()[name].specifier if each.operator == ">="]
    assert bounds
    assert max(bounds) >= Version(first)
    assert any(line.startswith(f"| {name} ") and first in line for line in ARCHITECTURE.splitlines())


@pytest.mark.parametrize("extra", list(SETUP["options.extras_require"]))
def test_every_extra_is_in_the_architecture_document(extra: str) -> None:
    assert re.search(rf"^Extras:(?:(?!\n\n).)*`{extra}`", ARCHITECTURE, re.MULTILINE | re.DOTALL)


def test_what_is_installed_satisfies_the_lower_bounds() -> None:
    for name, requirement in wanted().items():
        assert requirement.specifier.contains(version(name), prereleases=True), name


def test_the_locked_versions_satisfy_the_lower_bounds_and_have_hashes() -> None:
    """Guard: the command in docs/operations.md, to be run again when setup.cfg changes."""
    lock = locked()
    for name, requirement in wanted().items():
        assert requirement.specifier.contains(lock[name][0]), name
    for name, (_, hashes) in lock.items():
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), name


def test_the_lock_holds_all_that_is_needed_and_nothing_else() -> None:
    needed, left = set(), set(wanted())
    while left:
        name = left.pop()
        needed.add(name)
        for line in requires(name) or []:
            other = Requirement(line)
            if other.marker is None or other.marker.evaluate({"extra": ""}):
                left |= {canonicalize_name(other.name)} - needed
    assert set(locked()) == needed


def test_the_image_is_built_from_the_lock_alone() -> None:
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    assert "pip install --require-hashes -r deploy/requirements.lock" in dockerfile
    assert all("--no-deps" in line for line in re.findall(r"pip install (?!--require-hashes).*", dockerfile))
