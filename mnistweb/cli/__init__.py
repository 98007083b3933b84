"""The command line: every command parses its words, calls the library, and prints what came back."""

from __future__ import annotations

import importlib

import click

import mnistweb

__all__ = ["main"]

# Each command and the module of this room that it is in.
_HOMES = {
    "data": "data",
    "train": "training",
    "runs": "runs",
    "plot": "runs",
    "evaluate": "evaluation",
    "confusion": "evaluation",
    "predict": "prediction",
    "samples": "prediction",
    "models": "prediction",
    "gradcheck": "gradcheck",
    "weights": "weights",
    "serve": "serving",
}


class _Commands(click.Group):
    """Imports a command when it is asked for, so that none has to wait for what the others need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _HOMES:
            return None
        module = importlib.import_module(f"mnistweb.cli.{_HOMES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mnistweb.__version__, prog_name="mnistweb")
def main() -> None:
    """Reads handwritten digits with neural networks written from scratch in NumPy."""
