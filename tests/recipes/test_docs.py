"""docs/training.md lists every recipe, every setting and its default."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from mnistweb.data.augmentation import Augmentation
from mnistweb.recipes.files import help_of, recipe_names
from mnistweb.recipes.recipe import AUGMENTATION_HELP, Recipe

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def settings_table():
    """The table as it stands in the page; to renew it, run this file."""
    lines = ["| setting | default | what it is |", "| --- | --- | --- |"]

    def add(section, path):
        for field in dataclasses.fields(section):
            value = getattr(section, field.name)
            if dataclasses.is_dataclass(value):
                add(value, [*path, field.name])
            else:
                key = ".".join([*path, field.name])
                lines.append(f"| `{key}` | `{json.dumps(value)}` | {help_of(field)} |")

    add(Recipe(), [])
    return "\n".join(lines)


def test_the_page_lists_every_setting_with_its_default():
    assert PAGE.read_text("utf-8").endswith(f"## All settings\n\n{settings_table()}\n")


def test_the_page_names_every_recipe():
    page = PAGE.read_text("utf-8")
    assert [name for name in recipe_names() if f"| `{name}` |" not in page] == []


def test_every_strength_of_the_augmentation_is_explained():
    assert set(AUGMENTATION_HELP) == {field.name for field in dataclasses.fields(Augmentation)}


if __name__ == "__main__":
    before, heading, _ = PAGE.read_text("utf-8").partition("## All settings\n")
    PAGE.write_text(f"{before}{heading}\n{settings_table()}\n", "utf-8")
