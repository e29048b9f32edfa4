"""A map over a face: what the network looked at, by occlusion or by another method."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from fer_utils._arguments import shown
from fer_utils.errors import FerError
from fer_utils.plots.grids import faces, to_pixels
from fer_utils.plots.picture import INK, WIDEST, Picture, check_kind, new, percent, styled

if TYPE_CHECKING:
    from fer_utils.saliency import Attribution, OcclusionMap

# Signed: red for the class, blue against it. Unsigned: how much, without for or against. In both
# white, and so nothing, at 0; both can be read by the colour-blind.
SIGNED, UNSIGNED = colormaps["RdBu_r"], colormaps["Purples"]

# A face under its map is drawn in greys from this one to white: dark hair has colours too, and the
# features stay visible.
DARKEST = 0.5

VEIL = 0.8  # how much the strongest colour of a map hides, where the picture is not paled
DROP = "drop in probability"  # the unit of occlusion maps
NO_DROP = 1e-6  # drops in probability below this are rounding, and drawn as none
MOST_PIECES = 4  # that are outlined: lines around every pixel of a noisy map would hide it


def color_scale(*maps: np.ndarray, signed: bool = True, least: float = 1e-12) -> ScalarMappable:
    """Return the colours for maps: from 0, or symmetric about it, to their largest value."""
    largest = max([least, *(float(np.abs(heat).max()) for heat in maps)])
    if signed:
        return ScalarMappable(Normalize(-largest, largest), SIGNED)
    return ScalarMappable(Normalize(0, largest), UNSIGNED)


def as_heat(values: Any) -> np.ndarray:
    """Return a map (H, W): an array as it is, or that of an `OcclusionMap` or an `Attribution`.

    Raises:
        FerError: it is none, or holds numbers that are not finite.
    """
    values = values.heat() if hasattr(values, "heat") else getattr(values, "map", values)
    heat = np.asarray(values)
    if heat.ndim != 2 or not heat.size or heat.dtype.kind not in "biuf":
        raise FerError(f"a map is an array (H, W) of numbers, not {shown(values)}.")
    if not np.isfinite(heat).all():
        raise FerError("the map holds numbers that are not finite.")
    return heat


def overlay(
    face: np.ndarray, heat: np.ndarray, signed: bool = True, colors: ScalarMappable | None = None
) -> np.ndarray:
    """Return a map over a face: the colour of each value, times the grey of the paled face.

    Args:
        face: the picture under the map, in any form that `pictures.as_picture` takes.
        heat: (H, W).
        signed: whether values below 0 mean something.
        colors: a `color_scale`, where several maps share one; None takes this map's own.

    Returns:
        RGB, float (H, W, 3) in [0, 1].

    Raises:
        FerError: a map of another size than the face.
    """
    gray = to_pixels(face).mean(-1, keepdims=True) / 255
    if gray.shape[:2] != np.shape(heat):
        raise FerError(f"a map of {np.shape(heat)} does not fit a face of {gray.shape[:2]}.")
    colors = colors or color_scale(heat, signed=signed)
    return colors.to_rgba(heat)[..., :3] * (DARKEST + (1 - DARKEST) * gray)


def placed(
    maps: Sequence[tuple[np.ndarray, tuple[int, int, int]]], size: tuple[int, int]
) -> np.ndarray:
    """Return one map for a whole photograph, float32 (H, W), of maps of squares in it; 0 elsewhere.

    Args:
        maps: a map (h, w), and left, top and side of the square of the photograph it belongs to.
            Where two squares overlap, the stronger number stays.
        size: height and width of the photograph.

    Raises:
        FerError: a square that does not lie in the photograph.
    """
    from PIL import Image

    whole = np.zeros(size, np.float32)
    for values, (left, top, side) in maps:
        there = whole[top : top + side, left : left + side]
        if min(left, top) < 0 or there.shape != (side, side):
            raise FerError(f"a square at {(left, top)} of {side} leaves a picture of {size}.")
        small = Image.fromarray(as_heat(values).astype(np.float32))
        heat = np.asarray(small.resize((side, side), Image.Resampling.BILINEAR))
        there[:] = np.where(np.abs(heat) > np.abs(there), heat, there)
    return whole


def veil(heat: np.ndarray, signed: bool = True) -> np.ndarray:
    """Return a map to lay over moving or coloured pictures, in the colours of `overlay`.

    RGBA in [0, 1], the more opaque the larger its numbers.

    Args:
        heat: (H, W).
        signed: whether values below 0 mean something.
    """
    colors = color_scale(heat, signed=signed).to_rgba(heat)
    colors[..., 3] = VEIL * np.abs(heat) / max(float(np.abs(heat).max()), 1e-12)
    return colors


@styled
def saliency(image: np.ndarray, heat: np.ndarray, title: str | None = None) -> Picture:
    """Draw a face, and a signed map over it.

    Args:
        image: (H, W), (C, H, W) or (H, W, C).
        heat: (H, W), a signed number for every pixel, or what `saliency` gives; 0 is white. A
            solid line surrounds what is above half of the largest value, a dashed one what is
            below minus that.
        title: what the map shows.

    Raises:
        FerError: a map of another size than the face.
    """
    unit = _unit(heat)
    heat = as_heat(heat)
    height, width = heat.shape
    figure = new(6.2, 0.4 + 2.7 * height / width)
    left, right = figure.subplots(1, 2)
    _draw_face(left, image)
    _draw_heat(right, image, heat, unit)
    right.set_title(title or "")
    words = f" ({title})" if title else ""
    figure.alt = f"A face, and beside it a map{words}, highest {_highest(heat)}."
    return figure


@styled
def occlusion(image: np.ndarray, omap: "OcclusionMap", target: int | str | None = None) -> Picture:
    """Draw a face, where covering it costs the target probability, and where the label changes.

    The square drawn on the face is the one that costs most. In the third panel the face stays
    visible where covering it changes the predicted label (Minaee's rule), the more so the
    larger the share of the squares there that do.

    Args:
        image: the picture the map was made of.
        omap: from `saliency.occlusion`.
        target: class of the middle panel; None takes the predicted one.
    """
    index = omap.target_index(target)
    height, width = omap.size
    figure = new(9.6, 0.5 + 2.8 * height / width)
    face, heat, flips = figure.subplots(1, 3)
    _draw_face(face, image)
    peak = omap.box(*omap.peak(target))
    _draw_square(face, peak)
    face.set_title(f"{omap.label}, {percent(omap.clean.max())}")
    _draw_heat(heat, image, omap.heat(target), DROP)
    heat.set_title(f"what “{omap.classes[index]}” rests on")
    changed = omap.flips()
    _draw_flips(flips, image, omap)
    flips.set_title(f"label changes: {changed.sum()} of {changed.size}")
    center = ((peak[0] + peak[2]) / 2, (peak[1] + peak[3]) / 2)
    figure.alt = (
        f"A face predicted {omap.label}, {percent(omap.clean.max())}; a map of what "
        f"{omap.classes[index]} rests on: covering it {place(center, omap.size)} costs most, "
        f"{percent(omap.drop(index).max())}; and the parts of the face where {changed.sum()} of "
        f"{changed.size} positions of the square change the label."
    )
    return figure


@styled
def occluded(
    image: np.ndarray,
    omap: "OcclusionMap | list[OcclusionMap] | tuple[OcclusionMap, ...]",
    positions: Sequence[tuple[int, int]] | None = None,
    columns: int | None = None,
) -> Picture:
    """Draw covered faces, each with what the net said of it (minaee2019, Fig. 11).

    An arrow marks the answers that differ from that to the whole face.

    Args:
        image: the picture the map was made of.
        omap: from `saliency.occlusion`; it holds the net's answers. Several, by several nets with
            the same square, give a line of answers each.
        positions: (row, column) in the map's grid; None takes nine spread over the face.
        columns: faces per row; None takes 3 for those nine, and 6 otherwise.

    Raises:
        FerError: a position outside the grid, no map, or maps of different squares.
    """
    from fer_utils.saliency.windows import pair

    maps = list(omap) if isinstance(omap, list | tuple) else [omap]
    for one in maps:
        check_kind("omap", one, "OcclusionMap")
    if not maps or any(one.windows != maps[0].windows for one in maps):
        raise FerError(f"{len(maps)} maps: give one, or several with the same squares.")
    rows, across = maps[0].probabilities.shape[:2]
    if positions is None:
        down, right = (np.linspace(0, n - 1, 5).round().astype(int)[1:4] for n in (rows, across))
        positions = [(int(row), int(column)) for row in down for column in right]
        columns = columns or 3
    covered, titles = [], []
    for position in positions:
        row, column = pair(position, "position")
        if not (0 <= row < rows and 0 <= column < across):
            raise FerError(f"position ({row}, {column}) is outside the {rows}x{across} grid.")
        covered.append(maps[0].cover(image, row, column).numpy())
        titles.append("\n".join(_said(one, row, column) for one in maps))
    figure = faces(covered, titles, columns or 6, scale=1.25)
    answers = ", ".join(titles).replace("→ ", "").replace("\n", " and ")
    figure.alt = (
        f"A face predicted {' and '.join(one.label for one in maps)}, covered by a square in "
        f"{len(titles)} places, with the prediction for each: {answers}."
    )
    return figure


def _said(omap: "OcclusionMap", row: int, column: int) -> str:
    answer = omap.probabilities[row, column]
    label = omap.classes[int(answer.argmax())]
    return f"{'→ ' if label != omap.label else ''}{label} {percent(answer.max())}"


@styled
def heats(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int = 4,
    unit: str = DROP,
) -> Picture:
    """Draw signed maps over their faces, all on one colour scale; 0 is white.

    Args:
        images: a face for each map, or a single one in a list for all of them.
        maps: (H, W) each, of the size of its face.
        titles: what each map shows.
        columns: maps per row, at most.
        unit: what the colours say, beside their bar.

    Raises:
        FerError: no maps, numbers that do not match, or a map of another size than its face.
    """
    if not len(maps) or len(maps) != len(titles) or len(images) not in (1, len(maps)):
        raise FerError(f"{len(maps)} maps, {len(titles)} titles, {len(images)} faces do not match.")
    maps = [as_heat(heat) for heat in maps]
    images = list(images) * (len(maps) if len(images) == 1 else 1)
    columns = min(columns, len(maps))
    rows = ceil(len(maps) / columns)
    side = min(1.6, (WIDEST - 1) / columns)
    figure = new(side * columns + 1, (side + 0.25) * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    colors = color_scale(*maps, least=NO_DROP)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, heat, title in zip(grid.flat, images, maps, titles, strict=False):
        axes.imshow(overlay(image, heat, colors=colors), interpolation="nearest")
        axes.set_title(title, size=9)
    _tidy(figure.colorbar(colors, ax=grid, shrink=0.8, pad=0.02, label=unit))
    words = "; ".join(
        f"{title}: highest {_highest(heat)}" for title, heat in zip(titles, maps, strict=True)
    )
    figure.alt = f"{len(maps)} maps over faces, on one colour scale. {words}."
    return figure


@styled
def attribution(image: np.ndarray, attribution: "Attribution") -> Picture:
    """Draw a face, and beside it a map of what one class rests on.

    Args:
        image: the picture the map was made of.
        attribution: from `saliency.attribute`. White is 0. Red speaks for the class, blue against
            it; a map without sign is purple. A solid line surrounds what is above half of the
            largest value, a dashed one what is below minus that, where these are a few pieces.

    Raises:
        FerError: a map of another size than the face.
    """
    height, width = attribution.map.shape
    figure = new(6.4, 0.45 + 2.7 * height / width)
    left, right = figure.subplots(1, 2)
    _draw_face(left, image)
    left.set_title(_answer(attribution, ", "))
    colors = color_scale(attribution.map, signed=attribution.signed)
    _draw_map(right, image, attribution.map, colors, noisy=True)
    right.set_title(f"{attribution.title}: “{attribution.label}”")
    _tidy(figure.colorbar(colors, ax=right, shrink=0.85, label=_unit(attribution)))
    figure.alt = f"A face, and beside it a map. {_describe(attribution, attribution.title)}."
    return figure


@styled
def attributions(
    image: np.ndarray,
    attributions: Sequence["Attribution"],
    titles: Sequence[str] | None = None,
    columns: int = 5,
    shared: bool = False,
) -> Picture:
    """Draw maps of one face side by side, to be compared.

    Args:
        image: the picture the maps were made of.
        attributions: from `saliency.attribute`.
        titles: one for each map; None takes the methods' names.
        columns: panels in a row, the face included, at most.
        shared: one scale for all. It suits maps of one method; those of different methods have
            different units, so that each has its own scale otherwise, from its largest value.

    Raises:
        FerError: no maps, a map of another size than the face, or another number of titles.
    """
    if not isinstance(attributions, list | tuple) or not len(attributions):
        raise FerError("there are no maps to draw.")
    titles = [item.title for item in attributions] if titles is None else list(titles)
    if len(titles) != len(attributions):
        raise FerError(f"{len(attributions)} maps, but {len(titles)} titles.")
    columns = min(columns, 1 + len(attributions))
    rows = ceil((1 + len(attributions)) / columns)
    side = min(1.85, WIDEST / columns)
    height, width = attributions[0].map.shape
    figure = new(max(side * columns, 4.6), (side * height / width + 0.27) * rows + 0.35)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    _draw_face(grid[0], image)
    grid[0].set_title(_answer(attributions[0], " "), size=9)
    for axes, item, title in zip(grid[1:], attributions, titles, strict=False):
        same_scale = attributions if shared else [item]
        signed = any(other.signed for other in same_scale)
        colors = color_scale(*(other.map for other in same_scale), signed=signed)
        _draw_map(axes, image, item.map, colors, noisy=True)
        axes.set_title(title, size=9)
    if shared:
        unit = " / ".join(dict.fromkeys(map(_unit, attributions)))
        _tidy(figure.colorbar(colors, ax=list(grid), shrink=0.85, pad=0.02, label=unit))
    labels = "”, “".join(dict.fromkeys(item.label for item in attributions))
    scales = "one scale for all maps" if shared else "each map on its own scale"
    signs = {True: "red for it, blue against it", False: "violet without a sign"}
    drawn = {item.signed for item in attributions}
    meant = ", ".join(words for signed, words in signs.items() if signed in drawn)
    colored = "" if shared else f" ({meant})"
    figure.suptitle(f"what “{labels}” rests on; {scales}{colored}", size=10)
    words = "; ".join(map(_describe, attributions, titles))
    figure.alt = f"A face and {len(attributions)} maps of it, {scales}. {words}."
    return figure


def _unit(values: Any) -> str:
    """Return in what a map is measured: known of occlusion maps and of attributions."""
    from fer_utils.saliency import METHODS

    if hasattr(values, "heat"):
        return DROP
    return METHODS[values.method].unit if hasattr(values, "method") else ""


def _draw_face(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(to_pixels(image), interpolation="nearest")
    axes.axis("off")


def _draw_square(axes: Axes, box: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = box
    for color, width in ((INK, 3.5), ("white", 1.5)):  # seen on dark and on light
        outline = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top)
        outline.set(clip_on=False, fill=False, edgecolor=color, linewidth=width)
        axes.add_patch(outline)


def _draw_heat(axes: Axes, image: np.ndarray, heat: np.ndarray, label: str) -> None:
    colors = color_scale(heat, least=NO_DROP)
    _draw_map(axes, image, heat, colors)
    _tidy(axes.figure.colorbar(colors, ax=axes, shrink=0.85, label=label))


def _draw_map(
    axes: Axes, image: np.ndarray, heat: np.ndarray, colors: ScalarMappable, noisy: bool = False
) -> None:
    """Draw a map, and lines around what is strong in it; of a noisy map only a few."""
    axes.imshow(overlay(image, heat, colors=colors), interpolation="nearest")
    axes.axis("off")
    half = 0.5 * colors.get_clim()[1]
    for level, line in ((half, "solid"), (-half, "dashed")):
        beyond = np.greater(heat, level) if level > 0 else np.less(heat, level)
        if np.min(heat) < level < np.max(heat) and not (noisy and _pieces(beyond) > MOST_PIECES):
            width = 0.8 if noisy else 1.0
            axes.contour(heat, [level], colors=INK, linewidths=width, linestyles=line)


def _pieces(mask: np.ndarray) -> int:
    from scipy import ndimage

    return ndimage.label(mask)[1]


def _tidy(bar: Colorbar) -> None:
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(5)
    bar.update_ticks()


def _draw_flips(axes: Axes, image: np.ndarray, omap: "OcclusionMap") -> None:
    from torch import from_numpy

    changed = omap.windows.spread(from_numpy(omap.flips()).float()).numpy()
    visible = np.sqrt(changed)[..., None]  # the root: a single square shows too
    gray = to_pixels(image).mean(-1, keepdims=True) / 255
    faint = 0.88 + 0.12 * gray
    axes.imshow(np.repeat(visible * gray + (1 - visible) * faint, 3, -1), vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#cccccc")


def _answer(attribution: "Attribution", between: str) -> str:
    """Return what the net says of the whole face, and how sure it is."""
    clean = attribution.clean
    return f"{attribution.classes[int(clean.argmax())]}{between}{percent(clean.max())}"


def _describe(attribution: "Attribution", title: str) -> str:
    heat = attribution.map
    if not heat.any():
        return f"{title} for {attribution.label}: nothing anywhere"
    kind = "for and against" if attribution.signed else "how much, without sign"
    spot = _highest(heat, tie=1e-4 * float(np.abs(heat).max()))
    return f"{title} for {attribution.label} ({kind}): highest {spot}"


def _highest(heat: np.ndarray, **options: float) -> str:
    from fer_utils.saliency.windows import highest

    return place(highest(np.asarray(heat), **options), np.shape(heat))


def place(point: tuple[float, float], size: tuple[int, int]) -> str:
    """Say in words where a point (row, column) of a picture (H, W) lies."""
    down = ("upper", "middle", "lower")[min(2, int(3 * point[0] / size[0]))]
    across = ("left", "centre", "right")[min(2, int(3 * point[1] / size[1]))]
    if (down, across) == ("middle", "centre"):
        return "in the middle"
    return f"in the {down} {across}" if across == "centre" else f"at the {down} {across}"
