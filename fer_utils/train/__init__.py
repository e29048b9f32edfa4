"""Training: the whole data set on the device, a loop one can read, a run that can resume.

The training itself is read in three files: `loop` (epochs and batches), `step` (forward and
backward for one batch), `optim` (optimizer, schedule, batch norm, moving average).
"""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door
from fer_utils.train.history import History, tensorboard
from fer_utils.train.loop import PRECISIONS, fit
from fer_utils.train.measure import Measured, measured, table
from fer_utils.train.recipes import RECIPES, Recipe, recipe
from fer_utils.train.relabelling import Verdict, out_of_fold, referee

__all__ = [
    "PRECISIONS",
    "RECIPES",
    "History",
    "Measured",
    "Recipe",
    "Verdict",
    "fit",
    "measured",
    "out_of_fold",
    "recipe",
    "referee",
    "table",
    "tensorboard",
]


if not TYPE_CHECKING:  # a type checker is to find wrong names by itself
    __getattr__ = _door(__name__, __all__, modules=())


def __dir__() -> list[str]:
    return list(__all__)
