"""From the words of a recipe to what torch needs for a step."""

import math

import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.recipes import Recipe

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
MEASURED = 2048


def make_optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over the parameters of `net` that are not frozen.

    Raises:
        FerError: all of them are frozen.
    """
    learning = [p for p in net.parameters() if p.requires_grad]
    if not learning:
        raise FerError(
            "every parameter of the net is frozen: leave those that should learn, e.g. the "
            "head, with requires_grad=True."
        )
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            learning,
            momentum=recipe.momentum,
            dampening=recipe.dampening,
            nesterov=recipe.nesterov,
            **common,
        )
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
    return kind(learning, betas=recipe.betas, eps=recipe.epsilon, **common)


def make_scheduler(optimiser, recipe: Recipe, epochs: int, steps: int):
    """Return the recipe's learning-rate schedule; None where the rate is constant."""
    schedules = torch.optim.lr_scheduler
    if recipe.schedule == "exponential":
        return schedules.ExponentialLR(optimiser, recipe.decay)
    if recipe.schedule == "steps":
        return schedules.LambdaLR(
            optimiser, lambda done: math.prod(by for after, by in recipe.steps if after <= done)
        )
    if recipe.schedule == "plateau":
        # torch's patience is how many bad epochs it puts up with; ours is when it acts
        return schedules.ReduceLROnPlateau(
            optimiser, mode="max", factor=recipe.decay, patience=recipe.plateau - 1, threshold=0
        )
    if recipe.schedule == "one_cycle":
        # one step more than there are: the schedule may be asked once after the last
        return schedules.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=epochs * steps + 1, pct_start=0.15
        )
    return None


def step_after_epoch(scheduler, recipe: Recipe, valid_accuracy: float) -> None:
    """Move a schedule that changes the rate between epochs."""
    if recipe.schedule == "plateau":
        scheduler.step(valid_accuracy)
    elif recipe.schedule in ("exponential", "steps"):
        scheduler.step()


def train_mode(net: nn.Module) -> None:
    """Put `net` in training mode, batch norms of frozen parts in evaluation mode.

    A part is frozen when none of its parameters learns. In training mode its batch norms would
    go on to adapt their running mean and variance, and the part would change all the same.
    """
    net.train()
    for part in net.modules():
        if is_frozen(part):
            for norm in batch_norms(part):
                norm.eval()


def is_frozen(part: nn.Module) -> bool:
    """Return whether `part` has parameters and none of them learns."""
    learns = [p.requires_grad for p in part.parameters()]
    return bool(learns) and not any(learns)


def batch_norms(net: nn.Module) -> list[nn.Module]:
    """Return the batch norms of `net`."""
    return [m for m in net.modules() if isinstance(m, BATCH_NORMS)]


def warm_up_batch_norm(norms: list[tuple[nn.Module, float]], step: int) -> None:
    """Make the running mean and variance a plain average over the first steps.

    With Keras's momentum of 0.99 they would otherwise remember their start, variance 1, for
    hundreds of steps, and a net that has learned a small data set would still fail on it at
    evaluation. Learning itself uses the statistics of the batch and is not changed.
    """
    for norm, momentum in norms:
        norm.momentum = max(momentum, 1 / (step + 1))


@torch.no_grad()
def measure_batch_norm(net: nn.Module, images: Tensor, batch: int) -> None:
    """Set the running mean and variance of a net whose weights are an average.

    Such weights were never run in training, so no running statistics belong to them; those of
    the net they are the average of lag behind in other ways. `torch.optim.swa_utils.update_bn`
    does the same with everything in training mode; here dropout stays off, as in evaluation,
    and batch norms of frozen parts keep their statistics.

    Args:
        net: left in evaluation mode, its momenta as they were.
        images: uint8 (N, C, H, W), of which some 2,048 evenly spaced ones are looked at.
        batch: pictures at a time.
    """
    train_mode(net)
    norms = [(norm, norm.momentum) for norm in batch_norms(net) if norm.training]
    net.eval()
    for norm, _ in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
        norm.train()
    chosen = images[:: max(1, len(images) // MEASURED)]
    for pictures in chosen.split(batch) if norms else ():
        if len(pictures) > 1:
            net(pictures.float() / 255)
    for norm, momentum in norms:
        norm.momentum = momentum
        norm.eval()


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
    """Return the weights (no biases) whose squares the loss adds up; frozen ones are left out."""
    if target == "convolutions":
        weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    else:
        weights = [m.weight for m in net.modules() if isinstance(m, nn.Linear)][-2:]
    return [weight for weight in weights if weight.requires_grad]
