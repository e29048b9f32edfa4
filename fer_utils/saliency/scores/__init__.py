"""Does the map tell the truth? Scores for any map, (H, W), whatever method made it.

With truth, which the test faces of facs3d have (`truth`): `energy_inside`, `pointing_game`,
`rank_correlation`, `action_units`. Without, by asking the net again: `deletion`, `insertion`,
`road`, `sensitivity_n`, `infidelity`; by asking the method again: `max_sensitivity`,
`randomization`. `score` runs all that apply and says why the others do not, `compare` a few of them
for many methods; `report` and `table` print them.

A score alone says little, so most come with `Score.chance`: what the same map would get on average
if it were moved about the picture at random, that is, if it knew nothing of the place.
"""

from fer_utils.saliency.scores.faithfulness import (
    deletion,
    infidelity,
    insertion,
    road,
    sensitivity_n,
)
from fer_utils.saliency.scores.overview import compare, report, score, table
from fer_utils.saliency.scores.sanity import Cascade, max_sensitivity, randomization, similarity
from fer_utils.saliency.scores.truth import (
    Truth,
    action_units,
    energy_inside,
    pointing_game,
    rank_correlation,
    truth,
)
from fer_utils.saliency.scores.values import Curve, Score

__all__ = [
    "Cascade",
    "Curve",
    "Score",
    "Truth",
    "action_units",
    "compare",
    "deletion",
    "energy_inside",
    "infidelity",
    "insertion",
    "max_sensitivity",
    "pointing_game",
    "randomization",
    "rank_correlation",
    "report",
    "road",
    "score",
    "sensitivity_n",
    "similarity",
    "table",
    "truth",
]


def __dir__() -> list[str]:
    return list(__all__)
