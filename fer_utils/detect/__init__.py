"""Where in a picture are the faces? Five detectors behind one call, and the crop around a box."""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door
from fer_utils.detect.boxes import Box, crop, overlap
from fer_utils.detect.detectors import DETECTORS, Detector, detector, face, faces, upright

__all__ = [
    "DETECTORS",
    "Box",
    "Detector",
    "crop",
    "detector",
    "face",
    "faces",
    "overlap",
    "upright",
]


if not TYPE_CHECKING:  # a type checker is to find wrong names by itself
    __getattr__ = _door(__name__, __all__, modules=())


def __dir__() -> list[str]:
    return list(__all__)
