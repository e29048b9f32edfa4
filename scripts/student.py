"""Writes the student edition: notebooks/NN_name.ipynb without outputs and solutions -> student/.

Starter cells, hints and checks stay. What a cell of notebooks/src is tagged `solution` for is left
out. A notebook in which somebody has worked is kept: each notebook remembers how it was handed out.

    python -m scripts.student
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from scripts import notebooks

STUDENT = notebooks.ROOT / "student"


def edition(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook as a student gets it: nothing was run, no solution is in it."""
    cells = [
        cell for cell in notebook.cells if notebooks.SOLUTION not in cell.metadata.get("tags", [])
    ]
    handed = nbformat.from_dict({**notebook, "cells": [nbformat.from_dict(cell) for cell in cells]})
    for cell in handed.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    handed.metadata = nbformat.from_dict(
        {key: value for key, value in notebook.metadata.items() if key != "widgets"}
    )
    handed.metadata["handed_out"] = digest(handed)
    return handed


def digest(notebook: NotebookNode) -> str:
    """Return the SHA-256 of what the cells of a notebook say, whatever they put out."""
    said = [[cell.cell_type, cell.source] for cell in notebook.cells]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def hand_out(path: Path, student: Path) -> str:
    """Write one notebook's student edition where nobody has worked; return a line about it."""
    new = edition(nbformat.read(path, as_version=4))
    old = student / path.name
    if old.exists():
        try:
            known = nbformat.read(old, as_version=4)
            untouched = known.metadata.get("handed_out") == digest(known)
        # No notebook any more, however broken, and somebody's file all the same.
        except Exception:
            return (
                f"{path.stem}: kept, it cannot be read as a notebook (rename it to get a new one)"
            )
        if known.metadata.get("handed_out") == new.metadata["handed_out"]:
            return f"{path.stem}: up to date" + ("" if untouched else ", somebody worked in it")
        if not untouched:
            return f"{path.stem}: kept, for somebody worked in it (rename it to get the new one)"
    notebooks.write(old, nbformat.writes(new) + "\n")
    return f"{path.stem}: written"


def main(argv: list[str] | None = None) -> int:
    """Write the student edition of all notebooks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=STUDENT, help="the folder (default: student/)")
    parser.add_argument("--quiet", action="store_true", help="say only what was kept back")
    options = parser.parse_args(argv)
    for path in sorted(notebooks.NOTEBOOKS.glob("*.ipynb")):
        try:
            line = hand_out(path, options.out)
        except OSError as error:
            reason = f"cannot be written there ({error.strerror})"
            print(
                f"{options.out}: {path.name} {reason}: choose a folder, by --out", file=sys.stderr
            )
            return 2
        if ": kept" in line or not options.quiet:
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
