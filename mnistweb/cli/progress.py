"""How the command line shows long work: moving bars on a terminal, one plain line a stage anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import click
from tqdm import tqdm

from mnistweb.recipes.progress import Progress


def progress_for(terminal: bool | None = None) -> Progress:
    """Bars when standard error is a terminal, otherwise lines; `terminal` says it outright."""
    return BarProgress() if (sys.stderr.isatty() if terminal is None else terminal) else PlainProgress()


def epoch_line(row: Mapping[str, Any], epochs: int) -> str:
    """One epoch in one line of at most 80 characters."""
    text = f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  loss {row['loss']:.4f}"
    if row.get("validation_accuracy") is not None:
        text += f"  validation {row['validation_accuracy']:.2%}, loss {row['validation_loss']:.4f}"
    return f"{text}  {row['seconds']:.0f} s"


class PlainProgress(Progress):
    """A line for each note and epoch, and one for each other stage that took a second or more."""

    def __init__(self) -> None:
        self._title, self._began = "", 0.0

    def note(self, text: str) -> None:
        click.echo(text)

    def begin(self, title: str, total: int) -> None:
        self._title, self._began = title, time.monotonic()

    def end(self) -> None:
        seconds = time.monotonic() - self._began
        if seconds >= 1 and self._title and not self._title.startswith("epoch"):
            click.echo(f"{self._title}: done in {seconds:.0f} s")
        self._title = ""  # a stage that never began may be ended too

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        click.echo(epoch_line(row, epochs))


class BarProgress(Progress):
    """The same lines, and under them a bar for what is going on."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def note(self, text: str) -> None:
        tqdm.write(text, file=sys.stdout)

    def begin(self, title: str, total: int) -> None:
        self._bar = tqdm(total=total, desc=title, leave=False, dynamic_ncols=True, unit="", mininterval=0.2)

    def advance(self) -> None:
        if self._bar is not None:
            self._bar.update()

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        tqdm.write(epoch_line(row, epochs), file=sys.stdout)
