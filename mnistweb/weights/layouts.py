"""The layouts in which other programs keep weights, each recognised by its keys and brought to one form.

Nothing is decided here about which way round an array lies or what stands between the layers; see `assembly`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from mnistweb.weights.errors import WeightsError

ACTIVATIONS = ("relu", "sigmoid", "tanh")


@dataclass(frozen=True)
class Block:
    """The arrays of one layer that learns, and what the file calls it: weight of 2 or 4 axes, bias of one."""

    name: str
    weight: np.ndarray
    bias: np.ndarray | None


@dataclass(frozen=True)
class Norm:
    """The arrays of one batch normalisation; `follows` names the block before it, where the file tells."""

    name: str
    arrays: dict[str, np.ndarray]  # gamma, beta, running_mean, running_var
    follows: str | None


@dataclass(frozen=True)
class Found:
    """What a file holds. `in_order` is False when the file keeps its arrays in the order of their names."""

    layout: str
    blocks: list[Block]
    norms: list[Norm] = field(default_factory=list)
    activation: str | None = None
    in_order: bool = True


def recognise(value: Any) -> Found:
    """The weights in plain data (see `read_pickle`) of any known layout; WeightsError when there is none."""
    if isinstance(value, dict):
        if {"weights", "biases"} <= value.keys():
            return _weights_and_biases(value)
        if any(_NUMBERED.fullmatch(str(key)) for key in value):
            return _numbered(value)
        if any(isinstance(key, str) and key.endswith(".weight") for key in value):
            return _state_dict(value)
    if isinstance(value, list | tuple) and value:
        if all(isinstance(entry, list | tuple) and len(entry) == 2 for entry in value):
            return _pairs(value)
        if any(isinstance(entry, dict) for entry in value):
            return _layer_list(value)
    raise WeightsError(f"{_outline(value)}; known layouts are in docs/weights-import.md")


# ---- {"weights": [...], "biases": [...]}, Nielsen's JSON among them


def _weights_and_biases(value: Mapping[str, Any]) -> Found:
    weights, biases = value["weights"], value["biases"]
    if not isinstance(weights, list | tuple) or not isinstance(biases, list | tuple):
        raise WeightsError("weights and biases are no lists; wanted one array a layer")
    if len(weights) != len(biases) or not weights:
        raise WeightsError(
            f"{len(weights)} weights and {len(biases)} biases; wanted as many of each, at least one"
        )
    blocks = [
        Block(
            f"weights[{index}]",
            _array(weight, f"weights[{index}]", axes=(2, 4)),
            _bias(bias, f"biases[{index}]"),
        )
        for index, (weight, bias) in enumerate(zip(weights, biases, strict=True))
    ]
    for key in ("sizes", "layer_sizes", "layers"):
        if key in value:
            _check_sizes(value[key], key, blocks)
    # `cost` is what Nielsen's network2.py saves beside the weights; its neurons are all sigmoids.
    known = "sigmoid" if "cost" in value else _activation_word(value.get("activation"))
    layout = "sizes, weights, biases, cost (Nielsen)" if "cost" in value else "weights and biases"
    return Found(layout, blocks, activation=known)


def _check_sizes(sizes: Any, key: str, blocks: Sequence[Block]) -> None:
    if not isinstance(sizes, list | tuple) or not all(isinstance(size, int) for size in sizes):
        return  # some other list of this name
    pairs = list(pairwise(sizes))
    for block, pair in zip(blocks, pairs, strict=False):
        if block.weight.ndim == 2 and sorted(block.weight.shape) != sorted(pair):
            raise WeightsError(f"{key} is {list(sizes)}, but {block.name} has shape {block.weight.shape}")
    if len(pairs) != len(blocks):
        raise WeightsError(f"{key} is {list(sizes)}, but there are weights of {len(blocks)} layers")


# ---- a list with one entry a layer


def _layer_list(value: Sequence[Any]) -> Found:
    blocks = []
    activations = set()
    for index, entry in enumerate(value):
        if isinstance(entry, dict) and (keys := _array_keys(entry)):
            weight, bias = keys
            name = f"layer {index}"
            blocks.append(Block(name, _array(entry[weight], name, axes=(2, 4)), _bias(entry.get(bias), name)))
        elif isinstance(entry, str):
            activations.add(_activation_word(entry))
        elif entry is not None and not isinstance(entry, dict):
            raise WeightsError(
                f"entry {index} is a {type(entry).__name__}; wanted a dict with weights and biases, or None"
            )
    if not blocks:
        raise WeightsError("a list without weights in any of its entries")
    activations.discard(None)
    return Found("list of layers", blocks, activation=activations.pop() if len(activations) == 1 else None)


def _array_keys(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    for weight, bias in (("weights", "biases"), ("weight", "bias"), ("W", "b"), ("w", "b")):
        if weight in entry:
            return weight, bias
    return None


def _pairs(value: Sequence[Any]) -> Found:
    blocks = [
        Block(
            f"weights {index}",
            _array(weight, f"weights {index}", axes=(2, 4)),
            _bias(bias, f"biases {index}"),
        )
        for index, (weight, bias) in enumerate(value)
    ]
    return Found("list of (weights, biases)", blocks)


# ---- W1, b1, W2, b2, ...

_NUMBERED = re.compile(r"[Ww](?:eights?)?_?(\d{1,3})", re.ASCII)
_NUMBERED_BIAS = re.compile(r"[Bb](?:ias(?:es)?)?_?(\d{1,3})", re.ASCII)


def _numbered(value: Mapping[Any, Any]) -> Found:
    weights: dict[int, tuple[str, Any]] = {}
    biases: dict[int, tuple[str, Any]] = {}
    for key, array in value.items():
        for kind, pattern in ((weights, _NUMBERED), (biases, _NUMBERED_BIAS)):
            if match := pattern.fullmatch(str(key)):
                if int(match[1]) in kind:
                    raise WeightsError(f"{key} and {kind[int(match[1])][0]} have the same number")
                kind[int(match[1])] = str(key), array
                break
        else:
            if isinstance(array, np.ndarray) and array.ndim > 0:
                raise WeightsError(f"array {key!r:.40} beside W1, b1, ...; wanted only weights and biases")
    numbers = sorted(weights)
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))) or numbers[0] > 1:
        raise WeightsError(f"the weights are numbered {numbers}; wanted 1, 2, 3, ...")
    if lonely := sorted(biases.keys() - weights.keys()):
        raise WeightsError(f"{biases[lonely[0]][0]} has no weights of the same number")
    blocks = []
    for number, (name, array) in sorted(weights.items()):
        bias_name, bias = biases.get(number, ("", None))
        blocks.append(Block(name, _array(array, name, axes=(2, 4)), _bias(bias, bias_name)))
    return Found("W1, b1, W2, b2, ...", blocks)


# ---- a PyTorch state_dict


def _state_dict(value: Mapping[str, Any]) -> Found:
    groups: dict[str, dict[str, np.ndarray]] = {}
    for key, array in value.items():
        prefix, _, part = str(key).rpartition(".")
        if part != "num_batches_tracked":
            groups.setdefault(prefix, {})[part] = _array(array, str(key), axes=(1, 2, 4))
    blocks: list[Block] = []
    norms: list[Norm] = []
    previous: str | None = None
    for prefix in sorted(groups, key=_natural):
        parts = groups[prefix]
        if parts.keys() == {"weight", "bias", "running_mean", "running_var"}:
            norms.append(_norm(prefix, parts, previous))
            previous = None
        elif parts.keys() <= {"weight", "bias"} and "weight" in parts and parts["weight"].ndim > 1:
            name = f"{prefix}.weight"
            blocks.append(Block(name, parts["weight"], parts.get("bias")))
            previous = name if prefix.rpartition(".")[2].isdigit() else None
        else:
            raise WeightsError(
                f"{prefix!r:.60} has {', '.join(parts)}; known are linear, convolution and batch norm"
            )
    if not blocks:
        raise WeightsError("a state_dict without linear or convolutional layers")
    return Found("PyTorch state_dict", blocks, norms, in_order=False)


def _norm(prefix: str, parts: Mapping[str, np.ndarray], previous: str | None) -> Norm:
    shapes = list(dict.fromkeys(array.shape for array in parts.values()))
    if len(shapes) != 1 or len(shapes[0]) != 1:
        got = ", ".join(map(str, shapes))
        raise WeightsError(f"{prefix}: the arrays of a batch norm must all be of one length, got {got}")
    names = {"weight": "gamma", "bias": "beta", "running_mean": "running_mean", "running_var": "running_var"}
    return Norm(prefix, {names[part]: array for part, array in parts.items()}, previous)


def _natural(prefix: str) -> list[tuple[int, str]]:
    """Sorts "conv2" before "conv10"."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", prefix)]


# ---- helpers


def _array(value: Any, name: str, *, axes: Iterable[int]) -> np.ndarray:
    """The value as an array of numbers; lists of lists too, but not of text, and not ragged."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise WeightsError(f"{name} has rows of different lengths") from error
    if array.dtype.kind not in "fiub":
        raise WeightsError(f"{name} holds {array.dtype}; wanted numbers")
    if array.ndim not in axes or 0 in array.shape:
        raise WeightsError(
            f"{name} has shape {array.shape}; wanted {' or '.join(map(str, axes))} axes, none empty"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise WeightsError(f"{name} holds NaN or infinity")
    return array


def _bias(value: Any, name: str) -> np.ndarray | None:
    """A bias as (n,): books keep it as (n,), (1, n) or (n, 1)."""
    if value is None:
        return None
    array = _array(value, name, axes=(1, 2))
    if max(array.shape) != array.size:
        raise WeightsError(f"{name} has shape {array.shape}; wanted (n,), (1, n) or (n, 1)")
    return array.reshape(-1)


def _activation_word(word: Any) -> str | None:
    return word.lower() if isinstance(word, str) and word.lower() in ACTIVATIONS else None


def _outline(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(map(str, list(value)[:8]))!s:.100}"
    if isinstance(value, list | tuple):
        kinds = sorted({type(entry).__name__ for entry in value})
        return f"a {type(value).__name__} of {len(value)} ({', '.join(kinds)!s:.60})"
    return f"a single {type(value).__name__}"
