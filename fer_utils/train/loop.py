"""The training loop: epochs, batches and validation, and a run that can go on where it stopped.

`train_epochs` and `train_batch` are the training; what they call on the way stands in `step`
(forward and backward for one batch) and `optim` (optimizer, schedule, batch norm, EMA). The rest
of this file prepares a run, keeps its best weights and saves its state.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from fer_utils.data.faceset import FaceSet, Features
from fer_utils.errors import FerError
from fer_utils.evaluate import labels_for, predict
from fer_utils.train import checkpoint
from fer_utils.train.augment import Augmentation, draw_mix
from fer_utils.train.cpu import prepared, strided_depthwise_in_float32
from fer_utils.train.cuda_graphs import Recorder
from fer_utils.train.history import History
from fer_utils.train.optim import (
    MovingAverage,
    batch_norm_momenta,
    make_optimizer,
    make_scheduler,
    measure_batch_norm,
    step_after_batch,
    step_after_epoch,
    train_mode,
    warm_up_batch_norm,
    warm_up_steps,
)
from fer_utils.train.recipes import Recipe
from fer_utils.train.step import Step, TrainingData, classes_of, make_targets, on_device

PRECISIONS = ("float32", "bfloat16")
#: Batches between two looks at the loss.
CHECK_EVERY = 20


def train_epochs(run: "Run", after_epoch: Callable[[dict], object], bar: tqdm) -> None:
    """Train for the epochs that are left: learn from every face once, validate, keep the best."""
    recipe, images = run.recipe, run.step.data.images
    for epoch in range(len(run.history.epochs) + 1, run.options.epochs + 1):
        if run.history.is_stale(recipe.patience):
            break  # early stopping: validation has not become better for `patience` epochs
        started, rate = time.perf_counter(), run.optimizer.param_groups[0]["lr"]
        run.start_epoch(epoch)

        # Shuffle. The faces lie on the device, so a batch is no more than a list of row numbers.
        # This order, then the augmentations, come from one generator, whose state is saved after
        # the epoch: one draw more or less in between, and a resumed run would learn otherwise.
        order = torch.randperm(len(images), generator=run.generator, device=images.device)
        for index, rows in enumerate(order.split(recipe.batch)):
            if len(rows) == 1:
                continue  # batch norm cannot learn from one face: it has no variance
            number = (epoch - 1) * run.steps + index
            train_batch(run, rows, number, augmented=epoch > recipe.late)
            if index % CHECK_EVERY == 0:  # looking waits for the GPU: not after every batch
                run.check_loss(epoch, rate)
            bar.update()
        run.check_loss(epoch, rate)

        # Validate, on pictures as they are and without dropout; some schedules wait for the result.
        train_loss, train_accuracy = run.step.means()
        valid_loss, valid_accuracy = run.validate()
        step_after_epoch(run.scheduler, valid_accuracy)
        row = {
            "epoch": epoch,
            "learning_rate": rate,
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "valid_loss": valid_loss,
            "valid_accuracy": valid_accuracy,
            "seconds": time.perf_counter() - started,
        }
        run.keep(row)
        after_epoch(row)


def train_batch(run: "Run", rows: Tensor, number: int, augmented: bool) -> None:
    """Change the weights by one batch of faces; `number` counts the batches of a run from 0."""
    warm_up_batch_norm(run.norms, number)
    # Mixup is drawn out here: a CUDA graph cannot draw on the CPU, and only takes what is drawn.
    mix = None
    if run.recipe.mixup and augmented:
        mix = draw_mix(len(rows), run.recipe.mixup, rows.device)
    # A compiled net and a CUDA graph are made for one shape and for settings that stay.
    capturable = number >= run.warm_up and len(rows) == run.recipe.batch
    # Forward, loss, zero_grad, backward: `Step.__call__`, or its recording as a CUDA graph.
    run.run_step(rows, mix, augmented, capturable)
    # The gradients lie in the weights now: change these, then the learning rate, then the EMA.
    run.optimizer.step()
    step_after_batch(run.scheduler)
    if run.average is not None:
        run.average.update()


def fit(
    net: nn.Module,
    train: FaceSet,
    valid: FaceSet,
    recipe: Recipe,
    *,
    epochs: int | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    progress: bool = True,
    precision: str = "float32",
    graphs: bool | None = None,
    compile: bool = False,
    on_epoch: Callable[[History], object] | None = None,
) -> History:
    """Train `net` in place; it ends with the weights of its best validation epoch.

    Args:
        net: a net with `.classes`, from pictures in [0, 1] to logits. Parameters with
            requires_grad=False are frozen: they keep their values to the bit, and a batch norm
            in a part that is wholly frozen works as in evaluation and keeps its statistics.
        train: faces to learn from; or, for a `models.head`, the `models.features` of faces.
        valid: faces that choose the epoch to keep; never used for learning.
        recipe: an entry of `RECIPES`, or one's own.
        epochs: overrides the recipe's; early stopping may still end the run before.
        seed: order of the faces, augmentation and dropout; the same seed gives the same
            weights on the same machine (on a GPU up to rounding, since some of its kernels add
            in no fixed order).
        device: None takes a GPU where there is one.
        out: folder for `best.safetensors`, `history.json` and the state to resume from,
            each written in one step after every epoch. None keeps everything in memory.
        resume: go on where a run in `out` was interrupted.
        progress: show a bar.
        precision: an entry of `PRECISIONS`. "bfloat16" computes convolutions and matrix products
            of the training steps in half the digits, where the processor does that faster;
            weights, batch statistics, loss and validation stay float32.
        graphs: launch a step's kernels all together, as a CUDA graph. It begins when the running
            statistics of batch norm have warmed up, and leaves the smaller last batch of an
            epoch out. None: on a GPU. A net that cannot be recorded is trained without, with a
            warning.
        compile: let `torch.compile` fuse the net's operations, for the same steps. The first of
            them takes a minute; the numbers are rounded otherwise.
        on_epoch: called after every epoch with the History so far, e.g. to draw it.

    Returns:
        The History. Early stopping, Ctrl-C and a loss that is no number any more end the run,
        keep the best epoch so far, and say so in `History.stopped`.

    Raises:
        FerError: an empty split, a class without faces to learn from, a net whose parameters
            are all frozen, an unknown precision, graphs without a GPU, votes that are not there
            or that the net has no outputs for, features that a recipe wants to augment, or an
            `out` that holds another run.
    """
    check_splits(net, train, valid)
    check_augmentation(train, recipe)
    if precision not in PRECISIONS:
        raise FerError(f"precision={precision!r} is not one of: {', '.join(PRECISIONS)}.")
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if graphs and device.type != "cuda":
        raise FerError(f"graphs=True needs a CUDA GPU; the device is {device.type}.")
    graphs = device.type == "cuda" if graphs is None else graphs
    options = Options(epochs or recipe.epochs, seed, device, precision, graphs, compile)
    run = Run(net, train, valid, recipe, options)
    folder = Path(out) if out is not None else None
    with prepared(device), strided_depthwise_in_float32(net):
        # dropout and mixup draw from torch's own generators; a resumed run sets them once more
        torch.manual_seed(seed)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if resume and (folder / checkpoint.STATE).is_file():
                state = checkpoint.load(folder / checkpoint.STATE, run.identity, device)
                run.load_state_dict(state)
        run.loop(folder, progress, on_epoch or (lambda history: None))
    # The caller's net: with its own momenta, the best epoch's weights and no memory for gradients.
    for norm, momentum in run.norms:
        norm.momentum = momentum
    net.load_state_dict(run.best_weights)
    net.zero_grad(set_to_none=True)
    net.eval()
    return run.history


def check_splits(net: nn.Module, train: FaceSet, valid: FaceSet) -> None:
    """Raise a FerError for an empty split or a class that could not be learned."""
    for name, faces in (("training", train), ("validation", valid)):
        if len(faces) == 0:
            raise FerError(f"the {name} split is empty: {faces!r}.")
    classes = classes_of(net)
    seen = np.bincount(labels_for(classes, train), minlength=len(classes))
    missing = [name for name, n in zip(classes, seen, strict=True) if n == 0]
    if missing:
        raise FerError(
            f"no training face of class {', '.join(missing)}: a net cannot learn what it never "
            "sees. Create the net with classes=... for the classes there are, or add faces."
        )


def check_augmentation(train: FaceSet, recipe: Recipe) -> None:
    """Raise a FerError where pictures would have to be changed and are not there any more."""
    if isinstance(train, Features) and recipe.augmentation != Augmentation():
        raise FerError(
            f"the features of {train.name} were computed once, from faces as they are; a recipe "
            "that augments cannot change them: replace(recipe, augmentation=Augmentation()), or "
            "train the whole net with its base frozen."
        )


@dataclass(frozen=True)
class Options:
    """What `fit` was asked for beside net, faces and recipe; see there."""

    epochs: int
    seed: int
    device: torch.device
    precision: str = "float32"
    graphs: bool = False
    compile: bool = False


class Run:
    """Everything that changes during a training, so that it can be saved and resumed.

    Attributes:
        net: what learns; moved to the device.
        history: the epochs so far.
        steps: batches in an epoch.
        generator: random numbers of order and augmentation.
        step: forward and backward pass for a batch.
        run_step: `step`, or what records it as a CUDA graph and replays it.
        average: the moving average of the weights, where the recipe wants one.
        norms: batch norms with their own momenta, which warm-up changes for a while.
        warm_up: number of the first batch at which those no longer change.
        best_weights: of the best epoch so far.
        identity: what must be the same for a saved run to go on as this one.
    """

    def __init__(
        self, net: nn.Module, train: FaceSet, valid: FaceSet, recipe: Recipe, options: Options
    ):
        # Before anything is made from its weights. In channels_last memory the channels of a
        # pixel lie side by side, as the fast convolutions of oneDNN and cuDNN want them.
        # (torch's own stubs do not know this argument of `Module.to`.)
        net.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net, self.recipe, self.options = net, recipe, options
        self.history = History()
        self.valid_images, self.valid_labels = on_device(net, valid, options.device)
        images, labels = on_device(net, train, options.device)
        data = TrainingData(images, labels, make_targets(net, train, labels, recipe))
        self.steps = math.ceil(len(train) / recipe.batch)
        self.generator = torch.Generator(options.device).manual_seed(options.seed)
        self.optimizer = make_optimizer(net, recipe)
        self.scheduler = make_scheduler(self.optimizer, recipe, options.epochs, self.steps)
        self.step = Step(net, data, recipe, self.generator, options.precision, options.compile)
        self.run_step = Recorder(self.step) if options.graphs else self.step
        self.average = MovingAverage(net, recipe.average) if recipe.average else None
        self.norms = batch_norm_momenta(net)
        self.warm_up = warm_up_steps(self.norms)
        self.best_weights = snapshot(net)
        self.identity = {
            "recipe": recipe.as_dict(),
            "epochs": options.epochs,
            "seed": options.seed,
            "precision": options.precision,
            "train": [train.name, len(train)],
            "valid": [valid.name, len(valid)],
            "net": getattr(net, "config", type(net).__name__),
            "frozen parameters": sum(not p.requires_grad for p in net.parameters()),
            # only where it is on: runs from before there was compiling go on
            **({"compile": True} if options.compile else {}),
        }

    def loop(self, folder: Path | None, progress: bool, on_epoch: Callable) -> None:
        """Run the epochs that are left, save after each, and say in the history why it ended."""
        epochs, history = self.options.epochs, self.history
        with tqdm(total=epochs * self.steps, disable=not progress, unit="batch") as bar:
            bar.update(len(history.epochs) * self.steps)

            def after_epoch(row: dict) -> None:
                if folder is not None:
                    checkpoint.save(self.state_dict(), folder)
                bar.set_postfix_str(f"epoch {row['epoch']}: valid {row['valid_accuracy']:.3f}")
                on_epoch(history)

            try:
                train_epochs(self, after_epoch, bar)
                history.say_why_it_ended(epochs, self.recipe.patience)
            except Diverged as problem:
                history.stopped = str(problem)
            except KeyboardInterrupt:  # no error: whoever stops a training wants its result
                history.stopped = f"interrupted after {len(history.epochs)} of {epochs} epochs"

    def start_epoch(self, epoch: int) -> None:
        """Put the net in training mode and the sums at zero."""
        train_mode(self.net, dropout=epoch > self.recipe.late)
        self.step.start_epoch(epoch / self.options.epochs)

    def check_loss(self, epoch: int, rate: float) -> None:
        """Stop a run that leads nowhere; waits for the GPU."""
        if not torch.isfinite(self.step.loss_sum):
            raise Diverged(epoch, rate)

    def validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation faces."""
        net = self.net
        if self.average is not None:
            net = self.average.net
            self.average.copy_buffers()
            # averaged weights were never run in training: their batch statistics are measured
            measure_batch_norm(net, self.step.data.images, self.recipe.batch)
        logits = predict(net, self.valid_images)
        loss = F.cross_entropy(logits, self.valid_labels)
        accuracy = (logits.argmax(1) == self.valid_labels).float().mean()
        return loss.item(), accuracy.item()

    def keep(self, row: dict) -> None:
        """Add a row to the history, and keep the weights if it is the best."""
        self.history.epochs.append(row)
        if self.history.best is row:
            self.best_weights = snapshot(self.net if self.average is None else self.average.net)

    def state_dict(self) -> dict:
        """Return all that is needed to go on to the same numbers."""
        return {
            "identity": self.identity,
            "net": self.net.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "best": self.best_weights,
            "soft_targets": self.step.soft_targets,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            # three sources of random numbers: the run's own, and torch's on CPU and GPU
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if self.options.device.type == "cuda" else None,
            "epochs": self.history.epochs,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go back to an earlier state, as `checkpoint.load` returns it."""
        self.net.load_state_dict(state["net"])
        self.best_weights = state["best"]
        if self.step.soft_targets is not None:
            self.step.soft_targets.copy_(state["soft_targets"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        # Last, so that nothing above draws from them. Their states are bytes on the CPU.
        self.generator.set_state(state["generator"].cpu())
        torch.set_rng_state(state["torch"].cpu())
        if state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"].cpu())
        self.history.epochs = state["epochs"]


class Diverged(ArithmeticError):
    """The loss is no number any more."""

    def __init__(self, epoch: int, rate: float):
        super().__init__(
            f"the loss became NaN or infinite in epoch {epoch} at learning rate {rate:g}; the best "
            "epoch before it is kept. Try a lower learning rate."
        )


def snapshot(net: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers."""
    # `state_dict` alone gives the tensors that go on learning
    return {key: value.detach().clone() for key, value in net.state_dict().items()}
