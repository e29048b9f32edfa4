"""A row's score in a run, and the intervals of ours and of the published number.

What luck explains of a single score or a mean is computed in `fer_lab.reproduce.intervals`.
"""

import math
import re
from collections.abc import Sequence

import numpy as np

from fer_lab.reproduce.intervals import (
    OF_FOUR,
    Interval,
    Score,
    of_faces,
    of_one_run,
    of_share,
)
from fer_utils.papers import Claim

_CLASS = re.compile(r"class (\d+)")
_AVERAGES = ("macro avg", "weighted avg")


def place_of(claim: Claim, record: dict) -> int | str | None:
    """Return which output a claim's row is about, or which average; None where neither.

    "class 3" is the network's output 3: the networks of such rows have their paper's order.
    """
    name, known = claim.row.split(",")[0], record["classes"]
    if name in _AVERAGES:
        return name
    if name in known:
        return known.index(name)
    match = _CLASS.fullmatch(name)
    return int(match[1]) if match and int(match[1]) < len(known) else None


def measurable(claim: Claim, record: dict) -> bool:
    """Whether a claim's metric can be had of a run's confusion matrix."""
    if claim.metric in ("precision", "recall", "f1"):
        return place_of(claim, record) is not None
    return claim.metric in ("accuracy", "gain in accuracy")


def score_of(claim: Claim, record: dict) -> Score:
    """Return what makes a claim's metric, in its unit, of a confusion matrix or many at once.

    Accuracy; precision, recall and F1 of the class that the claim's row names, or their macro or
    weighted average. The precision of a class that is never said is 0.
    """
    place = None if "accuracy" in claim.metric else place_of(claim, record)

    def score(counts: np.ndarray) -> np.ndarray:
        right, size = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1)
        said = counts.sum(-2)
        if place is None:
            return scale(claim) * right.sum(-1) / np.maximum(size.sum(-1), 1)
        top, bottom = {
            "precision": (right, said),
            "recall": (right, size),
            "f1": (2 * right, size + said),
        }[claim.metric]
        of_class = scale(claim) * top / np.maximum(bottom, 1)
        if place == "macro avg":
            return of_class.mean(-1)
        if place == "weighted avg":
            return (of_class * size).sum(-1) / np.maximum(size.sum(-1), 1)
        return of_class[..., place]

    return score


def measured(claim: Claim, record: dict) -> float:
    """Return a claim's metric of a run's matrix, in its unit, where it is `measurable`."""
    return float(score_of(claim, record)(np.array(record["confusion"])))


def scale(claim: Claim) -> int:
    """Return 100 where a claim's value is in per cent or points, 1 where it is a share."""
    return 1 if claim.unit == "" else 100


def interval_of(claim: Claim, record: dict) -> Interval:
    """Return the interval of a run's score if other faces had been tested."""
    if claim.metric == "accuracy":
        accuracy = record["accuracy"]
        low, high = of_share(accuracy["correct"] / accuracy["n"], accuracy["n"])
        return scale(claim) * low, scale(claim) * high
    return of_faces(score_of(claim, record), np.array(record["confusion"]))


def published_interval(
    claim: Claim, record: dict, values: Sequence[float], its: Interval
) -> Interval:
    """Return the interval of a published number: its test faces, its runs and its last digit.

    An accuracy has the Wilson interval of the paper's n, or of ours where the paper states none.
    Other scores are as uncertain as ours, of as many faces: the counts behind them are not printed.
    Where no least and best of several runs are printed, it is taken for one run's, from any seed.

    Args:
        claim: the published row.
        record: of our first run.
        values: of our runs; how far they scatter.
        its: the interval of the first, if other faces had been tested.
    """
    ours, value, last_digit = values[0], claim.value, 0.5 * 10.0**-claim.decimals
    if claim.metric == "accuracy":
        n = claim.n or record["accuracy"]["n"]
        low, high = (scale(claim) * end for end in of_share(value / scale(claim), n))
    else:
        low, high = value - (ours - its[0]), value + (its[1] - ours)
    runs = of_one_run(values)
    if claim.low is not None and claim.high is not None:
        runs = OF_FOUR * (claim.high - claim.low)
    below, above = (math.hypot(part, runs) + last_digit for part in (value - low, high - value))
    return clipped(claim, (value - below, value + above))


def published_gain(claim: Claim, values: Sequence[float], its: Interval) -> Interval:
    """Return the interval of a published gain: its range, last digit, test faces and seed.

    Its pairs of answers are not printed, so it is as uncertain as our gain of one pair of runs, on
    as many faces: a gain of 4 points on 7,178 faces is not known to a tenth of a point. `values`
    and `its` are those of `published_interval`.
    """
    low = claim.value if claim.low is None else claim.low
    high = claim.value if claim.high is None else claim.high
    last_digit, seed = 0.5 * 10.0**-claim.decimals, of_one_run(values)
    below, above = (math.hypot(part, seed) for part in (values[0] - its[0], its[1] - values[0]))
    return low - last_digit - below, high + last_digit + above


def clipped(claim: Claim, interval: Interval) -> Interval:
    """Return an interval without what no score can be: below 0, or above 1 or 100 per cent."""
    return max(0.0, interval[0]), min(float(scale(claim)), interval[1])
