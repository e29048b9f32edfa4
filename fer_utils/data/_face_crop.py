"""Squares cut out of pictures: the face in it, or the middle.

Faces are found by the frontal-face cascade that comes with OpenCV (Viola and Jones, 2001), as in
borgalli2022, alessi2019 and mazen2021. It finds faces that look at the camera, not profiles.
"""

import threading
from typing import Any

import numpy as np

from fer_utils.errors import FerError

#: Left, top and side of a square, in pixels.
Box = tuple[int, int, int]

# The detector looks at the picture enlarged, or reduced, to sides between these.
SMALLEST_LOOK, LARGEST_LOOK = 240, 640

_OWN = threading.local()  # a detector works on one picture at a time, so each thread has its own


def gray(picture: np.ndarray) -> np.ndarray:
    """Return a picture uint8 (1 or 3, H, W) as intensities (H, W) (ITU-R 601 luma)."""
    if len(picture) == 1:
        return picture[0]
    import cv2

    return cv2.cvtColor(picture.transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)


def largest_face(gray: np.ndarray) -> Box | None:
    """Return (left, top, side) of the largest face in a grey picture uint8 (H, W), or None.

    Raises:
        FerError: the OpenCV that is installed has no such detector.
    """
    import cv2

    cascade = detector()
    height, width = gray.shape
    scale = min(max(1.0, SMALLEST_LOOK / max(gray.shape)), LARGEST_LOOK / max(gray.shape))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    seen = cv2.equalizeHist(cv2.resize(gray, size, interpolation=_resampling(scale < 1)))
    found = cascade.detectMultiScale(seen, 1.1, 5, minSize=(40, 40))
    if len(found) == 0:
        return None
    left, top, side, _ = max(found, key=lambda box: box[2])
    left, top, side = (round(int(number) / scale) for number in (left, top, side))
    side = min(side, width, height)
    return min(left, width - side), min(top, height - side), side


def middle(height: int, width: int) -> Box:
    """Return (left, top, side) of the largest square in the middle of a picture."""
    side = min(height, width)
    return (width - side) // 2, (height - side) // 2, side


def oval(side: int) -> np.ndarray:
    """Return 1 inside an upright oval, 0 outside: uint8 (side, side).

    It fills the detector's square from top to bottom and five sixths of its width: forehead to
    chin, without hair, ears and background at the sides.
    """
    row, column = np.ogrid[:side, :side]
    middle = (side - 1) / 2
    across, down = (column - middle) / (side * 5 / 12), (row - middle) / (side / 2)
    return (across**2 + down**2 <= 1).astype(np.uint8)


def cut(picture: np.ndarray, box: Box, side: int) -> np.ndarray:
    """Return a square of a picture uint8 (H, W) or (H, W, C), resized to `side` pixels.

    Made smaller, a pixel is the mean of the area it covers, so that nothing is aliased; made
    larger, it is interpolated linearly.
    """
    left, top, before = box
    square = picture[top : top + before, left : left + before]
    if before == side:
        return square
    import cv2

    return cv2.resize(square, (side, side), interpolation=_resampling(side < before))


def _resampling(smaller: bool) -> int:
    import cv2

    return cv2.INTER_AREA if smaller else cv2.INTER_LINEAR


def detector(name: str = "frontalface_default") -> Any:
    """Return this thread's cascade (a ``cv2.CascadeClassifier``, which OpenCV 5 does not have)."""
    if not hasattr(_OWN, name):
        import cv2

        classifier, files = getattr(cv2, "CascadeClassifier", None), getattr(cv2, "data", None)
        if classifier is None or files is None:
            raise FerError(
                f"OpenCV {cv2.__version__} has no Haar cascades to find faces with: install "
                "opencv-python below 5, or go without cropping."
            )
        setattr(_OWN, name, classifier(f"{files.haarcascades}haarcascade_{name}.xml"))
    return getattr(_OWN, name)
