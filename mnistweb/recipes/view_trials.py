"""Which views of a picture to average is chosen here, on pictures kept aside, never on those of a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mnistweb.data.dataset import Dataset
from mnistweb.inference import VIEWS, DigitClassifier, View
from mnistweb.inference.views import CROSS, NO_SHIFT, combined
from mnistweb.recipes.measuring import measure
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.sources import load_validation

_TURNS = {"no turn": (0,)} | {f"0 and {turn} degrees either way": (-turn, 0, turn) for turn in (9, 12)}
_SHIFTS = {"no shift": NO_SHIFT, "none and a pixel each way": CROSS}
CANDIDATES: dict[tuple[str, str], tuple[View, ...]] = {
    (turned, shifted): combined(turns, shifts)
    for turned, turns in _TURNS.items()
    for shifted, shifts in _SHIFTS.items()
}
_AT_ONCE = 250


def try_views(
    classifier: DigitClassifier, *, data_dir: Path | None = None, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """How well `classifier` reads MNIST's images kept aside with each of CANDIDATES; VIEWS are marked.

    Each view is looked at once, however many candidates have it. Returns plain values for `evaluation.json`.
    """
    progress = progress or Progress()
    pictures = load_validation(data_dir=data_dir)
    every = list(dict.fromkeys(view for views in CANDIDATES.values() for view in views))
    found: dict[View, np.ndarray] = {}
    progress.begin("trying views", len(every))
    try:
        for view in every:
            found[view] = _probabilities(classifier.with_views((view,)), pictures)
            progress.advance()
    finally:
        progress.end()
    trials = []
    for (turns, shifts), views in CANDIDATES.items():
        row: dict[str, Any] = {
            "turns": turns,
            "shifts": shifts,
            "views": len(views),
            "chosen": views == VIEWS,
        }
        measured = measure(np.mean([found[view] for view in views], axis=0), pictures.labels)
        row |= {"right": measured.right, "total": measured.total, "loss": round(measured.loss, 6)}
        trials.append(row)
    return trials


def _probabilities(classifier: DigitClassifier, pictures: Dataset) -> np.ndarray:
    parts = [
        classifier.probabilities(pictures.images[start : start + _AT_ONCE])
        for start in range(0, len(pictures), _AT_ONCE)
    ]
    return np.concatenate(parts)
