"""The prose is held to the program: commands that run, settings and routes that are written down."""

from __future__ import annotations

import configparser
import fnmatch
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import jinja2
import pytest
from flask import Flask

from mnistweb import create_app
from mnistweb.cli import main
from mnistweb.config import SETTINGS

CHECKOUT = Path(__file__).resolve().parents[1]
README = (CHECKOUT / "README.md").read_text()
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def shell_lines(text: str) -> list[str]:
    """The command lines in the fenced ``sh``, ``console`` and ``bash`` blocks."""
    lines: list[str] = []
    for block in re.findall(r"```(?:sh|console|bash)\n(.*?)```", text, flags=re.DOTALL):
        joined = block.replace("\\\n", " ")
        lines += [line.removeprefix("$ ").strip() for line in joined.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL_COMMANDS = {" ".join(path): command for path, command in commands(main)}
DOCUMENTED_MNISTWEB_LINES = sorted(
    {
        (document.name, line)
        for document in DOCUMENTS
        for line in shell_lines(document.read_text())
        if line.startswith(("mnistweb ", ".venv/bin/mnistweb "))
    }
)


@pytest.mark.parametrize("name", sorted(ALL_COMMANDS))
def test_every_command_is_in_the_documentation(name: str) -> None:
    assert any(f"mnistweb {name}" in document.read_text() for document in DOCUMENTS)


@pytest.mark.parametrize("name", sorted(ALL_COMMANDS))
def test_every_command_and_each_of_its_options_has_help(name: str) -> None:
    command = ALL_COMMANDS[name]
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize(("document", "line"), DOCUMENTED_MNISTWEB_LINES)
def test_documented_command_lines_are_understood(document: str, line: str) -> None:
    words = shlex.split(line.split(" | ")[0].split(" > ")[0].split(" && ")[0], comments=True)[1:]
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        below = command.get_command(click.Context(command), words[0])
        if below is None:
            break
        command, words = below, words[1:]
    try:
        command.make_context("mnistweb", words, resilient_parsing=False)
    except click.exceptions.Exit:  # --help and --version
        return
    except click.BadParameter as error:
        # A file that the example names need not be here; the option's name and form must be right.
        if "does not exist" not in error.message:
            pytest.fail(error.message)


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app({"TESTING": True})


def test_the_table_of_settings_is_that_of_the_program() -> None:
    text = (CHECKOUT / "docs" / "configuration.md").read_text()
    table = [f"| `{each.name}` | `{json.dumps(each.default)}` | {each.sentence} |" for each in SETTINGS]
    documented = [line for line in text.splitlines() if re.match(r"\| `(?!MNISTWEB_)[A-Z_]+` \|", line)]
    assert documented == table


def test_every_template_parses(app: Flask) -> None:
    names = app.jinja_env.list_templates()
    assert names
    for name in names:
        source, _, _ = app.jinja_env.loader.get_source(app.jinja_env, name)  # type: ignore[union-attr]
        try:
            app.jinja_env.parse(source)
        except jinja2.TemplateSyntaxError as error:
            pytest.fail(f"{name}:{error.lineno}: {error.message}")


def test_every_route_is_in_the_api_guide(app: Flask) -> None:
    text = (CHECKOUT / "docs" / "api.md").read_text()
    routes = {re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", rule.rule) for rule in app.url_map.iter_rules()}
    missing = sorted(
        route for route in routes if f"`{route}`" not in text and not route.startswith("/static")
    )
    assert not missing


def test_every_run_time_dependency_has_its_reason() -> None:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    required = [re.split(r"[<>=\[]", line)[0] for line in setup["options"]["install_requires"].split()]
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    missing = [name for name in required if f"| {name} |" not in text]
    assert not missing


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not broken


def test_the_source_archive_holds_the_whole_checkout() -> None:
    """All but what git does not keep either: whoever has the archive can run what README says."""
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    packaged = [
        line.split(" = ")[1].split("/")[0] for line in setup["options"]["package_dir"].strip().splitlines()
    ]
    by_itself = [
        "README.md",
        "LICENSE",
        "setup.cfg",
        "pyproject.toml",
        "MANIFEST.in",
        "PKG-INFO",
        ".git",
        ".gitignore",
    ]
    named = [*packaged, *by_itself, *(CHECKOUT / "MANIFEST.in").read_text().split()]
    ignored = [line.rstrip("/") for line in (CHECKOUT / ".gitignore").read_text().splitlines()]
    missing = [
        path.name
        for path in CHECKOUT.iterdir()
        if not any(fnmatch.fnmatch(path.name, each) for each in [*named, *ignored])
    ]
    assert not missing


def test_the_program_says_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mnistweb", "--version"], capture_output=True, text=True, check=False
    )
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    assert setup["metadata"]["version"] in done.stdout, done.stderr
