"""What to train and how: a recipe names data, augmentation, architecture, optimizer and schedule.

    recipe = load_recipe("mlp-128-64", {"training.epochs": 5})
    saved = train_recipe(recipe, run_folder=Path("my-run"))

This is the only room that puts data, imaging, nn and weights together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnistweb.lazy import names_from
from mnistweb.recipes.errors import RecipeError, RunError

if TYPE_CHECKING:
    from mnistweb.recipes.files import load_recipe, recipe_names
    from mnistweb.recipes.progress import Progress
    from mnistweb.recipes.recipe import Recipe
    from mnistweb.recipes.training import train_recipe

__all__ = ["Progress", "Recipe", "RecipeError", "RunError", "load_recipe", "recipe_names", "train_recipe"]

__getattr__ = names_from(
    __name__,
    progress="Progress",
    recipe="Recipe",
    files="load_recipe recipe_names",
    training="train_recipe",
)
