"""The course of a training, epoch by epoch; nothing heavy is imported for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fer_utils import _html
from fer_utils._arguments import NoSuchKey, Telling, check_path, shown
from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.files import make_folder

if TYPE_CHECKING:
    import pandas

#: Tags of TensorBoard's scalars: a slash groups their charts.
TAGS = {
    "train_loss": "loss/train",
    "valid_loss": "loss/valid",
    "train_accuracy": "accuracy/train",
    "valid_accuracy": "accuracy/valid",
    "learning_rate": "learning rate",
}


@dataclass(repr=False)
class History(Telling):
    """The course of a training.

    `history[-1]` is the last epoch, `history["valid_loss"]` one number of every epoch.

    Attributes:
        epochs: one dict per epoch: epoch, learning_rate, train_loss, train_accuracy (both on
            the augmented pictures, while the weights change), valid_loss, valid_accuracy, seconds.
        stopped: why the training ended.
    """

    MEANT: ClassVar = {
        **dict.fromkeys(("show", "plot"), "plots.history(history)"),
        **dict.fromkeys(("accuracy", "val_accuracy"), 'history["valid_accuracy"]'),
        **dict.fromkeys(("loss", "val_loss"), 'history["valid_loss"]'),
        **dict.fromkeys(("history", "to_dataframe", "summary", "describe"), "history.table()"),
        **dict.fromkeys(("last", "final"), "history[-1]"),
    }

    epochs: list[dict] = field(default_factory=list)
    stopped: str = "not started"

    def __post_init__(self) -> None:
        """Check that the epochs are rows with what the best is chosen by."""
        chosen_by = ("valid_accuracy", "valid_loss")
        if not isinstance(self.epochs, list) or not all(
            isinstance(row, dict) and all(isinstance(row.get(key), Real) for key in chosen_by)
            for row in self.epochs
        ):
            raise FerError(
                f"epochs={shown(self.epochs)}: expected a list of what fit notes of each."
            )

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(self.epochs)

    def __bool__(self) -> bool:
        """Return True: a history without epochs is one as well."""
        return True

    def __iter__(self) -> Iterator[dict]:
        """Go through the epochs."""
        return iter(self.epochs)

    def __getitem__(self, which: int | slice | str) -> Any:
        """Return an epoch, some of them, or what was noted of each under a name.

        Raises:
            FerError: there is none, or no epoch was finished.
        """
        if isinstance(which, str):
            names = [name for name in self.best if name != "epoch"]
            if which not in names:
                raise NoSuchKey(f"no epoch notes {which!r}.{nearest(which, names)}")
            return [row[which] for row in self.epochs]
        try:
            return self.epochs[which]
        except (IndexError, TypeError):
            raise FerError(f"{self!r} has no epoch at place {shown(which)}.") from None

    @property
    def best(self) -> dict:
        """The epoch with the highest validation accuracy; of equals, the lower loss.

        Raises:
            FerError: no epoch was finished.
        """
        if not self.epochs:
            raise FerError(f"no epoch was finished ({self.stopped}).")
        # of equal rows `max` takes the first, so a later epoch must be better to replace it
        return max(self.epochs, key=lambda row: (row["valid_accuracy"], -row["valid_loss"]))

    @property
    def best_epoch(self) -> int:
        """Number of the best epoch, from 1."""
        return self.best["epoch"]

    def table(self) -> "pandas.DataFrame":
        """Return the epochs, a row each."""
        import pandas  # takes a second, so only who wants a table waits for it

        numbers = pandas.RangeIndex(1, len(self.epochs) + 1, name="epoch")
        return pandas.DataFrame(self.epochs, index=numbers).drop(columns="epoch", errors="ignore")

    def __repr__(self) -> str:
        """Say in one sentence how far the training came."""
        if not self.epochs:
            return f"History(no epoch: {self.stopped})"
        count = "1 epoch" if len(self.epochs) == 1 else f"{len(self.epochs)} epochs"
        best = f"best {self.epochs.index(self.best) + 1}"
        accuracy = f"validation accuracy {self.best['valid_accuracy']:.3f}"
        return f"History({count}, {best}: {accuracy}; {self.stopped})"

    def _repr_html_(self) -> str:
        return _html.sentence(self) + self.table().round(4)._repr_html_()

    def is_stale(self, patience: int) -> bool:
        """Whether the last `patience` epochs all failed to raise the validation accuracy."""
        accuracies = [row["valid_accuracy"] for row in self.epochs]
        if not patience or not accuracies:
            return False
        # `index` finds the first of equals: to reach the best once more is no rise
        return len(accuracies) - 1 - accuracies.index(max(accuracies)) >= patience

    def say_why_it_ended(self, epochs: int, patience: int) -> None:
        """Set `stopped` after a run of at most `epochs` that nothing broke off."""
        done = len(self.epochs)
        if done == epochs:
            self.stopped = f"all {epochs} epochs done"
        else:
            self.stopped = (
                f"early, after {done} of {epochs} epochs: no higher validation accuracy in the "
                f"last {patience}"
            )


def tensorboard(folder: str | Path) -> Callable[[History], None]:
    """Return what writes an epoch to event files in `folder`: `fit(..., on_epoch=...)`.

    `tensorboard --logdir FOLDER` shows them. A run that goes on adds its later epochs.

    Raises:
        FerError: the package tensorboard is not installed, or nothing can be written there.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as problem:
        raise FerError(
            "event files need the package tensorboard, which is not installed: "
            "pip install tensorboard (or the kit's extra: pip install -e '.[tensorboard]')."
        ) from problem
    writer = SummaryWriter(str(make_folder(check_path("log folder", folder))))

    def write_epoch(history: History) -> None:
        row = history.epochs[-1]
        for key, tag in TAGS.items():
            writer.add_scalar(tag, row[key], row["epoch"])
        writer.flush()

    return write_epoch
