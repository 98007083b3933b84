"""How fast networks learn and answer here, beside PyTorch, ONNX Runtime and scikit-learn.

    pip install '.[bench]'
    python -m benchmarks.training [--rounds 5]

Each time is a median over several rounds in which all take turns, warm, with equally many threads. For a
training step PyTorch may choose the fastest of contiguous and channels-last pictures and of fused and foreach
Adam. The steps are the first of a network, again and again on one batch of random numbers; and, if MNIST is
on this machine, some of a training that has been going on for three epochs.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import chain, count, islice, product, repeat

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.hot_paths import network
from benchmarks.kernels import let_libraries_choose
from benchmarks.peers import as_torch_pictures, in_onnx_runtime, in_pytorch
from benchmarks.timing import Contender, Row, circumstances, race, repeated, seconds, table
from mnistweb.data import MissingDataError, load_dataset
from mnistweb.nn.batches import Batch
from mnistweb.nn.blas import blas_threads
from mnistweb.nn.losses import softmax_cross_entropy
from mnistweb.nn.model import Sequential
from mnistweb.nn.optimizers import Adam
from mnistweb.nn.step import TrainingStep
from mnistweb.nn.training import ArrayBatches, fit

BATCH_SIZE = 128
LEARNING_RATE = 1e-3
STEPS_BEFORE = 1500  #: some three epochs


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--keep-environment", action="store_true", help="leave variables that force one library's kernels"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    arguments = parser.parse_args()
    if not arguments.keep_environment:
        let_libraries_choose()
    print(", ".join(f"{name} {value}" for name, value in circumstances().items()))
    print(table(measure(arguments.rounds)))


def measure(rounds: int) -> list[Row]:
    """All rows of the table."""
    convnet, perceptron = network("convnet"), network("mlp-128-64")
    return [
        training_step("convnet", threads=2, limit=0.9, rounds=rounds),
        training_step("convnet", threads=1, limit=1.2, rounds=rounds),
        training_step("mlp-256-128", threads=2, limit=0.7, rounds=rounds),
        *training_step_later_on("mlp-256-128", threads=2, limit=0.7, rounds=rounds),
        training_epoch(rounds),
        *answers("mlp-128-64", perceptron, 1, threads=1, limits={"ONNX Runtime": 1.0}, rounds=rounds),
        *answers(
            "convnet", convnet, 1, threads=1, limits={"ONNX Runtime": 1.5, "PyTorch": 0.4}, rounds=rounds
        ),
        *answers("convnet", convnet, 1000, threads=2, limits={"ONNX Runtime": 2.0}, rounds=rounds),
    ]


def training_step(recipe: str, *, threads: int, limit: float, rounds: int) -> Row:
    """Forward, loss, backward and Adam on one batch."""
    rng = np.random.default_rng(2)
    batch = rng.random((BATCH_SIZE, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, BATCH_SIZE)
    contenders = _steps(recipe, lambda: repeat(batch), threads)
    what = f"training step of {recipe}, batch {BATCH_SIZE}, {threads} thread{'s' * (threads > 1)}"
    return _fastest_peer(what, race(contenders, rounds=rounds, times=20), limit)


def training_step_later_on(recipe: str, *, threads: int, limit: float, rounds: int) -> list[Row]:
    """The same in the midst of a training on MNIST, a new batch each time; nothing if MNIST is not here.

    Behind pixels that are hardly ever inked, moments fade to numbers so small that processors are slow with
    them. No first step shows that.
    """
    try:
        digits = load_dataset("mnist", "train")
    except MissingDataError as error:
        print(f"no training step on MNIST: {error}", file=sys.stderr)
        return []
    batches = ArrayBatches(digits.images, digits.labels, BATCH_SIZE, seed=0)
    contenders = _steps(recipe, lambda: chain.from_iterable(map(batches.epoch, count())), threads)
    for contender in contenders.values():
        contender(STEPS_BEFORE)
    what = f"the same after {STEPS_BEFORE:,} steps on MNIST"
    return [_fastest_peer(what, race(contenders, rounds=rounds, times=50), limit)]


def _steps(recipe: str, batches: Callable[[], Iterator[Batch]], threads: int) -> dict[str, Contender]:
    """Ours and all of PyTorch's ways to take training steps, each with batches of its own."""
    step = TrainingStep(network(recipe), softmax_cross_entropy, Adam(), threads=threads)
    own_batches = batches()

    def ours(times: int) -> list[float]:
        with step:
            return [
                seconds(step, pictures, labels, LEARNING_RATE)
                for pictures, labels in islice(own_batches, times)
            ]

    contenders: dict[str, Contender] = {"ours": ours}
    layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    for (layout, memory_format), adam in product(layouts.items(), ("fused", "foreach")):
        twin = in_pytorch(network(recipe)).train()
        twin = twin.to(memory_format=memory_format)  # type: ignore[call-overload]
        is_fused = adam == "fused"
        optimizer = torch.optim.Adam(
            twin.parameters(), lr=LEARNING_RATE, fused=is_fused, foreach=not is_fused
        )
        contenders[f"PyTorch, {layout}, {adam} Adam"] = _torch_steps(
            twin, optimizer, batches(), memory_format, threads
        )
    return contenders


def _torch_steps(
    twin: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[Batch],
    memory_format: torch.memory_format,
    threads: int,
) -> Contender:
    def step(inputs: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(twin(inputs), labels).backward()
        optimizer.step()

    def contender(times: int) -> list[float]:
        torch.set_num_threads(threads)
        taken = []
        for pictures, labels in islice(batches, times):
            inputs = as_torch_pictures(pictures).contiguous(memory_format=memory_format)
            taken.append(seconds(step, inputs, torch.from_numpy(labels)))
        return taken

    return contender


def _fastest_peer(what: str, medians: dict[str, float], limit: float) -> Row:
    best = min((name for name in medians if name != "ours"), key=medians.__getitem__)
    return Row(what, best, medians["ours"], medians[best], limit)


def training_epoch(rounds: int) -> Row:
    """One epoch over 60,000 pictures, with everything around the steps."""
    rng = np.random.default_rng(3)
    pictures = rng.random((60_000, 28, 28, 1), dtype=np.float32)
    labels = rng.integers(0, 10, len(pictures))
    batches = ArrayBatches(pictures, labels, BATCH_SIZE, seed=0)
    rows = pictures.reshape(len(pictures), -1)

    def ours() -> None:
        fit(
            network("mlp-128-64"),
            batches,
            optimizer=Adam(),
            schedule=lambda step: LEARNING_RATE,
            epochs=1,
            seed=0,
            threads=2,
        )

    def scikit_learn() -> None:
        classifier = MLPClassifier((128, 64), batch_size=BATCH_SIZE, max_iter=1, random_state=0)
        with warnings.catch_warnings(), blas_threads(2):
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is what we want
            classifier.fit(rows, labels)

    contenders = {"ours": repeated(ours), "scikit-learn": repeated(scikit_learn)}
    medians = race(contenders, rounds=min(rounds, 3), times=1)
    what = "training epoch of mlp-128-64 on 60,000 pictures, 2 threads"
    return Row(what, "scikit-learn MLPClassifier", medians["ours"], medians["scikit-learn"], 0.5)


def answers(
    name: str, model: Sequential, count: int, *, threads: int, limits: dict[str, float], rounds: int
) -> list[Row]:
    """The logits of so many pictures at once."""
    pictures = np.random.default_rng(4).random((count, 28, 28, 1), dtype=np.float32)
    folded, twin = model.folded(), in_pytorch(model).eval()
    session, inputs = in_onnx_runtime(model, threads=threads), as_torch_pictures(pictures)

    def ours() -> np.ndarray:
        if count == 1:
            return folded.forward(pictures)
        return folded.forward_in_batches(pictures, batch_size=16, threads=threads)  # what fits the cache

    def onnx_runtime() -> np.ndarray:
        logits: np.ndarray = session.run(["logits"], {"input": pictures})[0]
        return logits

    def pytorch() -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return twin(inputs).numpy()

    for peer in (onnx_runtime, pytorch):
        np.testing.assert_allclose(ours(), peer(), atol=1e-4)  # or else the race is unfair
    functions = {"ours": ours, "ONNX Runtime": onnx_runtime, "PyTorch": pytorch}
    contenders = {name: repeated(function) for name, function in functions.items()}
    with blas_threads(1):
        medians = race(contenders, rounds=rounds, times=200 if count == 1 else 5)
    what = f"{count:,} picture{'s' * (count > 1)} through {name}, {threads} thread{'s' * (threads > 1)}"
    return [Row(what, peer, medians["ours"], medians[peer], limit) for peer, limit in limits.items()]


if __name__ == "__main__":
    main()
