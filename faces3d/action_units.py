"""Facial action units (FACS): what each one does to the mesh, and which ones make an expression.

Sources: P. Ekman and W. V. Friesen, "Facial Action Coding System" (1978; with J. C. Hager, 2002)
for the units; W. V. Friesen and P. Ekman, "EMFACS-7" (1983) and the FACS Investigator's Guide for
which units go with which emotion. Only the units that those prototypes need are here. A unit's
value runs from 0 (absent) to 1 (FACS intensity E, extreme).
"""

import re
from collections.abc import Mapping

import numpy as np

from fer_utils.errors import FerError

# AU -> its FACS name.
NAMES = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    12: "lip corner puller",
    14: "dimpler",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    20: "lip stretcher",
    22: "lip funneler",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    43: "eyes closed",
}

# AU -> {target: amount at value 1}. A name with "*" stands for Left and Right (or left and right);
# any other target is cut in two halves at the middle of the face, so that every unit can act on
# one side. "own:" targets are the displacement fields of shapes.py.
SHAPES = {
    1: {"unit:browInnerUp": 0.9, "expression:eyebrows-*-inner-up": 0.6},
    2: {"unit:browOuterUp*": 0.9, "expression:eyebrows-*-extern-up": 0.3},
    4: {"unit:browDown*": 0.9, "expression:eyebrows-*-down": 0.8, "own:browTogether": 0.8},
    5: {"unit:eyeWide*": 0.85},
    6: {"unit:cheekSquint*": 1.0, "unit:eyeSquint*": 0.5, "own:cheekRaise": 1.0},
    7: {"unit:eyeSquint*": 0.9},
    9: {"unit:noseSneer*": 0.8, "expression:nose-*-elevation": 0.8},
    10: {"unit:mouthUpperUp*": 0.7, "expression:mouth-elevation": 0.4},
    12: {"unit:mouthSmile*": 0.85, "unit:mouthStretch*": 0.2},
    14: {"unit:mouthDimple*": 1.0},
    15: {"unit:mouthFrown*": 0.9, "expression:mouth-depression": 0.5},
    16: {"unit:mouthLowerDown*": 0.9},
    17: {"unit:mouthShrugLower": 1.0, "own:chinBoss": 1.0},
    20: {"unit:mouthStretch*": 0.9, "expression:mouth-retraction": 0.4},
    22: {"unit:mouthFunnel": 0.8},
    23: {"unit:mouthRollUpper": 0.5, "unit:mouthRollLower": 0.5},
    24: {"unit:mouthPress*": 0.7, "unit:mouthRollUpper": 0.5, "unit:mouthRollLower": 0.5},
    25: {"unit:mouthUpperUp*": 0.25, "unit:mouthLowerDown*": 0.3, "unit:jawOpen": 0.05},
    26: {"unit:jawOpen": 0.9},
    43: {"unit:eyeBlink*": 1.0},
}

# Shapes that appear only where two units act together, weighted by the product of their values.
COMBINATIONS = {
    (1, 4): {"own:browOblique": 1.3, "expression:eyebrows-*-inner-up": 0.7},
    (12, 25): {"expression:mouth-part-later": 0.40, "unit:mouthStretch*": 0.3},
    (20, 25): {"expression:mouth-depression-retraction": 0.6, "unit:mouthFrown*": 0.35},
    (10, 25): {"expression:mouth-elevation": 0.3},
}

# Expression -> its variants, each {AU: value at full strength}; the first is the one a slider
# shows. Sides: "12L" acts on the person's left only. After EMFACS-7.
PROTOTYPES: dict[str, tuple[dict[int | str, float], ...]] = {
    "angry": (
        {4: 1.2, 5: 0.7, 7: 0.4, 9: 0.3, 15: 0.5, 17: 0.5, 23: 0.8, 24: 0.7},
        {4: 1.0, 5: 0.7, 7: 0.4, 10: 0.6, 16: 0.7, 20: 0.4, 25: 0.9, 26: 0.25},
        {4: 1.0, 5: 0.7, 7: 0.4, 10: 0.5, 16: 0.6, 25: 0.8, 26: 0.7},
    ),
    "disgust": (
        {4: 0.35, 6: 0.7, 7: 0.8, 9: 1.0, 10: 1.0, 15: 0.4, 17: 0.7},
        {4: 0.4, 6: 0.6, 7: 0.8, 9: 1.1, 10: 1.0, 15: 0.4, 16: 0.3, 25: 0.35},
    ),
    "fear": (
        {1: 1.0, 2: 0.4, 4: 0.8, 5: 1.0, 20: 1.0, 25: 1.0},
        {1: 1.0, 2: 0.4, 4: 0.8, 5: 1.0, 20: 1.0, 25: 0.8, 26: 0.35},
    ),
    "happy": (
        {6: 0.9, 12: 1.0, 25: 1.0},
        {6: 1.0, 12: 1.0, 25: 1.0, 26: 0.4},
        {6: 0.7, 12: 1.1},
    ),
    "sad": (
        {1: 0.8, 4: 0.8, 15: 1.0, 17: 0.5, 43: 0.28},
        {1: 0.7, 4: 0.6, 7: 0.4, 15: 1.0, 17: 0.8, 43: 0.35},
        {1: 0.7, 4: 0.6, 15: 0.7, 43: 0.5},
    ),
    "surprise": (
        {1: 1.0, 2: 1.0, 5: 0.8, 25: 0.3, 26: 0.9, 22: 0.15},
        {1: 1.0, 2: 1.0, 5: 0.9, 22: 0.4, 25: 0.4, 26: 0.5},
    ),
    "neutral": ({},),
    "contempt": ({7: 0.15, "12L": 0.35, "14L": 1.0}, {7: 0.15, "12R": 0.35, "14R": 1.0}),
}

SIDES = "LR"

# {12: 0.8}, {"12L": 0.8}, or a mixture; to a type checker three kinds of mapping
Units = Mapping[int, float] | Mapping[str, float] | Mapping[int | str, float]


def values(units: Units) -> np.ndarray:
    """Units such as {12: 0.8, "14L": 0.5} as an array (len(NAMES), 2): left and right side.

    Values are clipped at 0 from below and at 1.2 from above. Unknown units raise FerError.
    """
    out = np.zeros((len(NAMES), 2), np.float64)
    order = list(NAMES)
    for key, value in units.items():
        match = re.fullmatch(r"(\d+)([LR]?)", str(key))
        if match is None or int(match[1]) not in NAMES:
            raise FerError(
                f"action unit {key!r} is not known; known: {', '.join(map(str, order))}, "
                "with L or R behind for one side, such as '12L'"
            )
        if not np.isfinite(value) or value < 0:
            raise FerError(f"action unit {key}: value {value!r} is not a number from 0 to 1")
        row = order.index(int(match[1]))
        sides = [SIDES.index(match[2])] if match[2] else [0, 1]
        out[row, sides] = np.maximum(out[row, sides], min(float(value), 1.2))
    return out


def target_weights(unit_values: np.ndarray) -> dict[tuple[str, int], float]:
    """Weight of every (target pattern, side) for values (len(NAMES), 2)."""
    order = list(NAMES)
    weights: dict[tuple[str, int], float] = {}

    def add(shapes: Mapping[str, float], side: int, value: float) -> None:
        for name, amount in shapes.items():
            weights[name, side] = weights.get((name, side), 0.0) + amount * value

    for side in (0, 1):
        for row, unit in enumerate(order):
            add(SHAPES[unit], side, unit_values[row, side])
        for (first, second), shapes in COMBINATIONS.items():
            product = unit_values[order.index(first), side] * unit_values[order.index(second), side]
            add(shapes, side, product)
    return weights
