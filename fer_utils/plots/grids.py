"""What is in data sets: their faces, how many there are of each class, and their cards."""

from collections.abc import Collection, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from fer_utils._arguments import number, shown
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from fer_utils.pictures import as_picture
from fer_utils.plots.picture import (
    DARK,
    FAINT,
    INK,
    LIGHT,
    RULE,
    WIDEST,
    YELLOW,
    Picture,
    new,
    styled,
)

if TYPE_CHECKING:
    from fer_utils.data.catalog import Card
    from fer_utils.data.face import Face
    from fer_utils.data.faceset import FaceSet

MOST_FACES = 200
SPLIT_STYLES: dict[str, dict[str, Any]] = {  # lightness and hatching: they differ in grey as well
    "train": {"color": DARK},
    "valid": {"color": LIGHT, "hatch": "////"},
    "test": {"color": YELLOW},
}

# of `balance`
STATED, EVEN = "#a9bcd6", "#d08a00"
FULL = 0.62  # of a cell, what the largest share of all fills; the rest is for the number
HIGH = 0.62  # of a row

# of `cards`, in inches
FILL = "#f4f4f0"
LINE = 0.152  # from one line of a tree to the next
HEAD, FOOT, GAP = 0.38, 0.14, 0.08
CARD = 8.6  # as wide as its words need: a page shows it smaller, the wider it is
LEFT, NUMBERS, RIGHT = 0.14, 5.85, CARD - 0.14
SCALE = 1.1 / 762  # per pixel, the same in every figure: KDEF's pictures are the highest
LEAST = 1.2  # that a card is high, at least


@styled
def faces(
    images: "FaceSet | Face | np.ndarray | Sequence[np.ndarray | Face]",
    titles: Sequence[str] | None = None,
    columns: int = 8,
    scale: float = 1.0,
) -> Picture:
    """Draw faces in rows.

    Args:
        images: a FaceSet, a face, or pictures (N, C, H, W), (N, H, W), or a list of them; uint8, or
            float in [0, 1]. Float pictures that go beyond are taken for derivatives: with a
            common scale, 0 is drawn mid-grey where there are negative values, black otherwise.
        titles: a word for each; None takes the faces' labels.
        columns: faces per row, at most.
        scale: size of a face, 1 being 1.2 inches; smaller where a row would be too wide.

    Raises:
        FerError: no pictures, more than 200, or another number of titles.
    """
    from fer_utils.data.face import Face
    from fer_utils.data.faceset import FaceSet

    images = [images] if isinstance(images, Face) else images
    if titles is None and isinstance(images, FaceSet):
        titles = [images.classes[label] for label in images.labels]
    elif titles is None and isinstance(images, list) and images:
        labels = [one.label for one in images if isinstance(one, Face)]
        titles = labels if len(labels) == len(images) and any(labels) else None
    images = images.images if isinstance(images, FaceSet) else images
    if isinstance(images, str) or not hasattr(images, "__len__"):
        raise FerError(f"images={shown(images)}: give a FaceSet, an array or a list of pictures.")
    scale = number("scale", scale, 0.05, 20)
    if not 0 < len(images) <= MOST_FACES:
        raise FerError(f"{len(images)} faces to draw; choose 1 to {MOST_FACES} with faces.take().")
    if titles is not None and len(titles) != len(images):
        raise FerError(f"{len(titles)} titles for {len(images)} faces.")
    pictures = [np.asarray(image) for image in images]
    if not all(image.size and image.dtype.kind in "buif" for image in pictures):
        raise FerError("a picture is an array of intensities, and one of these is none.")
    pictures, zero = _into_range(pictures)
    columns = max(1, min(columns, len(pictures)))
    rows = ceil(len(pictures) / columns)
    side = min(1.2 * scale, WIDEST / columns)
    lines = max((str(title).count("\n") + 1 for title in titles or ()), default=0)
    head = 0.24 + 0.16 * (lines - 1) if lines else 0.0
    figure = Picture(figsize=(side * columns, (side + head) * rows))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, columns), ylim=(rows * (1 + head / side), 0))
    axes.axis("off")
    for i, image in enumerate(pictures):
        row, column = divmod(i, columns)
        top = row * (1 + head / side) + head / side
        draw_face(axes, image, (column, top))
        if titles is not None:
            size = min(9.0, 9 * side / 0.9)
            center = column + 0.5
            axes.text(center, top, titles[i], ha="center", va="bottom", size=size)
    axes.set_aspect("auto")
    figure.alt = _describe_faces(len(pictures), rows, titles, zero)
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
    # a white picture has an end as well
    size = (width / longer, height / longer)
    axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=RULE, linewidth=0.6))


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
    words = [" ".join(str(title).split()) for title in titles]
    first = ", ".join(words[:24]) + (", and so on" if count > 24 else "")
    return f"{what}: {first}."


@styled
def counts(faceset: "FaceSet") -> Picture:
    """Draw how many faces each class has, as bars divided into splits."""
    from fer_utils.data.faceset import SPLITS

    parts = {split: faceset.where(split=split).counts() for split in SPLITS}
    parts = {split: part for split, part in parts.items() if any(part.values())}
    names = list(faceset.classes)
    figure = new(7, 0.8 + 0.32 * len(names))
    axes = figure.subplots()
    ends = np.zeros(len(names), int)
    for split, part in parts.items():
        values = np.array([part[name] for name in names])
        axes.barh(
            names, values, left=ends, label=split, edgecolor="white", lw=0.8, **SPLIT_STYLES[split]
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
    words = ", ".join(f"{name} {end:,}" for name, end in zip(names, ends.tolist(), strict=True))
    figure.alt = f"Bars: faces of each class in {faceset.name}. {words}."
    return figure


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
        color = DARK if name in counted else STATED
        even = scale / sum(share > 0 for share in row.values())
        for column, word in enumerate(classes):
            _draw_share(axes, column, height, row.get(word, 0.0), scale, color, even)
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
    _draw_keys(figure, [name in counted for name in counts])
    words = "; ".join(
        f"{name}: " + ", ".join(f"{word} {_percent(share)}" for word, share in row.items())
        for name, row in shares.items()
    )
    figure.alt = f"Bars: the share of every expression in each data set. {words}."
    return figure


def _draw_share(
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


def _draw_keys(figure: Picture, counted: Sequence[bool]) -> None:
    """Explain the colours that were drawn."""
    looks = ((DARK, "counted here", any(counted)), (STATED, "as its card states", not all(counted)))
    even = Line2D([], [], color=EVEN, marker="|", ls="none", ms=9, mew=1.5, label="an even share")
    handles = [
        *(Rectangle((0, 0), 1, 1, facecolor=c, label=words) for c, words, drawn in looks if drawn),
        even,
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 or not share else f"{100 * share:.1f} %"


@styled
def cards(chosen: Sequence["Card"]) -> Picture:
    """Draw the cards of data sets below each other.

    Each has the tree of its files to the left; to the right how it is opened, how many faces and
    people to expect, and a frame as large as its pictures, on one scale in all figures.

    Raises:
        FerError: no cards.
    """
    if getattr(chosen, "shape", None) == () or not len(chosen):
        raise FerError("cards() needs a card or more, e.g. data.catalog.CARDS.values().")
    heights = [_height(card) for card in chosen]
    figure = Picture(figsize=(CARD, sum(heights) + GAP * (len(heights) - 1)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, CARD), ylim=(figure.get_figheight(), 0))
    axes.axis("off")
    top = 0.0
    for card, height in zip(chosen, heights, strict=True):
        _draw_card(axes, card, top, height)
        top += height + GAP
    words = "; ".join(f"{card.title}, {', '.join(_numbers(card))}" for card in chosen)
    figure.alt = f"Cards of data sets, each with the tree of its files. {words}."
    return figure


def _height(card: "Card") -> float:
    tree = HEAD + LINE * len(card.layout.splitlines()) + FOOT
    picture = HEAD + SCALE * card.expected.get("size", (0, 0))[1] + FOOT
    return max(tree, picture, LEAST)


def _draw_card(axes: Axes, card: "Card", top: float, height: float) -> None:
    axes.add_patch(Rectangle((0, top), CARD, height, facecolor=FILL, edgecolor="none"))
    axes.text(LEFT, top + 0.1, card.title, va="top", size=9, weight="bold")
    for row, line in enumerate(card.layout.splitlines()):
        place = (LEFT, top + HEAD + LINE * row)
        axes.text(*place, line, va="top", size=8, family="monospace", parse_math=False)
    axes.text(NUMBERS, top + 0.12, card.opened, va="top", size=8, family="monospace")
    for row, line in enumerate(_numbers(card)):
        size = {"size": 12, "weight": "bold"} if row == 0 else {"size": 9}
        axes.text(NUMBERS, top + HEAD + 0.25 * row, line, va="top", **size)
    if "size" in card.expected:
        wide, high = (SCALE * side for side in card.expected["size"])
        corner = (RIGHT - wide, top + HEAD)
        axes.add_patch(Rectangle(corner, wide, high, facecolor="white", edgecolor=DARK, lw=1.2))
    axes.plot([NUMBERS - 0.12] * 2, [top + HEAD, top + height - FOOT], color=INK, lw=0.5)


def _numbers(card: "Card") -> list[str]:
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
