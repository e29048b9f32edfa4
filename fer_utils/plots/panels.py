"""Several maps side by side, to be compared: all on one colour scale."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from fer_utils.errors import FerError
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.maps import SIGNED, place
from fer_utils.plots.picture import WIDEST, Picture, new, styled
from fer_utils.saliency.windows import highest


@styled
def heats(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int = 4,
) -> Picture:
    """Draw signed maps over their faces, all on one colour scale; 0 is white.

    Args:
        images: a face for each map, or a single one in a list for all of them.
        maps: (H, W) each, of the size of its face.
        titles: what each map shows.
        columns: maps per row, at most.

    Raises:
        FerError: no maps, numbers that do not match, or a map of another size than its face.
    """
    if not len(maps) or len(maps) != len(titles) or len(images) not in (1, len(maps)):
        raise FerError(f"{len(maps)} maps, {len(titles)} titles, {len(images)} faces do not match.")
    images = [to_pixels(image) for image in images] * (len(maps) if len(images) == 1 else 1)
    columns = min(columns, len(maps))
    rows = ceil(len(maps) / columns)
    side = min(1.6, (WIDEST - 1) / columns)
    figure = new(side * columns + 1, (side + 0.25) * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    largest = max(1e-6, *(float(np.abs(heat).max()) for heat in maps))
    scale = Normalize(-largest, largest)
    for axes in grid.flat:
        axes.axis("off")
    for axes, face, heat, title in zip(grid.flat, images, maps, titles, strict=False):
        if face.shape[:2] != np.shape(heat):
            raise FerError(f"a map of {np.shape(heat)} does not fit a face of {face.shape[:2]}.")
        pale = 0.5 + 0.5 * face.mean(-1, keepdims=True) / 255
        axes.imshow(SIGNED(scale(heat))[..., :3] * pale, interpolation="nearest")
        axes.set_title(title, size=9)
    colors = ScalarMappable(scale, SIGNED)
    bar = figure.colorbar(colors, ax=grid, shrink=0.8, pad=0.02, label="drop in probability")
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    bar.outline.set_visible(False)
    figure.alt = _describe(maps, titles)
    return figure


def _describe(maps: Sequence[np.ndarray], titles: Sequence[str]) -> str:
    spots = [place(highest(np.asarray(heat)), np.shape(heat)) for heat in maps]
    each = "; ".join(f"{title}: highest {spot}" for title, spot in zip(titles, spots, strict=True))
    return f"{len(maps)} maps over faces, on one colour scale. {each}."
