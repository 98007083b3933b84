"""The form of `/train`: the settings of a recipe that it offers, and a recipe made of what was filled in."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mnistweb.data.catalogue import KNOWN_DATASETS, MNIST, STROKES
from mnistweb.data.compression import open_unpacked
from mnistweb.data.errors import DataError
from mnistweb.data.finding import data_folders, find_file
from mnistweb.recipes.architecture import check_architecture
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.files import load_recipe, recipe_names
from mnistweb.recipes.recipe import ACTIVATIONS, OPTIMIZERS, SCHEDULES, Recipe

DEFAULT_RECIPE = "convnet-quick"
_LONGEST = 2000  # characters of what is typed into one field
_MIX = "data.mix"


@dataclass(frozen=True)
class Field:
    """One control: the recipe's key it sets, its label, a hint, and how it is filled in.

    kind: "text", "whole" or "number", "units" (whole numbers with commas), "lines", "tick", "choice".
    """

    key: str
    label: str
    kind: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    is_further: bool = False  # among what few need to see

    @property
    def name(self) -> str:
        """The control's name and id; dots would stand in the way of selectors."""
        return self.key.replace(".", "-")


FIELDS = (
    Field("name", "Name of the model", "text", "letters, digits, - _ and ."),
    Field("data.dataset", "Learn from", "choice"),
    Field(
        _MIX,
        "Mix in pen strokes, photographs and pictures of no digit, as the recipe does",
        "tick",
        "With MNIST alone; drawing them takes some minutes the first time.",
    ),
    Field(
        "architecture.convolutions",
        "Convolutions",
        "lines",
        "one a line: conv 3x3x32, conv 5x5x24 valid, conv 3x3x64 stride 2, max_pool 2x2, average_pool 2x2, "
        "global_average_pool, dropout 0.1",
    ),
    Field("architecture.hidden", "Hidden layers", "units", "units of each, such as 128, 64"),
    Field("optimizer.name", "Optimizer", "choice", choices=OPTIMIZERS),
    Field("schedule.name", "Schedule", "choice", choices=SCHEDULES),
    Field("schedule.learning_rate", "Learning rate", "number", "the highest"),
    Field("training.epochs", "Epochs", "whole", "times through the data"),
    Field("training.seed", "Seed", "whole", "of everything random"),
    Field("augmentation.enabled", "Vary the images at random, as the recipe does", "tick"),
    Field("architecture.activation", "Activation", "choice", choices=ACTIVATIONS, is_further=True),
    Field("architecture.batch_norm", "Normalise each batch", "tick", is_further=True),
    Field("architecture.dropout_rate", "Dropout", "number", "probability, 0 to 1", is_further=True),
    Field("optimizer.weight_decay", "Weight decay", "number", is_further=True),
    Field("training.batch_size", "Batch", "whole", "images a step", is_further=True),
    Field("training.threads", "Threads", "whole", "1 or 2", is_further=True),
    Field("data.validation", "Kept aside", "whole", "images to choose by", is_further=True),
)


#: What a training may be a variation of, by what stands in the form: a title, and the recipe's name or file.
Bases = Mapping[str, tuple[str, str | Path]]


@dataclass
class Filled:
    """The form as it is filled in: text by key ("on" or "" for a tick), and what is wrong, by key.

    recipe: one of the bases; it has all the settings that the form does not offer.

    What is wrong with the form as a whole stands under "".
    """

    recipe: str
    texts: dict[str, str]
    problems: dict[str, str] = field(default_factory=dict)


def bases_of(runs: Iterable[tuple[str, str, Path]]) -> Bases:
    """The recipes of the program, and the settings of `runs`: (folder's name, model's name, file)."""
    found: dict[str, tuple[str, str | Path]] = {name: (name, name) for name in recipe_names()}
    return found | {f"run/{run}": (f"as {name} was trained", path) for run, name, path in runs}


def fill_from_recipe(recipe_name: str, model_name: str, bases: Bases) -> Filled:
    """The form as the recipe has it. Raises RecipeError for one that is not among the bases, or broken."""
    if recipe_name not in bases:
        raise RecipeError(f"there is no recipe {recipe_name!r:.60}; there are {', '.join(recipe_names())}")
    recipe = load_recipe(bases[recipe_name][1])
    texts = {each.key: _as_text(_value_of(recipe, each.key)) for each in FIELDS if each.key != _MIX}
    for value, (_, source) in datasets_here().items():
        if recipe.data.dataset == str(source):
            texts["data.dataset"] = value
    return Filled(recipe_name, {**texts, "name": model_name, _MIX: "on" if mixes(recipe) else ""})


def fill_from_form(form: Mapping[str, str]) -> Filled:
    """The form as it was sent. A field that is missing counts as empty."""
    texts = {each.key: form.get(each.name, "").strip()[:_LONGEST] for each in FIELDS}
    return Filled(form.get("recipe", "")[:_LONGEST], texts)


def make_recipe(filled: Filled, bases: Bases) -> Recipe | None:
    """The recipe that was filled in; None when something is wrong, which then stands in `problems`."""
    if filled.recipe not in bases:
        filled.problems[""] = f"There is no recipe of that name; there are {', '.join(recipe_names())}."
        return None
    base = bases[filled.recipe][1]
    values = {}
    for each in FIELDS:
        if each.key == _MIX:
            continue
        value = _from_text(each, filled.texts[each.key])
        try:
            load_recipe(base, {each.key: value})
        except RecipeError as problem:
            filled.problems[each.key] = _in_words(problem, each.key)
        values[each.key] = value
    if not any(key.startswith("architecture.") for key in filled.problems):
        _check_layers(filled, base, values)
    dataset = _check_dataset(filled, values)
    if not filled.texts[_MIX] or dataset != MNIST.name:
        values[_MIX] = {}
    elif not _is_here(STROKES.name):
        filled.problems[_MIX] = _how_to_get(STROKES.name)
    if filled.problems:
        return None
    try:
        recipe = load_recipe(base, {**values, "data.dataset": dataset})
    except RecipeError as problem:  # values that are good each for itself, but not together
        _place(problem, filled)
        return None
    original = load_recipe(base)
    if replace(recipe, name=original.name) != original:  # its description may not be true of this one
        recipe = replace(recipe, description=f"After {original.name}, with other settings")
    return recipe


def mixes(recipe: Recipe) -> bool:
    """Whether the recipe learns from more than the dataset."""
    return recipe.data.mix.is_drawn


def datasets_here() -> dict[str, tuple[str, str | Path]]:
    """What can be learned from, by what stands in the form: a title, and the name or folder for the recipe.

    The known sets stand there whether they are on this disk or not; folders are those in the data folders
    that hold IDX files under MNIST's names.
    """
    found: dict[str, tuple[str, str | Path]] = {
        known.name: (known.title, known.name) for known in KNOWN_DATASETS.values()
    }
    for parent in data_folders():
        for folder in sorted(parent.glob("*/")):
            if folder.name not in KNOWN_DATASETS and all(_idx_files(folder)):
                found.setdefault(f"folder/{folder.name}", (f"{folder.name} (a folder)", folder.resolve()))
    return found


def _check_layers(filled: Filled, base: str | Path, values: Mapping[str, Any]) -> None:
    """Whether the layers fit each other, and the network is not too large."""
    layers = {key: value for key, value in values.items() if key.startswith("architecture.")}
    try:
        check_architecture(load_recipe(base, layers).architecture)
    except RecipeError as problem:
        _place(problem, filled)


def _place(problem: RecipeError, filled: Filled) -> None:
    key = next((each.key for each in FIELDS if each.key in str(problem)), "")
    filled.problems[key] = _in_words(problem, key)


def _check_dataset(filled: Filled, values: Mapping[str, Any]) -> str | None:
    """The dataset for the recipe; what is wrong with it, or with what is kept aside, goes to `problems`."""
    chosen = filled.texts["data.dataset"]
    title, source = datasets_here().get(chosen, ("", ""))
    if not source:
        filled.problems["data.dataset"] = "That dataset is not on this disk."
        return None
    if chosen in KNOWN_DATASETS and not _is_here(chosen):
        filled.problems["data.dataset"] = _how_to_get(chosen)
        return None
    count = 60_000 if chosen in KNOWN_DATASETS else _count(Path(source))
    kept_aside = values["data.validation"]
    if isinstance(kept_aside, int) and kept_aside >= count and "data.validation" not in filled.problems:
        filled.problems["data.validation"] = (
            f"Kept aside must be below the {count:,} training images of {title}, got {kept_aside:,}."
        )
    return str(source)


def _is_here(name: str) -> bool:
    known = STROKES if name == STROKES.name else KNOWN_DATASETS[name]
    try:
        for wanted in known.files:
            find_file(data_folders(), known, wanted)
    except DataError:
        return False
    return True


def _how_to_get(name: str) -> str:
    title = "The set of pen strokes" if name == STROKES.name else KNOWN_DATASETS[name].title
    return f"{title} is not on this disk; get it with: mnistweb data fetch {name}"


def _idx_files(folder: Path) -> list[Path | None]:
    """The four files of a set that is named like MNIST's, the training images first."""
    return [
        next((folder / name for name in (file.name, *file.other_names) if (folder / name).is_file()), None)
        for file in MNIST.files
    ]


def _count(folder: Path) -> int:
    """How many training images a folder holds, from the head of the file; 0 when it is no such file."""
    path = _idx_files(folder)[0]
    try:
        with open_unpacked(path) as file:  # type: ignore[arg-type]
            return int(struct.unpack(">4xI", file.read(8))[0])
    except (DataError, OSError, struct.error):
        return 0


def _value_of(recipe: Recipe, key: str) -> Any:
    value: Any = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, tuple):
        return ("\n" if any(isinstance(each, str) for each in value) else ", ").join(map(str, value))
    return str(value)


def _from_text(control: Field, text: str) -> Any:
    """The value for the recipe; what is no number stays text, and the recipe says what it wanted."""
    if control.kind == "tick":
        return bool(text)
    if control.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if control.kind == "units":
        return [_number(part.strip(), int) for part in text.split(",") if part.strip()]
    if control.kind in ("whole", "number"):
        return _number(text, int if control.kind == "whole" else float)
    return text


def _number(text: str, kind: type[int] | type[float]) -> int | float | str:
    try:
        return kind(text[:40])
    except ValueError:
        return text[:40]


def _in_words(problem: RecipeError, key: str) -> str:
    """The recipe's message with the field's label instead of the key, without the recipe's file."""
    text = re.sub(r"^[\w.-]+\.toml: ", "", str(problem))
    label = next((each.label for each in FIELDS if each.key == key), "")
    if key:
        text = text.replace(f"unknown value of {key}:", f"{label}: unknown value")
        text = re.sub(rf"{re.escape(key)}(\[\d+\])?", label, text, count=1)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def choices_of(control: Field) -> Sequence[tuple[str, str]]:
    """What may be chosen, as (value, words)."""
    if control.key == "data.dataset":
        return [(value, title) for value, (title, _) in datasets_here().items()]
    return [(value, value) for value in control.choices]
