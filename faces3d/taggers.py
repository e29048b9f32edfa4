"""Ten simulated taggers: each sees a face's action units with noise and names an expression.

A tagger compares what he or she saw with the prototypes of action_units.py at several strengths
and names the nearest; near misses are drawn by chance. Weak or mixed expressions so get divided
votes, as in FERPlus (Barsoum et al., 2016).
"""

import functools

import numpy as np

from faces3d import action_units
from fer_utils.emotions import FERPLUS_VOTES

TAGGERS = 10
SEEN_NOISE = 0.20  # spread of what taggers see, for a unit at 0.7
CHANCE = 0.24  # temperature of the choice, in the same unit as distances
UNCLEAR = 1.55  # distance to every prototype from which on a tagger says "unknown"
LEVELS = (0.4, 0.7, 1.0)
UNNOTICED = 0.10  # movements weaker than this are taken for the face's own shape
# Taggers seldom think of contempt, and take a face without clear signs for neutral.
RELUCTANCE = {"contempt": 0.18, "disgust": 0.05, "neutral": -0.10}
# How much a unit counts for a viewer: small movements of lids and chin are easily missed.
SALIENCE = {1: 1.1, 4: 1.1, 5: 1.0, 7: 0.5, 9: 1.2, 12: 1.4, 15: 1.2, 17: 0.6, 23: 0.7, 24: 0.7,
            25: 0.8, 26: 1.0, 43: 0.7}  # fmt: skip


@functools.lru_cache(maxsize=1)
def templates() -> tuple[np.ndarray, np.ndarray]:
    """All prototypes at all levels (templates, units * 2), and the vote column of each."""
    rows, columns = [], []
    for name, variants in action_units.PROTOTYPES.items():
        for variant in variants:
            for level in (0.0,) if name == "neutral" else LEVELS:
                rows.append(seen(action_units.values(variant) * level))
                columns.append(FERPLUS_VOTES.index(name))
    return np.stack(rows), np.array(columns)


def seen(unit_values: np.ndarray) -> np.ndarray:
    """Action-unit values (units, 2) as a viewer weighs them, flat."""
    weight = np.array([SALIENCE.get(unit, 0.8) for unit in action_units.NAMES])
    return (unit_values * weight[:, None] * np.sqrt(0.5)).ravel()


def vote(unit_values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Votes (len(FERPLUS_VOTES),) uint8 of ten taggers for one face; they sum to ten."""
    rows, columns = templates()
    out = np.zeros(len(FERPLUS_VOTES), np.uint8)
    view = seen(np.maximum(unit_values - UNNOTICED, 0.0))
    reluctance = np.array([RELUCTANCE.get(name, 0.0) for name in FERPLUS_VOTES])
    for _ in range(TAGGERS):
        noisy = view + random.normal(0, SEEN_NOISE, view.shape) * (0.3 + view)
        gap = np.sqrt(((rows - noisy) ** 2).sum(1))
        nearest = np.array(
            [gap[columns == c].min(initial=np.inf) for c in range(len(FERPLUS_VOTES))]
        )
        nearest += reluctance
        if nearest.min() > UNCLEAR:
            out[FERPLUS_VOTES.index("unknown")] += 1
        else:
            out[(nearest - CHANCE * random.gumbel(size=nearest.shape)).argmin()] += 1
    return out
