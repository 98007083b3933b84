"""Components are what a flood fill finds, one after the other; the fast way must find the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnistweb.imaging.components import connected_components


def flood_filled(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Start at each pixel that has no number yet and walk to all neighbours: the plain way."""
    height, width = mask.shape
    labels, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        count += 1
        todo = [start]
        while todo:
            y, x = todo.pop()
            if 0 <= y < height and 0 <= x < width and mask[y, x] and not labels[y, x]:
                labels[y, x] = count
                todo += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return labels, count


@settings(deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_components_are_those_of_a_flood_fill(mask):
    parts = connected_components(mask)
    labels, count = flood_filled(mask)
    assert len(parts) == count
    pairs = set(zip(parts.labels.ravel().tolist(), labels.ravel().tolist(), strict=True))
    assert len(pairs) == len(set(labels.ravel().tolist()))  # a renumbering, one to one


@settings(deadline=None)
@given(arrays(bool, st.tuples(st.just(2), st.integers(1, 12), st.integers(1, 12))), st.randoms())
def test_what_is_counted_along_runs_is_what_labels_count(masks, random):
    mask, other = masks
    parts = connected_components(mask)
    labels = parts.labels
    assert np.array_equal(labels > 0, mask)

    def counted(labels: np.ndarray) -> list[int]:
        return np.bincount(labels, minlength=len(parts) + 1)[1:].tolist()

    assert parts.areas.tolist() == counted(labels[mask])
    assert parts.areas_within(other).tolist() == counted(labels[other])
    assert parts.reach(other).tolist() == [count > 0 for count in counted(labels[other])]
    edge = np.concatenate((labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]))
    assert parts.edge_contact().tolist() == counted(edge)

    chosen = np.array([random.random() < 0.5 for _ in range(len(parts))], bool)
    mask_of_chosen = np.isin(labels, 1 + np.flatnonzero(chosen))
    assert np.array_equal(parts.mask_of(chosen), mask_of_chosen)
    if chosen.any():
        rows, columns = np.nonzero(mask_of_chosen)
        box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        assert parts.bounds(chosen) == box


def test_areas_and_boxes_by_hand():
    mask = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 1]], bool)
    parts = connected_components(mask)
    order = np.argsort(parts.lefts)
    assert parts.areas[order].tolist() == [3, 2]
    boxes = np.stack([parts.lefts, parts.tops, parts.rights, parts.bottoms], axis=1)[order]
    assert boxes.tolist() == [[0, 0, 3, 2], [4, 1, 5, 3]]
    assert parts.box_of(int(order[1])).tolist() == [[True], [True]]
    assert np.array_equal(parts.mask_of(np.array([True, True])), mask)


def test_an_empty_mask_has_no_components():
    assert len(connected_components(np.zeros((4, 5), bool))) == 0


def test_a_spiral_is_one_component():
    mask = np.zeros((9, 9), bool)
    mask[0], mask[:, 8], mask[8], mask[2:, 0], mask[2, :7], mask[2:7, 6], mask[6, 2:7] = (True,) * 7
    assert len(connected_components(mask)) == 1
