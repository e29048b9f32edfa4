"""All scores of a map at once, as text and as a table."""

from collections.abc import Iterable, Mapping
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from fer_utils.saliency.attributions import Attribution
from fer_utils.saliency.scores import faithfulness, sanity
from fer_utils.saliency.scores.truth import Truth, energy_inside, pointing_game, rank_correlation
from fer_utils.saliency.scores.values import Score

if TYPE_CHECKING:
    import pandas

NOT = "not applicable: "


def score(
    net: nn.Module,
    image: np.ndarray | Tensor,
    attribution: Attribution | np.ndarray,
    truth: Truth | None = None,
    target: int | str | None = None,
    seed: int = 0,
    rerun: bool = True,
) -> dict[str, Score]:
    """Return all scores of a map by name; those that do not apply are nan and say why.

    Args:
        net: the net of the map.
        image: the picture of the map.
        attribution: from `saliency.attribute`, or any map (H, W).
        truth: from `scores.truth`; None where it is not known.
        target: the class that a bare map explains; None takes the predicted one.
        seed: of everything drawn.
        rerun: compute also those scores that run the method again, 13 times.

    Raises:
        FerError: a map that does not fit, or a net that cannot be asked.
    """
    if isinstance(attribution, Attribution):
        known, values, index = attribution, attribution.map, attribution.target
    else:
        known, values, index = None, attribution, sanity.predicted(net, image, target)
    classes = getattr(net, "classes", None)
    label = classes[index] if classes else str(index)
    return {
        **_with_truth(values, truth, label),
        "deletion": faithfulness.deletion(net, image, values, index, seed=seed),
        "insertion": faithfulness.insertion(net, image, values, index, seed=seed),
        "road": faithfulness.road(net, image, values, index, seed=seed),
        "sensitivity-n": faithfulness.sensitivity_n(net, image, values, None, index, seed=seed),
        "infidelity": faithfulness.infidelity(net, image, values, index, seed=seed),
        **_of_method(net, image, known, seed, rerun),
    }


def compare(
    net: nn.Module,
    image: np.ndarray | Tensor,
    found: Iterable[Attribution],
    truth: Truth | None = None,
    seed: int = 0,
    rerun: bool = True,
) -> dict[str, dict[str, Score]]:
    """Return a row of scores for each method: energy on the truth, sanity, seconds.

    Args:
        net: the net of all maps.
        image: the picture of all maps.
        found: from `saliency.attribute`.
        truth: see `score`.
        seed: of everything drawn.
        rerun: compute sanity too, the rank correlation with the map of a net that has forgotten all
            (`randomization`), for which the method is run seven times.

    Raises:
        FerError: see `score`.
    """
    rows = {}
    for one in found:
        again: dict[str, Any] = {"target": one.target, "seed": seed, **one.options}
        sanity_check = Score(nan, note="not asked for")
        if rerun:
            sanity_check = sanity.randomization(net, image, one.method, **again)
        rows[one.title] = {
            "energy inside": _with_truth(one.map, truth, one.label)["energy inside"],
            "randomization": sanity_check,
            "seconds": Score(one.seconds, better="lower"),
        }
    return rows


def _with_truth(values: np.ndarray, truth: Truth | None, label: str) -> dict[str, Score]:
    if truth is None or truth.expression != label:
        why = "the truth is not known for this picture"
        if truth is not None:
            why = f"the face shows {truth.expression}, the map explains {label}"
        names = ("energy inside", "pointing game", "rank correlation")
        return dict.fromkeys(names, Score(nan, note=NOT + why))
    return {
        "energy inside": energy_inside(values, truth.mask),
        "pointing game": pointing_game(values, truth.mask),
        # a change has no sign: what speaks against the class marks the expression as well
        "rank correlation": rank_correlation(np.abs(values), truth.change),
    }


def _of_method(
    net: nn.Module, image: np.ndarray | Tensor, known: Attribution | None, seed: int, rerun: bool
) -> dict[str, Score]:
    if known is None or not rerun:
        why = "not asked for" if known else NOT + "a bare map has no method to be run again"
        return dict.fromkeys(("max-sensitivity", "randomization"), Score(nan, note=why))
    again: dict[str, Any] = {"target": known.target, "seed": seed, **known.options}
    return {
        "max-sensitivity": sanity.max_sensitivity(net, image, known.method, **again),
        "randomization": sanity.randomization(net, image, known.method, **again),
    }


def report(scores: Mapping[str, Score]) -> str:
    """Return the scores of one map as plain text, a line for each."""
    width = max(map(len, scores), default=0)
    lines = [f"{'score':{width}}   value  chance  better"]
    for name, entry in scores.items():
        if isnan(entry.value):
            lines.append(f"{name:{width}}  {entry.note}")
            continue
        chance = "" if isnan(entry.chance) else f"{entry.chance:.3f}"
        lines.append(f"{name:{width}}{entry.value:8.3f}{chance:>8}  {entry.better}")
    return "\n".join(lines)


def table(rows: Mapping[str, Mapping[str, Score]]) -> "pandas.DataFrame":
    """Return the scores of several maps, a row for each map, a column for each score."""
    import pandas  # takes a second, so only who wants a table waits for it

    values = {
        row: {name: one.value for name, one in scores.items()} for row, scores in rows.items()
    }
    return pandas.DataFrame.from_dict(values, orient="index").round(3)
