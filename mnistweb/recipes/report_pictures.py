"""The pictures of the model card: calibration and confusions as plots, and sheets of the hardest mistakes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnistweb.data.dataset import Dataset
from mnistweb.imaging.decode import decode_image
from mnistweb.recipes.evaluation import NEGATIVES
from mnistweb.recipes.plotting import draw_confusion, new_figure, png_of

_SIDE, _CAPTION, _GAP = 84, 34, 12  # pixels of each picture, of the two lines below it, and between cells
_COLUMNS = 6
_MOST = 36


def calibration_png(evaluation: dict[str, Any]) -> bytes:
    """Accuracy over confidence, a panel a set, a colour a model, as a PNG.

    Raises PlottingUnavailableError without matplotlib.
    """
    names = [name for name in evaluation["sets"] if name != NEGATIVES]
    figure = new_figure(3.6 * len(names), 4.4)
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(1, len(names), place)
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
        for model, facts in evaluation["models"].items():
            bins = np.array([each for each in facts["sets"][name]["calibration"] if each[0]])
            sizes = 8 + 90 * np.sqrt(bins[:, 0] / bins[:, 0].sum())
            axes.scatter(bins[:, 1], bins[:, 2], s=sizes, alpha=0.7, label=model)
        axes.set_title(evaluation["sets"][name]["title"])
        axes.set_xlabel("confidence")
        axes.set_ylabel("accuracy")
        axes.grid(alpha=0.3)
    legend = figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=10)
    for handle in legend.legend_handles:
        handle.set_sizes([40])
    return png_of(figure)


def confusions_png(evaluation: dict[str, Any]) -> bytes:
    """The confusion matrices of the default model, a panel a set of digits, as a PNG.

    Raises PlottingUnavailableError without matplotlib.
    """
    names = [name for name in evaluation["sets"] if name != NEGATIVES]
    figure = new_figure(10.5, 10)
    measured = evaluation["models"][evaluation["default"]]["sets"]
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(2, -(-len(names) // 2), place)
        about = evaluation["sets"][name]
        draw_confusion(axes, np.array(measured[name]["confusion"]), about["label_names"], about["title"])
    return png_of(figure)


def mistakes_png(
    mistakes: Sequence[Sequence[Any]], pictures: Dataset, file_of: Callable[[int], bytes] | None
) -> bytes:
    """A sheet of the first of `mistakes`, as `evaluation.json` has them, as a PNG.

    Each is shown as the network saw it, and before that as it was sent, if `file_of` gives a number's file.
    """
    shown = mistakes[:_MOST]
    wide = _SIDE * (1 if file_of is None else 2)
    columns = _COLUMNS * (2 if file_of is None else 1)
    rows = max(1, -(-len(shown) // columns))
    size = (columns * (wide + _GAP) + _GAP, rows * (_SIDE + _CAPTION + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    if not shown:
        draw.text((_GAP, _GAP), "no mistakes", fill="black", font=font)
    for number, (index, truth, reading, confidence) in enumerate(shown):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (wide + _GAP), _GAP + row * (_SIDE + _CAPTION + _GAP)
        if file_of is not None:
            sheet.paste(_fitted(decode_image(file_of(index)).convert("RGB")), (left, top))
        pixels = np.rint(pictures.images[index, :, :, 0] * 255).astype(np.uint8)
        seen = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
        sheet.paste(seen, (left + wide - _SIDE, top))
        read = "blank" if reading is None else str(reading)
        text = f"{pictures.label_names[truth]}\nas {read}, {confidence:.1%}".replace("%", " %")
        draw.text((left, top + _SIDE + 2), text, fill="black", font=font, spacing=2)
    buffer = io.BytesIO()
    sheet.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _fitted(picture: Image.Image) -> Image.Image:
    """The picture as large as fits into a square, on light grey."""
    picture = picture.copy()
    scale = _SIDE / max(picture.size)
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    square = Image.new("RGB", (_SIDE, _SIDE), (225, 225, 225))
    square.paste(picture, ((_SIDE - picture.width) // 2, (_SIDE - picture.height) // 2))
    return square
