"""Mutants come in batches, each in a process of its own, so a crash costs a batch and names its seed."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.fuzz import deeds
from tests.fuzz.memory import forget_peak, peak_mb, resident_mb

BATCH = 5_000
MEMORY_LIMIT_MB = 200


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every fuzzer of mutants."""
    parser.add_argument("--mutants", type=int, default=0, help=f"how many, in batches of {BATCH:,}")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch; each batch has its own")
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)  # this process is one batch


def feed_mutants(
    mutant: Callable[[Random], bytes], feed: Callable[[bytes], str], seed: int, count: int
) -> Counter[str]:
    """Feed `count` mutants; returns how often `feed` said what. Raises when one does what it must not."""
    rng = Random(seed)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        data = mutant(rng)
        try:
            outcomes[feed(data)] += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}, mutant {number}, {data.hex()[:4000]}: {error!r}") from error
    return outcomes


def run_one(
    mutant: Callable[[Random], bytes], feed: Callable[[bytes], str], seed: int, count: int, seconds: float
) -> None:
    """Be one batch: watched, warmed up by the caller; prints the outcomes and the memory as JSON.

    seconds: how long a mutant may take on average, and ten at most; a hang ends the process by SIGALRM.
    """
    deeds.install()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(10 + int(count * seconds))
    before = resident_mb()
    forget_peak()
    outcomes = feed_mutants(mutant, feed, seed, count)
    print(json.dumps({"outcomes": outcomes, "grown_mb": peak_mb() - before}))


def run_all(module: str, mutants: int, seed: int) -> bool:
    """Run `module --batch` until there were so many mutants, and say what came of it; True: all is well."""
    total: Counter[str] = Counter()
    most_mb = 0.0
    failed = False
    for number, start in enumerate(range(0, mutants, BATCH)):
        words = ["--seed", str(seed + number), "--batch", str(min(BATCH, mutants - start))]
        done = subprocess.run(
            [sys.executable, "-m", module, *words], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            failed = True
            total["failed batches"] += 1
            print(f"seed {seed + number} ended with {done.returncode}: {done.stderr[-3000:]}", flush=True)
            continue
        found = json.loads(done.stdout)
        total.update(found["outcomes"])
        most_mb = max(most_mb, found["grown_mb"])
    print(f"{mutants:,} mutants: {dict(total)}; memory grew by at most {most_mb:.0f} MB", flush=True)
    return not failed and most_mb <= MEMORY_LIMIT_MB
