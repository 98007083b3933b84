"""What a request costs, how soon a worker answers and in how much memory, beside FastAPI and PyTorch.

    python -m benchmarks.serving [--rounds 3] [--seconds 4]

Both serve the same network behind the same preprocessing with two worker processes and the log they have by
default; wrk asks over 32 connections. The servers take turns, so that a busy machine is unfair to all alike.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack

from benchmarks import load
from benchmarks.kernels import let_libraries_choose
from benchmarks.requests import MODEL, pixels_body, png_body
from benchmarks.servers import Running, fastapi, ours, running
from benchmarks.timing import Row, table

PORT = 9160
CONNECTIONS = 32
PIXELS, PNG = "application/json", "image/png"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each server")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each turn")
    arguments = parser.parse_args()
    let_libraries_choose()
    print(table(measure(arguments.rounds, arguments.seconds)))


def measure(rounds: int, seconds: int) -> list[Row]:
    """All rows of the table."""
    requests = {"784 pixels": (pixels_body(), PIXELS), "280x280 PNG": (png_body(), PNG)}
    paths = {
        "784 pixels": {"ours": "/predict", "def": "/def/pixels", "async def": "/async/pixels"},
        "280x280 PNG": {"ours": f"/predict?model={MODEL}", "def": "/def/png", "async def": "/async/png"},
    }
    rows = []
    with ExitStack() as stack:
        servers = {
            "ours": stack.enter_context(running(ours(PORT), PORT, "/predict", *requests["784 pixels"])),
            "fastapi": stack.enter_context(
                running(fastapi(PORT + 1), PORT + 1, "/def/pixels", *requests["784 pixels"])
            ),
        }
        for what, (body, kind) in requests.items():
            found = _take_turns(servers, paths[what], body, kind, rounds, seconds)
            limit = 1.0 if kind == PIXELS else 0.9
            for route in ("def", "async def"):
                peer = f"FastAPI, {route} route"
                name = f"POST /predict with {what}, {CONNECTIONS} connections"
                mine, theirs = found["ours"], found[route]
                rows.append(Row(f"{name}: cost of a request", peer, mine[0], theirs[0], limit))
                rows.append(Row(f"{name}: p99", peer, mine[1], theirs[1], 1.0))
    return [*rows, *start_and_memory(rounds)]


def _take_turns(
    servers: dict[str, Running], paths: dict[str, str], body: bytes, kind: str, rounds: int, seconds: int
) -> dict[str, tuple[float, float]]:
    """Median cost of a request and median p99, in milliseconds, of each path; the first turn warms up."""
    taken: dict[str, list[load.Answered]] = {name: [] for name in paths}
    for turn in range(rounds + 1):
        for name, path in paths.items():
            server = servers["ours" if name == "ours" else "fastapi"]
            length = seconds if turn else 1
            answered = load.send(server.address + path, body, kind, connections=CONNECTIONS, seconds=length)
            if turn:
                taken[name].append(answered)
    return {
        name: (
            statistics.median(each.cost_ms for each in answers),
            statistics.median(each.p99_ms for each in answers),
        )
        for name, answers in taken.items()
    }


def start_and_memory(rounds: int) -> list[Row]:
    """A server of one worker from its command to its first answer, and that worker's memory after it.

    Beside it the same server that has PyTorch imported and has answered with it once.
    """
    with_torch = (
        "import torch; torch.set_num_threads(1); "
        "torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))(torch.zeros(1, 1, 28, 28))"
    )
    seconds: dict[str, list[float]] = {"": [], with_torch: []}
    megabytes: dict[str, list[float]] = {"": [], with_torch: []}
    for turn in range(rounds + 1):
        for before in seconds:
            command = ours(PORT, workers=1, before=before)
            with running(command, PORT, "/predict", pixels_body(), PIXELS) as server:
                if turn:  # the first brings the files into the machine's memory
                    seconds[before].append(server.seconds_to_first_answer)
                    megabytes[before].append(server.resident_megabytes())
    start, memory = (
        [statistics.median(found[before]) for before in ("", with_torch)] for found in (seconds, megabytes)
    )
    peer = "the same with PyTorch imported"
    return [
        Row("start of a server to its first answer", peer, 1000 * start[0], 1000 * start[1], 0.3),
        Row("resident memory of a worker", peer, memory[0], memory[1], 0.35, unit="MB"),
    ]


if __name__ == "__main__":
    main()
