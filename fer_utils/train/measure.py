"""What a training brought and what it cost, as rows of one table."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from fer_utils._arguments import spoken
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError, shown
from fer_utils.evaluate import Accuracy
from fer_utils.models.answers import chosen_device, device_of
from fer_utils.train.history import History
from fer_utils.train.loop import fit
from fer_utils.train.recipes import Recipe

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class Measured:
    """A training in numbers.

    Attributes:
        history: its epochs.
        accuracy: on the validation faces, which also chose the epoch: a little flattered.
        faces: how many it learned from.
        peak_mb: the largest memory in use meanwhile, of the GPU, or on the CPU of the whole
            process, in megabytes; None where the system does not say.
        device: where it ran.
    """

    history: History
    accuracy: Accuracy
    faces: int
    peak_mb: int | None
    device: str

    def __post_init__(self) -> None:
        """Check what the rest is computed from."""
        if not isinstance(self.history, History) or not isinstance(self.accuracy, Accuracy):
            raise FerError("history and accuracy are a History and an Accuracy, as fit gives them.")

    def __repr__(self) -> str:
        """Say in one sentence what it brought and cost."""
        return (
            f"Measured(validation accuracy {self.accuracy}, {len(self.history.epochs)} epochs "
            f"of {self.faces} faces on {self.device})"
        )

    def _repr_html_(self) -> str:
        return table({"": self})._repr_html_()

    @property
    def loss(self) -> float:
        """Validation loss of the epoch that was kept."""
        return self.history.best["valid_loss"]

    @property
    def first_seconds(self) -> float:
        """Seconds of the first epoch, in which much is made ready; with validation."""
        return self.history.epochs[0]["seconds"]

    @property
    def later_seconds(self) -> float:
        """Seconds of a later epoch, the median; of the first where there is only one."""
        seconds = [row["seconds"] for row in self.history.epochs]
        return median(seconds[1:] or seconds)

    @property
    def pictures_per_second(self) -> float:
        """Faces learned from in a second of a later epoch."""
        return self.faces / self.later_seconds


@spoken
def measured(
    net: nn.Module, train: FaceSet, valid: FaceSet, recipe: Recipe | str, **options: Any
) -> Measured:
    """Train as `fit` does, and return what it brought and cost.

    Args:
        net: trained in place.
        train: faces to learn from.
        valid: faces that choose the epoch.
        recipe: see `fit`.
        options: the others of `fit`.

    Raises:
        FerError: what `fit` refuses, or a training that ended before its first epoch did.
    """
    device = chosen_device(options.get("device"))
    forget_peak(device)
    history = fit(net, train, valid, recipe, **options)
    correct = round(history.best["valid_accuracy"] * len(valid))
    accuracy = Accuracy(correct, len(valid))
    return Measured(history, accuracy, len(train), peak_mb(device), str(device_of(net)))


def forget_peak(device: torch.device) -> None:
    """Let the peak of the memory in use begin anew (on a GPU, and on Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):  # another system, or one that does not allow it
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb(device: torch.device) -> int | None:
    """Return the largest memory in use since `forget_peak`, in megabytes, as far as it is known."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6)
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return round(int(found[1]) * 1024 / 1e6) if found else None


def table(rows: Mapping[str, Measured]) -> "pandas.DataFrame":
    """Return one row for each training, by name."""
    import pandas  # takes a second, so only who wants a table waits for it

    if not isinstance(rows, Mapping) or not all(isinstance(v, Measured) for v in rows.values()):
        raise FerError(f"rows={shown(rows)}: expected what train.measured gave, by name.")
    columns = {
        "loss": [round(row.loss, 3) for row in rows.values()],
        "validation accuracy, 95 %": [
            f"{row.accuracy:.1%} ({row.accuracy.low:.1%} to {row.accuracy.high:.1%})"
            for row in rows.values()
        ],
        "faces/s": [f"{row.pictures_per_second:,.0f}" for row in rows.values()],
        "peak MB": ["?" if row.peak_mb is None else f"{row.peak_mb:,}" for row in rows.values()],
        "epoch 1, s": [round(row.first_seconds, 1) for row in rows.values()],
        "later, s": [round(row.later_seconds, 1) for row in rows.values()],
    }
    return pandas.DataFrame(columns, index=list(rows))
