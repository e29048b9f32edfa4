"""`python -m fer_utils data`: which data sets there are, which are here, how to get the others."""

import argparse
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import fill, wrap

from fer_utils import data
from fer_utils.data import fer2013, ferplus
from fer_utils.data.catalog import CARDS, Card
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

_WIDTH = 100
_COLUMNS = {"name": 8, "here": 8, "licence": 36, "how to get it": 42}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.add_argument("name", nargs="?", help="show this data set's card (default: all, short)")


def run(args: argparse.Namespace) -> int:
    """Print the table of all data sets, or the card of one; return 0.

    Raises:
        FerError: there is no data set of that name.
    """
    if args.name is None:
        print(table())
    elif args.name in CARDS:
        print(card(CARDS[args.name]))
    else:
        raise FerError(f"There is no data set {args.name!r}.{nearest(args.name, CARDS)}")
    return 0


def table() -> str:
    """Return a table of all data sets, 100 columns wide."""
    lines = _row(_COLUMNS) + _row(["-" * width for width in _COLUMNS.values()])
    for item in CARDS.values():
        lines += _row([item.name, _here(item), item.licence, item.get])
    lines += ["", "Looked in, in this order:"]
    lines += [f"  {place}" for place in data.places("NAME")]
    found = {name: where(name) for name in CARDS}
    lines += ["Found:"]
    lines += [f"  {name:8} {place}" for name, place in found.items() if place]
    lines += ["Opened here: " + ", ".join(n for n, item in CARDS.items() if item.opened == "yes")]
    lines += ["python -m fer_utils data NAME says more about one of them."]
    return "\n".join(lines)


def card(item: Card) -> str:
    """Return all that is known about one data set, 100 columns wide."""
    place = where(item.name)
    looked = ", ".join(map(str, _places(item.name)))
    facts = {
        "used by": ", ".join(item.papers) or "the lessons of this kit",
        "cite": item.citation,
        "licence": item.licence,
        "get it": item.get,
        "layout": item.layout,
        "expect": item.counts,
        "opened here": item.opened,
        "found": str(place) if place else f"no; looked in {looked}",
    }
    lines = [f"{item.name}: {item.title}"]
    for title, text in facts.items():
        start = f"  {title:13}"
        lines.append(fill(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start)))
    return "\n".join(lines)


def where(name: str) -> Path | None:
    """Return where a data set lies, or None; a folder with nothing known in it does not count."""
    if name == "facs3d":
        return Path(data.__file__).parent
    for place in _places(name):
        if name == "fer2013":
            found = fer2013.recognise(place)
        elif name == "ferplus":
            found = _ferplus_in(place)
        else:
            found = place if place.is_dir() and any(place.iterdir()) else None
        if found:
            return found
    return None


def _places(name: str) -> list[Path]:
    # FERPlus is a file or some folders inside FER2013's folder.
    return data.places("fer2013" if name == "ferplus" else name)


def _ferplus_in(place: Path) -> Path | None:
    names = (fer2013.VOTES_FILE, *ferplus.FOLDERS)
    return next((place / name for name in names if (place / name).exists()), None)


def _here(item: Card) -> str:
    if item.name == "facs3d":
        return "built in"
    return "yes" if where(item.name) else "no"


def _row(cells: Sequence[str]) -> list[str]:
    """Return the lines of one row, every cell wrapped to its column."""
    widths = _COLUMNS.values()
    wrapped = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = zip_longest(*wrapped, fillvalue="")
    return [
        "  ".join(f"{part:{width}}" for part, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
