"""The second half of a batch, worked on beside the first: by a forked process, or else by a thread.

Both find the same bits. But threads wait for one another between any two calls of NumPy, for Python lets one
run at a time, and a step of a convolutional network takes hundreds of calls. A process has an interpreter of
its own. It is forked, and not started anew, so that it has the network and the loss as they are, whatever
they are made of; that is safe on Linux, and before the training starts threads of its own.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np

from mnistweb.nn.errors import TrainingError
from mnistweb.nn.model import Sequential

#: (model, inputs, targets, share of the batch) -> what was found, the gradients of the model being filled
Compute = Callable[[Sequential, np.ndarray, np.ndarray, float], Any]

IGNORE_OVERFLOW: dict[str, Any] = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}


class SecondHalf(Protocol):
    """Works on a replica of the model, whose gradients and buffers are there to be read after ``result``."""

    replica: Sequential

    def start(self, inputs: np.ndarray, targets: np.ndarray, share: float) -> None:
        """Begin with part of a batch, from the model's parameters and buffers as they are now."""

    def result(self) -> Any:
        """Wait, and return what was found or raise what was raised."""

    def reseed(self, rng: np.random.Generator) -> None:
        """Renew the replica's random streams."""

    def close(self) -> None:
        """End the thread or the process."""


def second_half(model: Sequential, compute: Compute) -> SecondHalf:
    """Whatever is fastest here: a process, or a thread."""
    # A process that multiprocessing has to end with its parent may have no processes of its own.
    if sys.platform == "linux" and not multiprocessing.current_process().daemon:
        with contextlib.suppress(OSError):  # too many processes, or too little memory for another
            return InProcess(model, compute)
    return InThread(model, compute)


class InThread:
    """A thread, on a replica that shares the model's parameters."""

    def __init__(self, model: Sequential, compute: Compute) -> None:
        self.replica = model.replica()
        self._model, self._compute = model, compute
        # NumPy's settings are each thread's own.
        self._thread = ThreadPoolExecutor(1, initializer=partial(np.seterr, **IGNORE_OVERFLOW))
        self._running: Future[Any] = Future()

    def start(self, inputs: np.ndarray, targets: np.ndarray, share: float) -> None:
        self.replica.flat_buffers[...] = self._model.flat_buffers
        self._running = self._thread.submit(self._compute, self.replica, inputs, targets, share)

    def result(self) -> Any:
        return self._running.result()

    def reseed(self, rng: np.random.Generator) -> None:
        self.replica.reseed(rng)

    def close(self) -> None:
        self._thread.shutdown()


class InProcess:
    """A process, on a replica whose arrays lie in memory that both processes see. Raises OSError."""

    def __init__(self, model: Sequential, compute: Compute) -> None:
        self.replica = model.replica()
        self.replica.move(_shared_zeros)
        self._model = model
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, self._pipe, self.replica, compute), daemon=True
        )
        with warnings.catch_warnings():
            # Python warns from 3.12 on when there are threads: their locks might stay locked in the process.
            # What is computed there takes none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        theirs.close()  # now only the process holds that end: its death is seen as the end of the pipe

    def start(self, inputs: np.ndarray, targets: np.ndarray, share: float) -> None:
        self.replica.flat_params[...] = self._model.flat_params
        self.replica.flat_buffers[...] = self._model.flat_buffers
        self._send((inputs, targets, share))

    def result(self) -> Any:
        try:
            found = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _died() from error
        if isinstance(found, Exception):
            raise found
        return found

    def reseed(self, rng: np.random.Generator) -> None:
        self._send(rng)

    def close(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join()

    def _send(self, message: Any) -> None:
        try:
            self._pipe.send(message)
        except OSError as error:
            raise _died() from error


def _work(pipe: Connection, parents: Connection, replica: Sequential, compute: Compute) -> None:
    """What the process does until its parent is gone."""
    parents.close()  # or else the end of the parent would not be the end of the pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the parent decides what it means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with np.errstate(**IGNORE_OVERFLOW), contextlib.suppress(EOFError, OSError):
        while True:
            message = pipe.recv()
            if isinstance(message, np.random.Generator):
                replica.reseed(message)
                continue
            try:
                found = compute(replica, *message)
            except Exception as error:
                found = error
            pipe.send(found)


def _died() -> TrainingError:
    return TrainingError("the process that works on the second half of each batch has ended")


def _shared_zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros in memory that a forked process shares; it begins at a page, so it is aligned as well."""
    size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size_bytes, 1)), np.uint8, size_bytes).view(dtype).reshape(shape)
