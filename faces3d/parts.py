"""Parts of the face as labels on the reference map, and which parts carry an expression."""

import functools

import numpy as np

from faces3d import action_units
from faces3d.head import MAP_HEIGHT, MAP_WIDTH, map_mask
from faces3d.skin import places

# An occluder is a pair of spectacles, or a hand or an object before the face.
PARTS = (
    "background", "skin", "brows", "eyes", "nose", "cheeks", "mouth", "jaw", "forehead", "ears",
    "hair", "neck", "occluder",
)  # fmt: skip

# The parts that an action unit visibly changes (after FACS's appearance changes).
UNIT_PARTS = {
    1: ("brows", "forehead"), 2: ("brows", "forehead"), 4: ("brows", "forehead"), 5: ("eyes",),
    6: ("eyes", "cheeks"), 7: ("eyes",), 9: ("nose", "brows"), 10: ("mouth", "cheeks"),
    12: ("mouth", "cheeks"), 14: ("mouth",), 15: ("mouth",), 16: ("mouth",), 17: ("mouth", "jaw"),
    20: ("mouth",), 22: ("mouth",), 23: ("mouth",), 24: ("mouth",), 25: ("mouth",),
    26: ("mouth", "jaw"), 43: ("eyes",),
}  # fmt: skip


def prototype(expression: str) -> tuple[int, ...]:
    """Action units of the first prototype of an expression, whichever side they act on."""
    units = {int(str(key).rstrip("LR")) for key in action_units.PROTOTYPES[expression][0]}
    return tuple(sorted(units))


def carriers(expression: str) -> tuple[str, ...]:
    """Parts that the first prototype of an expression changes, in the order of PARTS."""
    touched = {part for unit in prototype(expression) for part in UNIT_PARTS[unit]}
    return tuple(part for part in PARTS if part in touched)


CARRIERS = {expression: carriers(expression) for expression in action_units.PROTOTYPES}


@functools.lru_cache(maxsize=1)
def label_map() -> np.ndarray:
    """Part label (index into PARTS) of every texel of the reference map, uint8."""
    ax, y, z = places()
    label = np.full((MAP_HEIGHT, MAP_WIDTH), PARTS.index("skin"), np.uint8)

    def put(part: str, where: np.ndarray) -> None:
        label[where] = PARTS.index(part)

    front = z > 0.55
    put("forehead", front & (y > 7.62))
    put("jaw", front & (y < 6.52) & (y > 6.2))
    put("cheeks", front & (y <= 7.22) & (y >= 6.75) & (ax > 0.15))
    half_nose = 0.06 + 0.10 * np.clip((7.45 - y) / 0.5, 0, 1)
    put("nose", front & (ax < half_nose) & (y < 7.45) & (y > 6.86))
    put("mouth", front & ((ax / 0.30) ** 2 + ((y - 6.68) / 0.16) ** 2 < 1))
    put("eyes", front & (((ax - 0.29) / 0.19) ** 2 + ((y - 7.36) / 0.105) ** 2 < 1))
    put("brows", front & (ax < 0.50) & (y > 7.48) & (y <= 7.64))
    put("neck", (y < 6.2) | ((z <= 0.8) & (y < 6.55)))
    put("ears", map_mask("ears") > 0.4)
    return label
