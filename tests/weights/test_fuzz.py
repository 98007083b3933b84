"""A short run of the fuzzer; `python -m tests.fuzz.weights` is the long one."""

from __future__ import annotations

from tests.fuzz.batches import feed_mutants
from tests.fuzz.weights import feed, mutant, repaired, run_small_file, seeds


def test_mutants_are_read_or_refused():
    outcomes = feed_mutants(mutant, feed, seed=0, count=1500)
    assert outcomes["read"] > 0
    assert outcomes["refused"] > outcomes["read"]


def test_cut_and_changed_model_files_are_refused():
    outcomes = run_small_file(seeds()[0], values=1, step=5)
    assert set(outcomes) == {"cut, refused", "changed, refused"}


def test_the_seeds_are_good_files_and_mutants_repeat_themselves():
    import random

    assert sum(feed(seed) == "read" for seed in seeds()) > 25
    assert mutant(random.Random(5)) == mutant(random.Random(5))


def test_repaired_hashes_are_accepted():
    changed = seeds()[0].replace(b"tiny", b"TINY")
    assert feed(changed) == "read"  # as a plain pickle
    from mnistweb.weights.saved_model import parse_model

    assert parse_model(repaired(changed)).name == "TINY"
