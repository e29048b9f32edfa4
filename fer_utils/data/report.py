"""The report of a data set's check-up, and how it is drawn as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from fer_utils.data._index import SPLITS
from fer_utils.errors import FerError

#: Columns of the report.
WIDTH = 100

#: (split or "all", class or one of `TOTALS`).
Cell = tuple[str, str]

#: The rows of the table of counts that are no class.
TOTALS = ("all", "subjects")

# So many examples of each finding are put into words.
_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        kind: a short word for it, see `fer_utils.data.doctor.doctor`.
        title: what was looked for, in words.
        count: how often it was found; 0 is good news.
        examples: the first few, in words.
        more: how many there are beside the examples.
        groups: positions of the pictures concerned, those of one case together. They count the
            pictures that can be read, in the order of the FaceSet that ``data.load`` returns.
    """

    kind: str
    title: str
    count: int
    examples: tuple[str, ...] = ()
    more: int = 0
    groups: tuple[tuple[int, ...], ...] = ()

    def __str__(self) -> str:
        """Return the count and the title, and the examples below them."""
        start = f"{self.count:8,}  "
        lines = wrap(self.title, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
        rest = [f"and {self.more:,} more"] if self.more else []
        return "\n".join([*lines, *(_short(f"{'':12}{text}") for text in (*self.examples, *rest))])


def finding(
    kind: str,
    title: str,
    examples: Sequence[str],
    groups: Sequence[Sequence[int]] | np.ndarray = (),
    count: int | None = None,
) -> Finding:
    """Return a Finding that keeps the first few examples; `count` is their number if not given."""
    return Finding(
        kind=kind,
        title=title,
        count=len(examples) if count is None else count,
        examples=tuple(examples[:_SHOWN]),
        more=len(examples[_SHOWN:]),
        groups=tuple(tuple(int(place) for place in group) for group in groups),
    )


@dataclass(frozen=True)
class Report:
    """What `fer_utils.data.doctor.doctor` found; ``str()`` draws it as a table.

    Attributes:
        name: the data set.
        place: where it lies.
        pictures: how many pictures can be read.
        size: width and height of most of them; (0, 0) where there are none.
        form: what the counts were compared with: "" for the card, or one of its other forms.
        counts: (split or "all", class, "all" or "subjects") -> how many were found.
        expected: the same as far as the card states it.
        findings: everything that was looked for, also where nothing was found.
    """

    name: str
    place: str
    pictures: int
    size: tuple[int, int]
    form: str
    counts: Mapping[Cell, int]
    expected: Mapping[Cell, int]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True if nothing was found at all."""
        return not any(one.count for one in self.findings)

    def finding(self, kind: str) -> Finding:
        """Return what was found of one kind.

        Raises:
            FerError: that kind was not looked for.
        """
        for one in self.findings:
            if one.kind == kind:
                return one
        kinds = ", ".join(one.kind for one in self.findings)
        raise FerError(f"There is no finding {kind!r}; looked for: {kinds}.")

    def __str__(self) -> str:
        """Return the table, 100 columns wide."""
        width, height = self.size
        lines = [f"{self.name}: {self.pictures:,} pictures that can be read"]
        lines[0] += f", most or all of {width}x{height}" if self.pictures else ""
        lines += wrap(f"in {self.place}", WIDTH, subsequent_indent="   ")
        against = f'the card\'s form "{self.form}"' if self.form else "the card"
        lines += ["", f"Pictures found, and beside them what {against} states (! where it differs)"]
        lines += _table(self.counts, self.expected)
        lines += ["", "   Found  Looked for"]
        lines += [str(one) for one in self.findings]
        return "\n".join(lines)


def _table(found: Mapping[Cell, int], stated: Mapping[Cell, int]) -> list[str]:
    cells = [*found, *stated]
    splits = [split for split in SPLITS if any(cell[0] == split for cell in cells)]
    if splits == ["train"] and ("train", "all") not in stated:
        splits = []  # nobody has split it: the column would say what "all" says
    columns = (*splits, "all")
    rows = [row for row in dict.fromkeys(row for _, row in cells) if row not in TOTALS]
    lines = [f"  {'':12}" + "".join(f"{title:>20}" for title in columns)]
    for row in [*rows, *TOTALS]:
        here = [cell for cell in cells if cell[1] == row]
        if row in TOTALS or any(found.get(cell) or stated.get(cell) for cell in here):
            line = "".join(_count(found, stated, (split, row)) for split in columns)
            lines += [f"  {row:12}{line}".rstrip()] if here else []
    return lines


def _count(found: Mapping[Cell, int], stated: Mapping[Cell, int], cell: Cell) -> str:
    here, card = found.get(cell, 0), stated.get(cell)
    if card is None:
        return f"{here:9,}{'':11}" if cell in found else " " * 20
    return f"{here:9,} /{card:7,} {'!' if here != card else ' '}"


def _short(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
