"""One pass over a data set; every metric is computed from the probabilities it leaves.

`fer_utils.evaluate(net, faces)` is `fer_utils.evaluate.evaluate(net, faces)`.
"""

import sys
from types import ModuleType
from typing import Any

from fer_utils._lazy import door
from fer_utils.evaluate.results import Accuracy, Evaluation
from fer_utils.evaluate.scoring import check_faces as check_faces
from fer_utils.evaluate.scoring import evaluate, labels_for, predict

__all__ = ["Accuracy", "Evaluation", "evaluate", "labels_for", "predict"]


def __dir__() -> list[str]:
    return list(__all__)


class _Room(ModuleType):
    """A module that can be called by the name of what it is there for."""

    def __call__(self, *arguments: Any, **options: Any) -> Evaluation:
        return evaluate(*arguments, **options)


__getattr__ = door(__name__, __all__, ())
sys.modules[__name__].__class__ = _Room
