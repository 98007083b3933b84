"""Replaces, restarts and kills workers while clients ask, and counts the requests that failed: none may.

Then it kills the only worker of a server, and measures when it is answered again.

python -m tests.load.signals --requests 50000
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnistweb.resources import shipped_weights_folder
from tests.deploy.front import Front
from tests.load.clients import Clients
from tests.load.mixture import mixed_requests
from tests.web.live import LiveServer

REPLACED_WITHIN_SECONDS = 2.0


@dataclass(frozen=True)
class Scenario:
    """What happens to a server again and again; `proxied`: to the two behind the shipped nginx in turns."""

    sentence: str
    happen: Callable[[LiveServer, int], None]
    proxied: bool
    settings: dict[str, object]
    times: int = 20  # evenly over the requests


def reload(server: LiveServer, number: int) -> None:
    """Let it load its weights anew."""
    server.signal(signal.SIGHUP)


def restart(server: LiveServer, number: int) -> None:
    """End it as orchestrators do, and start it again."""
    server.__exit__()
    server.process.wait(60)
    server.__enter__()


def kill(server: LiveServer, number: int) -> None:
    """Kill one of its workers, the one place this time and the other the next."""
    workers = server.workers()
    os.kill(workers[number % len(workers)], signal.SIGKILL)


def nothing(server: LiveServer, number: int) -> None:
    """It happens by itself."""


SCENARIOS = {
    "reload": Scenario("SIGHUP, asked directly", reload, False, {}),
    "recycle": Scenario(
        "workers replaced after some 500 requests", nothing, False, {"MAX_REQUESTS_PER_WORKER": 500}
    ),
    "restart": Scenario("SIGTERM and a new start, behind nginx", restart, True, {}, times=6),
    "kill": Scenario("SIGKILL of a worker, behind nginx", kill, True, {}),
}


def run(scenario: Scenario, folder: Path, requests: int, *, weights: Path, seed: int = 1) -> list[str]:
    """Ask so many requests while it happens, and print what came of them; returns the failures."""
    asks = [ask for ask in mixed_requests(seed) if ask.path != "/metrics"]  # nginx keeps that one to itself
    settings = {"WORKERS": 2} | scenario.settings
    folders = [folder / f"replica-{number}" for number in range(2 if scenario.proxied else 1)]
    for each in folders:
        each.mkdir(parents=True)
    replicas = [LiveServer(weights, each / "instance", settings) for each in folders]
    fronts: list[Front] = []
    try:
        for replica in replicas:
            replica.__enter__()
        if scenario.proxied:
            fronts.append(Front([each.port for each in replicas], folder).__enter__())
        began = time.monotonic()
        with Clients(fronts[0].port if fronts else replicas[0].port, asks) as clients:
            for number in range(scenario.times):
                clients.wait_for(requests // (scenario.times + 1))
                replica = replicas[number % len(replicas)]
                scenario.happen(replica, number // len(replicas))
            clients.wait_for(requests - clients.answered)
        print(
            f"{scenario.sentence}: {clients.answered:,} answers in {time.monotonic() - began:.0f} s, "
            f"{len(clients.failures)} failed {clients.failures[:5]}",
            flush=True,
        )
        return clients.failures
    finally:
        for each in (*fronts, *replicas):
            each.__exit__()


def replacement(folder: Path, *, weights: Path, kills: int = 20) -> float:
    """Kill the only worker again and again; prints and returns the longest time until the next answer."""
    folder.mkdir(parents=True)
    longest = 0.0
    with LiveServer(weights, folder / "instance") as server:
        for _ in range(kills):
            (worker,) = server.workers()
            os.kill(worker, signal.SIGKILL)
            killed = time.monotonic()
            while server.workers() in ([], [worker]):
                time.sleep(0.002)
            assert server.request("GET", "/health-check").status == 200
            longest = max(longest, time.monotonic() - killed)
    print(f"the only worker killed {kills} times, asked directly: the next answer within {longest:.2f} s")
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=50_000, help="of all scenarios together")
    parser.add_argument("--only", choices=list(SCENARIOS), help="one scenario, with all the requests")
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else list(SCENARIOS)
    failures = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            failures += run(
                SCENARIOS[name],
                Path(folder),
                arguments.requests // len(names),
                weights=shipped_weights_folder(),
            )
    with tempfile.TemporaryDirectory() as folder:
        seconds = replacement(Path(folder) / "server", weights=shipped_weights_folder())
    raise SystemExit(1 if failures or seconds > REPLACED_WITHIN_SECONDS else 0)


if __name__ == "__main__":
    main()
