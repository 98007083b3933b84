"""Finds where a convolutional network pools and pads, from the sizes of its kernels and what follows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from mnistweb.weights.errors import WeightsError

PADDINGS = ("valid", "same")
SIDE = 28
CLASSES = 10
MAX_CONVOLUTIONS = 10  # 2 ** 10 ways to pool are tried


@dataclass(frozen=True)
class Geometry:
    """What becomes of a picture of 28x28 on its way through the convolutions.

    padding: "valid" (none) or "same". pooled: for each convolution whether a 2x2 maximum pooling follows it.
    averaged: whether a global average follows the last. side, channels: of the picture after the poolings.
    """

    padding: str
    pooled: tuple[bool, ...]
    averaged: bool
    side: int
    channels: int

    @property
    def features(self) -> int:
        """How many numbers come out, of one picture."""
        return self.channels if self.averaged else self.side**2 * self.channels

    @property
    def words(self) -> str:
        """The same as options of the command line."""
        numbers = [str(index) for index, pooled in enumerate(self.pooled, start=1) if pooled]
        return f"--padding {self.padding} --pool-after {','.join(numbers) or 'none'}"


def find_geometry(
    kernels: Sequence[tuple[int, ...]],
    features: Sequence[int],
    *,
    padding: str | None = None,
    pool_after: Sequence[int] | None = None,
) -> Geometry:
    """The one geometry for kernels of these shapes (k, k, in, out) that gives as many numbers as are wanted.

    features: what the first dense layer may take; empty when there is none and the last convolution gives the
    ten logits. Raises WeightsError when no geometry fits, or several do and the options do not choose.
    """
    if len(kernels) > MAX_CONVOLUTIONS:
        raise WeightsError(f"{len(kernels)} convolutions; at most {MAX_CONVOLUTIONS} are imported")
    wanted = list(features) or [CLASSES]
    fitting = []
    for geometry in _all(kernels):
        chosen_padding = padding in (None, geometry.padding)
        chosen_pools = pool_after is None or geometry.pooled == _pools(pool_after, len(kernels))
        # Without a dense layer only a global average makes one number of each channel.
        if (
            chosen_padding
            and chosen_pools
            and geometry.features in wanted
            and (features or geometry.averaged)
        ):
            fitting.append(geometry)
    flat = [geometry for geometry in fitting if not geometry.averaged]
    fitting = flat or fitting  # a picture of 1x1 is its own average
    if not fitting:
        asked = " with the options given" if padding or pool_after is not None else ""
        sizes = ", ".join(f"{shape[0]}x{shape[1]}x{shape[3]}" for shape in kernels)
        raise WeightsError(
            f"no way to pad and pool{asked} leads from 28x28 pixels through convolutions of {sizes} "
            f"to {' or '.join(map(str, wanted))} numbers; tried were stride 1, 2x2 pooling, a global average"
        )
    if len(fitting) > 1:
        ways = "; ".join(geometry.words for geometry in fitting[:8])
        raise WeightsError(f"{len(fitting)} networks fit these shapes; choose one: {ways}")
    return fitting[0]


def _all(kernels: Sequence[tuple[int, ...]]) -> Iterator[Geometry]:
    sizes = [shape[0] for shape in kernels]
    channels = kernels[-1][3]
    # Padding that keeps the size exists for odd kernels only, and changes nothing for those of 1x1.
    same_is_possible = all(size % 2 for size in sizes) and max(sizes) > 1
    for padding in PADDINGS if same_is_possible else PADDINGS[:1]:
        for pooled in product((False, True), repeat=len(kernels)):
            side = SIDE
            for size, pool in zip(sizes, pooled, strict=True):
                side -= size - 1 if padding == "valid" else 0
                side //= 2 if pool else 1
            if side >= 1:
                yield Geometry(padding, pooled, False, side, channels)
                yield Geometry(padding, pooled, True, side, channels)


def _pools(pool_after: Sequence[int], count: int) -> tuple[bool, ...]:
    if not set(pool_after) <= set(range(1, count + 1)):
        raise WeightsError(
            f"--pool-after {list(pool_after)}; wanted numbers from 1 to {count}, one a convolution"
        )
    return tuple(number in pool_after for number in range(1, count + 1))
