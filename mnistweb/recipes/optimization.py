"""From the words of a recipe to the optimizer and the schedule that they name."""

from __future__ import annotations

from mnistweb.nn import optimizers, schedules
from mnistweb.recipes.recipe import OptimizerSettings, ScheduleSettings


def build_optimizer(settings: OptimizerSettings) -> optimizers.Optimizer:
    """The optimizer that `settings` describe; its moments are still empty."""
    decay = settings.weight_decay
    match settings.name:
        case "sgd":
            return optimizers.SGD(weight_decay=decay)
        case "momentum":
            return optimizers.Momentum(
                momentum=settings.momentum, nesterov=settings.nesterov, weight_decay=decay
            )
        case "adagrad":
            return optimizers.AdaGrad(weight_decay=decay)
        case "rmsprop":
            return optimizers.RMSProp(weight_decay=decay)
        case "adam":
            return optimizers.Adam(beta1=settings.beta1, beta2=settings.beta2, weight_decay=decay)
        case "adamw":
            return optimizers.AdamW(beta1=settings.beta1, beta2=settings.beta2, weight_decay=decay)
    raise AssertionError(f"the recipe let the optimizer {settings.name!r} pass")


def build_schedule(settings: ScheduleSettings, *, epochs: int, steps_per_epoch: int) -> schedules.Schedule:
    """The schedule that `settings` describe, over epochs * steps_per_epoch steps."""
    rate = settings.learning_rate
    total_steps = epochs * steps_per_epoch
    # The climb must leave at least one step for the way down.
    warmup_steps = min(round(settings.warmup_fraction * total_steps), total_steps - 1)
    every_steps = settings.every_epochs * steps_per_epoch
    match settings.name:
        case "constant":
            return schedules.Constant(rate, warmup_steps=warmup_steps)
        case "step":
            return schedules.StepDecay(
                rate, every_steps=every_steps, decay=settings.decay, warmup_steps=warmup_steps
            )
        case "exponential":
            return schedules.ExponentialDecay(
                rate, every_steps=every_steps, decay=settings.decay, warmup_steps=warmup_steps
            )
        case "cosine":
            return schedules.Cosine(
                rate, total_steps=total_steps, final_factor=settings.final_factor, warmup_steps=warmup_steps
            )
        case "one_cycle":
            return schedules.OneCycle(
                rate, total_steps=total_steps, final_factor=settings.final_factor, warmup_steps=warmup_steps
            )
    raise AssertionError(f"the recipe let the schedule {settings.name!r} pass")
