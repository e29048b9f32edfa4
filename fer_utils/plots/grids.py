"""What is in a data set: its faces, and how many there are."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fer_utils.data.faceset import SPLITS, FaceSet
from fer_utils.errors import FerError
from fer_utils.pictures import as_picture
from fer_utils.plots.picture import DPI, FAINT, PAPER, WIDEST, Picture, new, styled

MOST_FACES = 200
SPLIT_STYLES = {  # lightness and hatching, so that they differ in grey as well
    "train": {"color": "#20457c"},
    "valid": {"color": "#8fa9c9", "hatch": "////"},
    "test": {"color": "#e3c44b"},
}


@styled
def faces(
    images: FaceSet | np.ndarray | Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    columns: int = 8,
    scale: float = 1.0,
) -> Picture:
    """Draw faces in rows.

    Args:
        images: a FaceSet, or pictures (N, C, H, W), (N, H, W), or a list of them; uint8, or
            float in [0, 1]. Float pictures that go beyond are taken for derivatives: with a
            common scale, 0 is drawn mid-grey where there are negative values, black otherwise.
        titles: a word for each; None takes a FaceSet's labels.
        columns: faces per row, at most.
        scale: size of a face, 1 being 1.2 inches; smaller where a row would be too wide.

    Raises:
        FerError: no pictures, more than 200, or another number of titles.
    """
    if isinstance(images, FaceSet):
        names = [images.classes[label] for label in images.labels]
        titles = names if titles is None else titles
        images = images.images
    if not 0 < len(images) <= MOST_FACES:
        raise FerError(f"{len(images)} faces to draw; choose 1 to {MOST_FACES} with faces.take().")
    if titles is not None and len(titles) != len(images):
        raise FerError(f"{len(titles)} titles for {len(images)} faces.")
    images, zero = _into_range([np.asarray(image) for image in images])
    columns = max(1, min(columns, len(images)))
    rows = ceil(len(images) / columns)
    side = min(1.2 * scale, WIDEST / columns)
    head = 0.24 if titles is not None else 0.0
    figure = Picture(figsize=(side * columns, (side + head) * rows), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, columns), ylim=(rows * (1 + head / side), 0))
    axes.axis("off")
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        top = row * (1 + head / side) + head / side
        draw_face(axes, image, (column, top))
        if titles is not None:
            size = min(9.0, 9 * side / 0.9)
            center = column + 0.5
            axes.text(center, top, titles[i], ha="center", va="bottom", size=size)
    axes.set_aspect("auto")
    figure.alt = _describe_faces(len(images), rows, titles, zero)
    return figure


def draw_face(axes: Axes, image: np.ndarray, corner: tuple[float, float]) -> None:
    """Draw a picture into the unit square at `corner`, with a narrow margin around it."""
    pixels = to_pixels(image)
    height, width = pixels.shape[:2]
    longer = max(height, width) / 0.96
    left = corner[0] + (1 - width / longer) / 2
    top = corner[1] + (1 - height / longer) / 2
    extent = (left, left + width / longer, top + height / longer, top)
    axes.imshow(pixels, extent=extent, interpolation="nearest")


def _into_range(images: list[np.ndarray]) -> tuple[list[np.ndarray], str]:
    """Bring derivatives into [0, 1]; say what 0 became, or nothing for ordinary pictures."""
    low = min(float(image.min()) for image in images)
    high = max(float(image.max()) for image in images)
    if any(image.dtype == np.uint8 for image in images) or (low >= 0 and high <= 1):
        return images, ""
    if low >= 0:
        return [image / high for image in images], "0 is black"
    largest = 2 * max(high, -low)
    return [0.5 + image / largest for image in images], "0 is mid-grey"


def to_pixels(image: np.ndarray) -> np.ndarray:
    """Return RGB (H, W, 3), uint8, of a picture in any form that `as_picture` takes."""
    pixels = (as_picture(image) * 255).round().byte().numpy().transpose(1, 2, 0)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def _describe_faces(count: int, rows: int, titles: Sequence[str] | None, zero: str) -> str:
    what = "A picture of one face" if count == 1 else f"Pictures of {count} faces"
    what += f" in {rows} rows" if rows > 1 else ""
    what += f" ({zero})" if zero else ""
    if titles is None:
        return f"{what}."
    seen = [" ".join(str(title).split()) for title in titles]
    first = ", ".join(seen[:24]) + (", and so on" if count > 24 else "")
    return f"{what}: {first}."


@styled
def counts(faceset: FaceSet) -> Picture:
    """Draw how many faces each class has, as bars divided into splits."""
    parts = {split: faceset.where(split=split).counts() for split in SPLITS}
    parts = {split: part for split, part in parts.items() if any(part.values())}
    names = list(faceset.classes)
    figure = new(7, 0.8 + 0.32 * len(names))
    axes = figure.subplots()
    ends = np.zeros(len(names), int)
    for split, part in parts.items():
        values = np.array([part[name] for name in names])
        axes.barh(
            names, values, left=ends, label=split, edgecolor=PAPER, lw=0.8, **SPLIT_STYLES[split]
        )
        ends += values
    for row, end in enumerate(ends):
        axes.text(end + 0.01 * max(ends.max(), 1), row, f"{end:,}", va="center", size=9)
    axes.invert_yaxis()
    axes.set(xlim=(0, max(ends.max(), 1) * 1.1), xlabel="faces")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", color=FAINT)
    if len(parts) > 1:
        figure.legend(loc="outside upper right", ncols=len(parts))
    figure.suptitle(f"{faceset.name}: {len(faceset):,} faces", x=0.01, ha="left", size=11)
    each = ", ".join(f"{name} {end:,}" for name, end in zip(names, ends.tolist(), strict=True))
    figure.alt = f"Bars: faces of each class in {faceset.name}. {each}."
    return figure
