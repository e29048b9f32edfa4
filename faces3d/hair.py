"""Hair: a shell around the skull with a cut-out texture, one of several haircuts.

The shell is a grid: its upper rows are directions from the top of the skull down to ear height,
its lower rows hang down from there. A haircut says how far the hair reaches down at each angle
around the head, and how thick it is.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from faces3d.head import BODY, load_head
from faces3d.skin import noise, step

if TYPE_CHECKING:
    from faces3d.identity import Traits

AROUND, DOWN = 61, 34  # grid nodes; the seam is at the back of the head
DOME = 18  # rows of the grid that lie on the skull, the others hang down
CENTER = np.array([0.0, 7.42, 0.45])
LOWEST = 5.5
TEXTURE = (160, 256)  # rows and columns of the hair texture

# Haircut -> degrees around from straight ahead: the height (reference y) the hair reaches down
# to, and its thickness in decimetres at the top and at the sides.
ANGLES = np.array([0, 25, 45, 58, 68, 78, 90, 105, 125, 180])
CUTS = {
    "short": ([7.90, 7.91, 7.87, 7.70, 7.45, 7.25, 7.45, 7.40, 6.9, 6.8], 0.07, 0.035),
    "crop": ([7.86, 7.88, 7.85, 7.68, 7.40, 7.22, 7.45, 7.40, 6.9, 6.8], 0.12, 0.05),
    "fringe": ([7.66, 7.68, 7.66, 7.5, 7.2, 7.0, 6.9, 6.8, 6.7, 6.6], 0.09, 0.09),
    "bob": ([7.90, 7.87, 7.76, 7.40, 6.55, 6.45, 6.4, 6.4, 6.4, 6.4], 0.10, 0.10),
    "long": ([7.92, 7.90, 7.76, 7.25, 5.6, 5.5, 5.5, 5.5, 5.5, 5.5], 0.09, 0.12),
    "long_fringe": ([7.68, 7.70, 7.68, 7.4, 5.6, 5.5, 5.5, 5.5, 5.5, 5.5], 0.09, 0.11),
    "tied": ([7.92, 7.92, 7.86, 7.68, 7.45, 7.35, 7.45, 7.42, 7.0, 6.9], 0.045, 0.03),
    "curly": ([7.88, 7.87, 7.78, 7.58, 7.30, 7.1, 6.95, 6.8, 6.7, 6.7], 0.26, 0.22),
    "buzz": ([7.92, 7.92, 7.86, 7.75, 7.45, 7.30, 7.45, 7.40, 6.9, 6.8], 0.015, 0.012),
    "receding": ([8.22, 8.1, 7.95, 7.75, 7.45, 7.28, 7.45, 7.40, 6.9, 6.8], 0.03, 0.03),
    "bald": ([9.0] * 10, 0.01, 0.01),
    "scarf": ([7.86, 7.84, 7.74, 7.4, 5.9, 5.6, 5.5, 5.5, 5.5, 5.5], 0.06, 0.09),
}


def choose(random: np.random.Generator, man: bool, age: float) -> str:
    """A haircut's name."""
    if man:
        names = ["short", "crop", "buzz", "curly", "receding", "bald", "long"]
        shares = np.array([5, 5, 2, 1, 1 + 4 * age, 0.5 + 2 * age, 0.6])
    else:
        names = ["long", "bob", "fringe", "long_fringe", "tied", "curly", "scarf", "crop"]
        shares = np.array([4, 3, 2, 2, 3, 1.2, 1, 0.7 + 2 * age])
    return str(random.choice(names, p=shares / shares.sum()))


@functools.lru_cache(maxsize=1)
def directions() -> tuple[np.ndarray, np.ndarray]:
    """Unit directions of the skull nodes (DOME, AROUND, 3), angles around (AROUND,) in radians."""
    around = np.linspace(-np.pi, np.pi, AROUND)
    up = np.linspace(np.pi / 2, 0, DOME)[:, None]
    flat = np.cos(up)
    return (
        np.stack([flat * np.sin(around), np.sin(up) + 0 * around, flat * np.cos(around)], -1),
        around,
    )


@functools.lru_cache(maxsize=1)
def anchors() -> tuple[np.ndarray, np.ndarray]:
    """For every skull node the four skin vertices nearest in direction, and their weights."""
    head = load_head()
    usable = (head.vertex_part == BODY) & (head.masks["ears"] < 0.2)
    usable &= (head.masks["inside_mouth"] < 0.2) & (head.reference[:, 1] > 7.2)
    index = np.flatnonzero(usable)
    away = head.reference[index] - CENTER
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    nodes = directions()[0].reshape(-1, 3)
    gap = np.arccos(np.clip(nodes @ away.T, -1, 1))
    nearest = np.argsort(gap, axis=1)[:, :4]
    weight = 1 / (np.take_along_axis(gap, nearest, 1) + 0.02) ** 2
    return index[nearest], weight / weight.sum(1, keepdims=True)


@functools.lru_cache(maxsize=1)
def grid() -> tuple[np.ndarray, np.ndarray]:
    """Triangles (m, 3) int32 and texture coordinates (nodes, 2) float32 of the shell."""
    row, column = np.mgrid[0 : DOWN - 1, 0 : AROUND - 1]
    a = (row * AROUND + column).ravel()
    triangles = np.concatenate(
        [np.stack([a, a + AROUND, a + 1], 1), np.stack([a + 1, a + AROUND, a + AROUND + 1], 1)]
    )
    v, u = np.mgrid[0:DOWN, 0:AROUND]
    uv = np.stack([u / (AROUND - 1) * TEXTURE[1], v / (DOWN - 1) * TEXTURE[0]], -1).reshape(-1, 2)
    return triangles.astype(np.int32), uv.astype(np.float32)


def reach(cut: str, around: np.ndarray) -> np.ndarray:
    """Lowest reference y of the hair at angles around the head (radians)."""
    return np.interp(np.degrees(np.abs(around)), ANGLES, CUTS[cut][0])


def shell(vertices: np.ndarray, cut: str, random: np.random.Generator) -> np.ndarray:
    """Node positions (DOWN, AROUND, 3) on this head."""
    index, weight = anchors()
    skull = (vertices[index] * weight[:, :, None]).sum(1).reshape(DOME, AROUND, 3)
    out_from, around = directions()
    _, top, side = CUTS[cut]
    share = np.clip(out_from[..., 1:2] * 1.6, 0, 1)
    thick = side + (top - side) * share
    wave = np.sin(around * 9 + random.uniform(0, 6)) * np.sin(around * 5 + random.uniform(0, 6))
    curl = 0.25 if cut == "curly" else 0.10
    dome = skull + out_from * thick * (1 + curl * wave[:, None])
    last = dome[-1]
    t = np.linspace(0, 1, DOWN - DOME + 1)[1:, None, None]
    hang = last + t * [0.0, LOWEST - CENTER[1], 0.0]
    spread = 1 + 0.06 * np.sin(t * np.pi) - 0.10 * t
    hang[..., 0] *= spread[..., 0]
    hang[..., 2] = CENTER[2] + (hang[..., 2] - CENTER[2]) * spread[..., 0]
    return np.concatenate([dome, hang])


def texture(cut: str, color: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Hair texture (rows, columns, 4) float32: linear-light colour and cover (hole below 0.5)."""
    rows, columns = TEXTURE
    around = np.linspace(-np.pi, np.pi, columns)[None]
    v = np.linspace(0, 1, rows)[:, None] * (DOWN - 1)
    # reference height of the texel: on the skull by its direction, below it linearly
    up = np.pi / 2 * (1 - np.clip(v / (DOME - 1), 0, 1))
    index, weight = anchors()
    skull = (load_head().reference[index] * weight[:, :, None]).sum(1).reshape(DOME, AROUND, 3)
    node_y = np.concatenate(
        [
            skull[..., 1],
            np.repeat(np.linspace(0, 1, DOWN - DOME + 1)[1:, None], AROUND, 1)
            * (LOWEST - CENTER[1])
            + skull[-1:, :, 1],
        ]
    )
    node_row = np.clip(v[:, 0], 0, DOWN - 1.001)
    low = node_row.astype(int)
    part = (node_row - low)[:, None]
    heights = node_y[low] * (1 - part) + node_y[low + 1] * part
    node_column = np.linspace(0, AROUND - 1.001, columns)
    low = node_column.astype(int)
    part = node_column - low
    height = heights[:, low] * (1 - part) + heights[:, low + 1] * part
    strands = noise(random, 90, (1, columns)) + 0.6 * noise(random, 45, (1, columns))
    soft = noise(random, 40, (rows, columns))
    rim = 0.03 * noise(random, 70, (1, columns)) + 0.02 * soft
    cover = step(height - reach(cut, around) + (0.0 if cut == "scarf" else rim), -0.02, 0.02)
    if cut == "scarf":
        shine = 1 + 0.10 * soft
        color = random.uniform(0.02, 0.45) * random.uniform(0.6, 1.0, 3)
    elif cut in ("curly", "buzz"):
        shine = 1 + 0.45 * noise(random, 100, (rows, columns)) + 0.15 * soft
    else:
        shine = 1 + 0.16 * strands + 0.12 * soft + 0.35 * np.exp(-(((up - 0.9) / 0.25) ** 2))
    painted = np.maximum(color, 0.004) * np.clip(shine, 0.3, 2)[..., None]
    return np.concatenate([painted, cover[..., None]], -1).astype(np.float32)


def grow(
    vertices: np.ndarray, traits: "Traits", random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Shell vertices (nodes, 3) and texture of a person's haircut."""
    nodes = shell(vertices, traits.haircut, random).reshape(-1, 3).astype(np.float32)
    return nodes, texture(traits.haircut, traits.hair_color, random)
