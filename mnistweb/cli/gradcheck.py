"""`mnistweb gradcheck`: is every gradient right, and what comes of a classic mistake?"""

from __future__ import annotations

import sys
import textwrap
from contextlib import nullcontext

import click

from mnistweb.cli.charts import chart, side_by_side
from mnistweb.cli.choices import failing_cleanly, load_classifier
from mnistweb.cli.progress import progress_for
from mnistweb.nn import Sequential, check_gradients, losses
from mnistweb.nn.gradient_check import TABLE_HEAD, GradientReport
from mnistweb.nn.mistakes import MISTAKES, Mistake, made
from mnistweb.recipes.practice import EPOCHS, Practice, pictures_to_check, practice_network, practise
from mnistweb.recipes.progress import Progress

_TOLERANCE = 1e-6
_PICTURES = 4
_OF_A_MODEL, _OF_THE_PRACTICE_NETWORK = 5, 20  # entries of each parameter, unless --entries says so

# What the practice trainings with and without a mistake add to all logits, where it would not show otherwise.
_LOGIT_OFFSETS = {"no-maximum": 100.0}


@click.command()
@click.argument("model", required=False)
@click.option(
    "--break",
    "mistake_name",
    type=click.Choice(list(MISTAKES)),
    metavar="NAME",
    help="Make this mistake on purpose, check again, and train with it.",
)
@click.option("--mistakes", "list_them", is_flag=True, help="List the mistakes that --break can make.")
@click.option(
    "--entries",
    type=click.IntRange(min=1),
    help=f"How many entries of each parameter to nudge.  [default: {_OF_A_MODEL} of MODEL, "
    f"{_OF_THE_PRACTICE_NETWORK} of the practice network]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Draws the pictures, the entries and the weights.",
)
@failing_cleanly
def gradcheck(
    model: str | None, mistake_name: str | None, list_them: bool, entries: int | None, seed: int
) -> None:
    """Compare the gradients of MODEL, a name or a file, with slopes measured by nudging.

    For each parameter the relative error is printed: below 1e-6, mostly far below, when backpropagation is
    right. Without MODEL a small practice network with fresh weights is checked. The exit code is 1 if a
    gradient is wrong, unless it was broken on purpose.
    """
    if list_them:
        for each in MISTAKES.values():
            click.echo(_wrapped(f"{each.name:<20}{each.what}", indent=20))
        return
    if mistake_name is None:
        sys.exit(0 if _check(model, entries, seed).passed else 1)
    mistake = MISTAKES[mistake_name]
    click.echo(f"{_wrapped(f'{mistake.name}: {mistake.what}')}\n\nin {mistake.place}")
    for line in mistake.lines:
        click.echo(f"    {line}")
    click.echo()
    report = _check(model, entries, seed, mistake)
    click.echo(f"\n{_wrapped(_finding(report, mistake))}\n")
    _train(mistake, seed)


def _check(
    name: str | None, entries: int | None, seed: int, mistake: Mistake | None = None
) -> GradientReport:
    """Check the model of that name, or the practice network, a row of the table at a time."""
    with made(mistake) if mistake else nullcontext():
        network = load_classifier(name).saved.model if name else practice_network(seed=seed)
        if mistake and name:
            _must_have(network, name, mistake)
        pictures, digits = pictures_to_check(_PICTURES, seed=seed)
        click.echo(f"{name or 'practice network'}: {network.architecture}")
        click.echo(TABLE_HEAD)
        return check_gradients(
            network,
            pictures,
            digits,
            loss=losses.softmax_cross_entropy,
            tolerance=_TOLERANCE,
            max_entries=entries or (_OF_A_MODEL if name else _OF_THE_PRACTICE_NETWORK),
            seed=seed,
            on_check=lambda check: click.echo(check.row(_TOLERANCE)),
        )


def _must_have(network: Sequential, name: str, mistake: Mistake) -> None:
    if mistake.layer and not any(isinstance(layer, mistake.layer) for layer in network.layers):
        raise click.UsageError(
            f"{name} has no {mistake.layer.__name__}, so {mistake.name!r} can't matter to it; "
            "leave MODEL out to see it in the practice network"
        )


def _finding(report: GradientReport, mistake: Mistake) -> str:
    wrong = [check.name for check in report.checks if check.relative_error > report.tolerance]
    if wrong:
        return f"The check catches it: {len(wrong)} of {len(report.checks)} gradients are wrong."
    if mistake.caught_by_check:
        return "The check does not catch it here; leave MODEL out to see it in the practice network."
    return f"The check can't catch this one. What shows it: {mistake.noticed_by}."


def _train(mistake: Mistake, seed: int) -> None:
    """Train the practice network with and without the mistake, and draw both curves."""
    logit_offset = _LOGIT_OFFSETS.get(mistake.name, 0.0)
    progress = progress_for() if sys.stderr.isatty() else Progress()
    healthy = practise(seed=seed, logit_offset=logit_offset, progress=progress)
    with made(mistake):
        broken = practise(seed=seed, logit_offset=logit_offset, progress=progress)
    click.echo(f"Validation accuracy of the practice network, epochs 1 to {EPOCHS}")
    if logit_offset:
        click.echo(f"(both begin with {logit_offset:g} added to every logit, which changes no probability)")
    click.echo()
    for line in side_by_side(_curve("as it should be", healthy), _curve("with the mistake", broken)):
        click.echo(line)
    if broken.stopped:
        click.echo(f"\n{_wrapped(broken.stopped)}")


def _curve(title: str, practice: Practice) -> list[str]:
    lines = chart(practice.accuracies, width=2 * EPOCHS)
    labels = ["100 %", *[""] * (len(lines) - 2), "0 %"]
    drawn = [f"{label:>5} |{line}" for label, line in zip(labels, lines, strict=True)]
    return [f"       {title}", *drawn, f"       {_in_numbers(practice)}"]


def _in_numbers(practice: Practice) -> str:
    if not practice.losses:
        return "no epoch was completed"
    return f"{practice.accuracies[-1]:.0%}; loss {practice.losses[0]:.3g}, then {practice.losses[-1]:.3g}"


def _wrapped(text: str, *, indent: int = 0) -> str:
    return textwrap.fill(text, 79, subsequent_indent=" " * indent)
