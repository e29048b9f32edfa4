"""Where in a picture are the faces? Five detectors behind one call, and the crop around a box."""

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


def __dir__() -> list[str]:
    return list(__all__)
