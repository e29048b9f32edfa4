"""The checks of notebook 14."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fer_lab.check._verdict import choice, judged, number, real


@judged("And with a flawless network it would be a quarter: the weak link is not the network.")
def ex14_1(share: float, /) -> str:
    """How often a network's "happy" comes with joy."""
    said = {joy: smiles * 0.9 + (1 - smiles) * 0.05 for joy, smiles in ((True, 0.6), (False, 0.2))}
    joyful = 0.1 * said[True]
    return number(share, joyful / (joyful + 0.9 * said[False]), name="share")


@judged("Half of the guessed group does not belong there: that is the guesser's precision.")
def ex14_2(points: float, /) -> str:
    """The gap between guessed groups, of a true gap of 10 points and a group of one in ten."""
    members, others = 0.1, 0.9
    inside = members * 0.9 / (members * 0.9 + others * 0.1)
    left = members * 0.1 / (members * 0.1 + others * 0.9)
    return number(points, 10 * (inside - left), rel=0.03, name="points")


@judged("One of many looks: nobody who is told this p alone can see the others.")
def ex14_3(cut: float, /, age: np.ndarray, scores: np.ndarray) -> str:
    """An age that divides people so that shuffled groups seldom differ as much."""
    older = age > real(cut, "cut")
    if not 10 <= older.sum() <= len(older) - 10:
        return f"{older.sum()} people are older than that; at least ten belong on either side"
    random = np.random.default_rng(0)
    shuffled = np.stack([random.permutation(older) for _ in range(4000)])

    def gap(inside: np.ndarray) -> np.ndarray:
        return np.abs(inside @ scores / older.sum() - ~inside @ scores / (~older).sum())

    # equal gaps may differ in their last digit
    p = (gap(shuffled) >= gap(older) - 1e-9).mean()
    return "" if p < 0.01 else f"with this cut p is {p:.3f}"


@judged("Only the age was changed, so only the age can have changed them.")
def ex14_4(changed: int, /, net: Any, rows: Sequence[int]) -> str:
    """How many of some faces get another answer when they are drawn young and old."""
    from faces3d.dataset import redraw
    from fer_utils import evaluate

    young, old = (
        evaluate.predict(
            net, np.stack([redraw(row, age=age) for row in rows])[:, None], progress=False
        ).argmax(1)
        for age in (0.1, 0.9)
    )
    return number(changed, float((young != old).sum()), rel=1e-6, name="changed")


@judged("Emotions of natural persons, in an education institution.")
def ex14_5(use: str, /) -> str:
    """Which use Article 5 (1) (f) of the AI Act names."""
    reasons = {
        "driver": "tiredness is a physical state (recital 18), and the reason is safety",
        "shop": "customers are neither at work nor at school there",
        "own": "a drawn face belongs to no natural person",
    }
    return choice(use, "lecture", reasons)
