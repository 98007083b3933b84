"""What charts and tables of the pages are made of. Guards: mnistweb/web/charts.py, confusion.py, facts.py."""

from __future__ import annotations

import numpy as np

from mnistweb.web.charts import axis_for, block, reliability
from mnistweb.web.confusion import confusion_table
from mnistweb.web.facts import flat_facts


def test_an_axis_has_few_round_marks_around_what_it_shows() -> None:
    axis = axis_for([0.9795, 0.9979])
    assert [label for _, label in axis.marks] == ["97 %", "98 %", "99 %", "100 %"]
    assert [place for place, _ in axis.marks] == [0, 333.3, 666.7, 1000]
    assert axis.place(0.985) == 500
    assert axis_for([0.98, 0.98]).low < axis_for([0.98, 0.98]).high
    assert [label for _, label in axis_for([0, 1]).marks] == ["0 %", "50 %", "100 %"]
    assert axis_for([0.9971, 0.9979]).marks[0][1] == "99.7 %"


def test_a_reliability_diagram_leaves_empty_bins_out_and_has_right_at_the_top() -> None:
    points = reliability([[0, 0.0, 0.0], [25, 0.6, 0.5], [75, 1.0, 1.0]])
    assert [(each["x"], each["y"]) for each in points] == [(60, 50), (100, 0)]
    assert points[0]["radius"] < points[1]["radius"]


def test_a_block_holds_what_is_drawn_in_it() -> None:
    for shape in ((28, 28, 1), (4, 4, 128), (10,), (2048,)):
        drawn = block(shape)
        corners = np.array([pair.split(",") for each in drawn["polygons"] for pair in each.split()], float)
        assert corners.min() >= 0
        assert (corners.max(axis=0) <= [drawn["width"], drawn["height"]]).all()


def test_the_most_frequent_mistake_is_darkest_and_what_is_right_has_no_shade() -> None:
    counts = np.diag([900, 5]).tolist()
    counts[0][1], counts[1][0] = 3, 300
    table = confusion_table({"confusion": counts}, {"label_names": ["a", "b"]}, "mnist")
    assert [[cell.shade for cell in row] for row in table.cells] == [[0, 1], [4, 0]]
    assert table.cells[0][0].is_right


def test_facts_are_flattened_and_cut_short() -> None:
    facts = {"seed": 1, "recipe": {"hidden": [128, 64], "data": {"mix": 0.5}}, "long": "x" * 999}
    rows = dict(flat_facts(facts))
    assert rows["seed"] == "1"
    assert rows["recipe.hidden"] == "128, 64"
    assert rows["recipe.data.mix"] == "0.5"
    assert len(rows["long"]) == 203
    assert len(flat_facts({str(n): n for n in range(1000)})) == 200
