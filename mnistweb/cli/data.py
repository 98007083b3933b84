"""`mnistweb data`: getting data sets onto this disk, and looking at what is there."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from mnistweb.cli.choices import failing_cleanly
from mnistweb.data.catalogue import FETCHABLE, KNOWN_DATASETS, STROKES
from mnistweb.data.download import fetch as fetch_dataset
from mnistweb.data.errors import DataError
from mnistweb.data.finding import data_folders, find_file
from mnistweb.data.loading import SPLITS
from mnistweb.data.unipen import read_unipen
from mnistweb.recipes.datasets import load_dataset

_BAR_WIDTH = 40  # characters


@click.group()
def data() -> None:
    """Fetch data sets, and see what is in them."""


@data.command()
@click.argument("names", metavar=f"[{'|'.join([*FETCHABLE, 'all'])}]...", nargs=-1)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Copy from this folder, or folders in it, instead of downloading.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files go.  [default: data in the instance folder]",
)
def fetch(names: tuple[str, ...], source: Path | None, folder: Path | None) -> None:
    """Make sure that data sets are on this disk; MNIST if none is named.

    Files that are there already, in the default folder or in the one that MNISTWEB_DATA_DIR names, are
    checked and left alone. The others come from public mirrors; a download that broke off goes on where it
    stopped. Every file's checksum is verified before it is put in its place. What cannot be had is reported,
    the other sets are fetched all the same.

    Exit codes: 0 when all files are there, 1 when one could not be had, 2 for a wrong command line.
    """
    chosen = names or ("mnist",)
    for name in chosen:
        if name not in (*FETCHABLE, "all"):
            raise click.BadParameter(f"{name!r} is not one of {', '.join(FETCHABLE)}, all", param_hint="NAME")
    failed = False
    for name in FETCHABLE if "all" in chosen else dict.fromkeys(chosen):
        known, progress = FETCHABLE[name], FetchProgress()
        try:
            paths = fetch_dataset(name, folder, source=source, progress=progress)
        except (DataError, OSError) as problem:
            progress.close()
            click.echo(f"Error: {problem}", err=True)
            failed = True
            continue
        progress.close()
        click.echo(f"{name}: {len(paths)} file{'s' * (len(paths) != 1)} in {paths[0].parent}")
        click.echo(f"  {known.credit}; licence: {known.licence}")
    if failed:
        raise click.exceptions.Exit(1)


@data.command()
@click.argument("source", metavar="[NAME|PATH]", default="mnist")
@click.option(
    "--split", type=click.Choice([*SPLITS, "both"]), default="both", help="Which part.", show_default=True
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the data files.",
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@failing_cleanly
def info(source: str, split: str, data_dir: Path | None, as_json: bool) -> None:
    """Show what a data set holds: how many pictures, of which classes, and the hash of its content.

    It is a known name (mnist, fashion-mnist, strokes), a folder with IDX files or with pictures by label, or
    an ARFF, CSV or mnist.pkl.gz file.
    """
    if source == STROKES.name:
        facts = [_stroke_facts(data_dir)]
    else:
        facts = [_facts(source, part, data_dir) for part in (SPLITS if split == "both" else [split])]
    click.echo(json.dumps(facts, indent=2) if as_json else "\n\n".join(map(_in_words, facts)))


def _facts(source: str, split: str, data_dir: Path | None) -> dict[str, Any]:
    dataset = load_dataset(source, split, data_dir=data_dir)
    counts = zip(dataset.label_names, dataset.class_counts.tolist(), strict=True)
    where = [Path(source)]
    if source in KNOWN_DATASETS:
        known = KNOWN_DATASETS[source]
        folders = [data_dir] if data_dir else data_folders()
        where = [find_file(folders, known, file) for file in known.part(split)]
    return {
        "name": dataset.name,
        "source": [str(path) for path in where],
        "pictures": len(dataset),
        "shape": list(dataset.images.shape),
        "mean_pixel": round(float(dataset.images.mean()), 4),
        "sha256": dataset.sha256,
        "classes": dict(counts),
    }


def _stroke_facts(data_dir: Path | None) -> dict[str, Any]:
    path = find_file([data_dir] if data_dir else data_folders(), STROKES, STROKES.files[0])
    digits = read_unipen(path)
    counts = Counter(digit.label for digit in digits)
    return {
        "name": STROKES.name,
        "source": [str(path)],
        "digits": len(digits),
        "writers": len({digit.writer for digit in digits}),
        "strokes": sum(len(digit.strokes) for digit in digits),
        "points": sum(len(stroke) for digit in digits for stroke in digit.strokes),
        "classes": {str(label): counts[label] for label in range(10)},
    }


def _in_words(facts: dict[str, Any]) -> str:
    lines = [facts["name"]]
    for key, value in facts.items():
        if key in ("name", "classes"):
            continue
        text = f"{value:,}" if isinstance(value, int) else value
        if isinstance(value, list):
            text = ("x" if key == "shape" else "\n             ").join(map(str, value))
        lines.append(f"  {key:<11}{text}")
    widest = max(len(name) for name in facts["classes"])
    most = max(facts["classes"].values())
    for name, count in facts["classes"].items():
        bar = "#" * round(_BAR_WIDTH * count / most)
        lines.append(f"  {name:<{widest}}  {count:>7,}  {bar}".rstrip())
    return "\n".join(lines)


class FetchProgress:
    """A bar for each file on a terminal; elsewhere a line for each file when its download begins."""

    def __init__(self) -> None:
        self._name = ""
        self._bar: tqdm[Any] | None = None

    def __call__(self, name: str, here: int, total: int | None) -> None:
        if name != self._name:
            self.close()
            self._name = name
            if sys.stderr.isatty():
                self._bar = tqdm(desc=name, total=total, unit="B", unit_scale=True, unit_divisor=1000)
            else:
                click.echo(f"fetching {name}{f', {total:,} bytes' if total else ''}", err=True)
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(here - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
