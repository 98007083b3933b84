"""Pictures of how a training went and of what a model confuses, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np


class PlottingUnavailableError(ImportError):
    """matplotlib is not installed; it comes with the extra `plots`."""


def curves_png(rows: Sequence[dict[str, float]], title: str) -> bytes:
    """Loss and accuracy over the epochs, side by side, as a PNG.

    rows: as `read_curves` gives them. Raises PlottingUnavailableError without matplotlib.
    """
    figure = _figure(10, 4)
    epochs = [row["epoch"] for row in rows]
    for place, quantity in enumerate(("loss", "accuracy"), start=1):
        axes = figure.add_subplot(1, 2, place)
        for key, label in ((quantity, "training"), (f"validation_{quantity}", "validation")):
            if all(key in row for row in rows):
                # A run of one epoch is a dot; a line through it would not be seen.
                axes.plot(
                    epochs, [row[key] for row in rows], label=label, marker="o" if len(rows) < 3 else None
                )
        axes.set_title(f"{title}: {quantity}")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return _png(figure)


def confusion_png(confusion: np.ndarray, labels: Sequence[str], title: str) -> bytes:
    """The confusion matrix (classes, classes) as a PNG; mistakes are coloured, right answers are not.

    Raises PlottingUnavailableError without matplotlib.
    """
    figure = _figure(7, 6.5)
    axes = figure.add_subplot()
    mistakes = confusion - np.diag(confusion.diagonal())
    axes.imshow(mistakes, cmap="Reds", vmin=0, vmax=max(1, int(mistakes.max())))
    for row, column in np.argwhere(confusion):
        axes.text(column, row, int(confusion[row, column]), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("was read as")
    axes.set_ylabel("was")
    axes.set_title(title)
    return _png(figure)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure  # not pyplot: no window, no global state
    except ImportError as problem:
        raise PlottingUnavailableError(
            "plots need matplotlib; install it with: pip install 'mnistweb[plots]'"
        ) from problem
    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
