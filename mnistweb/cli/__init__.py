"""The command line: every command parses its words, calls the library, and prints what came back."""

from __future__ import annotations

import click

import mnistweb
from mnistweb.cli.data import data
from mnistweb.cli.evaluation import confusion, evaluate
from mnistweb.cli.gradcheck import gradcheck
from mnistweb.cli.prediction import models, predict, samples
from mnistweb.cli.runs import plot, runs
from mnistweb.cli.serving import serve
from mnistweb.cli.training import train
from mnistweb.cli.weights import weights

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mnistweb.__version__, prog_name="mnistweb")
def main() -> None:
    """Reads handwritten digits with neural networks written from scratch in NumPy."""


for command in (
    *(data, train, runs, plot, evaluate, confusion),
    *(predict, samples, models, gradcheck, weights, serve),
):
    main.add_command(command)
