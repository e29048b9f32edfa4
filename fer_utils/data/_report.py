"""The report of a data set's check-up: counts beside those of its card, findings, and the text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np

from fer_utils import _html
from fer_utils.data._index import SPLITS
from fer_utils.data._survey import Survey
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
        start, (title, *examples) = f"{self.count:8,}  ", self.words()
        lines = wrap(title, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
        return "\n".join([*lines, *(_short(f"{'':12}{text}") for text in examples)])

    def words(self) -> list[str]:
        """Return the title, the examples, and how many there are beside them."""
        return [self.title, *self.examples, *([f"and {self.more:,} more"] if self.more else [])]


def finding(
    kind: str,
    title: str,
    examples: Sequence[str],
    groups: Iterable[Sequence[int] | np.ndarray] = (),
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


@dataclass(frozen=True, repr=False)
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

    def finding(self, kind: str) -> Finding:
        """Return what was found of one kind.

        Raises:
            FerError: that kind was not looked for.
        """
        for candidate in self.findings:
            if candidate.kind == kind:
                return candidate
        kinds = ", ".join(candidate.kind for candidate in self.findings)
        raise FerError(f"There is no finding {kind!r}; looked for: {kinds}.")

    def __repr__(self) -> str:
        """Say in one sentence what was found."""
        found = ", ".join(f"{one.kind} {one.count:,}" for one in self.findings if one.count)
        return f"Report({self.name}: {self.pictures:,} pictures; {found or 'no findings'})"

    def _repr_html_(self) -> str:
        found = [(f"{one.count:,}", "\n".join(one.words())) for one in self.findings]
        return _html.sentence(self) + _html.rows(found)

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
        lines += [str(finding) for finding in self.findings]
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


# Counts, and the card's


def count(survey: Survey) -> dict[Cell, int]:
    """Count the pictures by split and class, and the people."""
    counts: dict[Cell, int] = {}
    for split in (*SPLITS, "all"):
        labels = survey.labels if split == "all" else survey.labels[survey.split == split]
        if split == "all" or len(labels):
            counts[split, "all"] = len(labels)
            for label, name in enumerate(survey.classes):
                counts[split, name] = int((labels == label).sum())
    if (survey.labels < 0).any():
        counts["all", "not known"] = int((survey.labels < 0).sum())
    if survey.subjects is not None:
        counts["all", "subjects"] = len(np.unique(survey.subjects))
    return counts


def expected_counts(expected: Mapping[str, Any]) -> dict[Cell, int]:
    """Return what a card expects (`Card.expected`), in the same form."""
    counts = {("all", name): count for name, count in expected.get("classes", {}).items()}
    for split, part in expected.get("split_classes", {}).items():
        counts |= {(split, name): count for name, count in part.items()}
    counts |= {(split, "all"): count for split, count in expected.get("splits", {}).items()}
    for key, row in (("faces", "all"), ("subjects", "subjects")):
        if key in expected:
            counts["all", row] = expected[key]
    return counts


def compare(counts: Mapping[Cell, int], card: Mapping[Cell, int]) -> list[Finding]:
    """Compare counts with a card's, as finely as it goes: by split and class, by one, or in all."""
    off = {cell: counts.get(cell, 0) - count for cell, count in card.items()}
    off = {cell: difference for cell, difference in off.items() if difference}
    both = [cell for cell in card if "all" not in cell]
    splits = [cell for cell in card if cell[0] != "all" and cell[1] == "all"]
    classes = [cell for cell in card if cell[0] == "all" and cell[1] not in TOTALS]
    whole = [cell for cell in card if cell == ("all", "all")]
    finest = [cell for cell in both or splits or classes or whole if cell in off]
    # A split may have its number although a class has not.
    shown = [cell for cell in splits if cell in off] or finest
    lines = [_difference(cell, counts.get(cell, 0), card[cell]) for cell in shown]
    title = "pictures fewer or more than the card states"
    title += "" if card else ", which states none"
    results = [finding("counts", title, lines, count=sum(abs(off[cell]) for cell in finest))]
    people = ("all", "subjects")
    if people in card and people in counts:
        lines = [_difference(people, counts[people], card[people])] if people in off else []
        title = "people fewer or more than the card states"
        results.append(finding("people", title, lines, count=abs(off.get(people, 0))))
    return results


def _difference(cell: Cell, found: int, stated: int) -> str:
    what = ", ".join(part for part in cell if part != "all") or "all"
    return f"{what}: {found:,} of {stated:,}"
