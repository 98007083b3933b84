"""`mnistweb weights`: bring models in, take them out, choose the one that answers, look at their files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from mnistweb.cli.choices import failing_cleanly
from mnistweb.inference.anatomy import layer_facts
from mnistweb.inference.trial import USUAL_SCALES, import_and_try
from mnistweb.weights import SavedModel, WeightsError, read_model
from mnistweb.weights.document import DIGITS
from mnistweb.weights.exporters import EXPORTERS, export_model
from mnistweb.weights.geometry import PADDINGS
from mnistweb.weights.importers import ImportOptions, import_model
from mnistweb.weights.input_folding import ORIENTATIONS
from mnistweb.weights.installed import find_model, install_model, installed_files
from mnistweb.weights.layouts import ACTIVATIONS


@click.group()
def weights() -> None:
    """Import, export, activate, inspect and verify weights files."""


@weights.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", required=True, help="What the model will be called on the pages and in URLs.")
@click.option("--activation", type=click.Choice(ACTIVATIONS), help="What stands between the layers.")
@click.option(
    "--input-scale",
    default="0..1",
    show_default=True,
    help=f"Values of paper and ink that it was trained on, or mean,deviation: {', '.join(USUAL_SCALES)}.",
)
@click.option(
    "--orientation",
    type=click.Choice(ORIENTATIONS),
    default="upright",
    show_default=True,
    help="How the pictures lay that it was trained on; transposed: column by column.",
)
@click.option(
    "--padding", type=click.Choice(PADDINGS), help="Whether the convolutions keep the picture's size."
)
@click.option(
    "--pool-after", help="Numbers of the convolutions that a 2x2 pooling follows, as in 1,2; or none."
)
@click.option("--labels", help="What the ten classes are called, separated by commas.  [default: the digits]")
@click.option("--replace", is_flag=True, help="Replace an installed model of that name.")
@failing_cleanly
def import_(
    file: Path,
    name: str,
    activation: str | None,
    input_scale: str,
    orientation: str,
    padding: str | None,
    pool_after: str | None,
    labels: str | None,
    replace: bool,
) -> None:
    """Bring in the weights FILE of another program: npz, pickle, JSON or safetensors.

    The architecture is found from the shapes of the arrays, and no code from the file is run. The model then
    lies in the instance folder, for the pages and all commands. docs/weights-import.md describes the layouts.
    """
    options = ImportOptions(activation, input_scale, orientation, padding, _numbers(pool_after))
    if labels:
        saved = dataclasses.replace(import_model(file, name, options), labels=tuple(labels.split(",")))
        notes = ["not tried on the shipped drawings, which are digits"] if saved.labels != DIGITS else []
        warning = ""
    else:
        trial = import_and_try(file, name, options)
        saved, warning = trial.saved, trial.warning
        notes = [] if warning else [f"{trial.share:.0%} of the shipped drawings read right"]
    installed = install_model(saved, replace=replace)
    click.echo(f"{saved.model.architecture}, {saved.model.num_parameters:,} parameters -> {installed.path}")
    for note in notes:
        click.echo(note)
    if warning:
        click.echo(f"Warning: {warning}", err=True)


@weights.command("export")
@click.argument("name")
@click.option(
    "--to", "file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write."
)
@click.option(
    "--format", type=click.Choice(list(EXPORTERS)), help="The format.  [default: by the file's suffix]"
)
@failing_cleanly
def export(name: str, file: Path, format: str | None) -> None:
    """Write the model NAME (or in the file NAME) as pickle, npz, safetensors, JSON or ONNX."""
    size = export_model(find_model(name), file, format=format)
    click.echo(f"{file}: {size:,} bytes")


@weights.command("info")
@click.argument("name")
@failing_cleanly
def info(name: str) -> None:
    """Say what the file of the model NAME (or the file NAME) holds.

    Of each layer: the shape of what it gives for one picture, how many parameters it has, and what it does.
    """
    for key, value in _facts(find_model(name)):
        click.echo(f"{key:<24} {value}")


@weights.command("activate")
@click.argument("name")
@click.option("--replace", is_flag=True, help="Replace an installed model of the file's name.")
@click.option(
    "--pid",
    type=click.IntRange(1),
    help="A server to reload that left no word in the instance folder: its main process.",
)
@failing_cleanly
def activate(name: str, replace: bool, pid: int | None) -> None:
    """Make the model NAME (or that of the file NAME) the default, also of servers that run.

    The file is checked first; one from elsewhere is copied into the instance folder. Servers that run on that
    folder load it without dropping a request. When anything is wrong, the earlier model stays, and the exit
    code is 1.
    """
    from mnistweb.web.activation import activate as make_default
    from mnistweb.web.running import ask_to_reload

    if pid is not None and not Path(f"/proc/{pid}").exists():
        raise click.BadParameter(f"there is no process {pid}", param_hint="--pid")
    saved = find_model(name)
    servers = make_default(saved, replace=replace)
    click.echo(f"{saved.name} is the default model: {saved.model.architecture}, SHA-256 {saved.sha256[:16]}")
    for server in servers:
        click.echo(f"The server {server.pid} has loaded it.")
    if pid is not None and pid not in [server.pid for server in servers]:
        ask_to_reload(pid)
        click.echo(f"The server {pid} was asked to load it; its log says whether it did.")
    elif not servers:
        click.echo("No server runs on this instance folder; the next one will answer with it.")


@weights.command("verify")
@click.argument("files", metavar="[FILE]...", type=click.Path(path_type=Path), nargs=-1)
@failing_cleanly
def verify(files: tuple[Path, ...]) -> None:
    """Check each weights FILE, or all installed ones: hash, layers, shapes, finite numbers.

    The exit code is 1 when any of them is broken.
    """
    broken = False
    for path in files or installed_files():
        try:
            saved = read_model(path)
        except (WeightsError, OSError) as problem:
            broken = True
            click.echo(f"broken  {problem}", err=True)
        else:
            click.echo(
                f"good    {path}: {saved.name}, {saved.model.architecture}, SHA-256 {saved.sha256[:16]}"
            )
    if broken:
        raise click.exceptions.Exit(1)


def _facts(saved: SavedModel) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("name", saved.name),
        ("architecture", saved.model.architecture),
        ("parameters", f"{saved.model.num_parameters:,}"),
        ("labels", " ".join(saved.labels)),
        ("file", f"{saved.path}, {saved.size_bytes:,} bytes"),
        ("sha256", saved.sha256),
        *((f"calibration.{key}", value) for key, value in saved.calibration.items()),
        *((f"verdict.{key}", value) for key, value in saved.verdict.items()),
    ]
    facts += [(f"training.{key}", value) for key, value in saved.training.items()]
    for layer in layer_facts(saved.model):
        shape = "x".join(map(str, layer.output_shape))
        words = f"{shape:<10} {layer.parameters:>9,}  {layer.details}".rstrip()
        facts.append((f"layer {layer.index} {layer.name}", words))
    return facts


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [] if text == "none" else [int(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r}; wanted numbers as in 1,2, or none", param_hint="--pool-after"
        ) from error
