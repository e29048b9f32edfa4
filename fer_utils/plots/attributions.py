"""Attributions, whatever the method: over the face, signed in red and blue, unsigned in purple."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.ticker import MaxNLocator
from scipy import ndimage

from fer_utils.errors import FerError
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.maps import SIGNED, percent, place
from fer_utils.plots.picture import INK, WIDEST, Picture, new, styled
from fer_utils.saliency import METHODS, Attribution
from fer_utils.saliency.windows import highest

# how much, without for or against; white at 0 as in the signed map, and darker the more
UNSIGNED = colormaps["Purples"]
DARKEST = 0.55  # of the face under a map: its features stay visible, the colours readable
MOST_PIECES = 4  # that are outlined: lines around every pixel of a noisy map would hide it


@styled
def attribution(image: np.ndarray, found: Attribution) -> Picture:
    """Draw a face, and beside it a map of what one class rests on.

    Args:
        image: the picture the map was made of.
        found: from `saliency.attribute`. White is 0. Red speaks for the class, blue against it;
            a map without sign is purple. A solid line surrounds what is above half of the
            largest value, a dashed one what is below minus that, where these are a few pieces.

    Raises:
        FerError: a map of another size than the face.
    """
    height, width = found.map.shape
    figure = new(6.4, 0.45 + 2.7 * height / width)
    left, right = figure.subplots(1, 2)
    left.imshow(to_pixels(image), interpolation="nearest")
    left.axis("off")
    left.set_title(f"{found.classes[int(found.clean.argmax())]}, {percent(found.clean.max())}")
    scale, colors = _scale([found])
    _draw(right, image, found, scale, colors)
    right.set_title(f"{found.title}: “{found.label}”")
    _bar(figure, right, scale, colors, METHODS[found.method].unit)
    figure.alt = f"A face, and beside it a map. {_describe(found)}."
    return figure


@styled
def attributions(
    image: np.ndarray,
    found: Sequence[Attribution],
    titles: Sequence[str] | None = None,
    columns: int = 5,
    shared: bool = False,
) -> Picture:
    """Draw maps of one face side by side, to be compared.

    Args:
        image: the picture the maps were made of.
        found: from `saliency.attribute`.
        titles: one for each map; None takes the methods' names.
        columns: panels in a row, the face included, at most.
        shared: one scale for all. It suits maps of one method; those of different methods have
            different units, so that each has its own scale otherwise, from its largest value.

    Raises:
        FerError: no maps, a map of another size than the face, or another number of titles.
    """
    if not len(found):
        raise FerError("there are no maps to draw.")
    titles = [one.title for one in found] if titles is None else list(titles)
    if len(titles) != len(found):
        raise FerError(f"{len(found)} maps, but {len(titles)} titles.")
    columns = min(columns, 1 + len(found))
    rows = ceil((1 + len(found)) / columns)
    side = min(1.85, WIDEST / columns)
    height, width = found[0].map.shape
    figure = new(max(side * columns, 4.6), (side * height / width + 0.27) * rows + 0.35)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    grid[0].imshow(to_pixels(image), interpolation="nearest")
    grid[0].set_title(
        f"{found[0].classes[int(found[0].clean.argmax())]} {percent(found[0].clean.max())}", size=9
    )
    for axes, one, title in zip(grid[1:], found, titles, strict=False):
        _draw(axes, image, one, *_scale(found if shared else [one]))
        axes.set_title(title, size=9)
    labels = list(dict.fromkeys(one.label for one in found))
    scales = "one scale for all maps" if shared else "each map on its own scale"
    heading = f"what “{'”, “'.join(labels)}” rests on; {scales}"
    figure.suptitle(heading, size=10)
    each = "; ".join(_describe(one, title) for one, title in zip(found, titles, strict=True))
    figure.alt = f"A face and {len(found)} maps of it, {scales}. {each}."
    return figure


def _scale(found: Sequence[Attribution]) -> tuple[Normalize, Colormap]:
    largest = max(1e-12, *(float(np.abs(one.map).max()) for one in found))
    if any(one.signed for one in found):
        return Normalize(-largest, largest), SIGNED
    return Normalize(0, largest), UNSIGNED


def _draw(
    axes: Axes, image: np.ndarray, found: Attribution, scale: Normalize, colors: Colormap
) -> None:
    face = to_pixels(image).mean(-1, keepdims=True) / 255
    if face.shape[:2] != found.map.shape:
        raise FerError(f"a map of {found.map.shape} does not fit a face of {face.shape[:2]}.")
    pale = DARKEST + (1 - DARKEST) * face
    axes.imshow(colors(scale(found.map))[..., :3] * pale, interpolation="nearest")
    for level, line in ((scale.vmax / 2, "solid"), (-scale.vmax / 2, "dashed")):
        beyond = found.map > level if level > 0 else found.map < level
        if 1 <= ndimage.label(beyond)[1] <= MOST_PIECES:
            axes.contour(found.map, [level], colors=INK, linewidths=0.8, linestyles=line)
    axes.axis("off")


def _bar(figure: Picture, axes: Axes, scale: Normalize, colors: Colormap, label: str) -> None:
    bar = figure.colorbar(ScalarMappable(scale, colors), ax=axes, shrink=0.85, label=label)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(5)
    bar.update_ticks()


def _describe(found: Attribution, title: str | None = None) -> str:
    spot = place(highest(found.map, tie=1e-4 * float(np.abs(found.map).max())), found.map.shape)
    if not found.map.any():
        return f"{title or found.title} for {found.label}: nothing anywhere"
    kind = "for and against" if found.signed else "how much, without sign"
    return f"{title or found.title} for {found.label} ({kind}): highest {spot}"
