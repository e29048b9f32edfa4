"""The course of a training as event files, for those who look at it in TensorBoard."""

from collections.abc import Callable
from pathlib import Path

from fer_utils.errors import FerError
from fer_utils.train.history import History

TAGS = {
    "train_loss": "loss/train",
    "valid_loss": "loss/valid",
    "train_accuracy": "accuracy/train",
    "valid_accuracy": "accuracy/valid",
    "learning_rate": "learning rate",
}


def tensorboard(folder: str | Path) -> Callable[[History], None]:
    """Return what writes an epoch to event files in `folder`: `fit(..., on_epoch=...)`.

    `tensorboard --logdir FOLDER` shows them. A run that goes on adds its later epochs.

    Raises:
        FerError: the package tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as problem:
        raise FerError(
            "event files need the package tensorboard, which is not installed: "
            "pip install tensorboard (or the kit's extra: pip install -e '.[tensorboard]')."
        ) from problem
    writer = SummaryWriter(str(folder))

    def write_epoch(history: History) -> None:
        row = history.epochs[-1]
        for key, tag in TAGS.items():
            writer.add_scalar(tag, row[key], row["epoch"])
        writer.flush()

    return write_epoch
