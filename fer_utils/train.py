"""Training: the whole data set on the device, a loop one can read, a run that can resume."""

import io
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm

from fer_utils.augment import augment
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import labels_for, predict
from fer_utils.files import write
from fer_utils.history import History
from fer_utils.optimise import (
    batch_norms,
    make_optimiser,
    make_scheduler,
    measure_batch_norm,
    moving_average,
    penalised_weights,
    step_after_epoch,
    train_mode,
    warm_up_batch_norm,
)
from fer_utils.recipes import RECIPES, Recipe, recipe

__all__ = ["RECIPES", "History", "Recipe", "fit", "recipe"]

PRECISIONS = ("float32", "bfloat16")
STATE = "last.pt"
CHECK_EVERY = 20


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
) -> History:
    """Train `net` in place; it ends with the weights of its best validation epoch.

    Args:
        net: a net with `.classes`, from pictures in [0, 1] to logits. Parameters with
            requires_grad=False are frozen: they keep their values to the bit, and a batch norm
            in a part that is wholly frozen works as in evaluation and keeps its statistics.
        train: faces to learn from.
        valid: faces that choose the epoch to keep; never used for learning.
        recipe: an entry of `RECIPES`, or one's own.
        epochs: overrides the recipe's; early stopping may still end the run before.
        seed: order of the faces, augmentation and dropout; the same seed gives the same
            weights on the same machine.
        device: None takes a GPU where there is one.
        out: folder for `best.safetensors`, `history.json` and the state to resume from,
            each written in one step after every epoch. None keeps everything in memory.
        resume: go on where a run in `out` was interrupted.
        progress: show a bar.
        precision: an entry of `PRECISIONS`. "bfloat16" computes convolutions and matrix products
            of the training steps in half the digits, where the processor does that faster;
            weights, batch statistics, loss and validation stay float32.

    Returns:
        The History. Early stopping, Ctrl-C and a loss that is no number any more end the run,
        keep the best epoch so far, and say so in `History.stopped`.

    Raises:
        FerError: an empty split, a class without faces to learn from, a net whose parameters
            are all frozen, an unknown precision, or an `out` that holds another run.
    """
    check_splits(net, train, valid)
    if precision not in PRECISIONS:
        raise FerError(f"precision={precision!r} is not one of: {', '.join(PRECISIONS)}.")
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    net.to(device, memory_format=torch.channels_last)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        run = Run(net, train, valid, recipe, epochs or recipe.epochs, seed, device, precision)
        folder = Path(out) if out is not None else None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if resume and (folder / STATE).is_file():
                run.load(folder / STATE)
        run.loop(folder, progress)
    for norm, momentum in run.norms:
        norm.momentum = momentum
    net.load_state_dict(run.best_weights)
    net.eval()
    return run.history


class Run:
    """Everything that changes during a training, so that it can be saved and resumed."""

    def __init__(self, net, train, valid, recipe: Recipe, epochs: int, seed, device, precision):
        self.net, self.recipe, self.epochs = net, recipe, epochs
        self.half = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
        self.history = History()
        self.images, self.labels = on_device(net, train, device)
        self.valid_images, self.valid_labels = on_device(net, valid, device)
        self.steps = math.ceil(len(self.images) / recipe.batch)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.optimiser = make_optimiser(net, recipe)
        self.scheduler = make_scheduler(self.optimiser, recipe, epochs, self.steps)
        self.penalised = penalised_weights(net, recipe.l2_on) if recipe.l2 else []
        self.average = None
        if recipe.average:
            average = moving_average(recipe.average)
            self.average = AveragedModel(net, multi_avg_fn=average)
        self.norms = [(norm, norm.momentum) for norm in batch_norms(net)]
        self.best_weights = snapshot(net)
        self.identity = {
            "recipe": recipe.as_dict(),
            "epochs": epochs,
            "seed": seed,
            "precision": precision,
            "train": [train.name, len(train)],
            "valid": [valid.name, len(valid)],
            "net": getattr(net, "config", type(net).__name__),
            "frozen parameters": sum(not p.requires_grad for p in net.parameters()),
        }

    def loop(self, folder: Path | None, progress: bool) -> None:
        """Run the epochs that are left."""
        done = len(self.history.epochs)
        with tqdm(total=self.epochs * self.steps, disable=not progress, unit="batch") as bar:
            bar.update(done * self.steps)
            try:
                for epoch in range(done + 1, self.epochs + 1):
                    if self.history.is_stale(self.recipe.patience):
                        break
                    row = self.one_epoch(epoch, bar)
                    self.keep(row)
                    if folder is not None:
                        self.save(folder)
                    bar.set_postfix_str(f"epoch {epoch}: valid {row['valid_accuracy']:.3f}")
                self.history.say_why_it_ended(self.epochs, self.recipe.patience)
            except Diverged as problem:
                self.history.stopped = str(problem)
            except KeyboardInterrupt:
                done = len(self.history.epochs)
                self.history.stopped = f"interrupted after {done} of {self.epochs} epochs"

    def one_epoch(self, epoch: int, bar: tqdm) -> dict:
        """Learn from every training face once, then validate."""
        started = time.perf_counter()
        train_mode(self.net)
        rate = self.optimiser.param_groups[0]["lr"]
        device = self.images.device
        order = torch.randperm(len(self.images), generator=self.generator, device=device)
        loss_sum = torch.zeros((), device=device)
        right = torch.zeros((), device=device, dtype=torch.long)
        for step, rows in enumerate(order.split(self.recipe.batch)):
            if len(rows) == 1:
                continue  # batch norm cannot learn from one face
            warm_up_batch_norm(self.norms, (epoch - 1) * self.steps + step)
            loss, logits = self.one_step(rows)
            loss_sum += loss * len(rows)
            right += (logits.argmax(1) == self.labels[rows]).sum()
            if step % CHECK_EVERY == 0 and not torch.isfinite(loss_sum):
                raise Diverged(epoch, rate)
            bar.update()
        if not torch.isfinite(loss_sum):
            raise Diverged(epoch, rate)
        valid_loss, valid_accuracy = self.validate()
        step_after_epoch(self.scheduler, self.recipe, valid_accuracy)
        return {
            "epoch": epoch,
            "learning_rate": rate,
            "train_loss": loss_sum.item() / len(order),
            "train_accuracy": right.item() / len(order),
            "valid_loss": valid_loss,
            "valid_accuracy": valid_accuracy,
            "seconds": time.perf_counter() - started,
        }

    def one_step(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Change the weights by one batch; return its loss and logits."""
        pictures = self.images[rows].float() / 255
        pictures = augment(pictures, self.recipe.augmentation, self.generator)
        with self.half:
            logits = self.net(pictures.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        loss = F.cross_entropy(
            logits, self.labels[rows], label_smoothing=self.recipe.label_smoothing
        )
        penalty = sum((w.square().sum() for w in self.penalised), torch.zeros_like(loss))
        self.optimiser.zero_grad(set_to_none=True)
        (loss + self.recipe.l2 * penalty).backward()
        self.optimiser.step()
        if self.recipe.schedule == "one_cycle":
            self.scheduler.step()
        if self.average is not None:
            self.average.update_parameters(self.net)
        return loss.detach(), logits.detach()

    def validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation faces."""
        net = self.net
        if self.average is not None:
            net = self.average.module
            measure_batch_norm(net, self.images, self.recipe.batch)
        logits = predict(net, self.valid_images)
        loss = F.cross_entropy(logits, self.valid_labels)
        accuracy = (logits.argmax(1) == self.valid_labels).float().mean()
        return loss.item(), accuracy.item()

    def keep(self, row: dict) -> None:
        """Add a row to the history, and keep the weights if it is the best."""
        self.history.epochs.append(row)
        if self.history.best is row:
            self.best_weights = snapshot(self.net if self.average is None else self.average.module)

    def state(self) -> dict:
        """Return all that is needed to go on to the same numbers."""
        return {
            "identity": json.dumps(self.identity, sort_keys=True),
            "net": self.net.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "best": self.best_weights,
            "optimiser": self.optimiser.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if self.images.is_cuda else None,
            "epochs": self.history.epochs,
        }

    def save(self, folder: Path) -> None:
        """Write state, best weights and history, each under a temporary name first."""
        state = io.BytesIO()
        torch.save(self.state(), state)
        write(folder / STATE, state.getvalue())
        best = {key: value.cpu().contiguous() for key, value in self.best_weights.items()}
        write(folder / "best.safetensors", tensors_to_bytes(best))
        record = {"run": self.identity, "best": self.history.best, "epochs": self.history.epochs}
        write(folder / "history.json", json.dumps(record, indent=1) + "\n")

    def load(self, path: Path) -> None:
        """Go back to a saved state; tensors and plain values only, nothing is executed."""
        state = torch.load(path, map_location=self.images.device, weights_only=True)
        if state["identity"] != json.dumps(self.identity, sort_keys=True):
            raise FerError(
                f"{path.parent} holds another run (other recipe, seed, epochs, data, net or "
                "frozen parts). Choose another folder, or pass resume=False to write over it."
            )
        self.net.load_state_dict(state["net"])
        self.best_weights = state["best"]
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"].cpu())
        torch.set_rng_state(state["torch"].cpu())
        if self.images.is_cuda:
            torch.cuda.set_rng_state(state["cuda"].cpu())
        self.history.epochs = state["epochs"]


class Diverged(ArithmeticError):
    """The loss is no number any more."""

    def __init__(self, epoch: int, rate: float):
        super().__init__(
            f"the loss became NaN or infinite in epoch {epoch} at learning rate {rate:g}; the best "
            "epoch before it is kept. Try a lower learning rate."
        )


def check_splits(net: nn.Module, train: FaceSet, valid: FaceSet) -> None:
    """Raise a FerError for an empty split or a class that could not be learned."""
    for name, faces in (("training", train), ("validation", valid)):
        if len(faces) == 0:
            raise FerError(f"the {name} split is empty: {faces!r}.")
    seen = np.bincount(labels_for(net.classes, train), minlength=len(net.classes))
    missing = [name for name, n in zip(net.classes, seen, strict=True) if n == 0]
    if missing:
        raise FerError(
            f"no training face of class {', '.join(missing)}: a net cannot learn what it never "
            "sees. Create the net with classes=... for the classes there are, or add faces."
        )


def on_device(net: nn.Module, faces: FaceSet, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return uint8 images (N, C, H, W) and labels (N,) as tensors on the device."""
    images = torch.from_numpy(np.array(faces.images)).to(device)
    return images, torch.from_numpy(labels_for(net.classes, faces)).to(device)


def snapshot(net: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers."""
    return {key: value.detach().clone() for key, value in net.state_dict().items()}
