"""A training run: epochs, validation, the best weights, and going on where it stopped."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from fer_utils.data.faceset import FaceSet
from fer_utils.evaluate import predict
from fer_utils.train import checkpoint as state
from fer_utils.train.augment import draw_mix
from fer_utils.train.cuda_graphs import Recorder
from fer_utils.train.faces import on_device, targets
from fer_utils.train.history import History
from fer_utils.train.optim import (
    MovingAverage,
    batch_norms,
    make_optimiser,
    make_scheduler,
    measure_batch_norm,
    step_after_epoch,
    train_mode,
    warm_up_batch_norm,
    warm_up_steps,
)
from fer_utils.train.recipes import Recipe
from fer_utils.train.step import Step

CHECK_EVERY = 20


class Run:
    """Everything that changes during a training, so that it can be saved and resumed."""

    def __init__(
        self,
        net: nn.Module,
        train: FaceSet,
        valid: FaceSet,
        recipe: Recipe,
        *,
        epochs: int,
        seed: int,
        device: torch.device,
        precision: str = "float32",
        graphs: bool = False,
        compile: bool = False,
    ):
        self.net, self.recipe, self.epochs = net, recipe, epochs
        self.history = History()
        self.valid_images, self.valid_labels = on_device(net, valid, device)
        self.steps = math.ceil(len(train) / recipe.batch)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.optimiser = make_optimiser(net, recipe)
        self.scheduler = make_scheduler(self.optimiser, recipe, epochs, self.steps)
        images, labels = on_device(net, train, device)
        learned = targets(net, train, labels, recipe)
        self.step = Step(net, images, labels, learned, recipe, self.generator, precision, compile)
        self.carry_out = Recorder(self.step) if graphs else self.step
        self.average = MovingAverage(net, recipe.average) if recipe.average else None
        self.norms = [(norm, norm.momentum) for norm in batch_norms(net)]
        self.warm_up = warm_up_steps(self.norms)
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
            **({"compile": True} if compile else {}),
        }

    def loop(self, folder: Path | None, progress: bool, on_epoch: Callable) -> None:
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
                        state.save(self, folder)
                    bar.set_postfix_str(f"epoch {epoch}: valid {row['valid_accuracy']:.3f}")
                    on_epoch(self.history)
                self.history.say_why_it_ended(self.epochs, self.recipe.patience)
            except Diverged as problem:
                self.history.stopped = str(problem)
            except KeyboardInterrupt:
                done = len(self.history.epochs)
                self.history.stopped = f"interrupted after {done} of {self.epochs} epochs"

    def one_epoch(self, epoch: int, bar: tqdm) -> dict:
        """Learn from every training face once, then validate."""
        started = time.perf_counter()
        early = epoch <= self.recipe.late
        train_mode(self.net, dropout=not early)
        rate = self.optimiser.param_groups[0]["lr"]
        images = self.step.images
        order = torch.randperm(len(images), generator=self.generator, device=images.device)
        self.step.start(epoch / self.epochs)
        for index, rows in enumerate(order.split(self.recipe.batch)):
            if len(rows) == 1:
                continue  # batch norm cannot learn from one face
            self.one_step(rows, (epoch - 1) * self.steps + index, early)
            if index % CHECK_EVERY == 0:
                self.check_loss(epoch, rate)
            bar.update()
        self.check_loss(epoch, rate)
        valid_loss, valid_accuracy = self.validate()
        step_after_epoch(self.scheduler, self.recipe, valid_accuracy)
        return {
            "epoch": epoch,
            "learning_rate": rate,
            "train_loss": self.step.loss_sum.item() / len(order),
            "train_accuracy": self.step.right.item() / len(order),
            "valid_loss": valid_loss,
            "valid_accuracy": valid_accuracy,
            "seconds": time.perf_counter() - started,
        }

    def one_step(self, rows: Tensor, number: int, early: bool) -> None:
        """Change the weights by one batch; `number` counts all steps of the run from 0."""
        warm_up_batch_norm(self.norms, number)
        mix = None
        if self.recipe.mixup and not early:
            mix = draw_mix(len(rows), self.recipe.mixup, rows.device)
        steady = number >= self.warm_up and len(rows) == self.recipe.batch
        self.carry_out(rows, mix, early, steady)
        self.optimiser.step()
        if self.recipe.schedule == "one_cycle":
            self.scheduler.step()
        if self.average is not None:
            self.average.update()

    def check_loss(self, epoch: int, rate: float) -> None:
        """Stop a run that leads nowhere. Asking waits for the GPU: not for every step."""
        if not torch.isfinite(self.step.loss_sum):
            raise Diverged(epoch, rate)

    def validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation faces."""
        net = self.net
        if self.average is not None:
            net = self.average.net
            self.average.copy_buffers()
            measure_batch_norm(net, self.step.images, self.recipe.batch)
        logits = predict(net, self.valid_images)
        loss = F.cross_entropy(logits, self.valid_labels)
        accuracy = (logits.argmax(1) == self.valid_labels).float().mean()
        return loss.item(), accuracy.item()

    def keep(self, row: dict) -> None:
        """Add a row to the history, and keep the weights if it is the best."""
        self.history.epochs.append(row)
        if self.history.best is row:
            self.best_weights = snapshot(self.net if self.average is None else self.average.net)


class Diverged(ArithmeticError):
    """The loss is no number any more."""

    def __init__(self, epoch: int, rate: float):
        super().__init__(
            f"the loss became NaN or infinite in epoch {epoch} at learning rate {rate:g}; the best "
            "epoch before it is kept. Try a lower learning rate."
        )


def snapshot(net: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers."""
    return {key: value.detach().clone() for key, value in net.state_dict().items()}
