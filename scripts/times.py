"""Estimates how long each notebook takes, as the instructor's guide prints it.

Nobody was timed yet. Words at 180 a minute, lines of code at four seconds, a minute for each
prediction; five, fifteen and thirty minutes for an easy, a medium and a hard exercise. What the
cells compute comes on top (a minute or two, said at the head of a notebook).

    python -m scripts.times            the table of docs/teaching/README.md
"""

import re
import sys
from dataclasses import dataclass

from nbformat import NotebookNode

from scripts import notebooks

WORDS_A_MINUTE, SECONDS_A_LINE, MINUTES_A_PREDICTION = 180, 4, 1
EXERCISE = {"easy": 5, "medium": 15, "hard": 30}
WORD = re.compile(r"[A-Za-z']+")
ADDRESS = re.compile(r"\]\([^)]*\)")
LEVEL = re.compile(r"^### Exercise \d+: .+ \((\w+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Times:
    """Minutes, rounded to five."""

    reading: int
    exercises: int


def times(notebook: NotebookNode) -> Times:
    """Estimate the minutes for a notebook's lesson and for its exercises."""
    lesson, levels = [], []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            levels += LEVEL.findall(cell.source)
        parts = {notebooks.STARTER, notebooks.SOLUTION} & set(cell.metadata.get("tags", []))
        if "### Exercise" not in cell.source and not parts:
            lesson.append(cell)
    prose = "\n".join(cell.source for cell in lesson if cell.cell_type == "markdown")
    prose = ADDRESS.sub("]", prose)
    lines = sum(len(cell.source.splitlines()) for cell in lesson if cell.cell_type == "code")
    minutes = len(WORD.findall(prose)) / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60
    minutes += prose.count("**Predict") * MINUTES_A_PREDICTION
    return Times(5 * max(1, round(minutes / 5)), sum(EXERCISE[level] for level in levels))


def table() -> str:
    """Return the table of the guide: a row for each notebook, and the sums."""
    rows = ["| notebook | reading and running | exercises |", "|---|---:|---:|"]
    total = [0, 0]
    for path in sorted(notebooks.SOURCES.glob("*.py")):
        notebook = notebooks.read_source(path)
        title = notebook.cells[0].source.split("\n")[0].removeprefix("# ")
        found = times(notebook)
        total = [total[0] + found.reading, total[1] + found.exercises]
        name = f"[{path.stem[:2]} {title}](../../notebooks/{path.stem}.ipynb)"
        rows.append(f"| {name} | {found.reading} min | {found.exercises} min |")
    hours = [f"{minutes / 60:.1f} h" for minutes in total]
    return "\n".join([*rows, f"| together | {hours[0]} | {hours[1]} |"])


if __name__ == "__main__":
    print(table())
    sys.exit(0)
