"""Plots can be read, whatever classes and runs are called."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.recipes.plotting import confusion_png, curves_png, draw_confusion, new_figure

pytest.importorskip("matplotlib", reason="needs the extra [plots]")


@pytest.mark.parametrize(("labels", "rotation"), [("0123456789", 0), (["Ankle boot", *"123456789"], 45)])
def test_names_of_classes_do_not_run_into_each_other(labels, rotation):
    axes = new_figure(7, 6.5).add_subplot()
    draw_confusion(axes, np.eye(10, dtype=int), labels, "a model")
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {rotation}


def test_names_with_dollars_are_no_formulas():
    broken = r"$\frac$"
    assert confusion_png(np.eye(10, dtype=int), [broken, *"123456789"], broken)
    rows = [{"epoch": 1.0, "loss": 1.0}]
    assert curves_png([(broken, rows)])
    assert curves_png([(broken, rows), ("other", rows)])
