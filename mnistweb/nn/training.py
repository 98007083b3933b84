"""Training: show the network a batch, measure its error, move the weights a little, and again."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from mnistweb.nn.averaging import WeightAverage
from mnistweb.nn.batches import ArrayBatches, Batch, Batches
from mnistweb.nn.divergence import find_divergence
from mnistweb.nn.errors import ConfigurationError, DivergedError, StopTraining
from mnistweb.nn.losses import Loss, softmax_cross_entropy
from mnistweb.nn.metrics import accuracy
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import measure_averages
from mnistweb.nn.optimizers import Optimizer
from mnistweb.nn.step import StepResult, TrainingStep

__all__ = ["ArrayBatches", "History", "StepReport", "TrainingState", "evaluate", "fit"]

#: One row per epoch: epoch (from 1), steps (taken so far), learning_rate (of the last step), loss and
#: accuracy (on the batches as they were trained), validation_loss and validation_accuracy (absent without
#: validation), gradient_norm (mean over the steps), weight_norm, seconds (without validation and `watch`).
History = list[dict[str, float]]

Callback = Callable[["TrainingState"], None]


class StepReport(NamedTuple):
    """What one step of training came to, for whoever watches it."""

    epoch: int  #: epochs completed before this step
    step: int  #: steps of this epoch, this one included
    learning_rate: float
    result: StepResult
    model: Sequential  #: to look at; a watcher must not change it


#: So many of an epoch's last batches tell BatchNorm the statistics of the averaged weights.
_BATCHES_MEASURED = 20


@dataclass(frozen=True)
class TrainingState:
    """All that training knows after an epoch; given to ``fit`` as ``start``, training goes on from there.

    Everything in it is plain numbers, strings, lists, dicts and arrays of its own, so it can be saved.
    """

    epoch: int  #: epochs completed
    steps: int  #: optimizer steps taken
    seed: int
    model: dict[str, np.ndarray]  #: ``Sequential.state()``, not averaged
    optimizer: dict[str, Any]
    average: dict[str, Any] | None  #: of ``WeightAverage``, if it is on, and its "buffers"
    best: dict[str, Any] | None  #: epoch, validation_accuracy, validation_loss, and the model's state
    history: History

    def as_dict(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingState:
        """Raises ConfigurationError when something is missing or unknown."""
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigurationError(f"this is no training state: {error}") from error


def fit(
    model: Sequential,
    batches: Batches,
    *,
    optimizer: Optimizer,
    schedule: Callable[[int], float],
    epochs: int,
    seed: int,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    loss: Loss = softmax_cross_entropy,
    ema_decay: float | None = None,
    early_stopping: int | None = None,
    callbacks: Iterable[Callback] = (),
    watch: Callable[[StepReport], None] | None = None,
    threads: int = 1,
    start: TrainingState | None = None,
) -> History:
    """Train ``model`` in place and return one row per epoch.

    ``schedule`` maps the number of steps taken to a learning rate. With ``validation`` (inputs and integer
    labels) the model ends with the weights of the epoch whose validation accuracy was highest (the lower
    cross-entropy decides a tie), and ``early_stopping`` ends training after so many epochs without a better
    one. With ``ema_decay`` the moving average of the weights is what is validated, kept and left in the
    model. ``callbacks`` are called with a TrainingState after each epoch, ``watch`` with a StepReport after
    each step; it may take its time, which is not counted. A callback, or the iterator of batches, may raise
    StopTraining; an epoch that it cuts short is dropped.

    The randomness of an epoch comes from (seed, epoch) alone: with ``start``, a state of the same training,
    the result is bit for bit that of a training that was never interrupted. ``threads`` is 1 or 2, see
    ``step.TrainingStep``; the arrays of an ArrayBatches must not change while two of them learn.

    Raises DivergedError, naming epoch, step and layer, as soon as a loss or gradient is NaN or infinite; the
    model is then as it was before that epoch.
    """
    if epochs < 1:
        raise ConfigurationError(f"epochs must be at least 1, got {epochs}")
    if early_stopping is not None and (validation is None or early_stopping < 1):
        raise ConfigurationError("early_stopping needs validation data and at least 1 epoch of patience")
    run = _Run(model, optimizer, seed, WeightAverage(model.flat_params, ema_decay) if ema_decay else None)
    if start is not None:
        run.load(start)
    callbacks = list(callbacks)
    # A subclass may do what it likes with its arrays between two batches.
    examples = batches if type(batches) is ArrayBatches else None
    with (
        _decay_as_usual(optimizer, model),
        TrainingStep(model, loss, optimizer, run.average, threads=threads, examples=examples) as train_step,
    ):
        try:
            while run.epoch < epochs and not run.ran_out_of_patience(early_stopping):
                row = run.train_epoch(batches, train_step, schedule, watch)
                run.finish_epoch(row, validation)
                for callback in callbacks:
                    callback(run.last_state)
        except StopTraining:
            run.load(run.last_state)
        except DivergedError:
            run.load(run.last_state)
            raise
    run.leave_best_weights()
    return run.history


@contextmanager
def _decay_as_usual(optimizer: Optimizer, model: Sequential) -> Iterator[None]:
    """While the ``with`` block runs, weight decay leaves out what it should, unless someone has said what."""
    own = optimizer.decay_mask
    optimizer.decay_mask = model.decay_mask if own is None else own
    try:
        yield
    finally:
        optimizer.decay_mask = own


def evaluate(
    model: Sequential, inputs: np.ndarray, labels: np.ndarray, *, batch_size: int = 250
) -> tuple[float, float]:
    """Mean cross-entropy and accuracy on (N, ...) inputs and N integer labels, a batch at a time."""
    logits = model.forward_in_batches(inputs, batch_size=batch_size)
    return softmax_cross_entropy(logits, labels)[0], accuracy(logits, labels)


class _Run:
    """The moving parts of one call of ``fit``."""

    def __init__(
        self, model: Sequential, optimizer: Optimizer, seed: int, average: WeightAverage | None
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.seed = seed
        self.average = average
        self.average_buffers = model.flat_buffers.copy()
        self.recent: deque[Batch] = deque(maxlen=_BATCHES_MEASURED)
        self.epoch = 0
        self.steps = 0
        self.best: dict[str, Any] | None = None
        self.history: History = []
        self.last_state = self.state()

    def train_epoch(
        self,
        batches: Batches,
        train_step: TrainingStep,
        schedule: Callable[[int], float],
        watch: Callable[[StepReport], None] | None,
    ) -> dict[str, float]:
        """Go once through the batches; the row of the history, without validation."""
        model, started, watched = self.model, time.perf_counter(), 0.0
        train_step.reseed(np.random.default_rng((self.seed, self.epoch)))
        sums = _Sums()
        self.recent.clear()  # a resumed training does not have those of the epoch before
        for batch in batches.epoch(self.epoch):
            learning_rate = schedule(self.steps)
            result = train_step.learn(batch, learning_rate)
            if not math.isfinite(result.loss + result.gradient_norm):
                what = f"loss {result.loss:.3g}, gradient norm {result.gradient_norm:.3g}"
                raise self.diverged(what, batch[0], sums.steps + 1)
            self.steps += 1
            if self.average is not None:  # arrays that nobody keeps leave their memory, still in the cache
                self.recent.append(batch)
            sums.add(result, len(batch[1]))
            if watch is not None:
                before = time.perf_counter()
                watch(StepReport(self.epoch, sums.steps, learning_rate, result, model))
                watched += time.perf_counter() - before
        if sums.steps == 0:
            raise ConfigurationError(f"epoch {self.epoch + 1} has no batches")
        weight_norm = float(np.linalg.norm(model.flat_params))
        if not math.isfinite(weight_norm):
            raise self.diverged(f"weight norm {weight_norm}", batch[0], sums.steps)
        return {
            "epoch": self.epoch + 1,
            "steps": self.steps,
            "learning_rate": learning_rate,
            "loss": sums.loss / sums.examples,
            "accuracy": sums.right / max(sums.labelled, 1),
            "gradient_norm": sums.gradient_norm / sums.steps,
            "weight_norm": weight_norm,
            "seconds": time.perf_counter() - started - watched,
        }

    def finish_epoch(self, row: dict[str, float], validation: tuple[np.ndarray, np.ndarray] | None) -> None:
        """Validate, keep the weights if they are the best so far, take down the row and the state."""
        with self.weights_to_keep():
            if validation is not None:
                row["validation_loss"], row["validation_accuracy"] = evaluate(self.model, *validation)
                if not math.isfinite(row["validation_loss"]):
                    what = f"validation loss {row['validation_loss']}"
                    raise self.diverged(what, validation[0][:250], self.steps - self.last_state.steps)
                if self.best is None or _quality(row) > _quality(self.best):
                    self.best = {
                        "epoch": row["epoch"],
                        "validation_loss": row["validation_loss"],
                        "validation_accuracy": row["validation_accuracy"],
                        "model": self.model.state(),
                    }
        self.epoch += 1
        self.history.append(row)
        self.last_state = self.state()

    @contextmanager
    def weights_to_keep(self) -> Iterator[None]:
        """While the ``with`` block runs, the model holds the average of its weights, if one is kept."""
        if self.average is None:
            yield
            return
        own_buffers = self.model.flat_buffers.copy()
        with self.average.in_place_of(self.model.flat_params):
            measure_averages(self.model.layers, (inputs for inputs, _ in self.recent))
            self.average_buffers = self.model.flat_buffers.copy()
            try:
                yield
            finally:
                self.model.flat_buffers[...] = own_buffers

    def ran_out_of_patience(self, early_stopping: int | None) -> bool:
        if early_stopping is None or self.best is None:
            return False
        return self.epoch - self.best["epoch"] >= early_stopping

    def leave_best_weights(self) -> None:
        """Leave in the model what training was for: the best weights, or the average, or just the last."""
        if self.best is not None:
            self.model.load_state(self.best["model"])
        elif self.average is not None:
            self.model.flat_params[...] = self.average.average
            self.model.flat_buffers[...] = self.average_buffers

    def diverged(self, what: str, inputs: np.ndarray, step: int) -> DivergedError:
        where = find_divergence(self.model, inputs)
        return DivergedError(
            f"training diverged in epoch {self.epoch + 1}, step {step}: {what}; first not finite: {where}. "
            "A smaller learning rate or a warm-up usually helps."
        )

    def state(self) -> TrainingState:
        return TrainingState(
            epoch=self.epoch,
            steps=self.steps,
            seed=self.seed,
            model=self.model.state(),
            optimizer=self.optimizer.state(),
            average=self.average.state() | {"buffers": self.average_buffers} if self.average else None,
            best=self.best,
            history=[dict(row) for row in self.history],
        )

    def load(self, state: TrainingState) -> None:
        if state.seed != self.seed:
            raise ConfigurationError(f"this training began with seed {state.seed}, not {self.seed}")
        if (state.average is None) != (self.average is None):
            raise ConfigurationError("ema_decay must be given if, and only if, this training began with it")
        self.model.load_state(state.model)
        self.optimizer.load_state(state.optimizer)
        if self.average and state.average:
            self.average.load_state(state.average)
            self.average_buffers = state.average["buffers"]
        self.epoch, self.steps, self.best = state.epoch, state.steps, state.best
        self.history = [dict(row) for row in state.history]
        self.last_state = state


@dataclass
class _Sums:
    """What is added up over the steps of an epoch."""

    steps: int = 0
    examples: int = 0
    loss: float = 0.0
    gradient_norm: float = 0.0
    right: int = 0
    labelled: int = 0

    def add(self, result: StepResult, examples: int) -> None:
        self.steps += 1
        self.examples += examples
        self.loss += result.loss * examples
        self.gradient_norm += result.gradient_norm
        self.right += result.right
        self.labelled += result.labelled


def _quality(row: dict[str, Any]) -> tuple[float, float]:
    """Orders epochs: the higher accuracy is better, and with equal accuracy the lower loss."""
    return row["validation_accuracy"], -row["validation_loss"]
