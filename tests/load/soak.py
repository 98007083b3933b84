"""Asks a server of ours for an hour, and says whether its workers grow, how quick it stays, and what failed.

python -m tests.load.soak --minutes 60
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

import numpy as np

from mnistweb.resources import shipped_weights_folder
from tests.load.clients import Clients
from tests.load.mixture import mixed_requests
from tests.web.live import LiveServer

SLOPE_WANTED = 1.0  # MB an hour at most
WARM_UP = 1 / 6  # of the run: caches fill, and each thread gets its memory
SAMPLES = 360  # of the workers' memory; it goes up and down by some MB with each large picture


def memory_mb(pid: int) -> float:
    """What lies in memory for this process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert match is not None
    return int(match[1]) / 1024


def slope_mb_an_hour(samples: list[tuple[float, float]]) -> float:
    """How much a process grows: least squares through (seconds, MB), the warm-up left out."""
    seconds, megabytes = np.array(samples[int(len(samples) * WARM_UP) :]).T
    return float(np.polyfit(seconds / 3600, megabytes, 1)[0])


def soak(
    folder: Path, minutes: float, *, rate: float = 25, workers: int = 2, seed: int = 1
) -> tuple[list[str], list[float]]:
    """Run it and print what was seen; returns what failed, and by how many MB an hour each worker grew."""
    settings = {"WORKERS": workers}
    asks = mixed_requests(seed, count=2000)
    with LiveServer(shipped_weights_folder(), folder / "instance", settings) as server:
        while len(server.workers()) < workers:
            time.sleep(0.05)
        samples: dict[int, list[tuple[float, float]]] = {pid: [] for pid in server.workers()}
        began = time.monotonic()
        with Clients(server.port, asks, rate=rate) as clients:
            for number in range(1, SAMPLES + 1):
                time.sleep(max(0.0, began + number * minutes * 60 / SAMPLES - time.monotonic()))
                if set(server.workers()) != set(samples):
                    return [f"the workers {list(samples)} became {server.workers()}"], []
                for pid, seen in samples.items():
                    seen.append((time.monotonic() - began, memory_mb(pid)))
                if number % (SAMPLES // 12) == 0:
                    now = ", ".join(f"{seen[-1][1]:.1f}" for seen in samples.values())
                    print(
                        f"{(time.monotonic() - began) / 60:5.1f} min  {clients.answered:7,} answers  "
                        f"{len(clients.failures)} failures  MB: {now}",
                        flush=True,
                    )
    slopes = [slope_mb_an_hour(seen) for seen in samples.values()]
    print(f"answers by status: {dict(sorted(clients.statuses.items()))}")
    print(f"milliseconds: {clients.percentiles()}")
    print(f"failures: {len(clients.failures)} {clients.failures[:5]}")
    for seen, slope in zip(samples.values(), slopes, strict=True):
        warm, end = seen[int(len(seen) * WARM_UP)][1], seen[-1][1]
        print(f"a worker: {warm:.1f} MB after the warm-up, {end:.1f} at the end, {slope:+.2f} MB/h")
    return clients.failures, slopes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=25, help="requests a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failures, slopes = soak(
            Path(folder),
            arguments.minutes,
            rate=arguments.rate,
            workers=arguments.workers,
            seed=arguments.seed,
        )
    raise SystemExit(1 if failures or max(slopes) > SLOPE_WANTED else 0)


if __name__ == "__main__":
    main()
