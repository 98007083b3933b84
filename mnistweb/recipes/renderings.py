"""Thousands of training pictures, drawn once by two processes and kept beside the data for next time."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import mnistweb.data.strokes
import mnistweb.imaging
import mnistweb.recipes.drawings
import mnistweb.recipes.drawn_sources
import mnistweb.recipes.negatives
import mnistweb.recipes.stand_ins
import mnistweb.recipes.straight_ones
from mnistweb.files import remove_leftovers, write_atomically
from mnistweb.recipes.progress import Progress

# (numbers of the pictures, ...) -> (images (N, 28, 28), labels int64 (N,))
Draw = Callable[..., tuple[np.ndarray, np.ndarray]]
_PROCESSES = 2
_CHUNK = 100


def rendered(
    title: str,
    draw: Draw,
    count: int,
    arguments: Sequence[Any] = (),
    *,
    key: str,
    folder: Path,
    progress: Progress,
    code: Sequence[ModuleType] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures 0 .. count - 1 as `draw` makes them: images (N, 28, 28), of its dtype, and labels int64 (N,).

    draw(numbers, *arguments) is a function of a module, so that other processes can call it, and makes each
    picture from its number alone, so that it does not matter which process does. `key` says what else the
    pictures depend on; they are kept in `folder` under a name made of it and of the code that draws,
    which is that of the modules below and of `code`.
    """
    path = folder / f"{title.replace(' ', '-')}-{_fingerprint(key, count, code)}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    chunks = np.array_split(np.arange(count), max(1, -(-count // _CHUNK)))
    progress.begin(f"drawing {title}", len(chunks))
    try:
        parts = _in_processes(draw, arguments, chunks, progress)
    finally:
        progress.end()
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images, labels=labels)
    remove_leftovers(folder)
    write_atomically(path, buffer.getvalue())
    return images, labels


def _in_processes(
    draw: Draw, arguments: Sequence[Any], chunks: Sequence[np.ndarray], progress: Progress
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What `draw` makes of each chunk of numbers, in their order."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, spawn, _remember, (draw, arguments)) as pool:
        futures = [pool.submit(_draw, chunk) for chunk in chunks]
        try:
            for future in as_completed(futures):
                future.result()
                progress.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


_remembered: dict[str, Any] = {}


def _remember(draw: Draw, arguments: Sequence[Any]) -> None:
    # Called once in each process, so that long lists are not sent along with every portion of work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for these
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _remembered.update(draw=draw, arguments=arguments)


def _end_with_parent() -> None:
    # A pool's processes wait for work for ever when the one that gives it was killed.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _draw(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _remembered["draw"](numbers, *_remembered["arguments"])


def _fingerprint(key: str, count: int, code: Sequence[ModuleType] = ()) -> str:
    digest = hashlib.sha256(json.dumps([key, count]).encode())
    # The same settings give other pictures once the code that draws them has changed.
    modules = (
        mnistweb.recipes.negatives,
        mnistweb.recipes.drawings,
        mnistweb.recipes.drawn_sources,
        mnistweb.recipes.stand_ins,
        mnistweb.recipes.straight_ones,
        mnistweb.data.strokes,
        *code,
    )
    sources = [Path(str(module.__file__)) for module in modules]
    sources += sorted(Path(mnistweb.imaging.__path__[0]).glob("*.py"))
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _read(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["images"], arrays["labels"]
    except Exception:  # zipfile, zlib and NumPy have many ways to say that a kept file is missing or broken
        return None
