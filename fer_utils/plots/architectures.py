"""Networks as rows of boxes, drawn from the networks themselves; and as boxes and arrows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.path import Path
from torch import nn

from fer_utils._arguments import check_names
from fer_utils.errors import FerError, shown
from fer_utils.plots.picture import DARK, FAINT, INK, LIGHT, PAPER, YELLOW, Picture, new, styled

if TYPE_CHECKING:
    from fer_utils.models.facenet import FaceNet

MOST_LAYERS = 60  # of a row; a net with more is drawn with one box for each of its blocks
KINDS: dict[str, dict[str, Any]] = {
    "convolution": {"facecolor": DARK},
    "depthwise": {"facecolor": LIGHT, "hatch": "/////"},
    "1x1": {"facecolor": YELLOW},
    "fully connected": {"facecolor": "#6b6b6b"},
    "a whole block": {"facecolor": "#9db4d0"},
}
# in inches: a row, what lies between boxes and groups, a letter and a digit of the labels, and
# how wide a box of one channel may become
ROW, INCHES = 1.6, 9.6
GAP, GROUP_GAP = 0.025, 0.12
LETTER, DIGIT = 0.072, 0.069
WIDEST_UNIT = 0.045
NARROWEST, LOWEST = 2.0, 0.04  # of a box, in roots of channels and parts of the input


# of `blocks`, in steps of the grid
WIDTH, HEIGHT = 0.84, 0.62  # of a box
EDGE = WIDTH / 2
FILL, JOIN_FILL = "#e6ecf4", "#f7ecc0"


@dataclass(frozen=True)
class Box:
    """One layer or block: what it is, where it belongs, and the shape of its output."""

    kind: str
    group: str
    shape: tuple[int, ...]
    shortcut: bool = False

    @property
    def width(self) -> float:
        """The root of the number of channels."""
        return max(NARROWEST, math.sqrt(self.shape[0]))

    @property
    def side(self) -> int:
        """Pixels along the side of the map; 1 behind a fully connected layer."""
        return self.shape[-1] if len(self.shape) == 3 else 1


def boxes(net: "FaceNet") -> list[Box]:
    """Return the layers with weights, in the order of computation, without batch norm.

    A net of more than 60 of them is summed up: one box for each of its blocks.

    Raises:
        FerError: a net of parallel streams, which are not one row.
    """
    from fer_utils.models.fusion import Parallel
    from fer_utils.models.summary import output_shapes

    if isinstance(net.trunk, Parallel):
        raise FerError("a net with fusion='parallel' is no single row of boxes: draw one stream.")
    modules = dict(net.trunk.named_modules())
    weighted = [name for name in modules if isinstance(modules[name], nn.Conv2d | nn.Linear)]
    units = {name: _unit(net.trunk, name) for name in weighted}
    summed = len(weighted) > MOST_LAYERS
    drawn = list(dict.fromkeys(units.values())) if summed else weighted
    shapes = output_shapes(net, drawn)
    groups = {name: _group(name if summed else units[name], summed) for name in drawn}
    kinds = {name: _kind(modules[name]) for name in drawn}
    return [Box(kinds[k], groups[k], shape, ".residual." in k) for k, shape in shapes.items()]


def _unit(trunk: nn.Module, name: str) -> str:
    """Return the outermost module around a layer that is more than a list: its block, or itself."""
    parts = name.split(".")
    paths = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return next(path for path in paths if type(trunk.get_submodule(path)) is not nn.Sequential)


def _group(unit: str, summed: bool) -> str:
    """Return the name under the bracket: "stem", "blocks.0"; of a summed net "blocks35"."""
    parts = unit.split(".")
    if summed:
        words = [part for part in parts if not part.isdigit()]
        return words[1] if len(words) > 1 else words[0]
    return ".".join(parts[:2]) if parts[0] == "blocks" else parts[0]


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return "fully connected"
    if not isinstance(module, nn.Conv2d):
        return "a whole block"
    if module.groups == module.in_channels > 1:
        return "depthwise"
    return "1x1" if module.kernel_size == (1, 1) else "convolution"


@styled
def architectures(
    nets: "FaceNet | Sequence[FaceNet]", titles: Sequence[str] | None = None
) -> Picture:
    """Draw each network as a row of boxes, one for each layer with weights.

    A box is as high as its output map (in parts of the net's own input) and as wide as the root
    of its number of channels. Numbers: above, the side of the map; below, channels; under the
    bracket, the part's name in `net.trunk`. Hollow: a convolution beside the main path. Nets on
    `torch.device("meta")` are drawn as well.

    Args:
        nets: from `models.create`; one, or a few.
        titles: a line for each; None takes name, parameters and MACs.

    Raises:
        FerError: no net, another number of titles, or a net of parallel streams.
    """
    from fer_utils.models.facenet import facenet

    nets = [facenet(net) for net in (nets if isinstance(nets, list | tuple) else [nets])]
    titles = [title(net) for net in nets] if titles is None else list(titles)
    if not nets or len(titles) != len(nets):
        raise FerError(f"{len(nets)} networks and {len(titles)} titles to draw.")
    rows = [boxes(net) for net in nets]
    figure = new(INCHES + 0.2, ROW * len(nets) + 0.35)
    used = {box.kind for row in rows for box in row}
    for axes, net, row, line in zip(
        figure.subplots(len(nets), squeeze=False)[:, 0], nets, rows, titles, strict=True
    ):
        _draw(axes, row, net.input_shape[-1])
        axes.set_title(line, loc="left", size=10, pad=3)
    handles = [Patch(**look, edgecolor=PAPER, label=k) for k, look in KINDS.items() if k in used]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8.5)
    words = "; ".join(f"{t}: {_path(row)}" for t, row in zip(titles, rows, strict=True))
    figure.alt = f"Networks as rows of boxes (channels at side of the map). {words}."
    return figure


def title(net: "FaceNet") -> str:
    """Return name, input, parameters and MACs of a net on one line."""
    from fer_utils.models.counting import count
    from fer_utils.models.summary import layers

    macs = sum(row["MACs"] for row in layers(net))
    shape = " x ".join(map(str, net.input_shape))
    work = f"{macs / 1e9:.1f} billion" if macs >= 1e9 else f"{macs / 1e6:.1f} million"
    return f"{net.name}, input {shape}: {count(net):,} parameters, {work} MACs"


def _groups(row: list[Box]) -> list[tuple[str, list[Box]]]:
    return [(name, list(members)) for name, members in groupby(row, key=lambda box: box.group)]


def _draw(axes: Axes, row: list[Box], side: int) -> None:
    groups = _groups(row)
    unit = _unit_width(groups)
    axes.set(xlim=(0, INCHES), ylim=(-0.98, 0.74))
    axes.axis("off")
    start, sides = 0.0, None
    above, below = _Line(axes, 0.0, "bottom"), _Line(axes, -0.53, "top")
    for name, members in groups:
        x, channels = start, None
        for box in members:
            height, width = max(LOWEST, box.side / side), box.width * unit
            _box(axes, box, x, width, height)
            if box.side != sides and len(box.shape) == 3:
                above.write(box.side, x + width / 2, height / 2 + 0.02)
            if box.shape[0] != channels:
                below.write(box.shape[0], x + width / 2)
            sides, channels = box.side, box.shape[0]
            x += width + GAP
        end = start + _span(name, members, unit)
        axes.plot([start, x - GAP], [-0.72, -0.72], color=FAINT, lw=1, solid_capstyle="butt")
        label = _label(name, members)
        fits = len(label) * LETTER <= x - start
        place, align = ((start + x - GAP) / 2, "center") if fits else (start, "left")
        axes.text(place, -0.76, label, size=8.5, ha=align, va="top", color=INK)
        start = end + GROUP_GAP


def _unit_width(groups: list[tuple[str, list[Box]]]) -> float:
    """Return the inches of a box of one channel, so that the row fits."""
    unit = WIDEST_UNIT
    gaps = GROUP_GAP * (len(groups) - 1)
    while sum(_span(*group, unit) for group in groups) + gaps > INCHES and unit > 1e-4:
        unit *= 0.97
    return unit


def _span(name: str, members: list[Box], unit: float) -> float:
    """Return the inches a group takes: its boxes, or its name where that is longer."""
    drawn = sum(box.width * unit + GAP for box in members) - GAP
    return max(drawn, len(_label(name, members)) * LETTER)


def _label(name: str, members: list[Box]) -> str:
    blocks = all(box.kind == "a whole block" for box in members)
    return f"{name} x {len(members)}" if blocks and len(members) > 1 else name


class _Line:
    """Numbers along a row, of which those that would touch the one before are left out."""

    def __init__(self, axes: Axes, y: float, align: str):
        self.axes, self.y, self.align, self.free = axes, y, align, -math.inf

    def write(self, number: int, x: float, y: float | None = None) -> None:
        half = DIGIT * len(str(number)) / 2
        if x - half < self.free:
            return
        y = self.y if y is None else y
        self.axes.text(x, y, str(number), size=8, ha="center", va=self.align, color=INK)
        self.free = x + half + DIGIT / 3


def _box(axes: Axes, box: Box, x: float, width: float, height: float) -> None:
    look = {**KINDS[box.kind], "edgecolor": PAPER, "linewidth": 0.0}
    if box.shortcut:
        look = {"facecolor": PAPER, "edgecolor": KINDS[box.kind]["facecolor"], "linewidth": 1.4}
    axes.add_patch(Rectangle((x, -height / 2), width, height, **look))


def _path(row: list[Box]) -> str:
    """Return the shapes at the end of each group: "stem 8 at 44, blocks.0 16 at 22"."""
    ends = [(name, members[-1]) for name, members in _groups(row)]
    return ", ".join(f"{name} {box.shape[0]} at {box.side}" for name, box in ends)


@styled
def blocks(
    before: Sequence[str], paths: Sequence[Sequence[str]], join: str, after: Sequence[str]
) -> Picture:
    """Draw boxes from left to right that part into parallel paths and meet again.

    Args:
        before: texts of the boxes before the paths part; one or more.
        paths: texts of the boxes of each path; an empty path is an arrow alone.
        join: what is done where the paths meet.
        after: texts of the boxes behind that.

    Raises:
        FerError: nothing before the paths, or no path with a box.
    """
    if not isinstance(paths, list | tuple):
        raise FerError(f"paths={shown(paths)}: expected the texts of each path's boxes.")
    for name, texts in {"before": before, "join": [join], "after": after}.items():
        check_names(name, texts)
    for texts in paths:
        check_names("paths", texts)
    if not before or not any(paths):
        raise FerError("blocks() needs a box before the paths, and a box in one of them.")
    longest = max(len(path) for path in paths)
    middle = (len(paths) - 1) / 2
    start, meet = len(before) - 1, len(before) + longest
    steps = meet + len(after) + 1
    bottom = len(paths) - (0.5 if paths[-1] else 0.8)  # an arrow alone needs less room
    figure = new(1.12 * steps, 0.8 * (bottom + 0.5) + 0.1)
    axes = figure.subplots()
    axes.set(xlim=(-0.5, steps - 0.5), ylim=(bottom, -0.5))
    axes.axis("off")
    for place, text in enumerate(before):
        _draw_block(axes, place, middle, text)
    for row, path in enumerate(paths):
        first = start + 1 + (longest - len(path)) / 2
        columns = [first + i for i in range(len(path))]
        for column, text in zip(columns, path, strict=True):
            _draw_block(axes, column, row, text)
        _draw_path(axes, (start, meet), columns, row, middle)
    for place, text in enumerate([join, *after], start=meet):
        _draw_block(axes, place, middle, text, JOIN_FILL if place == meet else FILL)
    for place in [*range(start), *range(meet, steps - 1)]:
        _arrow(axes, [(place + EDGE, middle), (place + 1 - EDGE, middle)])
    words = "; ".join(", ".join(path) or "nothing" for path in paths)
    words = f"{', '.join(before)}; parallel paths: {words}; joined by {', '.join([join, *after])}"
    figure.alt = f"Boxes and arrows from left to right: {' '.join(words.split())}."
    return figure


def _draw_block(axes: Axes, column: float, row: float, text: str, fill: str = FILL) -> None:
    corner = (column - EDGE, row - HEIGHT / 2)
    axes.add_patch(Rectangle(corner, WIDTH, HEIGHT, facecolor=fill, edgecolor=FAINT, linewidth=0.8))
    axes.text(column, row, text, ha="center", va="center", size=8.5, color=INK)


def _draw_path(
    axes: Axes, ends: tuple[float, float], columns: Sequence[float], row: float, middle: float
) -> None:
    """Draw the arrows of one path: out of the box at one end, along its row, into the other."""
    start, meet = ends
    side = (row > middle) - (row < middle)  # -1 above, 1 below: leave and enter boxes there
    way_out = [(start, middle + side * HEIGHT / 2), (start, row)]
    way_in = [(meet, row), (meet, middle + side * HEIGHT / 2)]
    if side == 0:
        way_out, way_in = [(start + EDGE, row)], [(meet - EDGE, row)]
    for column in columns:
        _arrow(axes, [*way_out, (column - EDGE, row)])
        way_out = [(column + EDGE, row)]
    _arrow(axes, [*way_out, *way_in])


def _arrow(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Draw a line through `points` with a head at the last."""
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "joinstyle": "miter"}
    line = FancyArrowPatch(path=Path(points), shrinkA=0, shrinkB=0, lw=1, color=INK, **look)
    axes.add_patch(line)
