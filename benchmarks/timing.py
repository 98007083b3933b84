"""Times things in turn, so that a busy machine or a hot processor is unfair to all of them alike."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from benchmarks.kernels import in_use as kernels_in_use

Contender = Callable[[int], list[float]]  # does its thing so many times and says how many seconds each took


@dataclass(frozen=True)
class Row:
    """One line of the table: the medians of ours and of the fastest of the peer's ways."""

    what: str
    against: str
    ours: float
    theirs: float
    limit: float  #: what the ratio should not exceed
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


def race(contenders: Mapping[str, Contender], *, rounds: int, times: int) -> dict[str, float]:
    """Median milliseconds of each contender over ``rounds`` turns of ``times`` each, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
            taken = contender(times)
            if turn > 0:
                seconds[name] += taken
    return {name: 1000 * statistics.median(taken) for name, taken in seconds.items()}


def repeated(function: Callable[[], object]) -> Contender:
    """A contender that calls ``function``."""
    return lambda times: [seconds(function) for _ in range(times)]


def seconds(function: Callable[..., object], *arguments: object) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | against | ours | theirs | ratio | at most |", "| --- " * 6 + "|"]
    for row in rows:
        lines.append(
            f"| {row.what} | {row.against} | {row.ours:.4g} {row.unit} | {row.theirs:.4g} {row.unit} "
            f"| {row.ratio:.2f} | {row.limit:g} |"
        )
    return "\n".join(lines)


def circumstances() -> dict[str, str]:
    """Machine, versions and date, without which no time means anything."""
    packages = ("numpy", "torch", "onnxruntime", "scikit-learn", "flask", "gunicorn", "fastapi", "uvicorn")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load at the start": f"{os.getloadavg()[0]:.1f}, our niceness {os.nice(0)}",
        "Python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
        **{f"kernels: {library}": kernels for library, kernels in kernels_in_use().items()},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
