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


def largest_face(gray: np.ndarray, smallest: int = 40) -> Box | None:
    """Return (left, top, side) of the largest face in a grey picture uint8 (H, W), or None.

    Args:
        gray: the picture.
        smallest: side of the smallest face that is looked for, as `squares` has it.

    Raises:
        FerError: the OpenCV that is installed has no such detector.
    """
    found = squares(gray, smallest=smallest)
    if not found:
        return None
    height, width = gray.shape
    (left, top, side), _ = found[0]
    side = min(side, width, height)
    return min(left, width - side), min(top, height - side), side


def squares(
    gray: np.ndarray,
    *,
    cascade: str = "default",
    scale: float = 1.1,
    neighbors: int = 5,
    smallest: int = 40,
    look: int = LARGEST_LOOK,
    equalize: bool = True,
) -> list[tuple[Box, float]]:
    """Return squares around the faces in a grey picture uint8 (H, W), and the cascade's weights.

    Args:
        gray: the picture; the squares are in its pixels and may reach a pixel beyond it.
        cascade: "default", "alt2", ...: the end of a name of OpenCV's frontal-face cascades.
        scale: from one size of a face to the next.
        neighbors: so many overlapping finds make a face.
        smallest: side of a face, in pixels of the picture as the cascade sees it.
        look: longest side of the picture as the cascade sees it; a larger one is reduced.
        equalize: spread the intensities first, as the papers' protocols do.

    Returns:
        They are in order of size and place: OpenCV's own order changes from call to call where it
        works with several threads.

    Raises:
        FerError: the OpenCV that is installed has no such detector.
    """
    import cv2

    finder = detector(f"frontalface_{cascade}")
    height, width = gray.shape
    factor = min(max(1.0, SMALLEST_LOOK / max(gray.shape)), look / max(gray.shape))
    if factor != 1 or equalize:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        gray = cv2.resize(gray, size, interpolation=_resampling(factor < 1))
    if equalize:
        gray = cv2.equalizeHist(gray)
    found, _, weights = finder.detectMultiScale3(
        gray, scale, neighbors, minSize=(smallest, smallest), outputRejectLevels=True
    )
    boxes = np.asarray(found, int).reshape(-1, 4)[:, :3]
    every = zip(boxes.tolist(), np.ravel(weights).tolist(), strict=True)
    largest_first = sorted(every, key=lambda one: (-one[0][2], one[0][1], one[0][0]))
    return [
        ((round(left / factor), round(top / factor), round(side / factor)), weight)
        for (left, top, side), weight in largest_first
    ]


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


def detector(cascade: str = "frontalface_default") -> Any:
    """Return this thread's cascade (a ``cv2.CascadeClassifier``, which OpenCV 5 does not have)."""
    own = vars(_OWN)
    if cascade not in own:
        import cv2

        classifier, files = getattr(cv2, "CascadeClassifier", None), getattr(cv2, "data", None)
        if classifier is None or files is None:
            raise FerError(
                f"OpenCV {cv2.__version__} has no Haar cascades to find faces with: install "
                "opencv-python below 5, or go without cropping."
            )
        own[cascade] = classifier(f"{files.haarcascades}haarcascade_{cascade}.xml")
    return own[cascade]
