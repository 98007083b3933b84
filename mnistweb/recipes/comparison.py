"""Two models on the same pictures: where they disagree, and whether one of them is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnistweb.recipes.measuring import McNemar, mcnemar


@dataclass(frozen=True)
class Mistake:
    """A picture of a set, by its index, that a model read wrong.

    reading: None when the picture was refused as blank, before a model saw it. confidence: how sure, 0..1.
    """

    index: int
    truth: int
    reading: int | None
    confidence: float


@dataclass(frozen=True)
class Disagreement:
    """A picture that two models read differently; None stands for a model that read it right."""

    index: int
    truth: int
    first: Mistake | None
    second: Mistake | None


@dataclass(frozen=True)
class Comparison:
    """Two models on one set: how many pictures both read right or both wrong, the others, and the test.

    disagreements: the pictures that they read differently, those first that only one of them read right and
    on which the other was surest.
    """

    total: int
    both_right: int
    both_wrong: int
    disagreements: tuple[Disagreement, ...]
    test: McNemar


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> Comparison:
    """Compare two entries of evaluation data that are of the same set (`mistakes` and `total` are used).

    Raises ValueError when they are of different numbers of pictures.
    """
    if first["total"] != second["total"]:
        raise ValueError(f"expected the same pictures, got {first['total']:,} and {second['total']:,}")
    wrong_first, wrong_second = ({each.index: each for each in mistakes(entry)} for entry in (first, second))
    both = wrong_first.keys() & wrong_second.keys()
    either = wrong_first | wrong_second
    disagreements = [
        Disagreement(index, mistake.truth, wrong_first.get(index), wrong_second.get(index))
        for index, mistake in either.items()
        if index not in both or wrong_first[index].reading != wrong_second[index].reading
    ]
    return Comparison(
        total=first["total"],
        both_right=first["total"] - len(either),
        both_wrong=len(both),
        disagreements=tuple(sorted(disagreements, key=_order)),
        test=mcnemar(len(wrong_second) - len(both), len(wrong_first) - len(both)),
    )


def mistakes(entry: Mapping[str, Any]) -> list[Mistake]:
    """The mistakes in an entry of evaluation data, those first of which the model was surest."""
    found = [Mistake(*each) for each in entry["mistakes"]]
    return sorted(found, key=lambda each: (-each.confidence, each.index))


def _order(each: Disagreement) -> tuple[bool, float, int]:
    sure = max(mistake.confidence for mistake in (each.first, each.second) if mistake is not None)
    return each.first is not None and each.second is not None, -sure, each.index
