"""Two processes that take each training step together, or two threads where no process can be had.

Threads wait for one another between any two calls of NumPy, for Python lets one run at a time; a process has
an interpreter of its own. Both members of the pair see the same parameters and the same moments of the
optimizer, in memory that they share; each gets its part of a batch (``handover.py``), finds gradients, as
``halves.py`` tells, and changes its own part of the parameters.

The second process is forked, and not started anew, so that it has the network and the loss as they are,
whatever they are made of; that is safe on Linux, and before the training starts threads of its own.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import multiprocessing
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from mnistweb.nn.batches import ArrayBatches, Batch
from mnistweb.nn.errors import TrainingError
from mnistweb.nn.halves import Allocate, Compute, Found, Member
from mnistweb.nn.handover import handovers
from mnistweb.nn.layers import Array, Shape
from mnistweb.nn.memory import aligned_zeros
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Optimizer

# A process that looks for the other again and again goes on within a microsecond; one that sleeps needs fifty
# to wake. So many looks take some 150 microseconds, then it leaves the processor to others.
_LOOKS = 3000

_SECONDS_BETWEEN_CHECKS = 0.05

_BUFFER_SIZE = 2048


@contextlib.contextmanager
def numpy_for_training() -> Iterator[None]:
    """NumPy's settings for the calling thread while the ``with`` block runs."""
    # Overflow is noticed by its results, and reported with more than a warning could say.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # When a vector is added to many rows that are shorter than its buffers, NumPy copies all into those.
        # Three of 8192 numbers, as it has them by itself, do not fit the nearest cache, and it takes twice as
        # long as with smaller ones.
        np.setbufsize(_BUFFER_SIZE)
        yield  # the end of errstate takes back both


class Kind(NamedTuple):
    """What a pair is made of: processes or threads, and what belongs to them."""

    worker: Callable[..., Any]
    semaphore: Callable[[int], Any]
    queue: Callable[[], Any]
    zeros: Allocate
    looks: int


def _shared_zeros(shape: Shape, dtype: Any) -> Array:
    """Zeros in memory that a forked process shares; it begins at a page, so it is aligned as well."""
    size_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size_bytes, 1)), np.uint8, size_bytes).view(dtype).reshape(shape)


def processes() -> Kind:
    """A pair of processes. Raises OSError or ValueError where there are none to be had."""
    fork = multiprocessing.get_context("fork")
    return Kind(fork.Process, fork.Semaphore, fork.SimpleQueue, _shared_zeros, _LOOKS)


def threads() -> Kind:
    """A pair of threads. They have one interpreter, so looking again and again would hold up the other."""
    return Kind(threading.Thread, threading.Semaphore, queue.SimpleQueue, np.zeros, looks=0)


def best_pair(
    model: Sequential,
    optimizer: Optimizer,
    compute: Compute,
    member: type[Member],
    examples: ArrayBatches | None,
) -> Pair:
    """A pair of processes if they can be had here, or else of threads."""
    # A process that multiprocessing has to end with its parent may have no processes of its own.
    if sys.platform == "linux" and not multiprocessing.current_process().daemon:
        with contextlib.suppress(OSError):  # too many processes, or too little memory for another
            return Pair(processes(), model, optimizer, compute, member, examples)
    return Pair(threads(), model, optimizer, compute, member, examples)


class _Over(Exception):
    """The pair has ended, and with it the second member."""


class _Meeting:
    """Where the two wait for each other. What one wrote before, the other sees afterwards."""

    def __init__(self, kind: Kind) -> None:
        self._looks = kind.looks
        self._is_over = kind.zeros((1,), np.bool_)
        self._came = kind.semaphore(0), kind.semaphore(0)

    def meet(self, me: int, check: Callable[[], None]) -> None:
        """Wait until the other is here too; when that takes long, ``check`` may raise something."""
        self._came[me].release()
        other = self._came[1 - me]
        for _ in range(self._looks):
            if other.acquire(False):
                break
        else:
            while not other.acquire(True, _SECONDS_BETWEEN_CHECKS):
                check()
        if self._is_over[0]:
            raise _Over

    def end(self) -> None:
        """Let the second member end as soon as it waits."""
        self._is_over[0] = True
        self._came[0].release()


class Pair:
    """The pair as its first member sees it, which is the calling thread; ``close`` ends the second.

    Until then the parameters of the model and the moments of the optimizer lie in memory that both see, and
    the gradients of the model are what the first member needed of them; neither may be given other arrays.
    ``member`` is how the work is divided, ``examples`` see ``TrainingStep``. Raises OSError when there is no
    second process to be had.
    """

    def __init__(
        self,
        kind: Kind,
        model: Sequential,
        optimizer: Optimizer,
        compute: Compute,
        member: type[Member],
        examples: ArrayBatches | None,
    ) -> None:
        self.model, self.optimizer = model, optimizer
        model.move(kind.zeros)
        optimizer.move(model.flat_params, kind.zeros)
        self._replica = model.replica(kind.zeros)
        # What the second member is given: its part of a batch, and its order (how many examples those are and
        # which share of the batch, the learning rate, which way they come, how many times there are new
        # random streams), and those. What it gives back, beside gradients, is what it died of.
        self._handovers = handovers(model, member.looked_at(model), examples, kind.zeros)
        self._order = kind.zeros((5,), np.float64)
        self._streams, self._errors = kind.queue(), kind.queue()
        self._reseeds = 0  # since the last step

        self._meeting = _Meeting(kind)
        checks = (self._look_for_second, partial(_look_for_first, os.getpid()))
        meets = [partial(self._meeting.meet, me, checks[me]) for me in (0, 1)]
        models, optimizers = (model, self._replica), (optimizer, optimizer.replica())
        own = member.divide(models, meets, kind.zeros)
        found = kind.zeros((2, 4), np.float64)
        self._first, self._second = (
            member(me, models, optimizers[me], compute, meets[me], own[me], found) for me in (0, 1)
        )
        self._worker = kind.worker(target=self._work, daemon=True)
        with warnings.catch_warnings():
            # Python warns from 3.12 on when there are threads: their locks might stay locked in the process.
            # What is computed there takes none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._worker.start()
        self._is_open = True

    def step(self, batch: Batch, learning_rate: float) -> tuple[Found, float]:
        """Learn from (N, ...) inputs and N targets: what was found, and the length of the gradient.

        Raises ShapeError where a batch does not fit, and TrainingError when the second member has died or an
        earlier step has failed.
        """
        if not self._is_open:
            raise TrainingError("an earlier step has failed, and with it the pair has ended")
        way, handover = next((way, each) for way, each in enumerate(self._handovers) if each.takes(batch))
        count = handover.count(batch)
        mine, theirs = self._first.split(count)
        share, their_share = ((part.stop - part.start) / count for part in (mine, theirs))
        handover.give(batch, theirs)
        self._order[...] = theirs.stop - theirs.start, their_share, learning_rate, way, self._reseeds
        self._reseeds = 0
        self._replica.flat_buffers[...] = self.model.flat_buffers
        try:
            self._first.meet()
            inputs, targets = handover.first(batch, mine)
            return self._first.take_step(inputs, targets, share, learning_rate)
        except BaseException:
            self.close()  # it may be anywhere in the step
            raise

    def reseed(self, rng: np.random.Generator) -> None:
        """Renew the random streams of both."""
        first, second = self._first.streams(rng)
        self._streams.put(second)
        self._reseeds += 1
        self.model.reseed(first)

    def close(self) -> None:
        """End the second member, and take everything to memory that nobody shares."""
        if not self._is_open:
            return
        self._is_open = False
        self._meeting.end()
        if hasattr(self._worker, "terminate"):
            self._worker.terminate()
        self._worker.join()
        self.model.substitute(lambda layer: layer)
        self.model.move(aligned_zeros)
        self.optimizer.move(self.model.flat_params, aligned_zeros)

    def _work(self) -> None:
        """What the second member does until it is ended."""
        if threading.current_thread() is threading.main_thread():  # of a process of its own
            # Ctrl-C reaches both; the first decides what it means.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with numpy_for_training():
            try:
                while True:
                    self._second.meet()
                    count, share, learning_rate, way, reseeds = self._order.tolist()
                    for _ in range(int(reseeds)):
                        self._replica.reseed(self._streams.get())
                    inputs, targets = self._handovers[int(way)].second(int(count))
                    self._second.take_step(inputs, targets, share, learning_rate)
            except _Over:
                pass
            except Exception as error:
                self._errors.put(error)

    def _look_for_second(self) -> None:
        is_alive = self._worker.is_alive()  # asked first: what it died of is there before it is dead
        if not self._errors.empty():
            raise self._errors.get()
        if not is_alive:
            raise TrainingError("the process that takes half of each training step has ended")


def _look_for_first(process_id: int) -> None:
    """Raises _Over if the first member's process has ended."""
    if process_id not in (os.getpid(), os.getppid()):
        raise _Over
