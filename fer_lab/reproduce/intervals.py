"""What luck explains: 95 % intervals of scores, of their differences, and of paired differences.

Two kinds of luck count. Other faces could have been tested: those of a test set are drawn again
from itself (a bootstrap over faces), or, for an accuracy, its Wilson interval is taken. And the
network could have been trained from another seed, here and in the paper: several runs give a t
interval of their mean, and of the one run that most papers print. A single run of ours says nothing
about the second.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993); Newcombe, "Interval
estimation for the difference between independent proportions" (1998), whose method 10 is
`difference`; McNemar, "Note on the sampling error of the difference between correlated proportions
or percentages" (1947).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from fer_utils.evaluate import Accuracy

Interval = tuple[float, float]
#: Counts (..., K, K), rows the labels, to a score each (...,).
Score = Callable[[np.ndarray], np.ndarray]

DRAWS = 2000
_PERCENTILES = (2.5, 97.5)
# Of the range of four values to the half-width of the t interval of their mean: t(3) / (d2 * 2),
# with d2 = 2.059, the mean range of four values in standard deviations.
OF_FOUR = 3.182 / (2.059 * 2)


def of_share(value: float, n: float) -> Interval:
    """Return the Wilson interval of a share of n faces."""
    share = Accuracy(round(value * n), round(n))
    return share.low, share.high


def of_faces(score: Score, counts: np.ndarray) -> Interval:
    """Return the interval of a score if other faces had been tested.

    Drawing faces from a test set with repetition is drawing the cells of its confusion matrix.
    """
    low, high = np.percentile(score(_redrawn(counts)), _PERCENTILES)
    return float(low), float(high)


def of_mean(values: Sequence[float], faces: Sequence[Interval]) -> Interval:
    """Return the interval of the mean of several runs' scores on the same faces.

    Args:
        values: of the runs.
        faces: the interval of each if other faces had been tested. They do not become narrower by
            more runs: all runs were tested on the same ones.
    """
    mean, runs = float(np.mean(values)), of_one_run(values) / math.sqrt(len(values))
    below = float(np.mean([value - low for value, (low, _) in zip(values, faces, strict=True)]))
    above = float(np.mean([high - value for value, (_, high) in zip(values, faces, strict=True)]))
    return mean - math.hypot(below, runs), mean + math.hypot(above, runs)


def of_one_run(values: Sequence[float]) -> float:
    """Return how far a run may lie from the mean of all there could be, 95 %; 0 of a single value.

    As far as the scatter of these tells: t times their standard deviation. The mean of N runs is
    as uncertain as that divided by the root of N.
    """
    if len(values) < 2:
        return 0.0
    from scipy.stats import t

    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1))


def difference(one: float, its: Interval, other: float, others: Interval) -> Interval:
    """Return the interval of one - other, of independent scores with intervals of their own."""
    middle = one - other
    below, above = (
        math.hypot(one - its[0], others[1] - other),
        math.hypot(its[1] - one, other - others[0]),
    )
    return middle - below, middle + above


def of_pairs(
    score: Score, classes: int, pairs: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> tuple[float, Interval]:
    """Return the mean of score(second) - score(first) of pairs of runs, and its interval.

    Both runs of a pair answered on the same faces, so what is drawn again is a face with both of
    its answers.

    Args:
        score: see `Score`.
        classes: K.
        pairs: labels, first and second answers of each pair of runs, int64 (N,) each.
    """
    values, intervals = [], []
    for labels, first, second in pairs:
        cells = (labels * classes + first) * classes + second
        counts = np.bincount(cells, minlength=classes**3).reshape((classes,) * 3)
        drawn = _redrawn(counts)
        values.append(float(score(counts.sum(1)) - score(counts.sum(2))))
        low, high = np.percentile(score(drawn.sum(-2)) - score(drawn.sum(-1)), _PERCENTILES)
        intervals.append((float(low), float(high)))
    return float(np.mean(values)), of_mean(values, intervals)


def mcnemar(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return how often fair coins would fall as unevenly as the faces that one alone has right."""
    from scipy.stats import binomtest

    one, other = first == labels, second == labels
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    if not only_one + only_other:
        return 1.0
    return float(binomtest(only_one, only_one + only_other).pvalue)


def _redrawn(counts: np.ndarray) -> np.ndarray:
    """Return counts drawn again, (DRAWS, ...): always the same, so that a table comes out alike."""
    total = int(counts.sum())
    random = np.random.default_rng(0)
    drawn = random.multinomial(total, counts.ravel() / max(total, 1), size=DRAWS)
    return drawn.reshape(DRAWS, *counts.shape)
