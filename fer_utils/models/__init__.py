"""Networks from pictures to logits, by name."""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door
from fer_utils._torchvision import load as torchvision
from fer_utils.models.checkpoints import (
    card,
    load,
    load_file,
    pretrained,
    pretrained_names,
    save,
)
from fer_utils.models.counting import audit, count
from fer_utils.models.export import OPSET, export
from fer_utils.models.facenet import FaceNet
from fer_utils.models.registry import create, from_claim, names, paper
from fer_utils.models.summary import describe, totals
from fer_utils.models.transfer import features, freeze_base, head, replace_head, unfreeze
from fer_utils.models.wrapping import wrap

__all__ = [
    "FaceNet",
    "OPSET",
    "audit",
    "card",
    "count",
    "create",
    "describe",
    "export",
    "features",
    "freeze_base",
    "from_claim",
    "head",
    "load",
    "load_file",
    "names",
    "paper",
    "pretrained",
    "pretrained_names",
    "replace_head",
    "save",
    "torchvision",
    "totals",
    "unfreeze",
    "wrap",
]


if not TYPE_CHECKING:  # a type checker is to find wrong names by itself
    __getattr__ = _door(__name__, __all__, modules=())


def __dir__() -> list[str]:
    return list(__all__)
