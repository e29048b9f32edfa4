"""Scores against the truth: which parts carry the expression, and what differs from neutral.

facs3d is drawn, so for its test faces we know both. On photographs nobody does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from fer_utils._arguments import integer, number, shown
from fer_utils.errors import FerError
from fer_utils.evaluate import check_faces
from fer_utils.saliency.scores.values import Score, as_map, is_flat

if TYPE_CHECKING:
    from fer_utils.data import FaceSet

SIGNS = ("positive", "absolute")


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known about where one face shows its expression.

    Attributes:
        expression: the one that was asked for when the face was drawn.
        parts: names of the parts that carry it; none for neutral.
        mask: bool (H, W), the pixels of these parts.
        change: float (H, W), how much the face differs from its neutral twin, 0 to 1.
        units: of the expression's prototype, by name, such as "AU12 lip corner puller": bool
            (H, W), the pixels of the parts that the action unit visibly changes.
    """

    expression: str
    parts: tuple[str, ...]
    mask: np.ndarray
    change: np.ndarray
    units: Mapping[str, np.ndarray] = field(default_factory=dict)


def truth(faces: "FaceSet", index: int) -> Truth:
    """Return what is known about one face.

    Args:
        faces: with regions and twins: the test split of facs3d.
        index: of the face in the set.

    Raises:
        FerError: nothing is known about this face, or there is no such face.
    """
    # these bring the renderer: only who asks for it waits
    from faces3d import CARRIERS, action_units
    from faces3d.parts import UNIT_PARTS, prototype

    check_faces(faces)
    try:
        index = integer("index", index, 0, len(faces) - 1)
    except FerError:
        raise FerError(
            f"{faces.name} has faces 0 to {len(faces) - 1}, not {shown(index)}."
        ) from None
    expression = faces.classes[faces.labels[index]]
    twins, regions = faces.twins, faces.regions
    known = faces.truth is not None and faces.truth[index] and expression in CARRIERS
    if not known or twins is None or regions is None:
        raise FerError(
            f"where face {index} of {faces.name} shows its expression is not known: only the test "
            'split of facs3d has that, data.load("facs3d", split="test").'
        )

    def where(parts: tuple[str, ...]) -> np.ndarray:
        return np.isin(regions[index], [faces.region_names.index(part) for part in parts])

    parts = CARRIERS[expression]
    units = {f"AU{n} {action_units.NAMES[n]}": where(UNIT_PARTS[n]) for n in prototype(expression)}
    difference = faces.images[index].astype(float) - twins[index]
    change = np.abs(difference).mean(0) / 255
    return Truth(expression, parts, where(parts), change, units)


def energy_inside(values: np.ndarray, mask: np.ndarray, sign: str = "positive") -> Score:
    """Return which share of a map's energy lies inside a mask; chance is the share of the area.

    After the energy-based pointing game (Wang et al., "Score-CAM", 2020).

    Args:
        values: the map, (H, W).
        mask: bool (H, W).
        sign: whose energy: "positive" leaves out what is below 0, "absolute" takes its size.

    Raises:
        FerError: shapes that differ, or another sign.
    """
    values, mask = _checked(values, mask, sign)
    if not values.sum() > 0:
        return Score(nan, float(mask.mean()), note=f"the map has no {sign} values")
    if not mask.any():
        return Score(nan, note="the mask is empty: no part carries this expression")
    return Score(float(values[mask].sum() / values.sum()), float(mask.mean()))


def action_units(values: np.ndarray, truth: Truth, sign: str = "positive") -> dict[str, Score]:
    """Return for each action unit of the expression which share of a map lies on its parts.

    See `energy_inside` for the scores and errors. Units share parts (the inner and the outer brow
    raiser move the same brows), so the shares may add up to more than 1.
    """
    return {name: energy_inside(values, mask, sign) for name, mask in truth.units.items()}


def pointing_game(values: np.ndarray, mask: np.ndarray, sign: str = "positive") -> Score:
    """Return 1 where the map's peak lies inside a mask, 0 where not; chance is the area's share.

    Where several pixels are highest, the share of them that lie inside: a flat map gets what
    guessing would. Zhang et al., "Top-down neural attention by excitation backprop" (2018),
    without their margin of 15 pixels.

    Args:
        values: the map, (H, W).
        mask: bool (H, W).
        sign: see `energy_inside`.

    Raises:
        FerError: see `energy_inside`.
    """
    values, mask = _checked(values, mask, sign)
    if not mask.any():
        return Score(nan, note="the mask is empty: no part carries this expression")
    peak = values >= values.max() - 1e-6 * np.ptp(values)
    return Score(float(mask[peak].mean()), float(mask.mean()))


def rank_correlation(values: np.ndarray, change: np.ndarray, blur: float = 0.0) -> Score:
    """Return Spearman's rank correlation between a map and the change from neutral.

    Args:
        values: the map, (H, W).
        change: (H, W), see `Truth.change`.
        blur: sigma in pixels of a Gaussian by which the change is smoothed first.

    Raises:
        FerError: shapes that differ.
    """
    from scipy import ndimage, stats  # half a second: only who asks for it waits

    values, change = as_map(values), as_map(change)
    blur = number("blur", blur, 0)
    if values.shape != change.shape:
        raise FerError(f"a map of {values.shape} does not fit a change of {change.shape}.")
    for name, array in (("map", values), ("change from neutral", change)):
        if is_flat(array):
            return Score(nan, note=f"the {name} is the same everywhere, so it has no order")
    smooth = ndimage.gaussian_filter(change, blur) if blur else change
    return Score(float(stats.spearmanr(values, smooth, axis=None).statistic), 0.0)


def _checked(values: np.ndarray, mask: np.ndarray, sign: str) -> tuple[np.ndarray, np.ndarray]:
    values, mask = as_map(values), np.asarray(mask)
    if mask.dtype != bool or mask.shape != values.shape:
        raise FerError(
            f"a mask must be bool and as large as the map, {values.shape}; "
            f"this one is {mask.dtype} {mask.shape}."
        )
    if sign not in SIGNS:
        raise FerError(f"sign={sign!r}: choose one of {', '.join(SIGNS)}.")
    return np.clip(values, 0, None) if sign == "positive" else np.abs(values), mask
