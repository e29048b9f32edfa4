"""Boxes around faces: their order, how far two of them overlap, the square cut out around one."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from numbers import Real
from pathlib import PurePath
from typing import Any

import numpy as np

from fer_utils._arguments import check_path, integer, number, shown
from fer_utils.data._face_crop import cut
from fer_utils.errors import FerError

#: What a picture may be given as: a file, its bytes, Pillow's picture, or an array uint8 (H, W),
#: (H, W, 3), (1, H, W) or (3, H, W).
Photograph = Any

#: Side of the crop by the longer side of the box. Much more than this costs accuracy: see
#: figures/crop_margin.csv.
MARGIN = 1.05
LARGEST_MARGIN = 10.0


@dataclass(frozen=True)
class Box:
    """A face in a picture.

    Attributes:
        x: the left-most column.
        y: the topmost row.
        width: in pixels.
        height: in pixels.
        score: how sure the detector is, None where it does not say. A detector's scores can be
            compared with each other, not with another's.
    """

    x: int
    y: int
    width: int
    height: int
    score: float | None = None

    @property
    def area(self) -> int:
        """In pixels."""
        return self.width * self.height


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union (IoU), 0 to 1."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    if across <= 0 or down <= 0:
        return 0.0
    both = across * down
    return both / (one.area + other.area - both)


def crop(
    picture: Photograph, box: Box, margin: float = MARGIN, side: int | None = None
) -> np.ndarray:
    """Return the square around a face: uint8 (C, H, W), C = 1 where the picture is grey, else 3.

    The square's centre is the box's, its side the box's longer side times `margin`; where that
    reaches beyond the picture the square is moved inside, and made smaller where it has to be.

    Args:
        picture: as in `detect.faces`.
        box: of a face in it.
        margin: side of the square by the longer side of the box.
        side: resize to so many pixels, as data sets are on loading; None leaves them.

    Raises:
        FerError: no picture, no box, or a margin that is no number above 0.
    """
    pixels = channels_first(picture)
    left, top, length = square(box, pixels.shape[1:], margin)
    if side is None:
        return pixels[:, top : top + length, left : left + length]
    side = integer("side", side, 1, 1024)
    small = cut(pixels.transpose(1, 2, 0), (left, top, length), side)
    return np.ascontiguousarray(small.reshape(side, side, len(pixels)).transpose(2, 0, 1))


def square(box: Box, shape: tuple[int, ...], margin: float = MARGIN) -> tuple[int, int, int]:
    """Return left, top and side of the square that `crop` cuts out of a picture (H, W)."""
    places = (box.x, box.y, box.width, box.height) if isinstance(box, Box) else ()
    if not places or not all(isinstance(one, Real) and isfinite(one) for one in places):
        raise FerError(f"box={shown(box)}: expected a Box, as detect.faces gives them.")
    margin = number("margin", margin, 0.1, LARGEST_MARGIN)
    height, width = shape
    side = max(1, min(round(max(box.width, box.height) * margin), height, width))
    left = round(box.x + box.width / 2 - side / 2)
    top = round(box.y + box.height / 2 - side / 2)
    return min(max(left, 0), width - side), min(max(top, 0), height - side), side


def ordered(boxes: Iterable[Box]) -> list[Box]:
    """Return boxes, largest first, those of one size by their place from top to bottom."""
    return sorted(boxes, key=lambda box: (-box.area, box.y, box.x, box.width, -(box.score or 0)))


def inside(
    corners: tuple[float, float, float, float], shape: tuple[int, int], score: float | None
) -> Box | None:
    """Return the part of a box that lies in a picture (H, W), or None where nothing does.

    Args:
        corners: left, top, right and bottom, in pixels.
        shape: height and width.
        score: of the box.
    """
    height, width = shape
    left, top, right, bottom = (round(float(place)) for place in corners)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if right <= left or bottom <= top:
        return None
    return Box(left, top, right - left, bottom - top, score)


def channels_first(picture: Photograph) -> np.ndarray:
    """Return a picture as uint8 (1 or 3, H, W); a file is turned as its EXIF says.

    Raises:
        FerError: what is no picture, or cannot be read.
    """
    if isinstance(picture, str | PurePath):
        from fer_utils.pictures import read_picture

        return read_picture(check_path("picture", picture))
    if isinstance(picture, bytes | bytearray | memoryview):
        from fer_utils.pictures import opened, to_array

        with opened(BytesIO(picture), "the picture") as image:
            return to_array(image, "the picture")
    if isinstance(picture, np.ndarray):
        return _checked(picture)
    from PIL import Image

    if isinstance(picture, Image.Image):
        from fer_utils.pictures import to_array

        return to_array(picture, "the picture")
    raise FerError(
        f"picture={shown(picture)}: expected a file's name, its bytes, a Pillow picture or a numpy "
        "array of uint8."
    )


def _checked(picture: np.ndarray) -> np.ndarray:
    """Return an array of one picture, channels first."""
    if picture.dtype != np.uint8:
        raise FerError(
            f"a picture to find faces in is an array of uint8, 0 to 255, not of {picture.dtype}: "
            "multiply intensities of 0 to 1 by 255, divide those of 16 bits by 257."
        )
    shape = picture.shape
    if picture.ndim == 2:
        picture = picture[None]
    elif picture.ndim == 3 and shape[0] not in (1, 3) and shape[-1] in (1, 3):
        picture = picture.transpose(2, 0, 1)
    if picture.ndim != 3 or picture.shape[0] not in (1, 3) or 0 in shape:
        raise FerError(
            f"an array of shape {shape} is not one picture: expected (H, W), (H, W, 3), (1, H, W) "
            "or (3, H, W)."
        )
    return picture


def rgb(picture: Photograph) -> np.ndarray:
    """Return a picture as the detectors see it: uint8 RGB (H, W, 3), in one piece of memory."""
    pixels = channels_first(picture)
    wide = np.broadcast_to(pixels, (3, *pixels.shape[1:])).transpose(1, 2, 0)
    return np.ascontiguousarray(wide)
