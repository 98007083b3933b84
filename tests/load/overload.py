"""Asks twice what a server can carry: what it takes is answered in bounded time, the rest is turned away.

python -m tests.load.overload --seconds 20
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

from mnistweb.resources import shipped_weights_folder
from tests.load.clients import Clients
from tests.load.mixture import Ask, drawn_digit
from tests.web.conftest import as_base64
from tests.web.live import LiveServer

# Enough clients that more requests are under way than two workers take at once (MAX_REQUESTS_IN_FLIGHT each).
CLIENTS = 300


def overload(folder: Path, seconds: float, *, seed: int = 1) -> bool:
    """Measure what it can carry, ask twice that, print both; True when what it took came back in time."""
    rng = random.Random(seed)
    # What is quick is answered in turn, as fast as it can be asked here; these take threads.
    bodies = [{"image": as_base64(drawn_digit(rng)), "explain": ["steps"]} for _ in range(100)]
    as_json = {"Content-Type": "application/json"}
    asks = [Ask("explained", "POST", "/predict", as_json, json.dumps(body).encode()) for body in bodies]
    with LiveServer(shipped_weights_folder(), folder / "instance", {"WORKERS": 2}) as server:
        with Clients(server.port, asks, count=16) as clients:
            clients.wait(seconds / 2)
        carried = clients.answered / clients.lasted
        print(f"it carries {carried:.0f} requests a second; milliseconds: {clients.percentiles()}")
        with Clients(server.port, asks, count=CLIENTS, rate=2 * carried) as clients:
            clients.wait(seconds)
        health = server.request("GET", "/health-check").status
    taken, refused = clients.statuses[200], clients.statuses[503]
    lost = [each for each in clients.failures if ": 503 instead" not in each]
    print(f"asked {clients.answered / clients.lasted:.0f} a second, {CLIENTS} clients at once:")
    print(
        f"  answered {taken / clients.lasted:.0f} a second; milliseconds: {clients.percentiles(status=200)}"
    )
    print(
        f"  refused  {refused / clients.lasted:.0f} a second; milliseconds: {clients.percentiles(status=503)}"
    )
    print(f"  failed   {len(lost)} {lost[:5]}; afterwards /health-check is {health}")
    # What waits is at most what two workers take, and that passes in this time; twice, for a busy machine.
    bound = 2 * 2 * 64 / carried
    return not lost and refused > 0 and clients.percentiles(status=200)["p99"] < 1000 * bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(0 if overload(Path(folder), arguments.seconds) else 1)


if __name__ == "__main__":
    main()
