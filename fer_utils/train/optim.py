"""From the words of a recipe to what torch needs for a step."""

import math

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fer_utils.errors import FerError
from fer_utils.train.recipes import Recipe

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d)
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
    # both handle all weights in one call; foreach gives the very numbers of torch's plain loop
    quick = {"fused": True} if learning[0].is_cuda else {"foreach": True}
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, **quick}
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


def train_mode(net: nn.Module, dropout: bool = True) -> None:
    """Put `net` in training mode, batch norms of frozen parts in evaluation mode.

    A part is frozen when none of its parameters learns. In training mode its batch norms would
    go on to adapt their running mean and variance, and the part would change all the same.
    Dropout can be left switched off.
    """
    net.train()
    for part in net.modules():
        if isinstance(part, DROPOUTS):
            part.train(dropout)
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


def warm_up_steps(norms: list[tuple[nn.Module, float]]) -> int:
    """Return from which step on `warm_up_batch_norm` changes nothing more."""
    return max((math.ceil(1 / momentum) for _, momentum in norms if momentum), default=0)


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


class MovingAverage:
    """An exponential moving average of the weights.

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
        averaged, current = list(self.net.parameters()), list(self._source.parameters())
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


def penalised_weights(net: nn.Module, target: str) -> list[nn.Parameter]:
    """Return the weights (no biases) whose squares the loss adds up; frozen ones are left out."""
    if target == "convolutions":
        weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    else:
        weights = [m.weight for m in net.modules() if isinstance(m, nn.Linear)][-2:]
    return [weight for weight in weights if weight.requires_grad]
