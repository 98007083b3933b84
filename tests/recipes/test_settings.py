"""Settings are checked one by one: the message names the key, what came, and what is allowed."""

from __future__ import annotations

import pytest

from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.files import load_recipe, parse_recipe, recipe_names, write_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_ships_can_be_read_and_written_back(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert parse_recipe(write_recipe(recipe), name="other") == recipe


def test_the_recipes_the_issue_asks_for_are_there():
    wanted = {"mlp-64", "mlp-128", "mlp-128-64", "mlp-256-128", "convnet", "convnet-quick"}
    assert wanted <= set(recipe_names())


def test_a_recipe_takes_defaults_for_what_it_leaves_out():
    recipe = parse_recipe("[training]\nepochs = 3\n", name="mine")
    assert (recipe.name, recipe.training.epochs, recipe.training.batch_size) == ("mine", 3, 128)


def test_overrides_change_single_settings():
    recipe = load_recipe(
        "mlp-64", {"training.epochs": 2, "architecture.hidden": [7], "optimizer.name": "sgd"}
    )
    assert (recipe.training.epochs, recipe.architecture.hidden, recipe.optimizer.name) == (2, (7,), "sgd")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[optimizer]\nnam = 'adam'", ["optimizer.nam", "did you mean optimizer.name"]),
        ("[optimiser]\nname = 'adam'", ["optimiser", "did you mean optimizer"]),
        ("[optimizer]\nname = 'adm'", ["optimizer.name", "'adm'", "did you mean adam", "rmsprop"]),
        ("[training]\nepochs = 0", ["training.epochs", "at least 1", "got 0"]),
        ("[training]\nepochs = '3'", ["training.epochs", "whole number", "'3'"]),
        ("[training]\nepochs = true", ["training.epochs", "whole number", "True"]),
        ("[training]\nthreads = 3", ["training.threads", "at most 2", "got 3"]),
        ("[schedule]\nlearning_rate = nan", ["schedule.learning_rate", "finite"]),
        ("[schedule]\nlearning_rate = 0", ["schedule.learning_rate", "above 0"]),
        ("[schedule]\nlearning_rate = 1e9", ["schedule.learning_rate", "at most 10", "1000000000.0"]),
        ("[architecture]\nhidden = 128", ["architecture.hidden", "a list", "128"]),
        ("[architecture]\nhidden = [128, 'x']", ["architecture.hidden[1]", "'x'"]),
        ("[data.mix]\nstrokes = -0.5", ["data.mix.strokes", "at least 0", "-0.5"]),
        ("[data.mix]\nletters = 0.5", ["data.mix.letters", "data.mix.strokes"]),
        ("data = 3", ["data", "a table", "3"]),
        ("[augmentation]\nblur = 7", ["augmentation", "blur", "7"]),
        ("[augmentation]\nrotation = 7", ["augmentation.rotation", "augmentation.rotation_degrees"]),
        ("name = 'a/b'", ["name", "'a/b'"]),
        ("[training]\nepochs = = 3", ["TOML", "line 2"]),
    ],
)
def test_a_wrong_recipe_names_the_key_and_what_is_allowed(text, parts):
    with pytest.raises(RecipeError) as problem:
        parse_recipe(text, name="mine")
    for part in parts:
        assert part in str(problem.value)


def test_an_unknown_recipe_suggests_one_that_exists():
    with pytest.raises(RecipeError, match=r"mlp-65.*did you mean mlp-64"):
        load_recipe("mlp-65")


def test_a_missing_recipe_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"nowhere\.toml: No such file"):
        load_recipe(tmp_path / "nowhere.toml")


def test_a_recipe_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"binary\.toml is not a text"):
        load_recipe(path)


def test_a_file_of_ones_own_is_named_after_itself_and_in_errors(tmp_path):
    path = tmp_path / "small-one.toml"
    path.write_text("[architecture]\nhidden = [16]\n")
    assert load_recipe(path).name == "small-one"
    path.write_text("[architecture]\nhiden = [16]\n")
    with pytest.raises(RecipeError, match=r"small-one\.toml: unknown key 'architecture\.hiden'"):
        load_recipe(path)


def test_a_dotted_override_through_a_value_is_refused():
    with pytest.raises(RecipeError, match=r"name\.x"):
        load_recipe("mlp-64", {"name.x": 1})


def test_strange_texts_survive_writing():
    strange = 'quote " backslash \\ \u00e9 \u007f tab \t'
    recipe = load_recipe("mlp-64", {"description": strange})
    assert parse_recipe(write_recipe(recipe), name="x").description == strange
