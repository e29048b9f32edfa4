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
    1: {"unit:browInnerUp": 1.0, "expression:eyebrows-*-inner-up": 0.4},
    2: {"unit:browOuterUp*": 1.0, "expression:eyebrows-*-extern-up": 0.35},
    4: {"unit:browDown*": 0.8, "expression:eyebrows-*-down": 0.55},
    5: {"unit:eyeWide*": 0.75},
    6: {"unit:cheekSquint*": 1.2, "unit:eyeSquint*": 0.35},
    7: {"unit:eyeSquint*": 0.9},
    9: {"unit:noseSneer*": 0.8, "expression:nose-*-elevation": 0.8},
    10: {"unit:mouthUpperUp*": 0.6, "expression:mouth-elevation": 0.6},
    12: {"unit:mouthSmile*": 0.6, "expression:mouth-corner-puller": 0.7},
    14: {"unit:mouthDimple*": 1.0},
    15: {"unit:mouthFrown*": 0.8, "expression:mouth-depression": 0.6},
    16: {"unit:mouthLowerDown*": 0.9},
    17: {"unit:mouthShrugLower": 1.0},
    20: {"unit:mouthStretch*": 0.7, "expression:mouth-retraction": 0.7},
    22: {"unit:mouthFunnel": 0.8},
    23: {"unit:mouthRollUpper": 0.5, "unit:mouthRollLower": 0.5},
    24: {"unit:mouthPress*": 0.7, "unit:mouthRollUpper": 0.5, "unit:mouthRollLower": 0.5},
    25: {"unit:mouthUpperUp*": 0.35, "unit:mouthLowerDown*": 0.45},
    26: {"unit:jawOpen": 0.85},
    43: {"unit:eyeBlink*": 1.0},
}

# Shapes that appear only where two units act together, weighted by the product of their values.
COMBINATIONS = {
    (12, 25): {"expression:mouth-upward-retraction": 0.55, "expression:mouth-part-later": 0.35},
    (20, 25): {"expression:mouth-depression-retraction": 0.7},
    (10, 25): {"expression:mouth-elevation": 0.3},
}

# Expression -> its variants, each {AU: value at full strength}; the first is the one a slider
# shows. Sides: "12L" acts on the person's left only. After EMFACS-7.
PROTOTYPES = {
    "angry": (
        {4: 1.0, 5: 0.4, 7: 0.7, 23: 0.7, 24: 0.5, 17: 0.4},
        {4: 1.0, 5: 0.5, 7: 0.6, 9: 0.2, 10: 0.7, 16: 0.8, 20: 0.3, 25: 0.9, 26: 0.25},
    ),
    "disgust": (
        {4: 0.5, 6: 0.4, 7: 0.5, 9: 1.0, 10: 0.8, 17: 0.5, 15: 0.4},
        {4: 0.5, 6: 0.4, 7: 0.5, 9: 1.0, 10: 1.0, 16: 0.5, 25: 0.6},
    ),
    "fear": (
        {1: 1.0, 2: 0.5, 4: 0.55, 5: 1.0, 20: 0.9, 25: 0.7, 26: 0.25},
        {1: 1.0, 2: 0.5, 4: 0.55, 5: 1.0, 20: 0.6, 25: 0.5, 26: 0.5},
    ),
    "happy": (
        {6: 0.8, 12: 0.95, 25: 1.0},
        {6: 1.0, 12: 1.0, 25: 1.0, 26: 0.4},
        {6: 0.6, 12: 0.9},
    ),
    "sad": (
        {1: 1.0, 4: 0.5, 15: 1.0, 17: 0.5, 43: 0.2},
        {1: 1.0, 4: 0.5, 15: 0.9, 17: 0.9, 43: 0.3, 6: 0.3},
    ),
    "surprise": (
        {1: 1.0, 2: 1.0, 5: 0.8, 26: 0.8},
        {1: 1.0, 2: 1.0, 5: 0.9, 26: 0.5, 22: 0.4, 25: 0.4},
    ),
    "neutral": ({},),
    "contempt": ({"12R": 0.4, "14R": 0.9}, {"12L": 0.4, "14L": 0.9}),
}

SIDES = "LR"


def values(units: Mapping[int | str, float]) -> np.ndarray:
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
