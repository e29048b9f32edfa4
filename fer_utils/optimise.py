"""From the words of a recipe to what torch needs for a step."""

import torch
from torch import Tensor, nn

from fer_utils.recipes import Recipe


def make_optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over all parameters of `net`."""
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), momentum=0.9, nesterov=True, **common)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
    return kind(net.parameters(), **common)


def make_scheduler(optimiser, recipe: Recipe, epochs: int, steps: int):
    """Return the recipe's learning-rate schedule; None where the rate is constant."""
    schedules = torch.optim.lr_scheduler
    if recipe.schedule == "exponential":
        return schedules.ExponentialLR(optimiser, recipe.decay)
    if recipe.schedule == "one_cycle":
        # one step more than there are: the schedule may be asked once after the last
        return schedules.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=epochs * steps + 1, pct_start=0.15
        )
    return None


def warm_up_batch_norm(norms: list[tuple[nn.BatchNorm2d, float]], step: int) -> None:
    """Make the running mean and variance a plain average over the first steps.

    With Keras's momentum of 0.99 they would otherwise remember their start, variance 1, for
    hundreds of steps, and a net that has learned a small data set would still fail on it at
    evaluation. Learning itself uses the statistics of the batch and is not changed.
    """
    for norm, momentum in norms:
        norm.momentum = max(momentum, 1 / (step + 1))


def moving_average(decay: float):
    """Return the update of an exponential moving average, for `AveragedModel`.

    It starts with a short memory, (1 + n) / (10 + n) at step n, and lengthens it up to
    `decay`: otherwise the random first weights stay in the average for thousands of steps.
    """

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        if averaged[0].is_floating_point():  # a list holds one kind; the rest are counters
            share = 1 - min(decay, (1 + float(steps)) / (10 + float(steps)))
            torch._foreach_lerp_(averaged, current, share)

    return update


def penalised_weights(net: nn.Module, target: str) -> list[nn.Parameter]:
    """Return the weights (no biases) whose squares the loss adds up."""
    if target == "convolutions":
        return [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    return [m.weight for m in net.modules() if isinstance(m, nn.Linear)][-2:]
