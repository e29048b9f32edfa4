"""Optimizer, learning-rate schedule, batch norm and moving average, as a recipe wants them."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import (
    ExponentialLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
)
from torch.optim.swa_utils import AveragedModel

from fer_utils.errors import FerError
from fer_utils.models.answers import as_pictures, device_of, dtype_of
from fer_utils.train.recipes import Recipe

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d
Dropout = nn.Dropout | nn.Dropout1d | nn.Dropout2d
#: How many faces `measure_batch_norm` looks at.
MEASURED = 2048


def make_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over the parameters of `net` that are not frozen.

    Raises:
        FerError: all of them are frozen.
    """
    learning = [p for p in net.parameters() if p.requires_grad]
    if not learning:
        raise FerError(
            "every parameter of the net is frozen: leave those that should learn, e.g. the "
            "head, with requires_grad=True."
        )
    # Both handle all weights in one call (`fused` is one kernel on a GPU), and give the numbers of
    # torch's loop over the weights.
    fused, foreach = (True, None) if learning[0].is_cuda else (None, True)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            learning,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            dampening=recipe.dampening,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
            fused=fused,
            foreach=foreach,
        )
    # adam adds the weight decay to the gradient, adamw takes it off the weight itself
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    return kind(
        learning,
        lr=recipe.learning_rate,
        betas=recipe.betas,
        eps=recipe.epsilon,
        weight_decay=recipe.weight_decay,
        fused=fused,
        foreach=foreach,
    )


def make_scheduler(
    optimizer: torch.optim.Optimizer, recipe: Recipe, epochs: int, steps: int
) -> LRScheduler | None:
    """Return the recipe's learning-rate schedule; None where the rate is constant.

    Args:
        optimizer: whose rate it changes.
        recipe: names the schedule.
        epochs: of the whole run.
        steps: batches in an epoch.
    """
    if recipe.schedule == "exponential":
        return ExponentialLR(optimizer, recipe.decay)
    if recipe.schedule == "steps":
        return LambdaLR(
            optimizer, lambda done: math.prod(by for after, by in recipe.steps if after <= done)
        )
    if recipe.schedule == "plateau":
        # torch's patience is how many bad epochs it puts up with; ours is when it acts
        return ReduceLROnPlateau(
            optimizer, mode="max", factor=recipe.decay, patience=recipe.plateau - 1, threshold=0
        )
    if recipe.schedule == "linear":
        return LambdaLR(optimizer, lambda done: linear(done, epochs))
    if recipe.schedule == "one_cycle":
        # The rate rises for 15 % of the steps and falls along a cosine; torch moves the momentum
        # the other way. One step more than there are: it may be asked once after the last.
        return OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=epochs * steps + 1, pct_start=0.15
        )
    return None


def linear(done: int, total: int) -> float:
    """Return the factor on the rate after `done` of `total`: 1 for half of them, then down to 0."""
    return min(1.0, 2 * (1 - done / total))


def step_after_batch(scheduler: LRScheduler | None) -> None:
    """Move a schedule that changes the rate within an epoch: one cycle."""
    if isinstance(scheduler, OneCycleLR):
        scheduler.step()


def step_after_epoch(scheduler: LRScheduler | None, valid_accuracy: float) -> None:
    """Move a schedule that changes the rate between epochs: all others."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(valid_accuracy)
    elif scheduler is not None and not isinstance(scheduler, OneCycleLR):
        scheduler.step()


def train_mode(net: nn.Module, dropout: bool = True) -> None:
    """Put `net` in training mode, frozen parts of it in evaluation mode.

    A part is frozen when none of its parameters learns. In training mode its batch norms would
    go on to adapt their running mean and variance, its dropout would go on to drop, and the part
    would change all the same. Dropout can be left switched off in the other parts too.
    """
    net.train()
    for part in net.modules():
        if isinstance(part, Dropout):
            part.train(dropout)
    # Asked of whole parts and not of each layer: a dropout, or a norm without parameters of its own
    # (Keras's InceptionResNetV2 has them), is frozen with the part it stands in.
    for part in net.modules():
        if is_frozen(part):
            part.eval()


def is_frozen(part: nn.Module) -> bool:
    """Return whether `part` has parameters and none of them learns."""
    learns = [p.requires_grad for p in part.parameters()]
    return bool(learns) and not any(learns)


def batch_norms(net: nn.Module) -> list[BatchNorm]:
    """Return the batch norms of `net`."""
    return [m for m in net.modules() if isinstance(m, BatchNorm)]


def batch_norm_momenta(net: nn.Module) -> list[tuple[BatchNorm, float]]:
    """Return the batch norms of `net` that forget, each with its momentum."""
    return [(norm, norm.momentum) for norm in batch_norms(net) if norm.momentum is not None]


def warm_up_batch_norm(norms: list[tuple[BatchNorm, float]], step: int) -> None:
    """Make the running mean and variance a plain average over the first steps (warm-up).

    With Keras's momentum of 0.99 they would otherwise remember their start, variance 1, for
    hundreds of steps, and a net that has learned a small data set would still fail on it at
    evaluation. Learning itself uses the statistics of the batch and is not changed.
    """
    # momentum 1 takes the first batch whole, 1/2 averages it with the second, 1/3 with the third,
    # until the norm's own momentum is larger than that
    for norm, momentum in norms:
        norm.momentum = max(momentum, 1 / (step + 1))


def warm_up_steps(norms: list[tuple[BatchNorm, float]]) -> int:
    """Return from which step on `warm_up_batch_norm` changes nothing more."""
    return max((math.ceil(1 / momentum) for _, momentum in norms if momentum), default=0)


@torch.no_grad()
def measure_batch_norm(net: nn.Module, images: Tensor | np.ndarray, batch: int) -> None:
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
    chosen = images[:: max(1, len(images) // MEASURED)]  # evenly spaced: nothing is drawn
    for start in range(0, len(chosen) if norms else 0, batch):
        pictures = chosen[start : start + batch]
        if isinstance(pictures, np.ndarray):
            pictures = torch.from_numpy(np.array(pictures)).to(device_of(net))
        if len(pictures) > 1:  # one picture has no variance
            net(as_pictures(pictures).to(dtype_of(net)))
    for norm, momentum in norms:
        norm.momentum = momentum
        norm.eval()


class MovingAverage:
    """An exponential moving average (EMA) of the weights.

    It starts with a short memory, (1 + n) / (10 + n) at step n, and lengthens it up to
    `decay`: otherwise the random first weights stay in the average for thousands of steps.
    torch's `AveragedModel` holds it; steps are counted here, since the counter in there is on
    the device, and asking for it would wait for the GPU at every step.

    Attributes:
        net: a copy of the net with the averaged weights.
        steps: how many sets of weights were averaged.
    """

    def __init__(self, net: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self._model = AveragedModel(net)
        self.net = self._model.module
        self._source = net

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.steps else 0.0
        averaged: list[Tensor] = list(self.net.parameters())
        current: list[Tensor] = list(self._source.parameters())
        # all weights in one call, as in torch's own EMA: a loop over them costs more than the sums
        torch._foreach_lerp_(averaged, current, 1 - kept)
        self.steps += 1

    @torch.no_grad()
    def copy_buffers(self) -> None:
        """Take over what is no weight, such as the statistics of frozen batch norms."""
        for mine, current in zip(self.net.buffers(), self._source.buffers(), strict=True):
            mine.copy_(current)

    def state_dict(self) -> dict:
        """Return weights, buffers and the number of steps."""
        self._model.n_averaged.fill_(self.steps)
        return self._model.state_dict()

    def load_state_dict(self, state: dict) -> None:
        """Go back to an earlier state."""
        self._model.load_state_dict(state)
        self.steps = int(self._model.n_averaged)


def penalized_weights(net: nn.Module, target: str) -> list[Tensor]:
    """Return the weights (no biases) whose squares the loss adds up; frozen ones are skipped."""
    if target == "convolutions":
        weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    else:
        weights = [m.weight for m in net.modules() if isinstance(m, nn.Linear)][-2:]
    return [weight for weight in weights if weight.requires_grad]
