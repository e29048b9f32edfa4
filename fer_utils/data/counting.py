"""How many pictures and people a data set has, beside what its card expects."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fer_utils.data._index import SPLITS
from fer_utils.data.report import TOTALS, Cell, Finding, finding
from fer_utils.data.survey import Survey


def found(seen: Survey) -> dict[Cell, int]:
    """Count the pictures by split and class, and the people."""
    counts: dict[Cell, int] = {}
    for split in (*SPLITS, "all"):
        labels = seen.labels if split == "all" else seen.labels[seen.split == split]
        if split == "all" or len(labels):
            counts[split, "all"] = len(labels)
            for label, name in enumerate(seen.classes):
                counts[split, name] = int((labels == label).sum())
    if (seen.labels < 0).any():
        counts["all", "not known"] = int((seen.labels < 0).sum())
    if seen.subjects is not None:
        counts["all", "subjects"] = len(np.unique(seen.subjects))
    return counts


def stated(expected: Mapping[str, Any]) -> dict[Cell, int]:
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
    """Compare the counts, as finely as the card goes: by split and class, by one, or in all."""
    off = {cell: counts.get(cell, 0) - count for cell, count in card.items()}
    off = {cell: difference for cell, difference in off.items() if difference}
    both = [cell for cell in card if "all" not in cell]
    splits = [cell for cell in card if cell[0] != "all" and cell[1] == "all"]
    classes = [cell for cell in card if cell[0] == "all" and cell[1] not in TOTALS]
    whole = [cell for cell in card if cell == ("all", "all")]
    finest = [cell for cell in both or splits or classes or whole if cell in off]
    # A split may have its number although a class has not.
    told = [cell for cell in splits if cell in off] or finest
    lines = [_told(cell, counts.get(cell, 0), card[cell]) for cell in told]
    title = "pictures fewer or more than the card states"
    title += "" if card else ", which states none"
    results = [finding("counts", title, lines, count=sum(abs(off[cell]) for cell in finest))]
    people = ("all", "subjects")
    if people in card and people in counts:
        lines = [_told(people, counts[people], card[people])] if people in off else []
        title = "people fewer or more than the card states"
        results.append(finding("people", title, lines, count=abs(off.get(people, 0))))
    return results


def _told(cell: Cell, found: int, stated: int) -> str:
    what = ", ".join(part for part in cell if part != "all") or "all"
    return f"{what}: {found:,} of {stated:,}"
