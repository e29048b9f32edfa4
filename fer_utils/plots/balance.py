"""The class balance of several data sets beside each other."""

from collections.abc import Collection, Mapping

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from fer_utils.plots.picture import FAINT, INK, Picture, new, styled

COUNTED, STATED, EVEN = "#20457c", "#a9bcd6", "#d08a00"
FULL = 0.62  # of a cell, what the largest share of all fills; the rest is for the number
HIGH = 0.62  # of a row


@styled
def balance(counts: Mapping[str, Mapping[str, int]], counted: Collection[str] = ()) -> Picture:
    """Draw a row for each data set and a column for each expression: its share of the faces.

    All bars have one scale. A tick marks an even share of the classes that the data set has.

    Args:
        counts: data sets, from top to bottom, to the faces of each class.
        counted: those whose faces were counted, drawn dark; the others are as their cards say.

    Raises:
        FerError: no data sets, one without faces, or a class that is no expression.
    """
    empty = [name for name, row in counts.items() if not sum(row.values())]
    if empty or not counts:
        raise FerError(f"no faces to compare{f' in {empty[0]!r}' if empty else ''}.")
    unknown = {name for row in counts.values() for name in row} - set(FER8)
    if unknown:
        raise FerError(f"{sorted(unknown)[0]!r} is none of: {', '.join(FER8)}.")
    classes = [name for name in FER8 if any(name in row for row in counts.values())]
    shares = {
        name: {k: n / sum(row.values()) for k, n in row.items()} for name, row in counts.items()
    }
    scale = FULL / max(max(row.values()) for row in shares.values())
    figure = new(10, 0.8 + 0.32 * len(counts))
    axes = figure.subplots()
    for height, (name, row) in enumerate(shares.items()):
        color = COUNTED if name in counted else STATED
        even = scale / sum(share > 0 for share in row.values())
        for column, word in enumerate(classes):
            _cell(axes, column, height, row.get(word, 0.0), scale, color, even)
        total = sum(counts[name].values())
        axes.text(len(classes) + 0.62, height, f"{total:,}", ha="right", va="center", size=9)
    axes.text(len(classes) + 0.62, -0.72, "faces", ha="right", va="center", size=9)
    for column, word in enumerate(classes):
        axes.text(column, -0.72, word, va="center", size=9)
    axes.set(xlim=(-0.08, len(classes) + 0.64), ylim=(len(counts) - 0.45, -1.1))
    axes.set_yticks(range(len(counts)), list(counts))
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    _legend(figure)
    said = "; ".join(
        f"{name}: " + ", ".join(f"{word} {_percent(share)}" for word, share in row.items())
        for name, row in shares.items()
    )
    figure.alt = f"Bars: the share of every expression in each data set. {said}."
    return figure


def _cell(
    axes: Axes, column: int, row: int, share: float, scale: float, color: str, even: float
) -> None:
    width = share * scale
    corner = (column, row - HIGH / 2)
    if share:
        axes.add_patch(Rectangle(corner, width, HIGH, facecolor=color, edgecolor="none"))
        axes.plot([column + even] * 2, [row - HIGH / 2, row + HIGH / 2], color=EVEN, lw=1.2)
    words, ink = (_percent(share), INK) if share else ("none", FAINT)
    place = column + max(width, even if share else 0) + 0.04
    axes.text(place, row, words, va="center", size=8, color=ink)


def _legend(figure: Picture) -> None:
    handles = [
        Rectangle((0, 0), 1, 1, facecolor=COUNTED, label="counted here"),
        Rectangle((0, 0), 1, 1, facecolor=STATED, label="as its card states"),
        Line2D([], [], color=EVEN, marker="|", ls="none", ms=9, mew=1.5, label="an even share"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 or not share else f"{100 * share:.1f} %"
