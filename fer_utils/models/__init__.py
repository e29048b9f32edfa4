"""Networks from pictures to logits, by name."""

from fer_utils.models.facenet import FaceNet
from fer_utils.models.zoo import (
    card,
    count,
    create,
    describe,
    load,
    load_file,
    names,
    paper,
    pretrained,
    pretrained_names,
    save,
)

__all__ = [
    "FaceNet",
    "card",
    "count",
    "create",
    "describe",
    "load",
    "load_file",
    "names",
    "paper",
    "pretrained",
    "pretrained_names",
    "save",
]
