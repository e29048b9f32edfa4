"""Wrinkles: grooves and bulges on the reference map that deepen with the action units.

A layer is a height field painted once. Per face the layers are summed with the strength of their
action units (and a share for age) to one relief map: slope along x, slope along y, darkening.
Where a wrinkle runs follows FACS's descriptions of appearance changes (Ekman, Friesen and Hager,
2002), for example AU 4: vertical furrows between the brows; AU 6: crow's feet.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numba import njit

from faces3d import action_units
from faces3d.head import MAP_BOTTOM, MAP_HEIGHT, MAP_TOP, MAP_WIDTH, map_positions
from faces3d.skin import noise

# Layer -> lines of (x, y) points in reference decimetres on the person's left (x > 0), the half
# width of the groove, its depth, and how dark it is. Mirrored for the right side.
LINES = {
    "furrow": (([(0.050, 7.40), (0.042, 7.48), (0.058, 7.60)],), 0.020, 0.018, 0.70),
    "hood": (([(0.09, 7.46), (0.20, 7.475), (0.34, 7.48)],), 0.036, 0.008, 0.55),
    "root": (
        ([(0.0, 7.39), (0.075, 7.375)], [(0.0, 7.33), (0.08, 7.31)]),
        0.013, 0.010, 0.40,
    ),
    "bunny": (
        ([(0.06, 7.30), (0.11, 7.18)], [(0.085, 7.33), (0.14, 7.21)]),
        0.013, 0.010, 0.35,
    ),
    "forehead_middle": (
        ([(0.0, 7.68), (0.20, 7.70)], [(0.0, 7.76), (0.24, 7.775)], [(0.0, 7.84), (0.2, 7.85)]),
        0.016, 0.011, 0.35,
    ),
    "forehead_side": (
        ([(0.18, 7.70), (0.42, 7.67)], [(0.22, 7.775), (0.44, 7.74)], [(0.2, 7.85), (0.4, 7.82)]),
        0.016, 0.010, 0.33,
    ),
    "crow": (
        (
            [(0.47, 7.37), (0.60, 7.42)],
            [(0.475, 7.345), (0.62, 7.345)],
            [(0.465, 7.32), (0.60, 7.27)],
        ),
        0.011, 0.008, 0.40,
    ),
    "under_eye": (([(0.15, 7.27), (0.28, 7.225), (0.43, 7.27)],), 0.016, 0.010, 0.35),
    "nasolabial": (
        ([(0.135, 7.00), (0.20, 6.93), (0.275, 6.80), (0.305, 6.69)],),
        0.026, 0.024, 0.45,
    ),
    "nasolabial_upper": (
        ([(0.11, 7.06), (0.165, 6.99), (0.225, 6.88)],),
        0.024, 0.020, 0.42,
    ),
    "dimple": (([(0.262, 6.73), (0.274, 6.685), (0.262, 6.64)],), 0.018, 0.014, 0.32),
    "marionette": (([(0.235, 6.655), (0.265, 6.60), (0.275, 6.52)],), 0.022, 0.012, 0.15),
    "chin_crease": (([(0.0, 6.515), (0.09, 6.505), (0.15, 6.475)],), 0.020, 0.016, 0.45),
    "parenthesis": (([(0.33, 6.80), (0.36, 6.70), (0.35, 6.60)],), 0.020, 0.012, 0.30),
    "upper_lid": (([(0.16, 7.40), (0.28, 7.445), (0.41, 7.40)],), 0.012, 0.008, 0.25),
}  # fmt: skip

# Layer -> {AU: share}; the strength of a layer is the sum, at most 1.
DRIVERS = {
    "furrow": {4: 1.0},
    "hood": {4: 0.9, 9: 0.3, 1: -0.6},
    "root": {9: 1.0, 4: 0.15},
    "bunny": {9: 1.0},
    "forehead_middle": {1: 0.8, 2: 0.3},
    "forehead_side": {2: 0.9, 1: 0.1},
    "crow": {6: 1.0},
    "under_eye": {6: 0.9, 7: 0.5, 9: 0.3},
    "nasolabial": {12: 1.0, 10: 0.3, 20: 0.25, 6: 0.1, 15: 0.25},
    "nasolabial_upper": {10: 0.9, 9: 0.8},
    "dimple": {14: 1.0, 12: 0.25},
    "marionette": {15: 1.0, 17: 0.2, 20: 0.2},
    "chin_crease": {17: 1.0, 15: 0.3},
    "parenthesis": {12: 0.5, 20: 0.7},
    "upper_lid": {},
}

AGE = {  # how much of a layer an old face shows at rest
    "furrow": 0.2, "forehead_middle": 0.2, "forehead_side": 0.25, "crow": 0.4, "under_eye": 0.6,
    "nasolabial": 0.55, "marionette": 0.3, "chin_crease": 0.2, "upper_lid": 0.5, "root": 0.15,
}  # fmt: skip
REST = {"upper_lid": 0.5, "nasolabial": 0.12, "under_eye": 0.15, "chin_crease": 0.15}


@dataclass(frozen=True)
class Layer:
    """One wrinkle layer on one side: where its patch lies on the map, and the patch (h, w, 3)."""

    name: str
    side: int
    row: int
    column: int
    patch: np.ndarray


def distance(x: np.ndarray, y: np.ndarray, line: list) -> tuple[np.ndarray, np.ndarray]:
    """Distance of points to a polyline, and how far along it (0..1) the nearest place is."""
    best, along = np.full(x.shape, np.inf), np.zeros(x.shape)
    pieces = len(line) - 1
    for k, ((x0, y0), (x1, y1)) in enumerate(zip(line[:-1], line[1:], strict=True)):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        gap = np.hypot(x - x0 - t * dx, y - y0 - t * dy)
        nearer = gap < best
        best[nearer], along[nearer] = gap[nearer], (k + t[nearer]) / pieces
    return best, along


def curved(points: list, steps: int = 8) -> list:
    """A polyline through the points with its corners rounded (a quadratic through three)."""
    if len(points) != 3:
        return points
    (x0, y0), (x1, y1), (x2, y2) = points
    cx, cy = 2 * x1 - (x0 + x2) / 2, 2 * y1 - (y0 + y2) / 2
    t = np.linspace(0, 1, steps)
    x = (1 - t) ** 2 * x0 + 2 * t * (1 - t) * cx + t**2 * x2
    y = (1 - t) ** 2 * y0 + 2 * t * (1 - t) * cy + t**2 * y2
    return list(zip(x, y, strict=True))


def paint(name: str, side: int) -> Layer:
    """Height field of one layer, as slopes and darkening, cut to its bounding box."""
    lines, width, depth, dark = LINES[name]
    place = map_positions()
    x = place[..., 0] * (1 if side == 0 else -1)
    y, front = place[..., 1], place[..., 2] > 0.55
    height, shade = np.zeros(x.shape), np.zeros(x.shape)
    random = np.random.default_rng([len(name), side, ord(name[0])])
    waver = 0.008 * noise(random, 40)  # nobody's wrinkles are drawn with a ruler
    uneven = np.clip(0.85 + 0.5 * noise(random, 30), 0.3, 1.2)
    y = y + waver
    for line in lines:
        gap, along = distance(x, y, curved(line))
        touches_middle = line[0][0] == 0.0
        start = 1.0 if touches_middle else np.clip(along / 0.25, 0, 1)
        taper = uneven * start * np.clip((1 - along) / 0.3, 0, 1)
        groove = np.exp(-((gap / width) ** 2)) * taper
        # Skin that folds piles up beside the groove.
        pile = np.exp(-(((gap - 2.2 * width) / (1.4 * width)) ** 2)) * taper
        height += depth * (0.45 * pile - groove) * front
        shade = np.maximum(shade, dark * groove * front)
    if name.startswith(("forehead", "root", "chin")):
        share = np.clip(x / 0.06 + 0.5, 0, 1)  # lines across the middle: half from each side
    else:
        share = (x > 0).astype(float)
    height, shade = height * share, shade * share
    texel_y = (MAP_TOP - MAP_BOTTOM) / MAP_HEIGHT
    texel_x = np.hypot(*np.moveaxis(np.gradient(place[..., [0, 2]], axis=1), -1, 0))
    slope_y = -np.gradient(height, axis=0) / texel_y
    slope_x = np.gradient(height, axis=1) / np.maximum(texel_x, 0.004)
    patch = np.stack([slope_x, slope_y, shade], -1).astype(np.float32)
    used = np.argwhere(np.abs(patch).max(-1) > 0.004)
    (top, left), (bottom, right) = used.min(0), used.max(0) + 1
    return Layer(name, side, int(top), int(left), patch[top:bottom, left:right].copy())


@functools.lru_cache(maxsize=1)
def layers() -> tuple[Layer, ...]:
    """All layers, both sides."""
    return tuple(paint(name, side) for name in LINES for side in (0, 1))


def strength(layer: Layer, unit_values: np.ndarray, age: float) -> float:
    """How much of a layer shows: its action units, plus what age and rest leave on the skin."""
    order = list(action_units.NAMES)
    drawn = sum(
        share * unit_values[order.index(unit), layer.side]
        for unit, share in DRIVERS[layer.name].items()
    )
    at_rest = REST.get(layer.name, 0.0) + age * AGE.get(layer.name, 0.0)
    return float(np.clip(at_rest + (0.65 + 0.5 * age) * drawn, 0.0, 1.25))


@njit(cache=True, fastmath=True)
def add_patch(relief, row, column, patch, weight):
    """Add weight * patch into the relief map."""
    for y in range(patch.shape[0]):
        for x in range(patch.shape[1]):
            for c in range(3):
                relief[row + y, column + x, c] += weight * patch[y, x, c]


def relief(unit_values: np.ndarray, age: float) -> np.ndarray:
    """Relief map (rows, columns, 3) float32: slope x, slope y, darkening (natural logarithm)."""
    out = np.zeros((MAP_HEIGHT, MAP_WIDTH, 3), np.float32)
    for layer in layers():
        weight = strength(layer, unit_values, age)
        if weight > 0.01:
            add_patch(out, layer.row, layer.column, layer.patch, np.float32(weight))
    return out
