"""`python -m fer_utils models`: every published number of parameters, and ours beside it."""

import argparse
import textwrap

WIDTH = 140
LEFT = 3  # columns that begin at the left


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", nargs="?", help="print the layers of this network instead")


def run(args: argparse.Namespace) -> int:
    """Print the audit of all published counts, or the layers of one network."""
    from fer_utils import models

    print(models.describe(args.name) if args.name else as_text(*models.audit()))
    return 0


def as_text(rows: list[dict[str, str]], below: list[str]) -> str:
    """Return `models.audit`'s table with one line per published count, and its marks below."""
    columns = {name: [name, *(row[name] for row in rows)] for name in rows[0]}
    padded = [
        [f"{cell:{'<' if i < LEFT else '>'}{max(map(len, cells))}}" for cell in cells]
        for i, cells in enumerate(columns.values())
    ]
    lines = ["  ".join(cells) for cells in zip(*padded, strict=True)]
    return "\n".join([*lines, "", *(textwrap.fill(text, WIDTH) for text in below)])
