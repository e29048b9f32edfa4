"""Photographs with the faces that were found in them, and what a network says of each."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from fer_utils._arguments import shown
from fer_utils.errors import FerError
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.maps import DROP, color_scale, overlay, placed
from fer_utils.plots.picture import (
    BAND,
    DARK,
    FAINT,
    INK,
    WIDEST,
    YELLOW,
    Picture,
    percent,
    styled,
)

if TYPE_CHECKING:
    from fer_utils.detect import Box

# in inches
EDGE, GAP, TITLE = 0.12, 0.22, 0.26
PHOTO, TALLEST = 5.0, 4.5  # a photograph's place
CARD, THUMB = 0.98, 0.82  # a face's place beside it, and the face
LEGEND = 0.6  # of the colours, where there are maps
COLUMNS = 2
BARS = 3  # of a face's expressions, the likeliest
WORD = 0.75  # as wide a box has room for its word; a smaller one has its number


@styled
def photographs(
    images: Sequence[np.ndarray],
    boxes: Sequence[Sequence["Box"]],
    probabilities: Sequence[np.ndarray],
    classes: Sequence[str],
    titles: Sequence[str] = (),
    maps: Sequence[Sequence[tuple[np.ndarray, tuple[int, int, int]]]] = (),
) -> Picture:
    """Draw photographs, a box and a word for every face, and beside them each face's bars.

    Args:
        images: uint8 (C, H, W).
        boxes: for each photograph, those of its faces.
        probabilities: for each photograph, (faces, classes).
        classes: names of the expressions.
        titles: a line above each photograph.
        maps: for each photograph and face, a map (H, W) and left, top and side of the square of
            the photograph that it belongs to; it is painted there, over a paled photograph. All
            have one scale of colours.

    Raises:
        FerError: no photographs, not as many of everything, or a square outside its photograph.
    """
    counts = [len(found) for found in boxes]
    rows_match = len(images) == len(boxes) and len(maps) in (0, len(images))
    if not len(images) or not rows_match or counts != [len(p) for p in probabilities]:
        raise FerError(
            f"photographs() needs boxes and probabilities for each photograph, not {shown(boxes)}."
        )
    pixels = [to_pixels(image) for image in images]
    rows = [_row(image.shape, count) for image, count in zip(pixels, counts, strict=True)]
    foot = LEGEND if maps else 0
    figure = Picture(figsize=(WIDEST, EDGE + sum(height for _, height in rows) + foot))
    axes = figure.add_axes((0, 0, 1, 1))
    width, height = figure.get_size_inches()
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    heats = [placed(*pair) for pair in zip(maps, (one.shape[:2] for one in pixels), strict=False)]
    colors = color_scale(*heats)
    top = EDGE
    for row, (image, found, shares) in enumerate(zip(pixels, boxes, probabilities, strict=True)):
        scale, tall = rows[row]
        axes.text(EDGE, top + 0.1, titles[row] if titles else "", va="center", weight="bold")
        corner = EDGE, top + TITLE
        seen = overlay(image, heats[row], colors=colors) if maps else image
        _image(axes, seen, *corner, (image.shape[1] * scale, image.shape[0] * scale))
        for number, (box, share) in enumerate(zip(found, shares, strict=True), 1):
            _mark(axes, box, number, f"{classes[share.argmax()]}", corner, scale)
            place = divmod(number - 1, COLUMNS)
            _card(
                axes, image, box, number, share, classes, (top + TITLE + place[0] * CARD, place[1])
            )
        top += tall
    if maps:
        legend = figure.add_axes((EDGE / width, 0.42 / height, PHOTO / width, 0.1 / height))
        bar = figure.colorbar(colors, cax=legend, orientation="horizontal")
        bar.outline.set_visible(False)
        bar.set_label(f"{DROP}: red, covering it costs the answer; blue, it helps", size=8)
        legend.tick_params(labelsize=8)
    figure.alt = _describe(boxes, probabilities, classes, titles, painted=bool(maps))
    return figure


def _row(shape: tuple[int, ...], faces: int) -> tuple[float, float]:
    """Return inches per pixel of a photograph, and the height of its row."""
    scale = min(PHOTO / shape[1], TALLEST / shape[0])
    return scale, TITLE + max(shape[0] * scale, ceil(faces / COLUMNS) * CARD) + GAP


def _image(
    axes: Axes, image: np.ndarray, left: float, top: float, size: tuple[float, float]
) -> None:
    width, height = size
    axes.imshow(
        image,
        extent=(left, left + width, top + height, top),
        aspect="auto",
        interpolation="antialiased",
        zorder=1,
    )


def _mark(
    axes: Axes, box: "Box", number: int, word: str, corner: tuple[float, float], scale: float
) -> None:
    """Draw a box, and above it, or inside where there is no room, its number and word."""
    left, top = corner[0] + box.x * scale, corner[1] + box.y * scale
    width, height = box.width * scale, box.height * scale
    for color, line in ((INK, 3.2), (YELLOW, 1.6)):  # seen on dark and on light
        axes.add_patch(
            Rectangle((left, top), width, height, fill=False, ec=color, lw=line, zorder=3)
        )
    text = f"{number} {word}" if width >= WORD else f"{number}"
    above = top - corner[1] > 0.18
    tag = {"facecolor": YELLOW, "edgecolor": "none", "pad": 1.6}
    axes.text(
        left + 0.01,
        top - 0.02 if above else top + 0.04,
        text,
        fontsize=8,
        color=INK,
        va="bottom" if above else "top",
        bbox=tag,
        zorder=4,
    )


def _card(
    axes: Axes,
    image: np.ndarray,
    box: "Box",
    number: int,
    share: np.ndarray,
    classes: Sequence[str],
    place: tuple[float, int],
) -> None:
    """Draw a face by itself, its number, and bars of its likeliest expressions."""
    top, column = place
    wide = (WIDEST - EDGE - (EDGE + PHOTO + GAP)) / COLUMNS
    left = EDGE + PHOTO + GAP + column * wide
    y, x = box.y, box.x
    face = image[y : y + box.height, x : x + box.width]
    scale = THUMB / max(face.shape[:2])
    _image(axes, face, left, top, (face.shape[1] * scale, face.shape[0] * scale))
    tag = {"facecolor": YELLOW, "edgecolor": "none", "pad": 1.2}
    axes.text(left + 0.03, top + 0.1, f"{number}", fontsize=7.5, va="center", bbox=tag, zorder=4)
    start, length = left + THUMB + 0.1, wide - THUMB - 0.28
    for rank, i in enumerate(np.argsort(-share, kind="stable")[:BARS]):
        line = top + 0.11 + rank * 0.28
        color = DARK if rank == 0 else FAINT
        axes.text(
            start,
            line,
            classes[i],
            fontsize=8.5,
            va="center",
            color=INK if rank == 0 else FAINT,
            weight="bold" if rank == 0 else "normal",
        )
        axes.text(
            start + length,
            line,
            percent(share[i]),
            fontsize=8,
            va="center",
            ha="right",
            color=INK if rank == 0 else FAINT,
        )
        for part, shade in ((1.0, BAND), (float(share[i]), color)):
            bar = Rectangle((start, line + 0.09), length * part, 0.06, color=shade, lw=0, zorder=2)
            axes.add_patch(bar)


def _describe(
    boxes: Sequence[Sequence["Box"]],
    probabilities: Sequence[np.ndarray],
    classes: Sequence[str],
    titles: Sequence[str],
    *,
    painted: bool,
) -> str:
    parts = []
    for row, (found, shares) in enumerate(zip(boxes, probabilities, strict=True)):
        words = ", ".join(
            f"{number} {classes[share.argmax()]} {percent(share.max())}"
            for number, share in enumerate(shares, 1)
        )
        name = titles[row] if titles else f"photograph {row + 1}"
        parts.append(f"{name}: {len(found)} {'face' if len(found) == 1 else 'faces'}; {words}")
    over = " A map over each face shows what the answer rests on." if painted else ""
    return f"Photographs with a box around every face that was found. {'. '.join(parts)}.{over}"
