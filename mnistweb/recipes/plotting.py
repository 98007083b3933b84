"""Pictures of how a training went and of what a model confuses, by matplotlib."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from typing import Any

import numpy as np


class PlottingUnavailableError(ImportError):
    """matplotlib is not installed; it comes with the extra `plots`."""


def can_plot() -> bool:
    """Whether matplotlib is here; asking does not load it."""
    return importlib.util.find_spec("matplotlib") is not None


def curves_png(runs: Sequence[tuple[str, Sequence[dict[str, float]]]]) -> bytes:
    """Loss and accuracy over the epochs, side by side, of one run or of several over each other, as a PNG.

    runs: for each its title, and its rows as `read_curves` gives them. Each has a colour; training is dashed,
    validation is not. Raises PlottingUnavailableError without matplotlib.
    """
    figure = new_figure(10, 4 if len(runs) < 4 else 5)
    for place, quantity in enumerate(("loss", "accuracy"), start=1):
        axes = figure.add_subplot(1, 2, place)
        for number, (title, rows) in enumerate(runs):
            of_run = f"{as_it_is(title)}, " if len(runs) > 1 else ""
            for key, label, dashes in (
                (f"validation_{quantity}", "validation", "-"),
                (quantity, "training", "--"),
            ):
                points = [(row["epoch"], row[key]) for row in rows if key in row]
                # A run of one epoch is a dot; a line through it would not be seen.
                marker = "o" if len(points) < 3 else None
                if points:
                    style = {"color": f"C{number}", "linestyle": dashes, "marker": marker}
                    axes.plot(*zip(*points, strict=True), label=of_run + label, **style)
        axes.set_title(f"{as_it_is(runs[0][0])}: {quantity}" if len(runs) == 1 else quantity)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if place == 1 and axes.lines:
            # Beside one another both would need a legend; below them one does, and hides no curve.
            figure.legend(loc="outside lower center", ncols=min(4, 2 * len(runs)))
    return png_of(figure)


def confusion_png(confusion: np.ndarray, labels: Sequence[str], title: str) -> bytes:
    """The confusion matrix (classes, classes) as a PNG; mistakes are coloured, right answers are not.

    Raises PlottingUnavailableError without matplotlib.
    """
    figure = new_figure(7, 6.5)
    draw_confusion(figure.add_subplot(), confusion, labels, title)
    return png_of(figure)


def draw_confusion(axes: Any, confusion: np.ndarray, labels: Sequence[str], title: str) -> None:
    """Draw the confusion matrix (classes, classes) into matplotlib axes."""
    mistakes = confusion - np.diag(confusion.diagonal())
    most = max(1, int(mistakes.max()))
    axes.imshow(mistakes, cmap="Reds", vmin=0, vmax=most)
    for row, column in np.argwhere(confusion):
        ink = "white" if mistakes[row, column] > 0.6 * most else "black"
        axes.text(column, row, int(confusion[row, column]), ha="center", va="center", fontsize=8, color=ink)
    names = [as_it_is(label) for label in labels]
    # Beside one another there is room for digits; words would run into each other.
    slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(names)), names, **(slanted if max(map(len, labels)) > 3 else {}))
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("was read as")
    axes.set_ylabel("was")
    axes.set_title(as_it_is(title))


def as_it_is(text: str) -> str:
    """A name that people gave, for matplotlib: between two dollars it would read a formula."""
    return text.replace("$", r"\$")


def new_figure(width: float, height: float) -> Any:
    """An empty figure, in inches. Raises PlottingUnavailableError without matplotlib."""
    try:
        from matplotlib.figure import Figure  # not pyplot: no window, no global state
    except ImportError as problem:
        raise PlottingUnavailableError(
            "plots need matplotlib; install it with: pip install 'mnistweb[plots]'"
        ) from problem
    return Figure(figsize=(width, height), layout="constrained")


def png_of(figure: Any) -> bytes:
    """The figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
