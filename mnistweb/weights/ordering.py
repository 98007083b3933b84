"""Puts the layers of a file in order and turns their arrays: each must take what the one before gives."""

from __future__ import annotations

from collections.abc import Sequence

from mnistweb.weights.errors import WeightsError
from mnistweb.weights.layouts import Block, Found

PIXELS = 28 * 28
CLASSES = 10
MAX_BLOCKS = 50
_MAX_STEPS = 10_000  # of the search for an order, which could otherwise try every permutation


def convolutions_in_order(found: Found) -> tuple[list[Block], str]:
    """The convolutions as (height, width, in, out), and how the file has their axes ("OIHW", "HWIO" or "").

    Raises WeightsError when they do not follow one another.
    """
    blocks = [block for block in found.blocks if block.weight.ndim == 4]
    if not blocks:
        return [], ""
    for words, axes in (("OIHW", (2, 3, 1, 0)), ("HWIO", (0, 1, 2, 3))):
        turned = [Block(block.name, block.weight.transpose(axes), block.bias) for block in blocks]
        if all(block.weight.shape[0] == block.weight.shape[1] for block in turned):
            chain = _chain(turned, start=1, end=None, any_order=not found.in_order)
            if chain:
                return chain, words
    names = ", ".join(f"{block.name} {block.weight.shape}" for block in blocks)
    raise WeightsError(
        f"the convolutions do not follow one another: {names}; wanted (out, in, k, k) or (k, k, in, out), "
        "the first with in = 1, each other with in = out of the one before it"
    )


def matrices_in_order(found: Found, inputs: int) -> tuple[list[Block], str]:
    """The dense layers as (in, out), from `inputs` numbers to ten, and how the file has their axes.

    Raises WeightsError, which names the array that does not fit, its shape and what would fit.
    """
    blocks = _matrices(found)
    if not blocks:
        return [], ""
    for words in _conventions(found):
        chain = _chain(_turned(blocks, words), start=inputs, end=CLASSES, any_order=not found.in_order)
        if chain:
            return chain, words
    raise WeightsError(_misfit(blocks, inputs))


def possible_inputs(found: Found) -> list[int]:
    """How many numbers the first dense layer may expect of the convolutions; [] without a dense layer."""
    blocks = _matrices(found)
    inputs: dict[int, None] = {}
    for words in _conventions(found):
        turned = _turned(blocks, words)
        for start in dict.fromkeys(block.weight.shape[0] for block in turned):
            if _chain(turned, start=start, end=CLASSES, any_order=not found.in_order):
                inputs[start] = None
    if blocks and not inputs:
        raise WeightsError(_misfit(blocks, None))
    return list(inputs)


def _matrices(found: Found) -> list[Block]:
    if len(found.blocks) > MAX_BLOCKS:
        raise WeightsError(f"weights of {len(found.blocks)} layers; at most {MAX_BLOCKS} are imported")
    return [block for block in found.blocks if block.weight.ndim == 2]


def _conventions(found: Found) -> tuple[str, str]:
    # PyTorch keeps (out, in), most others (in, out).
    return ("in x out", "out x in") if found.in_order else ("out x in", "in x out")


def _turned(blocks: Sequence[Block], words: str) -> list[Block]:
    if words == "in x out":
        return list(blocks)
    return [Block(block.name, block.weight.T, block.bias) for block in blocks]


def _chain(blocks: list[Block], *, start: int, end: int | None, any_order: bool) -> list[Block] | None:
    """The blocks so that each takes what the one before it gives, from `start` to `end`; or None.

    What a block takes is the second of its axes from the end, what it gives the last.
    """
    steps = 0

    def follow(rest: list[Block], given: int) -> list[Block] | None:
        nonlocal steps
        steps += 1
        if not rest:
            return [] if end in (None, given) else None
        for index, block in enumerate(rest if any_order else rest[:1]):
            takes, gives = block.weight.shape[-2:]
            if takes == given and steps < _MAX_STEPS:
                following = follow(rest[:index] + rest[index + 1 :], gives)
                if following is not None:
                    return [block, *following]
        return None

    return follow(blocks, start)


def _misfit(blocks: Sequence[Block], inputs: int | None) -> str:
    """Which array does not fit, which shape it has, and what would fit."""
    shape = blocks[0].weight.shape
    reversed_ = inputs is not None and shape[1] == inputs != shape[0]
    before = "pictures of 28x28 pixels" if inputs == PIXELS else "the layers before it"
    gives = inputs
    for block in blocks:
        takes, next_gives = block.weight.shape[::-1] if reversed_ else block.weight.shape
        if gives is not None and takes != gives:
            wanted = f"(n, {gives})" if reversed_ else f"({gives}, n)"
            shape = block.weight.shape
            return f"{block.name} has shape {shape}, but {before} give {gives} numbers; wanted {wanted}"
        before, gives = f"{block.name} of shape {block.weight.shape}", next_gives
    last = blocks[-1]
    return f"{last.name} has shape {last.weight.shape} and gives {gives} numbers; wanted ten, one a digit"
