"""Recipes as TOML files: reading them, changing single settings, and writing them out in full."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.recipe import AUGMENTATION_HELP, Recipe
from mnistweb.recipes.settings import read_section, unknown

_FOLDER = Path(__file__).resolve().parent


def recipe_names() -> list[str]:
    """The names of the recipes that come with the program."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_recipe(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe that comes with the program, by name, or any TOML file, by path.

    `overrides` maps dotted keys to values, for example ``{"training.epochs": 3, "data.mix.strokes": 0.2}``.
    Raises RecipeError that names the file, the key, what came and what is allowed.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _FOLDER / f"{name_or_path}.toml"
        if str(name_or_path) not in recipe_names():
            raise RecipeError(
                unknown("recipe", str(name_or_path), recipe_names()) + ", or a path that ends in .toml"
            )
    try:
        text = path.read_text("utf-8")
    except OSError as problem:
        raise RecipeError(f"cannot read the recipe {path}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise RecipeError(f"{path} is not a text in UTF-8") from problem
    try:
        return parse_recipe(text, name=path.stem, overrides=overrides)
    except RecipeError as problem:
        raise RecipeError(f"{path.name}: {problem}") from problem


def parse_recipe(text: str, *, name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe from the text of a TOML file; `name` is used when the text gives none. Raises RecipeError."""
    try:
        table: dict[str, Any] = {"name": name, **tomllib.loads(text)}
    except tomllib.TOMLDecodeError as problem:
        raise RecipeError(f"not valid TOML: {problem}") from problem
    for key, value in (overrides or {}).items():
        _put(table, key, value)
    recipe = read_section(Recipe, table)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", recipe.name):
        raise RecipeError(f"name expected letters, digits, '-', '_' and '.', at most 64, got {recipe.name!r}")
    return recipe


def write_recipe(recipe: Recipe) -> str:
    """The complete TOML text of `recipe`, with the help of each setting; `parse_recipe` reads it back."""
    lines = [f"name = {_toml(recipe.name)}", f"description = {_toml(recipe.description)}"]
    for field in dataclasses.fields(recipe):
        section = getattr(recipe, field.name)
        if dataclasses.is_dataclass(section):
            lines += _section_lines(field.name, section, field.metadata["help"])
    return "\n".join(lines) + "\n"


def help_of(field: dataclasses.Field[Any]) -> str:
    """What the setting of a recipe that `field` describes is for."""
    return field.metadata.get("help") or AUGMENTATION_HELP[field.name]


def recipe_table(recipe: Recipe) -> dict[str, Any]:
    """`recipe` as nested plain dicts and lists, as it goes into a weights file."""
    return json.loads(json.dumps(dataclasses.asdict(recipe)))


def _section_lines(path: str, section: Any, help: str) -> list[str]:
    lines = ["", f"[{path}]  # {help}"]
    nested = []
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            nested += _section_lines(f"{path}.{field.name}", value, field.metadata["help"])
        else:
            lines.append(f"{field.name} = {_toml(value)}  # {help_of(field)}")
    return lines + nested


def _toml(value: Any) -> str:
    # JSON's notation of texts, numbers, booleans and flat lists is TOML's too, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _put(table: dict[str, Any], dotted_key: str, value: Any) -> None:
    """Set ``section.key`` in nested dicts; those on the way are copied, so the caller's stay as they were."""
    *sections, key = dotted_key.split(".")
    for section in sections:
        inner = table.get(section, {})
        if not isinstance(inner, Mapping):
            raise RecipeError(f"{dotted_key}: {section} is a value, not a section")
        table[section] = dict(inner)
        table = table[section]
    table[key] = value
