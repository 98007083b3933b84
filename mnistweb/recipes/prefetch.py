"""Batches prepared in a second process, a few steps ahead, so that training does not wait for them."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import queue
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from mnistweb.allocation import keep_freed_memory
from mnistweb.nn.blas import blas_threads
from mnistweb.recipes.mixing import MixedBatches

_AHEAD = 8

# A batch of 128 pictures takes 400 kB, and goes through a pipe of Linux's usual 64 kB in many small portions,
# for each of which the two processes wait for each other.
_PIPE_BYTES = 1 << 20


class Prefetched:
    """The batches of `batches`, the same bits in the same order, made by a process of its own.

    The process goes on into the next epoch while the training is validating. Use as a context manager, or
    call `close`, so that the process ends; it also ends by itself when this process dies in whatever way.
    """

    def __init__(self, batches: MixedBatches) -> None:
        self.batches = batches
        self._producer: _Producer | None = None
        self._next_epoch: int | None = None

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, index: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of epoch `index`. Raises RuntimeError when the process that makes them has died."""
        if self._producer is None or self._next_epoch != index:
            self.close()
            self._producer = _Producer(self.batches, index)
        self._next_epoch = None  # until this epoch has been read to its end
        for _ in range(len(self)):
            yield self._producer.get()
        self._next_epoch = index + 1

    def close(self) -> None:
        """End the process."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def __enter__(self) -> Prefetched:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Producer:
    """One process that makes batches, and one thread that takes them out of its pipe."""

    def __init__(self, batches: MixedBatches, first_epoch: int) -> None:
        # Spawned, not forked: a fork would copy the locks of the training's threads in whatever state.
        context = multiprocessing.get_context("spawn")
        self._receiver, sender = context.Pipe(duplex=False)
        with contextlib.suppress(AttributeError, OSError):  # where there is no such setting, or no more room
            fcntl.fcntl(sender, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._process = context.Process(target=_produce, args=(sender, batches, first_epoch), daemon=True)
        self._process.start()
        sender.close()  # now only the process holds the writing end: its death is seen as the end of the pipe
        self._ready: queue.Queue[Any] = queue.Queue(maxsize=_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def get(self) -> tuple[np.ndarray, np.ndarray]:
        batch = self._ready.get()
        if isinstance(batch, BaseException):
            raise RuntimeError(f"the process that prepares batches failed: {batch!r}") from batch
        return batch

    def close(self) -> None:
        self._closed.set()
        self._process.terminate()
        self._process.join()
        with contextlib.suppress(queue.Empty):  # make room, should the thread be waiting to put
            while True:
                self._ready.get_nowait()
        self._thread.join()
        self._receiver.close()

    def _receive(self) -> None:
        while not self._closed.is_set():
            try:
                item = self._receiver.recv()
            except (EOFError, OSError) as problem:
                item = problem
            while not self._closed.is_set():
                with contextlib.suppress(queue.Full):
                    self._ready.put(item, timeout=0.1)
                    break
            if isinstance(item, BaseException):
                return


def _produce(sender: Connection, batches: MixedBatches, epoch: int) -> None:
    # Ctrl-C reaches every process of the terminal; the training decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    try:
        with blas_threads(1):  # the other cores are the training's
            while True:
                for batch in batches.epoch(epoch):
                    sender.send(batch)
                epoch += 1
    except BrokenPipeError:  # the training is gone
        return
    except Exception as problem:
        with contextlib.suppress(OSError):
            sender.send(problem)
