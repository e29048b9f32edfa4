"""What the network looked at: occlusion maps drawn over the face."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import nn

from fer_utils.errors import FerError
from fer_utils.plots.grids import faces, to_pixels
from fer_utils.plots.picture import INK, Picture, new, styled
from fer_utils.saliency import OcclusionMap
from fer_utils.saliency.windows import highest

# red where covering costs the target, blue where it helps; white, and so nothing, at 0
SIGNED = colormaps["RdBu_r"]


@styled
def saliency(image: np.ndarray, heat: np.ndarray, title: str | None = None) -> Picture:
    """Draw a face, and a signed map over it.

    Args:
        image: (H, W), (C, H, W) or (H, W, C).
        heat: (H, W), a signed number for every pixel; 0 is white. A solid line surrounds what
            is above half of the largest value, a dashed one what is below minus that.
        title: what the map shows.

    Raises:
        FerError: a map of another size than the face.
    """
    height, width = np.shape(heat)
    figure = new(6.2, 0.4 + 2.7 * height / width)
    left, right = figure.subplots(1, 2)
    _face(left, image)
    _heat(right, image, heat, "")
    right.set_title(title or "")
    top, middle = highest(heat)
    spot = place((top, middle), (height, width))
    figure.alt = f"A face, and beside it a map{f' ({title})' if title else ''}, highest {spot}."
    return figure


@styled
def occlusion(image: np.ndarray, omap: OcclusionMap, target: int | str | None = None) -> Picture:
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
    _face(face, image)
    peak = omap.box(*omap.peak(target))
    _square(face, peak)
    face.set_title(f"{omap.label}, {percent(omap.clean.max())}")
    _heat(heat, image, omap.heat(target), "drop in probability")
    heat.set_title(f"what “{omap.classes[index]}” rests on")
    changed = omap.flips()
    _flips(flips, image, omap)
    flips.set_title(f"label changes: {changed.sum()} of {changed.size}")
    figure.alt = _describe(omap, index, peak, changed)
    return figure


def _describe(
    omap: OcclusionMap, index: int, peak: tuple[int, int, int, int], changed: np.ndarray
) -> str:
    center = ((peak[0] + peak[2]) / 2, (peak[1] + peak[3]) / 2)
    drop = omap.drop(index).max()
    flips = f"{changed.sum()} of {changed.size} positions of the square change the label"
    return (
        f"A face predicted {omap.label}, {percent(omap.clean.max())}; a map of what "
        f"{omap.classes[index]} rests on: covering it {place(center, omap.size)} costs most, "
        f"{percent(drop)}; and the parts of the face where {flips}."
    )


@styled
def occluded(
    net: nn.Module,
    image: np.ndarray,
    omap: OcclusionMap,
    positions: Sequence[tuple[int, int]] | None = None,
    columns: int = 6,
) -> Picture:
    """Draw covered faces, each with what the net says of it (minaee2019, Fig. 11).

    An arrow marks the answers that differ from that to the whole face.

    Args:
        net: the net of the map; it is asked again.
        image: the picture of the map.
        omap: from `saliency.occlusion`.
        positions: (row, column) in the map's grid; None takes nine spread over the face.
        columns: faces per row.

    Raises:
        FerError: a position outside the grid.
    """
    rows, across = omap.probabilities.shape[:2]
    if positions is None:
        down, right = (np.linspace(0, n - 1, 5).round().astype(int)[1:4] for n in (rows, across))
        positions = [(int(row), int(column)) for row in down for column in right]
        columns = 3
    for row, column in positions:
        if not (0 <= row < rows and 0 <= column < across):
            raise FerError(f"position ({row}, {column}) is outside the {rows}x{across} grid.")
    covered = [omap.cover(image, row, column) for row, column in positions]
    answers = _ask(net, torch.stack(covered))
    titles = []
    for answer in answers:
        label = omap.classes[int(answer.argmax())]
        mark = "→ " if label != omap.label else ""
        titles.append(f"{mark}{label} {percent(answer.max())}")
    figure = faces([picture.numpy() for picture in covered], titles, columns, scale=1.25)
    figure.alt = (
        f"A face predicted {omap.label}, covered by a square in {len(titles)} places, with the "
        f"prediction for each: {', '.join(titles).replace('→ ', '')}."
    )
    return figure


def _ask(net: nn.Module, pictures: torch.Tensor) -> np.ndarray:
    modes = {module: module.training for module in net.modules()}
    device = next((parameter.device for parameter in net.parameters()), "cpu")
    try:
        with torch.inference_mode():
            return net.eval()(pictures.to(device)).softmax(1).cpu().numpy()
    finally:
        for module, training in modes.items():
            module.training = training


def _face(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(to_pixels(image), interpolation="nearest")
    axes.axis("off")


def _square(axes: Axes, box: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = box
    for color, width in ((INK, 3.5), ("white", 1.5)):  # seen on dark and on light
        outline = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top)
        outline.set(clip_on=False, fill=False, edgecolor=color, linewidth=width)
        axes.add_patch(outline)


def _gray(image: np.ndarray, lightest: float = 1.0, darkest: float = 0.0) -> np.ndarray:
    return darkest + (lightest - darkest) * to_pixels(image).mean(-1, keepdims=True) / 255


def _heat(axes: Axes, image: np.ndarray, heat: np.ndarray, label: str) -> None:
    face = _gray(image, darkest=0.45)
    if face.shape[:2] != np.shape(heat):
        raise FerError(f"a map of {np.shape(heat)} does not fit a face of {face.shape[:2]}.")
    largest = max(float(np.abs(heat).max()), 1e-6)
    scale = Normalize(-largest, largest)
    axes.imshow(SIGNED(scale(heat))[..., :3] * face, interpolation="nearest")
    for level, line in ((largest / 2, "solid"), (-largest / 2, "dashed")):
        if np.min(heat) < level < np.max(heat):
            axes.contour(heat, [level], colors=INK, linewidths=1, linestyles=line)
    axes.axis("off")
    bar = axes.figure.colorbar(ScalarMappable(scale, SIGNED), ax=axes, shrink=0.85, label=label)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(5)
    bar.update_ticks()


def _flips(axes: Axes, image: np.ndarray, omap: OcclusionMap) -> None:
    changed = torch.from_numpy(omap.flips()).float()
    seen = np.sqrt(omap.windows.spread(changed).numpy())[..., None]  # a single square shows too
    faint = 0.88 + 0.12 * _gray(image)
    axes.imshow(np.repeat(seen * _gray(image) + (1 - seen) * faint, 3, -1), vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#cccccc")


def place(point: tuple[float, float], size: tuple[int, int]) -> str:
    """Say in words where a point (row, column) of a picture (H, W) lies."""
    down = ("upper", "middle", "lower")[min(2, int(3 * point[0] / size[0]))]
    across = ("left", "centre", "right")[min(2, int(3 * point[1] / size[1]))]
    if (down, across) == ("middle", "centre"):
        return "in the middle"
    return f"in the {down} {across}" if across == "centre" else f"at the {down} {across}"


def percent(share: float) -> str:
    """Write a share as a whole percentage."""
    return f"{100 * share:.0f} %"
