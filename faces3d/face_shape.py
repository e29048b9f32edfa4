"""Action-unit values to vertex positions: the stack of expression targets, one per side."""

import functools

import numpy as np

from faces3d import action_units
from faces3d.head import Head, load_head
from faces3d.shapes import own_target

HALF_WIDTH = 0.07  # decimetres over which the two halves of a target fade into each other


def side_share(head: Head, side: int) -> np.ndarray:
    """1 on the given side (0: the person's left, x > 0) of the face, 0 on the other."""
    x = head.reference[:, 0] * (1 if side == 0 else -1)
    t = np.clip((x + HALF_WIDTH) / (2 * HALF_WIDTH), 0, 1)
    return (t * t * (3 - 2 * t))[:, None].astype(np.float32)


def one_side(head: Head, name: str, side: int) -> np.ndarray:
    """The part of a target (see action_units.SHAPES for the naming) that acts on one side."""
    word = ("Left", "Right")[side]
    if name.startswith("own:"):
        return own_target(name) * side_share(head, side)
    if name.startswith("unit:") and name.endswith("*"):
        return head.target(name[:-1] + word)
    if "*" in name:
        return head.target(name.replace("*", word.lower()))
    return head.target(name) * side_share(head, side)


@functools.lru_cache(maxsize=1)
def target_stack() -> tuple[dict[tuple[str, int], int], np.ndarray]:
    """Row of every (target pattern, side), and the targets (rows, vertices, 3) float32."""
    head = load_head()
    tables = [*action_units.SHAPES.values(), *action_units.COMBINATIONS.values()]
    names = sorted({name for table in tables for name in table})
    keys = [(name, side) for name in names for side in (0, 1)]
    stack = np.stack([one_side(head, *key) for key in keys]).astype(np.float32)
    return {key: row for row, key in enumerate(keys)}, stack


def stack_weights(unit_values: np.ndarray) -> np.ndarray:
    """Weights (rows,) float32 over target_stack() for action-unit values (units, 2)."""
    rows, _ = target_stack()
    out = np.zeros(len(rows), np.float32)
    for key, weight in action_units.target_weights(unit_values).items():
        out[rows[key]] = weight
    return out
