"""How good finished models are on every set, measured once and kept as data: ``evaluation.json``.

The file holds numbers only. Which picture a mistake is comes from its index in `load_evaluation_set(name)`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mnistweb.files import write_atomically
from mnistweb.resources import instance_folder, shipped_weights_folder

EVALUATION = "evaluation.json"
FORMAT, VERSION = "mnistweb evaluation", 1
NEGATIVES = "negatives"  # the set on which every digit that is read is wrong


def read_evaluation(folder: Path | None = None) -> dict[str, Any] | None:
    """What was measured: of `folder`, else of the instance folder, else what ships beside the weights.

    None when there is none, or none that this version of the program understands.
    """
    folders = [folder] if folder is not None else [instance_folder(), shipped_weights_folder()]
    for each in folders:
        try:
            found = json.loads((each / EVALUATION).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and (found.get("format"), found.get("version")) == (FORMAT, VERSION):
            return found
    return None


def write_evaluation(folder: Path, evaluation: dict[str, Any]) -> Path:
    """Write `evaluation` into `folder`, replacing what is there; returns the path. Raises OSError."""
    path = folder / EVALUATION
    evaluation = {"format": FORMAT, "version": VERSION, **evaluation}
    write_atomically(path, _compact(evaluation).encode())
    return path


def _compact(evaluation: dict[str, Any]) -> str:
    """JSON, indented, but each list of numbers on one line, so that a person can read and compare it."""
    text = json.dumps(evaluation, indent=1, allow_nan=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text) + "\n"
