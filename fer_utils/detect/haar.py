"""Viola and Jones's detector (2001): cascades of Haar features, which come with OpenCV."""

from collections.abc import Callable

import numpy as np

from fer_utils._arguments import check_truth, choice, integer, number
from fer_utils.data import _face_crop as cascades
from fer_utils.detect.boxes import Box, inside

#: Those of OpenCV's frontal-face cascades that differ: "default" is the papers'; "alt2" finds
#: nothing in a picture of coins, and at larger steps of `scale` still finds what there is.
CASCADES = ("alt2", "default")

#: Longest side that is looked at: a face of a twentieth of it is still found.
LOOK = 1280


def load(
    cascade: str = "alt2",
    scale: float = 1.1,
    neighbors: int = 5,
    smallest: int = 40,
    look: int = LOOK,
    equalize: bool = False,
) -> Callable[[np.ndarray], list[Box]]:
    """Return a finder of frontal faces; each thread that calls it has a cascade of its own.

    Args:
        cascade: an entry of `CASCADES`.
        scale: how much larger the next size of a face is; 1.2 is three times as fast as 1.1.
        neighbors: so many overlapping finds make a face; fewer find more, and more that is none.
        smallest: side of a face in pixels of the picture as it is looked at.
        look: longest side of the picture as it is looked at; the boxes are in its own pixels.
        equalize: spread the intensities first.

    A box's score is the weight of its last stage, of this cascade alone: 1.6 to 13.6 are usual for
    "default", 54 to 58 for "alt2".
    """
    name = choice("cascade", cascade, CASCADES)
    factor = number("scale", scale, 1.01, 4)
    most = integer("neighbors", neighbors, 0, 1000)
    least = integer("smallest", smallest, 1, 10_000)
    longest = integer("look", look, 40, 10_000)
    check_truth("equalize", equalize)
    cascades.detector(name)  # what is not there is said now

    def find(picture: np.ndarray) -> list[Box]:
        found = cascades.squares(
            cascades.gray(picture.transpose(2, 0, 1)),
            cascade=name,
            scale=factor,
            neighbors=most,
            smallest=least,
            look=longest,
            equalize=equalize,
        )
        boxes = (
            inside((left, top, left + side, top + side), picture.shape[:2], weight)
            for (left, top, side), weight in found
        )
        return [box for box in boxes if box is not None]

    return find
