"""YuNet (Wu, Peng and Yu 2023, Machine Intelligence Research 20), by the file that you name.

Its weights are OpenCV's (opencv_zoo, `face_detection_yunet_*.onnx`, MIT); no package carries them.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils._arguments import check_path, integer, number
from fer_utils.detect.boxes import Box, inside
from fer_utils.detect.nets import LOOK, not_run, reduced
from fer_utils.errors import FerError

SAME, MOST = 0.3, 5000  # OpenCV's own: overlap of two boxes of one face, and boxes before that
SIZES = 8  # nets that are kept, one for each size of picture


def load(
    model: str | Path | None = None, score: float = 0.7, look: int = LOOK
) -> Callable[[np.ndarray], list[Box]]:
    """Return a finder of faces; their boxes are upright, from forehead to chin.

    Args:
        model: the net's file, an .onnx.
        score: of a face that counts, 0 to 1.
        look: longest side of the picture as it is looked at; the boxes are in its own pixels.

    Raises:
        FerError: no file is named, or OpenCV cannot read or run it.
    """
    import cv2

    if model is None:
        raise FerError(
            "detector 'yunet' needs model=FILE (typed: --detector-file FILE): OpenCV offers "
            "face_detection_yunet_2023mar.onnx in its repository opencv_zoo; 'blazeface' comes "
            "with the kit."
        )
    path = check_path("model", model)
    least, longest = number("score", score, 0, 1), integer("look", look, 40, 10_000)
    if not path.is_file():
        raise FerError(f"there is no file {path} with the net of detector 'yunet'.")
    content = np.frombuffer(path.read_bytes(), np.uint8)
    # One net for each size: where one net changes its size, OpenCV may answer wrongly (see `Net`).
    nets: dict[tuple[int, int], Any] = {}
    lock = threading.Lock()

    def rows(seen: np.ndarray) -> np.ndarray:
        size = seen.shape[1], seen.shape[0]
        with lock:
            try:
                if size not in nets:
                    while len(nets) >= SIZES:
                        del nets[next(iter(nets))]
                    nets[size] = cv2.FaceDetectorYN.create(
                        "onnx", content, np.zeros(0, np.uint8), size, least, SAME, MOST
                    )
                _, found = nets[size].detect(cv2.cvtColor(seen, cv2.COLOR_RGB2BGR))
            except cv2.error as error:
                raise not_run(error, f"{path} may be no YuNet") from None
        return np.zeros((0, 15)) if found is None else found

    def find(picture: np.ndarray) -> list[Box]:
        seen, scale = reduced(picture, longest)
        found = []
        for left, top, width, height, *_, sure in rows(seen) / ([scale] * 14 + [1.0]):
            corners = left, top, left + width, top + height
            found.append(inside(corners, picture.shape[:2], float(sure)))
        return [box for box in found if box is not None]

    rows(np.zeros((320, 320, 3), np.uint8))
    return find
