"""The model files that this installation has: the shipped ones and those in its own folder."""

from __future__ import annotations

import os
from pathlib import Path

from mnistweb.resources import instance_folder, shipped_weights_folder
from mnistweb.weights.document import SavedModel
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.saved_model import read_model, write_model


def installed_files() -> list[Path]:
    """All model files, the instance folder's last: a model there replaces a shipped one of its name.

    Raises WeightsError for a folder that is there and cannot be listed.
    """
    folders = dict.fromkeys(folder.resolve() for folder in (shipped_weights_folder(), instance_folder()))
    return [path for folder in folders for path in model_files(folder, may_be_absent=True)]


def model_files(folder: Path, *, may_be_absent: bool = False) -> list[Path]:
    """The ``*.pkl`` of a folder, by name. Raises WeightsError when it cannot be listed.

    A folder that is not there has none when it `may_be_absent`. Path.glob would find none in either case.
    """
    try:
        names = os.listdir(folder)
    except OSError as error:
        no_entry = isinstance(error, FileNotFoundError | NotADirectoryError)  # else no one can tell
        if may_be_absent and no_entry and not folder.exists():
            return []
        raise WeightsError(
            f"this folder of weights cannot be listed: {error.strerror or error}", source=str(folder)
        ) from error
    return [folder / name for name in sorted(names) if name.endswith(".pkl")]


def find_model(name_or_path: str | os.PathLike[str]) -> SavedModel:
    """The model in a file, or the installed one of that name. Raises WeightsError when there is none."""
    if isinstance(name_or_path, Path) or os.sep in str(name_or_path) or Path(name_or_path).is_file():
        return read_model(name_or_path)
    found = {saved.name: saved for saved in map(read_model, installed_files())}
    if str(name_or_path) not in found:
        known = ", ".join(sorted(found)) or "none"
        raise WeightsError(
            f"there is no model {str(name_or_path)!r:.80} and no such file; installed are: {known}"
        )
    return found[str(name_or_path)]


def active_model_file(folder: Path) -> Path:
    """Where an instance folder says which model is its default; written by `mnistweb weights activate`."""
    return folder / "active-model"


def active_model(folder: Path) -> str:
    """The name of the folder's default model; empty when none was chosen.

    Raises WeightsError when the file that says so cannot be read, or holds no text.
    """
    path = active_model_file(folder)
    hint = "write the model's name with `mnistweb weights activate`, or remove the file"
    try:
        return path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror or error}; {hint}", source=str(path)) from error
    except UnicodeDecodeError as error:
        shown = repr(error.object[:40])[1:]
        raise WeightsError(
            f"holds {shown}, which is no UTF-8; wanted is the default model's name: {hint}", source=str(path)
        ) from error


def install_model(saved: SavedModel, *, replace: bool = False) -> SavedModel:
    """Write a model into the instance folder as <name>.pkl; returns it with its path.

    Raises WeightsError when a model of that name is there and `replace` is False, or when a file of another
    name holds it, and OSError when the folder can't be written. The folder is then as it was.
    """
    target = instance_folder() / f"{saved.name}.pkl"
    for path in installed_files():
        if _name_in(path) != saved.name:
            continue
        if not replace:
            raise WeightsError(
                f"there is a model {saved.name!r} already; choose another name, or --replace",
                source=str(path),
            )
        if path.parent == target.parent.resolve() and path.name != target.name:
            raise WeightsError(f"this file holds the model {saved.name!r}; remove it first", source=str(path))
    return write_model(target, saved)


def _name_in(path: Path) -> str:
    try:
        return read_model(path).name
    except (WeightsError, OSError):
        return path.stem  # a broken file keeps its name for itself
