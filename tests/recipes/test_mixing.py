"""Batches from several sources: fixed shares, everything seen, and the same bits for the same place."""

from __future__ import annotations

import numpy as np
import pytest

from mnistweb.data.augmentation import Augmentation
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.mixing import NO_CLASS, MixedBatches, Source, share_out, soft_targets
from mnistweb.recipes.prefetch import Prefetched


def source(name, count, *, label=None):
    """Pictures that carry their own number in their first two pixels."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
    labels = np.arange(count) % 10 if label is None else np.full(count, label)
    return Source(name, images, labels.astype(np.int64))


def numbers(inputs):
    pixels = np.rint(inputs[:, 0, :2, 0] * 255).astype(int)
    return pixels[:, 0] + 256 * pixels[:, 1]


def test_an_epoch_shows_each_picture_of_the_only_source_once():
    batches = MixedBatches([source("a", 300)], [1], batch_size=30, seed=1)
    seen = np.concatenate([numbers(inputs) for inputs, _ in batches.epoch(0)])
    assert sorted(seen) == list(range(300))


def test_what_one_epoch_leaves_over_comes_first_in_the_next():
    batches = MixedBatches([source("a", 70)], [1], batch_size=32, seed=1)
    seen = np.concatenate([numbers(inputs) for epoch in (0, 1) for inputs, _ in batches.epoch(epoch)])
    assert len(batches) == 2
    assert set(seen[:96]) == set(range(70))  # the third batch of 32 begins with the 6 that were left


def test_each_batch_holds_the_shares():
    batches = MixedBatches([source("a", 80), source("b", 7, label=3)], [0.75, 0.25], batch_size=16, seed=1)
    for _, labels in batches.epoch(0):
        assert (labels == 3).sum() >= 4
        assert len(labels) == 16
    assert len(batches) == 80 // 12


def test_both_halves_of_a_batch_hold_every_source():
    batches = MixedBatches(
        [source("a", 640), source("b", 64, label=NO_CLASS)], [0.5, 0.5], batch_size=64, seed=1
    )
    for _, targets in batches.epoch(0):
        uniform = (targets == np.float32(0.1)).all(axis=1)
        assert uniform[:32].any()
        assert uniform[32:].any()


def test_inputs_are_what_the_networks_take():
    inputs, labels = next(MixedBatches([source("a", 64)], [1], batch_size=8, seed=1).epoch(0))
    assert inputs.shape == (8, 28, 28, 1)
    assert inputs.dtype == np.float32
    assert inputs.max() <= 1
    assert labels.dtype == np.int64


def test_labels_go_with_their_pictures():
    batches = MixedBatches([source("a", 100)], [1], batch_size=10, seed=4)
    for inputs, labels in batches.epoch(2):
        np.testing.assert_array_equal(numbers(inputs) % 10, labels)


def test_pictures_of_no_class_get_the_uniform_target():
    targets = soft_targets(np.array([2, NO_CLASS]), 4)
    np.testing.assert_array_equal(targets, np.float32([[0, 0, 1, 0], [0.25] * 4]))


def test_the_same_place_gives_the_same_bits_in_any_order_of_asking():
    def batches():
        augment = Augmentation(rotation_degrees=10, noise=0.1, noise_probability=1)
        return MixedBatches(
            [source("a", 90), source("b", 11)], [0.8, 0.2], batch_size=10, seed=5, augment=augment
        )

    straight = [list(batches().epoch(epoch)) for epoch in (0, 1, 2)]
    again = batches()
    for epoch in (2, 0):
        for (inputs, labels), (expected_inputs, expected_labels) in zip(
            again.epoch(epoch), straight[epoch], strict=True
        ):
            np.testing.assert_array_equal(inputs, expected_inputs)
            np.testing.assert_array_equal(labels, expected_labels)


def test_epochs_and_seeds_differ():
    def order(seed, epoch):
        batches = MixedBatches([source("a", 100)], [1], batch_size=50, seed=seed)
        return np.concatenate([numbers(inputs) for inputs, _ in batches.epoch(epoch)]).tolist()

    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


@pytest.mark.parametrize(
    ("batch_size", "shares", "counts"),
    [(128, [0.45, 0.35, 0.1, 0.1], [57, 45, 13, 13]), (10, [1], [10]), (4, [0.98, 0.01, 0.01], [2, 1, 1])],
)
def test_shares_become_whole_numbers_that_fill_the_batch(batch_size, shares, counts):
    assert share_out(batch_size, shares) == counts


def test_a_batch_too_small_for_its_sources_is_refused():
    with pytest.raises(RecipeError, match="a batch of 2 cannot hold 3 sources"):
        share_out(2, [0.5, 0.3, 0.2])


def test_a_batch_larger_than_the_dataset_is_refused():
    with pytest.raises(RecipeError, match="64 images of a, which has only 10"):
        MixedBatches([source("a", 10)], [1], batch_size=64, seed=1)


def test_batches_made_ahead_by_another_process_are_the_same():
    batches = MixedBatches(
        [source("a", 60)], [1], batch_size=20, seed=9, augment=Augmentation(rotation_degrees=9)
    )
    with Prefetched(batches) as prefetched:
        assert len(prefetched) == len(batches)
        for epoch in (0, 1, 3):  # 1 follows 0 without a new process, 3 needs one
            for got, expected in zip(prefetched.epoch(epoch), batches.epoch(epoch), strict=True):
                np.testing.assert_array_equal(got[0], expected[0])
                np.testing.assert_array_equal(got[1], expected[1])


def broken(images, rng):
    raise ValueError("no picture today")


def test_trouble_in_the_other_process_is_reported_here():
    batches = MixedBatches([source("a", 60)], [1], batch_size=20, seed=9, augment=broken)
    with Prefetched(batches) as prefetched, pytest.raises(RuntimeError, match="no picture today"):
        list(prefetched.epoch(0))


def test_closing_in_the_middle_of_an_epoch_ends_the_process():
    batches = MixedBatches([source("a", 600)], [1], batch_size=20, seed=9)
    prefetched = Prefetched(batches)
    next(prefetched.epoch(0))
    process = prefetched._producer._process
    prefetched.close()
    assert process.exitcode is not None
