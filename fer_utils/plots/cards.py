"""The cards of data sets as a picture: how the files lie, how many, how large."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from fer_utils.data.catalog import Card
from fer_utils.errors import FerError
from fer_utils.plots.picture import DPI, INK, WIDEST, Picture, styled

FILL, FRAME = "#f4f4f0", "#20457c"
LINE = 0.152  # inches from one line of a tree to the next
HEAD, FOOT, GAP = 0.38, 0.14, 0.08
LEFT, NUMBERS, RIGHT = 0.14, 6.65, WIDEST - 0.14
SCALE = 1.1 / 762  # inches per pixel, the same in every figure: KDEF's pictures are the highest
LEAST = 1.2  # inches that a card is high, at least


@styled
def cards(chosen: Sequence[Card]) -> Picture:
    """Draw the cards of data sets below each other.

    Each has the tree of its files to the left; to the right how it is opened, how many faces and
    people to expect, and a frame as large as its pictures, on one scale in all figures.

    Raises:
        FerError: no cards.
    """
    if not chosen:
        raise FerError("cards() needs a card or more, e.g. data.catalog.CARDS.values().")
    heights = [_height(card) for card in chosen]
    figure = Picture(figsize=(WIDEST, sum(heights) + GAP * (len(heights) - 1)), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDEST), ylim=(figure.get_figheight(), 0))
    axes.axis("off")
    top = 0.0
    for card, height in zip(chosen, heights, strict=True):
        _card(axes, card, top, height)
        top += height + GAP
    said = "; ".join(f"{card.title}, {', '.join(_numbers(card))}" for card in chosen)
    figure.alt = f"Cards of data sets, each with the tree of its files. {said}."
    return figure


def _height(card: Card) -> float:
    tree = HEAD + LINE * len(card.layout.splitlines()) + FOOT
    picture = HEAD + SCALE * card.expected.get("size", (0, 0))[1] + FOOT
    return max(tree, picture, LEAST)


def _card(axes: Axes, card: Card, top: float, height: float) -> None:
    axes.add_patch(Rectangle((0, top), WIDEST, height, facecolor=FILL, edgecolor="none"))
    axes.text(LEFT, top + 0.1, card.title, va="top", size=9.5, weight="bold")
    for row, line in enumerate(card.layout.splitlines()):
        place = (LEFT, top + HEAD + LINE * row)
        axes.text(*place, line, va="top", size=7.8, family="monospace", parse_math=False)
    axes.text(NUMBERS, top + 0.12, card.opened, va="top", size=7.8, family="monospace")
    for row, line in enumerate(_numbers(card)):
        size = {"size": 12, "weight": "bold"} if row == 0 else {"size": 9}
        axes.text(NUMBERS, top + HEAD + 0.25 * row, line, va="top", **size)
    if "size" in card.expected:
        wide, high = (SCALE * side for side in card.expected["size"])
        corner = (RIGHT - wide, top + HEAD)
        axes.add_patch(Rectangle(corner, wide, high, facecolor="white", edgecolor=FRAME, lw=1.2))
    axes.plot([NUMBERS - 0.12] * 2, [top + HEAD, top + height - FOOT], color=INK, lw=0.5)


def _numbers(card: Card) -> list[str]:
    """Return what is known of a card's numbers in words, the number of faces first."""
    expected = card.expected
    if "faces" in expected:
        lines = [f"{expected['faces']:,} faces"]
    else:
        lines = [card.counts.split(";")[0].split(". ")[0].rstrip(".")]
    if "size" in expected:
        lines.append("{} x {} pixels".format(*expected["size"]))
    if "subjects" in expected:
        lines.append(f"{expected['subjects']:,} people")
    return lines
