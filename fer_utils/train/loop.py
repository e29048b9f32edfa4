"""The training loop: epochs, batches and validation, and a run that can go on where it stopped.

`train_epochs` and `train_batch` are the training; what they call on the way stands in `step`
(forward and backward for one batch) and `optim` (optimizer, schedule, batch norm, EMA). The rest
of this file prepares a run, keeps its best weights and saves its state.
"""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils._arguments import check_path, check_truth, shown, spoken
from fer_utils._progress import tqdm
from fer_utils.data.faceset import FaceSet, Features
from fer_utils.errors import FerError
from fer_utils.evaluate import check_faces, labels_for, predict
from fer_utils.files import make_folder
from fer_utils.locks import LOCK, hold
from fer_utils.models.answers import (
    check_differentiable,
    chosen_device,
    classes_of,
    float32_by_default,
    named_classes,
)
from fer_utils.ranges import EPOCHS, SEED
from fer_utils.train import checkpoint, parallel
from fer_utils.train.augment import Augmentation, draw_mix
from fer_utils.train.balance import draw_order, per_class
from fer_utils.train.cpu import (
    SEARCH_FROM,
    cudnn_search,
    prepared,
    strided_depthwise_in_float32,
)
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
from fer_utils.train.recipes import Recipe, as_recipe
from fer_utils.train.step import Step, TrainingData, make_targets, on_device
from fer_utils.train.stream import batches, must_stream, streamed

if TYPE_CHECKING:
    from tqdm import auto

PRECISIONS = ("float32", "bfloat16")
#: Batches between two looks at the loss.
CHECK_EVERY = 20


def train_epochs(run: "Run", after_epoch: Callable[[dict], object], bar: "auto.tqdm") -> None:
    """Train for the epochs that are left: learn from every face once, validate, keep the best."""
    recipe, images = run.recipe, run.step.data.images
    for epoch in range(len(run.history.epochs) + 1, run.options.epochs + 1):
        if run.history.is_stale(recipe.patience):
            break  # early stopping: validation has not become better for `patience` epochs
        started, rate = time.perf_counter(), run.optimizer.param_groups[0]["lr"]
        run.start_epoch(epoch)

        # Shuffle. The faces lie on the device, so a batch is no more than a list of row numbers
        # (where they do not fit, its pictures come there while the batch before is learned).
        # This order, then the augmentations, come from one generator, whose state is saved after
        # the epoch: one draw more or less in between, and a resumed run would learn otherwise.
        order = draw_order(run.step.data.labels, run.each, run.generator)
        for index, rows in enumerate(batches(images, order, recipe.batch)):
            if len(rows) < 2 * parallel.size():
                continue  # batch norm cannot learn from one face: it has no variance
            number = (epoch - 1) * run.steps + index
            train_batch(run, rows, number, augmented=epoch > recipe.late)
            if index % CHECK_EVERY == 0:  # looking waits for the GPU: not after every batch
                run.check_loss(epoch, rate)
            bar.update()
        run.check_loss(epoch, rate)

        # Validate, on pictures as they are and without dropout; some schedules wait for the result.
        train_loss, train_accuracy = run.step.means(len(order))
        valid_loss, valid_accuracy = run.scores()
        if not math.isfinite(valid_loss):
            raise Diverged(epoch, rate)
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
        mix = parallel.same_mix(draw_mix(len(rows), run.recipe.mixup, rows.device))
    # A compiled net and a CUDA graph are made for one shape and for settings that stay.
    whole = len(rows) == run.recipe.batch
    capturable = whole and number >= run.warm_up
    # Forward, loss, zero_grad, backward: `Step.__call__`, or its recording as a CUDA graph.
    with cudnn_search(whole):
        run.run_step(rows, mix, augmented, capturable)
    # The gradients lie in the weights now: change these, then the learning rate, then the EMA.
    run.optimizer.step()
    step_after_batch(run.scheduler)
    if run.average is not None:
        run.average.update()


@spoken
@float32_by_default()
def fit(
    net: nn.Module,
    train: FaceSet,
    valid: FaceSet,
    recipe: Recipe | str,
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
    stream: bool | None = None,
    on_epoch: Callable[[History], object] | None = None,
) -> History:
    """Train `net` in place; it ends with the weights of its best validation epoch.

    Under torchrun, inside `parallel.process_group`, several processes share each batch.

    Args:
        net: a net with `.classes`, from pictures in [0, 1] to logits. Parameters with
            requires_grad=False are frozen: they keep their values to the bit, and a part that is
            wholly frozen works as in evaluation: no dropout, batch norm keeps its statistics.
        train: faces to learn from; or, for a `models.head`, the `models.features` of faces.
        valid: faces that choose the epoch to keep; never used for learning.
        recipe: an entry of `RECIPES`, its name, or one's own.
        epochs: overrides the recipe's; early stopping may still end the run before.
        seed: order of the faces, augmentation and dropout; the same seed gives the same
            weights on the same machine (on a GPU up to rounding, since some of its kernels add
            in no fixed order).
        device: None takes a GPU where there is one.
        out: folder for `best.safetensors`, `history.json` and the state to resume from,
            each written in one step after every epoch. None keeps everything in memory.
        resume: go on where a run in `out` was interrupted. It must be the same run: recipe,
            epochs, seed, net, and the faces, by their content (`FaceSet.digest`). To more epochs a
            run goes on too, unless its recipe looks ahead to the last one (the schedules one_cycle
            and linear, and distil). A state that
            is damaged is told, and the run begins again. Where a run begins again, the
            `model.safetensors` that the earlier one left, with its card, is removed.
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
        stream: leave the pictures in their file and read them batch by batch, a batch ahead,
            instead of putting all of them on the device; the numbers are the same. None: where
            they would take more than half of a GPU's free memory or, memory-mapped for a CPU,
            more than a quarter of the computer's; a line is printed then.
        on_epoch: called after every epoch with the History so far, e.g. to draw it.

    Returns:
        The History. Early stopping, Ctrl-C and a loss that is no number any more end the run,
        keep the best epoch so far, and say so in `History.stopped`.

    Raises:
        FerError: a number out of range, no such recipe or device, an `out` that cannot be written
            to, an empty split, a class without faces to learn from, a net whose parameters
            are all frozen, an unknown precision, graphs without a GPU, votes that are not there
            or that the net has no outputs for, features that a recipe wants to augment, an `out`
            that holds another run or where another program is at work, or what several processes
            do not do.
    """
    truths = {"resume": resume, "progress": progress, "compile": compile}
    optional = {"graphs": graphs, "stream": stream}
    for name, value in {**truths, **optional}.items():
        if value is not None or name in truths:
            check_truth(name, value)
    out = None if out is None else check_path("out", out)
    if on_epoch is not None and not callable(on_epoch):
        raise FerError(f"on_epoch={shown(on_epoch)}: give a function of the History so far.")
    recipe = as_recipe(recipe)
    epochs = recipe.epochs if epochs is None else epochs
    EPOCHS.check("epochs", epochs)
    SEED.check("seed", seed)
    epochs, seed = int(epochs), int(seed)  # numpy's are no JSON
    check_splits(net, train, valid)
    check_augmentation(train, recipe)
    if precision not in PRECISIONS:
        raise FerError(f"precision={precision!r} is not one of: {', '.join(PRECISIONS)}.")
    device = chosen_device(device)
    if graphs and device.type != "cuda":
        raise FerError(f"graphs=True (--graphs) needs a CUDA GPU; the device is {device.type}.")
    parallel.check(recipe, graphs, compile)
    if graphs is None:
        graphs = device.type == "cuda" and parallel.size() == 1
    if stream is None and (reason := must_stream(train, valid, device)):
        print(reason)
        stream = True
    folder = make_folder(out) if out is not None else None
    options = Options(epochs, seed, device, precision, graphs, compile, bool(stream))
    run = Run(net, train, valid, recipe, options)
    long_enough = run.steps * options.epochs >= SEARCH_FROM
    with (
        locked(folder),
        prepared(device, search=long_enough),
        strided_depthwise_in_float32(net),
    ):
        # dropout and mixup draw from torch's own generators; a resumed run sets them once more
        torch.manual_seed(seed + parallel.rank())
        if folder is not None and not (resume and run.resume(folder)) and parallel.rank() == 0:
            checkpoint.remove_net(folder)
        run.loop(folder, progress and parallel.rank() == 0, on_epoch or (lambda history: None))
    # The caller's net: with its own momenta, the best epoch's weights and no memory for gradients.
    for norm, momentum in run.norms:
        norm.momentum = momentum
    net.load_state_dict(run.best_weights)
    net.zero_grad(set_to_none=True)
    net.eval()
    return run.history


def locked(folder: Path | None) -> AbstractContextManager[object]:
    """Hold the folder of a run; of several processes the first does, which alone writes there."""
    if folder is None or parallel.rank() > 0:
        return nullcontext()
    return hold(folder / LOCK)


def check_splits(net: nn.Module, train: FaceSet, valid: FaceSet) -> None:
    """Raise a FerError for an empty split, a class or a net that could not be learned."""
    for name, faces in (("training", train), ("validation", valid)):
        check_faces(faces)
        if len(faces) == 0:
            raise FerError(f"the {name} split is empty: {faces!r}.")
    if valid.generated.any():
        raise FerError(
            f"{valid.name}: {valid.generated.sum()} of the validation faces are generated; they "
            "may be learned from, but never choose the epoch."
        )
    classes = named_classes(net)
    seen = np.bincount(labels_for(classes, train), minlength=len(classes))
    missing = [name for name, n in zip(classes, seen, strict=True) if n == 0]
    if missing:
        raise FerError(
            f"no training face of class {', '.join(missing)}: a net cannot learn what it never "
            "sees. Create the net with classes=... for the classes there are, or add faces."
        )
    check_differentiable(net)
    classes_of(net, predict(net, train.images[:1]).shape[1])


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
    stream: bool = False


class Run:
    """Everything that changes during a training, so that it can be saved and resumed.

    Attributes:
        net: what learns; moved to the device.
        train_images: on the device, or, streamed, the array that they are read from.
        valid_images: likewise; on a GPU some may follow that only fill the last batch.
        history: the epochs so far.
        each: faces of each class in an epoch, where classes are balanced; else 0.
        steps: batches in an epoch.
        generator: random numbers of order and augmentation.
        step: forward and backward pass for a batch.
        run_step: `step`, or what records it as a CUDA graph and replays it.
        average: the moving average of the weights, where the recipe wants one.
        norms: batch norms with their own momenta, which warm-up changes for a while.
        warm_up: number of the first batch at which those no longer change.
        best_weights: of the best epoch so far.
        faces: what to learn from and what chooses the epoch: "train" and "valid".
    """

    def __init__(
        self, net: nn.Module, train: FaceSet, valid: FaceSet, recipe: Recipe, options: Options
    ):
        # Before anything is made from its weights. In channels_last memory the channels of a
        # pixel lie side by side, as the fast convolutions of oneDNN and cuDNN want them.
        # (torch's own stubs do not know this argument of `Module.to`.)
        net.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net, self.recipe, self.options = net, recipe, options
        self.faces = {"train": train, "valid": valid}
        self.history = History()
        device = options.device
        self.train_images, labels = on_device(net, train, device, options.stream)
        self.valid_images, self.valid_labels = on_device(net, valid, device, options.stream)
        if device.type == "cuda" and isinstance(self.valid_images, Tensor):
            self.valid_images = whole_batches(self.valid_images)
        images = streamed(self.train_images, recipe.batch, device)
        data = TrainingData(images, labels, make_targets(net, train, labels, recipe))
        self.each = per_class(labels, recipe.balance)
        self.steps = math.ceil((len(named_classes(net)) * self.each or len(train)) / recipe.batch)
        self.generator = torch.Generator(options.device).manual_seed(options.seed)
        self.optimizer = make_optimizer(net, recipe)
        self.scheduler = make_scheduler(self.optimizer, recipe, options.epochs, self.steps)
        self.step = Step(net, data, recipe, self.generator, options.precision, options.compile)
        self.run_step = Recorder(self.step) if options.graphs else self.step
        self.average = MovingAverage(net, recipe.average) if recipe.average else None
        self.norms = batch_norm_momenta(net)
        self.warm_up = warm_up_steps(self.norms)
        self.best_weights = snapshot(net)

    @cached_property
    def identity(self) -> dict:
        """What must be the same for a saved run to go on as this one."""
        options, net = self.options, self.net
        return {
            "recipe": self.recipe.as_dict(),
            "epochs": options.epochs,
            "seed": options.seed,
            "precision": options.precision,
            **{part: [of.name, len(of), of.digest] for part, of in self.faces.items()},
            # what no card could build again is known by its layers
            "net": getattr(net, "config", None) or repr(net),
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
                if folder is not None and parallel.rank() == 0:
                    checkpoint.save(self.state_dict(), folder)
                bar.set_postfix_str(f"epoch {row['epoch']}: valid {row['valid_accuracy']:.3f}")
                if parallel.rank() == 0:
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
        if not torch.isfinite(parallel.summed(self.step.loss_sum)):
            raise Diverged(epoch, rate)

    def scores(self) -> tuple[float, float]:
        """Return what `validate` does; of several processes the first validates for all."""
        found = self.validate() if parallel.rank() == 0 else (0.0, 0.0)
        scores = torch.tensor(found, dtype=torch.float64, device=self.options.device)
        loss, accuracy = parallel.of_the_first(scores).tolist()
        return loss, accuracy

    def validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation faces."""
        net = self.net
        with cudnn_search(False):
            if self.average is not None:
                net = self.average.net
                self.average.copy_buffers()
                # averaged weights were never run in training: their batch statistics are measured
                measure_batch_norm(net, self.train_images, self.recipe.batch)
            logits = predict(net, self.valid_images, progress=False)[: len(self.valid_labels)]
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

    def resume(self, folder: Path) -> bool:
        """Go on from the state in a folder, if it is whole, and write anew what is not.

        Returns whether there is one to go on from.
        """
        state = None
        if any((folder / name).is_file() for name in (checkpoint.STATE, checkpoint.HISTORY)):
            state = checkpoint.load(folder, self.identity, self.options.device)
        if state is None:
            return False
        self.load_state_dict(state)
        if parallel.rank() == 0:
            checkpoint.mend({**state, "identity": self.identity}, folder)
        return True

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


def whole_batches(images: Tensor, batch: int = 256) -> Tensor:
    """Return images with the last one repeated until `predict` finds batches of one size alone.

    For every size cuDNN has to choose and to load other kernels. What fills up is not scored.
    """
    missing = -len(images) % batch if len(images) > batch else 0
    return torch.cat([images, images[-1:].expand(missing, -1, -1, -1)])


def snapshot(net: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers."""
    # `state_dict` alone gives the tensors that go on learning
    return {key: value.detach().clone() for key, value in net.state_dict().items()}
