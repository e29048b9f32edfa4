"""BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), with Google's weights (Apache-2.0).

The nets are those of MediaPipe's face detection. Their input is the whole picture, made square
with black; their output a score and a box at each of 896 anchors, decoded as MediaPipe's
calculators do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_utils._arguments import choice, number
from fer_utils.detect.boxes import Box, inside
from fer_utils.detect.nets import Net, sigmoid, suppress
from fer_utils.files import read_checked

FOLDER = Path(__file__).parent
SAME = 0.3  # MediaPipe's `min_suppression_threshold`


@dataclass(frozen=True)
class Kind:
    """One of the nets.

    Attributes:
        side: of its input, in pixels.
        strides: of MediaPipe's anchors, layer by layer.
        sha256: of its file.
    """

    side: int
    strides: tuple[int, ...]
    sha256: str


KINDS = {
    "back": Kind(
        256,
        (16, 32, 32, 32),
        "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
    ),
    "short": Kind(
        128,
        (8, 16, 16, 16),
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    ),
}


def anchors(side: int, strides: Sequence[int]) -> np.ndarray:
    """Return the anchors' centres (N, 2), x and y as shares of the input's side.

    As MediaPipe's `SsdAnchorsCalculator` with `fixed_anchor_size`, offsets of 0.5, one aspect
    ratio and `interpolated_scale_aspect_ratio` 1: two anchors for each layer; layers that follow
    each other with one stride share a grid.
    """
    grids = []
    for stride in dict.fromkeys(strides):
        cells = side // stride
        middles = (np.arange(cells) + 0.5) / cells
        grid = np.stack([np.tile(middles, cells), np.repeat(middles, cells)], axis=1)
        grids.append(grid.repeat(2 * strides.count(stride), axis=0))
    return np.concatenate(grids)


def decode(
    raw: np.ndarray, logits: np.ndarray, centers: np.ndarray, side: int, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (N, 4) as shares of the input's side (left, top, right, bottom) and scores (N,).

    Args:
        raw: (A, 4 or more): x and y of the centre from the anchor, width, height, in pixels.
        logits: (A,), scores before the sigmoid.
        centers: (A, 2), of `anchors`.
        side: of the input.
        least: score of a box that counts.

    Boxes of one face are averaged, weighted by their scores, as in MediaPipe: in a film they move
    more quietly than the best box alone.
    """
    scores = sigmoid(logits)
    good = scores >= least
    scores, offsets = scores[good], raw[good, :4] / side
    middle, half = centers[good] + offsets[:, :2], offsets[:, 2:] / 2
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    groups = suppress(boxes, scores, SAME)
    blended = [np.average(boxes[group], axis=0, weights=scores[group]) for group in groups]
    best = np.array([scores[group[0]] for group in groups])
    return np.array(blended).reshape(-1, 4), best


def load(kind: str = "back", score: float = 0.5) -> Callable[[np.ndarray], list[Box]]:
    """Return a finder of faces.

    Args:
        kind: "back" looks at 256 x 256 pixels, "short" at 128 x 128: five times as fast, for
            faces that fill a fifth of the picture or more.
        score: of a face that counts, 0 to 1.

    Raises:
        FerError: a damaged file, or an OpenCV that cannot read it.
    """
    import cv2

    known = KINDS[choice("kind", kind, KINDS)]
    least = number("score", score, 0, 1)
    name = f"blazeface_{kind}.tflite"
    content = np.frombuffer(read_checked(FOLDER / name, known.sha256), np.uint8)
    net = Net(
        lambda: cv2.dnn.readNetFromTFLite(content),
        (1, 3, known.side, known.side),
        name,
        sizes=False,
    )
    centers = anchors(known.side, known.strides)

    def find(picture: np.ndarray) -> list[Box]:
        height, width = picture.shape[:2]
        scale = known.side / max(height, width)
        down, across = max(1, round(height * scale)), max(1, round(width * scale))
        top, left = (known.side - down) // 2, (known.side - across) // 2
        small = np.zeros((known.side, known.side, 3), np.uint8)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small[top : top + down, left : left + across] = cv2.resize(
            picture, (across, down), interpolation=how
        )
        blob = cv2.dnn.blobFromImage(small, 1 / 127.5, mean=(127.5, 127.5, 127.5))
        answers = [answer.reshape(len(centers), -1) for answer in net(blob).values()]
        logits, raw = sorted(answers, key=lambda answer: answer.shape[1])
        boxes, scores = decode(raw, logits[:, 0], centers, known.side, least)
        corners = (boxes * known.side - [left, top, left, top]) / [across, down, across, down]
        corners *= [width, height, width, height]
        every = zip(corners, scores, strict=True)
        found = [inside(tuple(box), (height, width), float(sure)) for box, sure in every]
        return [box for box in found if box is not None]

    return find
