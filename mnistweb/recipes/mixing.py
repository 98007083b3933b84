"""Batches drawn from several sources at once: each batch holds the same share of each source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mnistweb.recipes.errors import RecipeError

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
NO_CLASS = -1
_ORDERS, _BATCHES = 0, 1  # keep the two families of random numbers apart


@dataclass(frozen=True, eq=False)
class Source:
    """Pictures of one kind. images: uint8 (N, 28, 28), a quarter of float32's memory. labels: int64 (N,).

    The label NO_CLASS says that the picture is none of the classes.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


class MixedBatches:
    """The batches of a training, for `fit`: everything random in epoch e comes from (seed, e).

    The first source sets the length of an epoch: as many whole batches as its pictures fill; what is left
    over begins the next one. Every source is gone through in a shuffled order and shuffled anew when it is
    used up, across epochs, so no picture is seen twice before all have been seen once.

    Inputs are float32 (batch_size, 28, 28, 1) in [0, 1]. Targets are labels, int64 (batch_size,), unless a
    source holds pictures of no class: then they are rows of probabilities, float32 (batch_size, classes), and
    those pictures get the uniform row (outlier exposure: Hendrycks, Mazeika, Dietterich 2019).
    """

    def __init__(
        self,
        sources: Sequence[Source],
        shares: Sequence[float],
        *,
        batch_size: int,
        seed: int,
        num_classes: int = 10,
        augment: Augment | None = None,
    ) -> None:
        self.sources = tuple(sources)
        self.counts = share_out(batch_size, shares)
        self.batch_size = batch_size
        self.seed = seed
        self.num_classes = num_classes
        self.augment = augment
        self._orders: dict[int, tuple[int, np.ndarray]] = {}
        self._soft = any((source.labels == NO_CLASS).any() for source in self.sources)
        for source in self.sources:
            if not len(source):
                raise RecipeError(f"the source {source.name} is empty")
        if len(self) == 0:
            raise RecipeError(
                f"a batch takes {self.counts[0]} images of {self.sources[0].name}, which has only "
                f"{len(self.sources[0])}; choose a smaller batch size"
            )

    def __len__(self) -> int:
        return len(self.sources[0]) // self.counts[0]

    def epoch(self, index: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of epoch `index`, counted from 0."""
        for step in range(len(self)):
            yield self.batch(index, step)

    def batch(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """One batch by its place; the same place gives the same bits."""
        first_use = epoch * len(self) + step
        picks = [self._picks(number, first_use * count, count) for number, count in enumerate(self.counts)]
        images = np.concatenate(
            [source.images[pick] for source, pick in zip(self.sources, picks, strict=True)]
        )
        labels = np.concatenate(
            [source.labels[pick] for source, pick in zip(self.sources, picks, strict=True)]
        )
        rng = np.random.default_rng([self.seed, _BATCHES, epoch, step])
        # Two training threads take half a batch each: mixed, both halves hold every source.
        order = rng.permutation(self.batch_size)
        inputs = images[order][..., np.newaxis].astype(np.float32)  # (batch_size, 28, 28, 1)
        inputs *= np.float32(1 / 255)
        labels = labels[order]
        if self.augment is not None:
            inputs = self.augment(inputs, rng)
        return inputs, soft_targets(labels, self.num_classes) if self._soft else labels

    def _picks(self, number: int, start: int, count: int) -> np.ndarray:
        """Indices into source `number` at places start .. start + count - 1 of its endless shuffled order."""
        size = len(self.sources[number])
        places = np.arange(start, start + count)
        rounds, within = np.divmod(places, size)
        picks = np.empty(count, np.int64)
        for one in np.unique(rounds):
            picks[rounds == one] = self._order(number, int(one))[within[rounds == one]]
        return picks

    def _order(self, number: int, one_round: int) -> np.ndarray:
        """The shuffled order of source `number` in one round; most batches need the last one again."""
        kept_round, order = self._orders.get(number, (-1, None))
        if order is None or kept_round != one_round:
            order = np.random.default_rng([self.seed, _ORDERS, number, one_round]).permutation(
                len(self.sources[number])
            )
            self._orders[number] = (one_round, order)
        return order


def share_out(batch_size: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers in proportion to `shares`, each at least 1, that sum to `batch_size`.

    Raises RecipeError when the batch is too small to hold one of each.
    """
    if batch_size < len(shares):
        raise RecipeError(
            f"a batch of {batch_size} cannot hold {len(shares)} sources; choose a larger batch size"
        )
    exact = np.asarray(shares, float) / sum(shares) * batch_size
    counts = np.maximum(np.floor(exact).astype(int), 1)
    while counts.sum() < batch_size:
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > batch_size:
        counts[np.argmax(np.where(counts > 1, counts - exact, -np.inf))] -= 1
    return counts.tolist()


def soft_targets(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Rows of probabilities, float32 (N, num_classes): one-hot, or uniform where the label is NO_CLASS."""
    targets = np.full((len(labels), num_classes), 1 / num_classes, np.float32)
    known = labels != NO_CLASS
    targets[known] = np.eye(num_classes, dtype=np.float32)[labels[known]]
    return targets
