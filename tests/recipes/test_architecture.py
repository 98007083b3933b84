"""Words of a recipe become layers, an optimizer and a schedule."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from mnistweb.recipes.architecture import build_model
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.optimization import build_optimizer, build_schedule
from mnistweb.recipes.recipe import (
    OPTIMIZERS,
    SCHEDULES,
    ArchitectureSettings,
    OptimizerSettings,
    ScheduleSettings,
)


def build(**settings):
    return build_model(ArchitectureSettings(**settings), 10, np.random.default_rng(0))


def layer_names(model):
    return [entry["layer"] for entry in model.config()]


@pytest.mark.parametrize(
    ("name", "architecture", "parameters"),
    [
        ("mlp-64", "784 -> 64 -> 10", 50_890),
        ("mlp-128", "784 -> 128 -> 10", 101_770),
        ("mlp-128-64", "784 -> 128 -> 64 -> 10", 109_386),
        ("mlp-256-128", "784 -> 256 -> 128 -> 10", 235_146),
    ],
)
def test_the_perceptrons_are_what_their_names_say(name, architecture, parameters):
    model = build_model(load_recipe(name).architecture, 10, np.random.default_rng(0))
    assert model.architecture == architecture
    assert model.num_parameters == parameters


def test_batch_norm_and_dropout_stand_around_the_activation():
    model = build(hidden=(16,), activation="tanh", batch_norm=True, dropout_rate=0.5)
    assert layer_names(model) == ["Flatten", "Dense", "BatchNorm", "Tanh", "Dropout", "Dense"]


def test_convolutions_come_in_order_and_fit_each_other():
    model = build(
        convolutions=(
            "conv 3x3x4",
            "max_pool 2x2",
            "dropout 0.1",
            "conv 5x5x6 stride 2 valid",
            "global_average_pool",
        ),
        hidden=(),
    )
    assert layer_names(model) == [
        "Conv2D", "ReLU", "MaxPool2D", "Dropout", "Conv2D", "ReLU", "GlobalAveragePool2D", "Dense",
    ]  # fmt: skip
    assert model.forward(np.zeros((2, 28, 28, 1), np.float32)).shape == (2, 10)


def test_a_convolution_before_batch_norm_has_no_bias():
    with_norm = build(convolutions=("conv 3x3x4",), hidden=(), batch_norm=True)
    without = build(convolutions=("conv 3x3x4",), hidden=())
    assert set(with_norm.layers[0].params) == {"weight"}
    assert set(without.layers[0].params) == {"weight", "bias"}


@pytest.mark.parametrize(
    "entry",
    ["conv 3x3", "conv 2x2x4", "conv 3x5x4", "conv 3x3x0", "max_pool 2x3", "max_pol 2x2", "dropout 1.5", ""],
)
def test_an_entry_that_is_no_layer_is_quoted_with_what_is_allowed(entry):
    with pytest.raises(RecipeError, match=r"architecture\.convolutions") as problem:
        build(convolutions=(entry,))
    assert repr(entry) in str(problem.value)


def test_an_entry_that_does_not_fit_says_where():
    with pytest.raises(RecipeError, match="'conv 5x5x4 valid' does not fit here"):
        build(convolutions=("max_pool 14x14", "conv 5x5x4 valid"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": (16384, 16384)}, r"architecture\.hidden.*at most 5,000,000 parameters, got one of 281,"),
        ({"convolutions": ("conv 999x999x9999",)}, r"architecture\.convolutions.*at most 5,000,000"),
        ({"convolutions": ("conv 3x3x1500", "conv 3x3x1500")}, r"convolutions.*got one of 20,263,500"),
        ({"convolutions": ("dropout 0.1",) * 65, "hidden": ()}, r"at most 64 layers, got 65"),
        ({"convolutions": ("conv 3x3x" + "9" * 5000,)}, r"cannot read"),
    ],
)
def test_a_network_that_no_machine_here_would_train_is_refused_before_it_takes_memory(settings, words):
    tracemalloc.start()
    with pytest.raises(RecipeError, match=words):
        build(**settings)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_can_be_built_and_moves_weights(name):
    params, grads = np.ones(3, np.float32), np.ones(3, np.float32)
    build_optimizer(OptimizerSettings(name=name, weight_decay=0.01)).step(params, grads, 0.1)
    assert (params < 1).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_climbs_to_its_highest_rate_and_never_above(name):
    settings = ScheduleSettings(name=name, learning_rate=0.5, warmup_fraction=0.2, every_epochs=2)
    schedule = build_schedule(settings, epochs=5, steps_per_epoch=10)
    rates = [schedule(step) for step in range(50)]
    assert max(rates) == pytest.approx(0.5)
    assert rates[0] < 0.1
    assert rates[-1] == pytest.approx(0.5) if name == "constant" else rates[-1] < 0.26


def test_a_schedule_of_one_step_works():
    schedule = build_schedule(ScheduleSettings(warmup_fraction=0.9), epochs=1, steps_per_epoch=1)
    assert schedule(0) > 0
