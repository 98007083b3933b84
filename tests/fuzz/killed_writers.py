"""Kills a writer again and again in the middle of its work, and looks at what it left.

The writer makes, again and again, each kind of file that the program keeps: weights, the checkpoint of a
training, a cache of drawn pictures, and a debug image that a client asked for.

python -m tests.fuzz.killed_writers --kills 1000
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask

from mnistweb import create_app
from mnistweb.data import Dataset
from mnistweb.data.cache import cached
from mnistweb.files import remove_leftovers
from mnistweb.imaging.decode import decode_image
from mnistweb.weights import read_model, write_model
from mnistweb.weights.safe_pickle import read_pickle, write_pickle
from tests.inference.conftest import saved

LONGEST_WAIT_SECONDS = 0.04  # some rounds of all four
VALUES = 100_000  # in a checkpoint, all alike; pictures of the cache have as many pixels


class Kept:
    """The four kinds of files in one folder; each version of a file can be told to be whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ["MNISTWEB_INSTANCE"] = str(folder)
        self.write_weights(1)
        self.app: Flask = create_app({"LOG_FORMAT": "off", "WEIGHTS_FOLDERS": [str(folder)]})
        self.kinds: dict[str, tuple[Callable[[int], Any], Callable[[], bool]]] = {
            "weights": (self.write_weights, self.weights_are_whole),
            "checkpoint": (self.write_checkpoint, self.checkpoint_is_whole),
            "cache": (self.write_cache, self.cache_is_whole),
            "debug image": (self.write_debug_image, self.debug_images_are_whole),
        }
        for write, _ in self.kinds.values():
            write(1)

    def write_weights(self, version: int) -> None:
        write_model(self.folder / "net.pkl", saved("net", seed=version))

    def weights_are_whole(self) -> bool:
        return read_model(self.folder / "net.pkl").name == "net"  # the file's hash is checked as it is read

    def write_checkpoint(self, version: int) -> None:
        write_pickle(self.folder / "checkpoint.pkl", {"weights": np.full(VALUES, version, np.float32)})

    def checkpoint_is_whole(self) -> bool:
        values = read_pickle(self.folder / "checkpoint.pkl")["weights"]
        return values.shape == (VALUES,) and bool((values == values[0]).all())

    def write_cache(self, version: int) -> None:
        images = np.full((VALUES // 784, 28, 28, 1), version % 256 / 255, np.float32)
        made = Dataset(images, np.zeros(len(images), np.int64), "made")
        cached(self.folder / "cache.npz", str(version), lambda: made)

    def cache_is_whole(self) -> bool:
        with np.load(self.folder / "cache.npz") as file:  # the archive's own sums are checked as it is read
            return bool((file["images"] == int(file["key"]) % 256).all())

    def write_debug_image(self, version: int) -> None:
        pixels = np.random.default_rng(version).random(784).tolist()
        answer = self.app.test_client().post("/debug-image", json={"pixels": pixels})
        assert answer.get_json()["saved_debug_image"], answer.get_json()

    def debug_images_are_whole(self) -> bool:
        files = list((self.folder / "debug-images").glob("*.png"))
        for file in files:
            decode_image(file.read_bytes())
            if hashlib.sha256(file.read_bytes()).hexdigest()[:32] != file.stem:
                return False
        return bool(files)


def kill_writers(kept: Kept, kills: int, *, seed: int = 1) -> Counter[str]:
    """Kill a writer so many times, each at a random moment.

    Returns for each kind how often it was whole, how often one was "broken", how many "leftovers" lay beside
    them, and how many of those "stayed" when they were removed as at a start.
    """
    rng = random.Random(seed)
    found: Counter[str] = Counter(broken=0, leftovers=0, stayed=0)
    for number in range(kills):
        writer = os.fork()
        if writer == 0:
            _write_for_ever(kept, 1 + 1000 * number)
        time.sleep(rng.uniform(0, LONGEST_WAIT_SECONDS))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        for kind, (_, is_whole) in kept.kinds.items():
            found[kind if _holds(is_whole) else "broken"] += 1
        found["leftovers"] += remove_leftovers(kept.folder)
        found["stayed"] += sum(path.suffix == ".partial" for path in kept.folder.rglob("*"))
    return found


def _write_for_ever(kept: Kept, version: int) -> None:
    try:
        while True:
            for write, _ in kept.kinds.values():
                version += 1
                write(version)
    finally:  # a writer that fails leaves no second program running the parent's code
        os._exit(1)


def _holds(is_whole: Callable[[], bool]) -> bool:
    try:
        return is_whole()
    except (OSError, ValueError, KeyError):
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_writers(Kept(Path(folder)), arguments.kills, seed=arguments.seed)
    print(f"{arguments.kills:,} kills: {dict(found)}")
    raise SystemExit(1 if found["broken"] or found["stayed"] else 0)


if __name__ == "__main__":
    main()
