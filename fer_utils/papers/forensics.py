"""What printed numbers give away: how many faces were tested, and by which labels.

A percentage with two digits after the point is a fraction in disguise: 83.16 % of 980 faces are
815 of them, and no whole number of 979 faces prints as 83.16 %.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from fer_utils.data import relabel
from fer_utils.emotions import canonical
from fer_utils.errors import FerError
from fer_utils.papers.matrices import MATRICES, Matrix

__all__ = [
    "MATRICES",
    "Matrix",
    "accuracy_from_recalls",
    "accuracy_of",
    "common_n",
    "label_counts",
    "right_counts",
    "right_range",
    "row_sums_match",
    "totals",
]

ONLY_THESE = "only votes for these classes"


def right_counts(value: float, decimals: int, n: int, cut: bool = False) -> list[int]:
    """Return the counts of right answers among n that print as this percentage.

    Exact, in whole numbers; a tie may have been rounded either way.

    Args:
        value: per cent, as printed.
        decimals: digits after the point: 2 for 83.30, 1 for 83.3.
        n: test faces, 1 or more.
        cut: the digits that follow were cut off instead of rounded.
    """
    if n < 1:
        raise FerError(f"n={n}: a test set holds 1 face or more.")
    # in units of the last printed digit, right answers are `printed` * n / whole
    printed, whole = round(value * 10**decimals), 100 * 10**decimals
    if cut:
        first, last = -(-printed * n // whole), -(-(printed + 1) * n // whole) - 1
    else:
        first, last = -(-(2 * printed - 1) * n // (2 * whole)), (2 * printed + 1) * n // (2 * whole)
    return list(range(max(first, 0), min(last, n) + 1))


def totals(
    value: float, decimals: int, low: int, high: int, cut: bool = False
) -> list[tuple[int, int]]:
    """Return every (right answers, test faces) that prints as this percentage.

    Args:
        value: per cent, as printed.
        decimals: digits after the point.
        low: the smallest test set to try; `high` the largest.
        high: see low.
        cut: see `right_counts`.
    """
    sizes = range(low, high + 1)
    return [(right, n) for n in sizes for right in right_counts(value, decimals, n, cut)]


def common_n(
    values: Sequence[float], decimals: int, low: int, high: int, cut: bool = False
) -> list[int]:
    """Return the sizes of a test set, `low` to `high`, that fit all rows of a table at once.

    Only scores of single runs belong here: averages of several runs are no whole counts.
    """
    return [
        n
        for n in range(low, high + 1)
        if all(right_counts(value, decimals, n, cut) for value in values)
    ]


def accuracy_of(matrix: np.ndarray) -> float:
    """Return right answers over all answers, 0 to 1, of a square matrix of counts."""
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.sum() <= 0:
        raise FerError(f"expected a square matrix of counts, not {counts.shape} of {counts.sum()}.")
    return float(np.trace(counts) / counts.sum())


def accuracy_from_recalls(recalls: Sequence[float], supports: Sequence[int]) -> float:
    """Return the accuracy that recalls per class give: their mean, weighted by the classes' sizes.

    Precisions do not: where a paper's "precisions" give the accuracy it prints, they are recalls.
    """
    return float(np.average(recalls, weights=supports))


def right_range(
    recalls: Sequence[float], decimals: int, supports: Sequence[int]
) -> tuple[int, int]:
    """Return the fewest and most right answers in all that printed recalls allow.

    Args:
        recalls: per cent, as printed, one per class.
        decimals: digits after the point.
        supports: test faces of each class.

    Raises:
        FerError: a recall that no count of its class prints as.
    """
    ranges = []
    for recall, support in zip(recalls, supports, strict=True):
        counts = right_counts(recall, decimals, support)
        if not counts:
            raise FerError(f"No count of {support} faces prints as {recall:.{decimals}f} %.")
        ranges.append((counts[0], counts[-1]))
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def label_counts(
    votes: np.ndarray, vote_names: Sequence[str], classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Count the faces of each class under every way to make labels of FERPlus's votes.

    The ways are the rules of `relabel.RULES` on all votes, the same rules on the votes for
    `classes` alone, and the plain argmax of those columns, which also labels faces that nobody
    gave any of them: with the first column.

    Args:
        votes: (N, V), how many taggers gave each answer, of the faces in question.
        vote_names: the V answers, in the order of the columns: it decides ties.
        classes: what to count.
    """
    names = tuple(vote_names)
    wanted = {canonical(name) for name in classes}
    columns = [index for index, name in enumerate(names) if name in wanted]
    kept, kept_names = np.asarray(votes)[:, columns], [names[index] for index in columns]
    by_way = {}
    for rule in relabel.RULES:
        by_way[rule] = _count(relabel.labels(votes, names, rule), relabel.vote_classes(names))
        by_way[f"{rule}, {ONLY_THESE}"] = _count(
            relabel.labels(kept, kept_names, rule), relabel.vote_classes(kept_names)
        )
    by_way[f"plain argmax, {ONLY_THESE}"] = _count(kept.argmax(axis=1), kept_names)
    return {
        way: {name: counts.get(canonical(name), 0) for name in classes}
        for way, counts in by_way.items()
    }


def row_sums_match(
    row_sums: Mapping[str, int], votes: np.ndarray, vote_names: Sequence[str]
) -> list[str]:
    """Return the ways of `label_counts` that give exactly these faces per class.

    Args:
        row_sums: class name -> faces, e.g. `MATRICES["fer2013"].row_sums`.
        votes: see `label_counts`; the test faces' votes.
        vote_names: see `label_counts`.
    """
    ways = label_counts(votes, vote_names, tuple(row_sums))
    return [way for way, counts in ways.items() if counts == dict(row_sums)]


def _count(labels: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    return {name: int((labels == index).sum()) for index, name in enumerate(classes)}
