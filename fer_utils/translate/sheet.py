"""Pictures of a translation: rows of faces, as one array or file."""

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fer_utils.translate.pair import Pair

GAP, PAPER = 4, 255


def rows_of_faces(rows: list[np.ndarray], scale: int = 2) -> np.ndarray:
    """Return rows of faces (N, C, H, W) below each other: uint8 (height, width) or (.., 3).

    Args:
        rows: of the same number of faces.
        scale: how many pixels wide each pixel becomes.
    """
    lines = []
    for faces in rows:
        count, channels, height, width = faces.shape
        line = np.full((height + GAP, count * (width + GAP), channels), PAPER, np.uint8)
        for place, face in enumerate(faces):
            left = place * (width + GAP)
            line[:height, left : left + width] = face.transpose(1, 2, 0)
        lines.append(line)
    sheet = np.concatenate(lines)[:-GAP, :-GAP].repeat(scale, 0).repeat(scale, 1)
    return sheet[..., 0] if sheet.shape[2] == 1 else sheet


def progress_sheet(pair: "Pair", first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Draw how far a training is: input, translated and back, in both directions.

    Args:
        pair: of generators.
        first: some faces of its first class, uint8 (N, C, H, W).
        second: as many of its second class.

    Returns:
        three rows for first -> second -> first, a gap, three for second -> first -> second.
    """
    halves = []
    for faces, there, back in ((first, 1, 0), (second, 0, 1)):
        translated = pair.apply(faces, pair.classes[there])
        returned = pair.apply(translated, pair.classes[back])
        halves.append(rows_of_faces([faces, translated, returned]))
    gap = np.full((4 * GAP, *halves[0].shape[1:]), PAPER, np.uint8)
    return np.concatenate([halves[0], gap, halves[1]])


def as_png(sheet: np.ndarray) -> bytes:
    """Return a picture as the content of a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG", optimize=True)
    return file.getvalue()
