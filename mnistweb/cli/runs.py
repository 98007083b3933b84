"""`mnistweb runs` and `plot`: what has been trained here, and how each training went."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from mnistweb.cli.choices import failing_cleanly
from mnistweb.files import write_atomically
from mnistweb.recipes.errors import RunError
from mnistweb.recipes.files import recipe_table
from mnistweb.recipes.plotting import curves_png
from mnistweb.recipes.run_reading import BROKEN, Run, as_table, find_run, list_runs, read_run
from mnistweb.recipes.runs import SETTINGS, read_curves, read_settings, runs_folder

_MOST_ROWS = 20  # of the table of curves; the CSV has all
_WIDE = 30  # characters of the names of facts
_COLUMNS = (
    ("epoch", "epoch", "{:.0f}"),
    ("loss", "loss", "{:.4f}"),
    ("accuracy", "accuracy", "{:.2%}"),
    ("validation_loss", "val. loss", "{:.4f}"),
    ("validation_accuracy", "val. accuracy", "{:.2%}"),
    ("learning_rate", "learning rate", "{:.3g}"),
    ("seconds", "seconds", "{:.1f}"),
)


@click.command()
@click.argument("names", metavar="[RUN]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run, a line each.")
@click.option("--csv", "as_csv", is_flag=True, help="The curves of each RUN as CSV, every epoch.")
@failing_cleanly
def runs(names: tuple[str, ...], as_json: bool, as_csv: bool) -> None:
    """List the trainings in the instance folder, the latest first; or show each RUN.

    RUN is a run's name or its folder. It is shown with its settings, its seed, the hash of its data, its
    accuracies and its curves. The exit code is 1 when a RUN is broken.
    """
    if as_json and as_csv:
        raise click.UsageError("give either --json or --csv")
    if as_csv and not names:
        raise click.UsageError("--csv needs a RUN")
    shown = [read_run(each) for each in (map(folder_of, names) if names else list_runs())]
    if as_csv:
        _print_csv(shown)
    elif as_json:
        for run in shown:
            click.echo(json.dumps(as_table(run) | (_details(run) if names else {})))
    elif names:
        click.echo("\n\n".join("\n".join(_card(run)) for run in shown))
    else:
        click.echo("\n".join(_list(shown)))
    if names and any(run.state == BROKEN for run in shown):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The PNG.  [default: curves.png, of a single RUN in its folder]",
)
@failing_cleanly
def plot(names: tuple[str, ...], output: Path | None) -> None:
    """Draw loss and accuracy of a RUN, or of several over each other, as a PNG. Needs the extra `plots`.

    RUN is a run's name or its folder.
    """
    folders = [folder_of(name) for name in names]
    titles = [read_settings(folder).name for folder in folders]
    if len(folders) > 1:
        titles = [folder.name for folder in folders]
    rows = [read_curves(folder) for folder in folders]
    output = output or (folders[0] / "curves.png" if len(folders) == 1 else Path("curves.png"))
    write_atomically(output, curves_png(list(zip(titles, rows, strict=True))))
    click.echo(f"wrote {output}")


def folder_of(name: str) -> Path:
    """The folder of the run called `name`, or the folder `name` itself. Raises RunError for neither."""
    try:
        return find_run(name)
    except RunError:
        if Path(name).is_dir():
            return Path(name).resolve()  # "." has no name, by which a run is called
        raise RunError(f"{name} is neither a folder nor a run in {runs_folder()}") from None


def _list(found: Sequence[Run]) -> Iterator[str]:
    if not found:
        yield f"no runs in {runs_folder()}; start one with: mnistweb train"
        return
    wide = max(3, *(len(run.name) for run in found))
    recipes = max(6, *(len(run.recipe.name) if run.recipe else 1 for run in found))
    yield (
        f"{'run':<{wide}}  {'recipe':<{recipes}}  {'state':<8}  {'epochs':>7}  {'validation':>10}  "
        f"{'test':>7}  {'seconds':>7}  {'seed':>4}  date"
    )
    for run in found:
        if run.recipe is None:
            yield f"{run.name:<{wide}}  {'-':<{recipes}}  {run.state:<8}  {run.reason}"
            continue
        training = run.recipe.training
        best = run.best["validation_accuracy"] if run.best else None
        yield (
            f"{run.name:<{wide}}  {run.recipe.name:<{recipes}}  {run.state:<8}  "
            f"{f'{len(run.rows)}/{training.epochs}':>7}  {_share(best):>10}  "
            f"{_share(run.number('test_accuracy')):>7}  {run.seconds:>7,.0f}  {training.seed:>4}  {run.date}"
        )


def _card(run: Run) -> Iterator[str]:
    yield f"{run.name}: {run.state}{f', {run.reason}' if run.reason else ''}"
    yield f"  {'folder':<{_WIDE}}{run.folder}"
    if run.recipe is None:
        return
    told = {
        "recipe": f"{run.recipe.name}  (all settings: {run.folder / SETTINGS})",
        "date": f"{run.date} UTC",
        "epochs": f"{len(run.rows)} of {run.recipe.training.epochs}, {run.seconds:,.0f} seconds",
        "seed": run.recipe.training.seed,
        "data": run.facts.get("data"),
    }
    endings = ("sha256", "accuracy", "doubted")
    told |= {key: value for key, value in run.facts.items() if key.endswith(endings)}
    if run.best:
        told["best epoch"] = f"{run.best['epoch']:.0f}, {run.best['validation_accuracy']:.2%} of validation"
    for key, value in told.items():
        if value is not None:
            shown = _share(value) if isinstance(value, float) else value
            yield f"  {key.replace('_', ' ').replace('sha256', 'SHA-256'):<{_WIDE}}{shown}"
    sections = recipe_table(run.recipe)
    sections["mix"] = sections["data"].pop("mix")
    for name, section in sections.items():
        if isinstance(section, dict):
            yield f"  {name:<{_WIDE}}" + ", ".join(f"{key} {_plain(value)}" for key, value in section.items())
    if run.rows:
        yield ""
        yield from _curves(run)


def _curves(run: Run) -> Iterator[str]:
    """The curves as a table of at most _MOST_ROWS epochs, evenly chosen, the last and the best among them."""
    columns = [each for each in _COLUMNS if any(each[0] in row for row in run.rows)]
    yield "  " + "".join(f"{title:>15}" for _, title, _ in columns)
    wanted = set(np.linspace(0, len(run.rows) - 1, min(_MOST_ROWS, len(run.rows))).round().astype(int))
    for number, row in enumerate(run.rows):
        if number in wanted or row is run.best:
            cells = (form.format(row[key]) if key in row else "-" for key, _, form in columns)
            yield "  " + "".join(f"{cell:>15}" for cell in cells) + ("  best" if row is run.best else "")
    if len(wanted) < len(run.rows):
        yield f"  {len(run.rows)} epochs in all: mnistweb runs {run.name} --csv"


def _print_csv(shown: Sequence[Run]) -> None:
    """The curves of all runs as one table; several have the run's name in front of each line."""
    for run in shown:
        if run.state == BROKEN:
            raise RunError(f"{run.name}: {run.reason}")
    keys = list(dict.fromkeys(key for run in shown for row in run.rows for key in row))
    several = ["run"] if len(shown) > 1 else []
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*several, *(keys or ["epoch"])])
    for run in shown:
        for row in run.rows:
            cells = [f"{row[key]:.10g}" if key in row else "" for key in keys]
            writer.writerow([*([run.name] if several else []), *cells])


def _details(run: Run) -> dict[str, object]:
    settings = recipe_table(run.recipe) if run.recipe else None
    return {"folder": str(run.folder), "facts": run.facts, "settings": settings, "curves": run.rows}


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
