"""What can be wrong with a recipe or with the folder of a run."""

from __future__ import annotations


class RecipeError(ValueError):
    """A recipe names a key or a value that does not exist; the message says which, and what is allowed."""


class RunError(ValueError):
    """The folder of a run cannot be used: it is missing, broken, or belongs to another recipe."""
