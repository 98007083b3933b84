"""Batches: every example once an epoch, in an order that seed and epoch decide."""

import numpy as np
import pytest

from mnistweb.nn import ArrayBatches, ConfigurationError, ShapeError


def batches(seed=0, count=10, batch_size=4):
    return ArrayBatches(np.arange(count)[:, np.newaxis] * 1.0, np.arange(count), batch_size, seed)


def order(some_batches, epoch):
    return [int(label) for _, labels in some_batches.epoch(epoch) for label in labels]


def test_every_example_comes_once_and_the_last_batch_holds_the_rest():
    sizes = [len(labels) for _, labels in batches().epoch(0)]
    assert sizes == [4, 4, 2]
    assert len(batches()) == len(sizes)
    assert sorted(order(batches(), 0)) == list(range(10))


def test_inputs_keep_their_labels():
    for inputs, labels in batches().epoch(3):
        np.testing.assert_array_equal(inputs[:, 0], labels)


def test_a_batch_is_gathered_when_it_is_asked_for_and_keeps_what_was_changed():
    source = batches()
    batch = next(source.epoch(0))
    source.inputs[:] = -1  # before anybody has asked
    assert not batch.is_gathered
    inputs, labels = batch
    assert batch.is_gathered
    assert (inputs == -1).all()
    inputs[0] = 9
    assert batch[0][0] == batch[-2][0] == 9
    assert len(batch[1]) == len(labels) == 4
    with pytest.raises(IndexError):
        batch[2]
    assert source.inputs.max() == -1


def test_seed_and_epoch_decide_the_order():
    assert order(batches(seed=1), 2) == order(batches(seed=1), 2)
    assert order(batches(seed=1), 2) != order(batches(seed=1), 3)
    assert order(batches(seed=1), 2) != order(batches(seed=2), 2)


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ShapeError, match="got 3 and 2"):
        ArrayBatches(np.zeros((3, 2)), np.zeros(2), 1, 0)
    with pytest.raises(ConfigurationError, match="batch_size"):
        batches(batch_size=0)
