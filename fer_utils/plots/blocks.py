"""A network as boxes and arrows."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.path import Path

from fer_utils.errors import FerError
from fer_utils.plots.picture import FAINT, INK, Picture, new, styled

WIDTH, HEIGHT = 0.84, 0.62  # of a box, in steps of the grid
EDGE = WIDTH / 2
FILL, JOIN_FILL = "#e6ecf4", "#f7ecc0"


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
    for column, text in enumerate(before):
        _box(axes, column, middle, text)
    for row, path in enumerate(paths):
        first = start + 1 + (longest - len(path)) / 2
        columns = [first + i for i in range(len(path))]
        for column, text in zip(columns, path, strict=True):
            _box(axes, column, row, text)
        _path(axes, start, columns, meet, row, middle)
    for column, text in enumerate([join, *after], start=meet):
        _box(axes, column, middle, text, JOIN_FILL if column == meet else FILL)
    for column in [*range(start), *range(meet, steps - 1)]:
        _arrow(axes, [(column + EDGE, middle), (column + 1 - EDGE, middle)])
    said = "; ".join(", ".join(path) or "nothing" for path in paths)
    words = f"{', '.join(before)}; parallel paths: {said}; joined by {', '.join([join, *after])}"
    figure.alt = f"Boxes and arrows from left to right: {' '.join(words.split())}."
    return figure


def _box(axes: Axes, column: float, row: float, text: str, fill: str = FILL) -> None:
    corner = (column - EDGE, row - HEIGHT / 2)
    axes.add_patch(Rectangle(corner, WIDTH, HEIGHT, facecolor=fill, edgecolor=FAINT, linewidth=0.8))
    axes.text(column, row, text, ha="center", va="center", size=8.5, color=INK)


def _path(
    axes: Axes, start: int, columns: Sequence[float], meet: int, row: int, middle: float
) -> None:
    """Draw the arrows of one path: out of the box at `start`, along its row, into `meet`."""
    side = (row > middle) - (row < middle)  # -1 above, 1 below: leave and enter boxes there
    way_out = [(start, middle + side * HEIGHT / 2), (start, row)]
    way_in = [(meet, row), (meet, middle + side * HEIGHT / 2)]
    if side == 0:
        way_out, way_in = [(start + EDGE, row)], [(meet - EDGE, row)]
    if not columns:
        _arrow(axes, [*way_out, *way_in])
        return
    _arrow(axes, [*way_out, (columns[0] - EDGE, row)])
    for column in columns[:-1]:
        _arrow(axes, [(column + EDGE, row), (column + 1 - EDGE, row)])
    _arrow(axes, [(columns[-1] + EDGE, row), *way_in])


def _arrow(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Draw a line through `points` with a head at the last."""
    look = {"arrowstyle": "-|>", "mutation_scale": 10, "color": INK, "joinstyle": "miter"}
    axes.add_patch(FancyArrowPatch(path=Path(points), shrinkA=0, shrinkB=0, lw=1, **look))
