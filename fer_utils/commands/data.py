"""`python -m fer_utils data`: which data sets there are, which are here, how to get the others."""

import argparse
from collections.abc import Collection, Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import fill, indent, wrap

from fer_utils import data
from fer_utils.commands import as_csv, file_name
from fer_utils.data import catalog
from fer_utils.data._download import download
from fer_utils.data.catalog import CARDS, Card
from fer_utils.errors import FerError
from fer_utils.files import check_writable, write

_WIDTH = 100
_COLUMNS = {"name": 8, "here": 9, "licence": 36, "how to get it": 41}
_NARROWEST = 16
_SHEET = 12  # pictures of each reason on a sheet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.add_argument("name", nargs="?", help="show this data set's card (default: all, short)")
    parser.add_argument(
        "--root", type=file_name, help="the folder that holds it (default: look for it)"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--doctor",
        action="store_true",
        help="examine it: counts, unreadable pictures, copies, the same picture in train and test",
    )
    group.add_argument(
        "--clean",
        action="store_true",
        help="list its bad pictures: black, flat, no face, text, profiles, voted no face",
    )
    group.add_argument(
        "--download",
        action="store_true",
        help="fetch it with your own account, where a public library can",
    )
    parser.add_argument(
        "--out",
        type=file_name,
        help="with --clean: a table of the bad pictures (.csv), or a sheet of them (.png)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the table of all data sets, one card or a check-up, or fetch a data set; return 0.

    Raises:
        FerError: there is no data set of that name, or it was not found.
    """
    if args.name is None:
        if args.doctor or args.clean or args.download or args.root or args.out:
            raise FerError("Say which data set: python -m fer_utils data NAME --doctor")
        print(table())
    elif args.out and not args.clean:
        raise FerError("--out FILE is where the bad pictures are listed: add --clean.")
    elif args.clean:
        bad_pictures(args)
    elif args.doctor:
        print(data.doctor(args.name, args.root))
    elif args.download:
        print(fill(f"Licence: {catalog.get(args.name).card.licence}", _WIDTH))
        print(f"{args.name} lies in {download(args.name, args.root)}")
    else:
        print(card(catalog.get(args.name).card, args.root))
    return 0


def bad_pictures(args: argparse.Namespace) -> None:
    """Print how many bad pictures there are, and write their table or their sheet."""
    if args.out:
        if args.out.suffix.lower() not in (".csv", ".png"):
            raise FerError(f"{args.out.name} must end in .csv (a table) or .png (a sheet).")
        check_writable(args.out)
    found = data.clean(data.load(args.name, args.root))
    print(found)
    if args.out is None:
        return
    faces = found.faces
    if args.out.suffix.lower() == ".csv":
        rows = [
            (at, row, faces.split[at], faces.classes[faces.labels[at]], reason)
            for at, row, reason in found.rows
        ]
        about = [
            f"bad pictures of {args.name}, by python -m fer_utils data {args.name} --clean",
            "position: in the FaceSet; row: where the picture came from",
        ]
        columns = ("position", "row", "split", "label", "reason")
        write(args.out, as_csv(about, [columns, *rows]))
    else:
        from fer_utils import plots

        shown = [(at, why) for why, places in found.found.items() for at in places[:_SHEET]]
        if not shown:
            raise FerError(f"{args.name} has no bad pictures to draw on {args.out.name}.")
        pictures = faces.images[[at for at, _ in shown]]
        sheet = plots.faces(pictures, [why for _, why in shown], columns=_SHEET)
        plots.save(sheet, args.out)
    print(f"wrote {args.out}")


def table() -> str:
    """Return a table of all data sets, 100 columns wide; more where a name is very long."""
    widths = {**_COLUMNS, "name": max(_COLUMNS["name"], *map(len, CARDS))}
    longer = widths["name"] - _COLUMNS["name"]
    widths["how to get it"] = max(_NARROWEST, _COLUMNS["how to get it"] - longer)
    rows = [[*widths], ["-" * width for width in widths.values()]]
    rows += [[item.name, _here(item), item.licence, item.get] for item in CARDS.values()]
    lines = [line for row in rows for line in _row(row, widths.values())]
    lines += ["", "Looked in, in this order:"]
    lines += [f"  {place}" for place in data.places("NAME")]
    found = {name: where(name) for name in CARDS}
    lines += ["Found:"]
    lines += [f"  {name:{widths['name']}} {place}" for name, place in found.items() if place]
    lines += ["python -m fer_utils data NAME says more about one of them, --doctor examines it."]
    return "\n".join(lines)


def card(item: Card, root: Path | None = None) -> str:
    """Return all that is known about one data set, 100 columns wide."""
    looked = ", ".join(map(str, [root] if root else _places(item)))
    place = where(item.name, root)
    facts = {
        "used by": ", ".join(item.papers) or ("the lessons of this kit" if item.embedded else ""),
        "cite": item.cited,
        "licence": item.licence,
        "get it": item.get,
        "page": item.page,
        "or fetch it": _fetched(item),
        "expect": item.counts,
        "open it": item.opened,
        "found": str(place) if place else f"no; looked in {looked}" if looked else "",
    }
    lines = [f"{item.name}: {item.title}"]
    for title, text in facts.items():
        if not text:
            continue
        start = f"  {title:13}"
        lines.append(fill(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start)))
    return "\n".join([*lines, "  layout", indent(item.layout, "    ")])


def where(name: str, root: Path | None = None) -> Path | None:
    """Return where a data set lies, or None; a folder with nothing known in it does not count."""
    dataset = catalog.get(name)
    if dataset.card.embedded:
        return data.find(name)
    places = [root] if root else _places(dataset.card)
    return next((found for place in places if (found := dataset.lies_in(place))), None)


def _places(item: Card) -> list[Path]:
    # One's own photos lie where one says.
    return [] if item.own else data.places(item.name)


def _here(item: Card) -> str:
    if item.embedded:
        return "built in"
    if item.own:
        return "yours"
    return "found" if where(item.name) else "not found"


def _fetched(item: Card) -> str:
    if item.download is None:
        return ""
    command = f"python -m fer_utils data {item.name} --download"
    return f"{command} (through {item.download.library}). {item.download.before}"


def _row(cells: Sequence[str], widths: Collection[int]) -> list[str]:
    """Return the lines of one row, every cell wrapped to its column."""
    wrapped = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = zip_longest(*wrapped, fillvalue="")
    return [
        "  ".join(f"{part:{width}}" for part, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
