"""A saved model as a plain document of dicts, lists and arrays, and back, with every part checked.

All own formats hold this document (pickle, JSON, npz, safetensors); docs/weights-format.md describes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from mnistweb.nn.errors import NetworkError
from mnistweb.nn.model import Sequential
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.facts import plain_facts
from mnistweb.weights.shapes import array_shapes, check_layers, check_work

FORMAT = "mnistweb"
VERSION = 1
INPUT_SHAPE = (28, 28, 1)
DIGITS = tuple("0123456789")

# In the document the arrays of one kind stand in one list, in the order of the layers that have them.
LISTS = {
    "weight": "weights",
    "bias": "biases",
    "gamma": "gammas",
    "beta": "betas",
    "running_mean": "running_means",
    "running_var": "running_vars",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class SavedModel:
    """A network with everything that a weights file says of it.

    labels: what the ten classes are called. training: plain facts (data, its hash, seed, epochs, accuracies,
    date, settings). calibration: {"temperature": float}. verdict: {"digit_at_least", "not_a_digit_below"},
    bounds of the calibrated confidence. sha256, size_bytes and path are those of the file it was read from.
    """

    name: str
    model: Sequential
    labels: tuple[str, ...] = DIGITS
    training: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, float] = field(default_factory=lambda: {"temperature": 1.0})
    verdict: dict[str, float] = field(
        default_factory=lambda: {"digit_at_least": 0.5, "not_a_digit_below": 0.0}
    )
    sha256: str = ""
    size_bytes: int = 0
    path: Path | None = None


def to_document(saved: SavedModel) -> dict[str, Any]:
    """The document of a saved model. Raises WeightsError when its facts are not plain; see `plain_facts`."""
    config = saved.model.config()
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "name": check_model_name(saved.name),
        "input_shape": list(saved.model.input_shape),
        "layers": config,
        **{plural: [] for plural in LISTS.values()},
        "labels": list(saved.labels),
        "training": saved.training,
        "calibration": saved.calibration,
        "verdict": saved.verdict,
    }
    document = plain_facts(document, where="model")
    state = saved.model.state()
    for index, entry in enumerate(config):
        shapes = array_shapes(entry)
        if "weight" in shapes and "bias" not in shapes:
            document["biases"].append(None)  # so that weights[i] and biases[i] belong together
        for name in shapes:
            document[LISTS[name]].append(np.ascontiguousarray(state[f"{index}.{name}"], dtype=np.float32))
    return document


def from_document(document: Any) -> SavedModel:
    """The saved model that a document describes; WeightsError says what came and what was wanted."""
    if not is_document(document):
        raise WeightsError(
            "no model file of mnistweb; `mnistweb weights import` reads those of other programs"
        )
    if not _same(document.get("version"), VERSION):
        raise WeightsError(
            f"format version {document.get('version')!r:.20}; this program reads version {VERSION}"
        )
    keys = {"format", "version", "name", "input_shape", "layers", *LISTS.values()}
    keys |= {"labels", "training", "calibration", "verdict"}
    if document.keys() != keys:
        missing, unknown = sorted(keys - document.keys()), sorted(map(str, document.keys() - keys))
        raise WeightsError(f"missing keys {missing}, unknown keys {unknown}"[:300])
    if not _same(list(_sequence(document, "input_shape")), list(INPUT_SHAPE)):
        raise WeightsError(f"input shape {document['input_shape']!r:.60}; wanted {list(INPUT_SHAPE)}")
    labels = check_labels(_sequence(document, "labels"))
    return SavedModel(
        name=check_model_name(document["name"]),
        model=_build(plain_facts(document["layers"], where="layers"), document, classes=len(labels)),
        labels=labels,
        training=plain_facts(_mapping(document, "training"), where="training"),
        calibration=_numbers(document, "calibration", ("temperature",), low=1e-3, high=1e3),
        verdict=_thresholds(document),
    )


def is_document(value: Any) -> bool:
    """Whether this is a document of ours, right or wrong."""
    return isinstance(value, dict) and _same(value.get("format"), FORMAT)


def check_labels(labels: Sequence[object]) -> tuple[str, ...]:
    """The names of the classes if a weights file can hold them; WeightsError otherwise."""
    names = tuple(label for label in labels if _is_label(label))
    if not len(set(names)) == len(names) == len(labels) == len(DIGITS):
        raise WeightsError(f"labels {tuple(labels)!r:.80}; wanted {len(DIGITS)} different short texts")
    return names


def check_model_name(name: object) -> str:
    """The name itself if it can be a file's and a URL's; WeightsError otherwise."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise WeightsError(
        f"model name {name!r:.80}; wanted 1 to 64 letters, digits, dots, hyphens or underscores"
    )


def _build(layers: list[Any], document: Mapping[str, Any], *, classes: int) -> Sequential:
    check_layers(layers)
    state = _state(layers, document)
    try:
        model = Sequential.from_config(layers, input_shape=INPUT_SHAPE, rng=None)
        model.load_state(state)
    except (NetworkError, ValueError) as error:
        raise WeightsError(f"the layers do not make a network: {error}") from error
    check_work(model)
    if model.output_shape != (classes,):
        raise WeightsError(
            f"the network ends with shape {model.output_shape}; wanted ({classes},), one logit a label"
        )
    if layers[-1]["layer"] == "Softmax":
        raise WeightsError("the network ends with Softmax; wanted are logits, so leave that layer out")
    _try_out(model)
    return model


def _try_out(model: Sequential) -> None:
    """Raise WeightsError when plain pictures make numbers overflow, which finite weights can do as well."""
    ramp = np.linspace(0, 1, math.prod(INPUT_SHAPE), dtype=np.float32).reshape(INPUT_SHAPE)
    with np.errstate(all="ignore"):
        logits = model.forward(np.stack([np.zeros_like(ramp), ramp, np.ones_like(ramp)]))
    if not np.isfinite(logits).all():
        raise WeightsError("its numbers overflow: the answer to a plain picture is NaN or infinity")


def _state(layers: Sequence[Mapping[str, Any]], document: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The lists of arrays as the model's state, {"1.weight": array, ...}, each of the shape it needs."""
    waiting = {name: iter(_sequence(document, plural)) for name, plural in LISTS.items()}
    state = {}
    for index, entry in enumerate(layers):
        shapes = array_shapes(entry)
        if "weight" in shapes and "bias" not in shapes and next(waiting["bias"], "") is not None:
            raise WeightsError(
                f"layer {index} ({entry['layer']}) has no bias; wanted None in its place in biases"
            )
        for name, shape in shapes.items():
            what = f"{LISTS[name]} for layer {index} ({entry['layer']})"
            array = next(waiting[name], None)
            if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != shape:
                raise WeightsError(f"{what}: {_describe(array)}; wanted float32 of shape {shape}")
            if not np.isfinite(array).all():
                raise WeightsError(f"{what}: NaN or infinity among the numbers")
            if name == "running_var" and (array < 0).any():
                raise WeightsError(f"{what}: a negative variance")
            state[f"{index}.{name}"] = array
    for name, rest in waiting.items():
        if (count := sum(1 for _ in rest)) > 0:
            raise WeightsError(f"{count} arrays in {LISTS[name]} that belong to no layer")
    return state


def _same(value: Any, wanted: Any) -> bool:
    # Not ==, which compares arrays element by element, and takes 1.0 and True for 1.
    return type(value) is type(wanted) and repr(value) == repr(wanted)


def _describe(array: Any) -> str:
    return f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else f"{array!r:.40}"


def _sequence(document: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = document[key]
    if not isinstance(value, list | tuple):
        raise WeightsError(f"{key} is a {type(value).__name__}; wanted a list")
    return value


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document[key]
    if not isinstance(value, dict):
        raise WeightsError(f"{key} is a {type(value).__name__}; wanted a dict")
    return value


def _numbers(
    document: Mapping[str, Any], key: str, names: Sequence[str], *, low: float, high: float
) -> dict[str, float]:
    facts = _mapping(document, key)
    if set(facts) != set(names):
        raise WeightsError(f"{key} has the keys {sorted(map(str, facts))!s:.80}; wanted {list(names)}")
    for name in names:
        value = facts[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise WeightsError(f"{key}.{name} is {value!r:.40}; wanted a number from {low:g} to {high:g}")
    return {name: float(facts[name]) for name in names}


def _thresholds(document: Mapping[str, Any]) -> dict[str, float]:
    verdict = _numbers(document, "verdict", ("digit_at_least", "not_a_digit_below"), low=0, high=1)
    if verdict["not_a_digit_below"] > verdict["digit_at_least"]:
        raise WeightsError("verdict: not_a_digit_below is above digit_at_least")
    return verdict


def _is_label(label: object) -> TypeGuard[str]:
    return isinstance(label, str) and 0 < len(label) <= 40 and label.isprintable()
