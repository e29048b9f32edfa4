"""Paint a person's skin on the reference map: tone, blotches, lips, lids, brows, stubble."""

import functools
from typing import TYPE_CHECKING

import numpy as np

from faces3d.head import MAP_HEIGHT, MAP_WIDTH, map_mask, map_positions

if TYPE_CHECKING:
    from faces3d.identity import Traits

LIGHT, DARK = np.array([0.60, 0.41, 0.32]), np.array([0.075, 0.040, 0.027])  # linear light


def skin_color(melanin: float) -> np.ndarray:
    """Linear-light skin colour from 0 (light) to 1 (dark); skin tones are even in log."""
    return np.exp(np.log(LIGHT) * (1 - melanin) + np.log(DARK) * melanin)


def noise(
    random: np.random.Generator, cells: int, shape: tuple[int, int] = (MAP_HEIGHT, MAP_WIDTH)
) -> np.ndarray:
    """Smooth noise around 0 (about -1..1) with cells spots along the longer side."""
    rows = max(2, round(cells * shape[0] / max(shape)))
    columns = max(2, round(cells * shape[1] / max(shape)))
    coarse = random.uniform(-1, 1, (rows + 3, columns + 3))
    y = np.linspace(1, rows + 0.99, shape[0])
    x = np.linspace(1, columns + 0.99, shape[1])
    return spline(spline(coarse, y).T, x).T


def spline(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic B-spline through the rows of values, read at the given row positions."""
    base = np.clip(at.astype(int), 1, values.shape[0] - 3)
    t = (at - base)[:, None]
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    return sum(w * values[base + k - 1] for k, w in enumerate(weights))


def step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@functools.lru_cache(maxsize=1)
def places() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """|x|, y and z of every texel."""
    place = map_positions()
    return np.abs(place[..., 0]), place[..., 1], place[..., 2]


def spot(x: float, y: float, wide: float, high: float) -> np.ndarray:
    """A soft spot at reference (+-x, y) on the front of the face."""
    ax, py, pz = places()
    return np.exp(-(((ax - x) / wide) ** 2) - ((py - y) / high) ** 2) * (pz > 0.5)


def brow_cover(
    thickness: float, arch: float, density: float, random: np.random.Generator
) -> np.ndarray:
    """How much of the skin the eyebrows cover (0..1): soft hairs along an arched band."""
    ax, y, z = places()
    along = (ax - 0.105) / 0.36
    u = np.clip(along, 0, 1)
    middle = 7.532 + (0.026 + arch) * np.sin(np.pi * u**1.2 * 0.9) - 0.018 * u**3
    half = 0.036 * thickness * (0.75 + 0.6 * u - 1.05 * u**2)
    band = step(half + 0.006 - np.abs(y - middle), 0.0, 0.018)
    ends = step(along, -0.08, 0.10) * step(1.0 - along, -0.06, 0.16)
    hairs = 0.95 + 0.16 * noise(random, 220)
    return np.clip(band * ends * (z > 0.7) * density * hairs, 0, 0.97)


def stubble(random: np.random.Generator) -> np.ndarray:
    """Where a beard grows (0..1)."""
    ax, y, z = places()
    jaw = step(6.93 - 0.55 * (0.35 - ax) * (ax < 0.35) - y, 0.0, 0.16) * step(z, 0.35, 0.65)
    low = step(y, 6.05, 6.25)
    upper_lip = spot(0.06, 6.83, 0.16, 0.045)
    cover = np.maximum(jaw * low * (1 - 0.8 * spot(0.0, 6.9, 0.30, 0.06)), upper_lip)
    return np.clip(cover * (0.85 + 0.3 * noise(random, 120)), 0, 1)


@functools.lru_cache(maxsize=1)
def lash_line() -> np.ndarray:
    """The dark rim of lashes and their shadow around the eyes (0..1), stronger on the upper lid."""
    _, y, _ = places()
    margin = map_mask("lid_margin")
    wide = margin.copy()
    for axis in (0, 1):
        for step_by in (1, -1):
            wide = np.maximum(wide, 0.75 * np.roll(margin, step_by, axis))
    return np.clip(wide * (0.45 + 0.75 * step(y, 7.33, 7.36)), 0, 1)


def nostrils() -> np.ndarray:
    """The openings of the nose seen from the front (0..1)."""
    return spot(0.062, 6.895, 0.028, 0.014)


def paint(traits: "Traits", tone: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Skin map (rows, columns, 4) float32: linear-light colour and gloss."""
    # Channels lie outside here: numpy is twice as quick with a mask and a channel of one shape.
    lips = map_mask("lips") * random.uniform(0.9, 1.0)
    color = np.ones((3, MAP_HEIGHT, MAP_WIDTH)) * each(tone)
    blotches = 0.035 * noise(random, 14) + 0.03 * noise(random, 60) + 0.02 * noise(random, 180)
    color *= 1 + (1 + traits.age) * blotches
    blush = np.array([0.05, 0.22, 0.22]) * random.uniform(0.4, 1.1)
    flush = spot(0.33, 7.02, 0.16, 0.12) + 0.7 * spot(0.0, 6.98, 0.08, 0.08)
    color *= 1 - flush * each(blush)
    socket = spot(0.27, 7.415, 0.17, 0.075) * 0.26 + spot(0.24, 7.24, 0.12, 0.05) * (
        0.10 + 0.12 * traits.age
    )
    color *= 1 - 0.75 * nostrils()
    color *= 1 - socket
    lip_color = tone * np.array([0.66, 0.32, 0.34])
    mix = lips * (0.35 + 0.6 * traits.lip_strength)
    color = color * (1 - mix) + each(lip_color) * mix
    if traits.beard:
        cover = stubble(random) * (1 - lips) * traits.beard * 0.75
        color = color * (1 - cover) + each(traits.hair_color * 1.2 + 0.02) * cover
    lashes = lash_line() * (0.95 - 0.25 * traits.male)
    color = color * (1 - lashes) + 0.015 * lashes
    brow = brow_cover(traits.brow_thickness, traits.brow_arch, traits.brow_density, random)
    brow_color = np.minimum(traits.hair_color, 0.10) * 0.7
    color = color * (1 - brow) + each(brow_color) * brow
    color = clothes(color, random)
    gloss = 0.05 + 0.04 * spot(0.0, 7.05, 0.10, 0.35) + 0.03 * spot(0.0, 7.75, 0.3, 0.15)
    gloss = gloss * (1 - 0.5 * brow) + 0.10 * lips
    return np.stack([*color, gloss], -1).astype(np.float32)


def each(values: np.ndarray) -> np.ndarray:
    """A colour (3,), ready to be multiplied with maps (3, rows, columns)."""
    return values[:, None, None]


def clothes(color: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Put a plain collar below the neck."""
    ax, y, _ = places()
    collar = step(5.86 + 0.10 * np.minimum(ax, 0.8) - y, 0.0, 0.02)
    cloth = random.uniform(0.02, 0.5) * random.uniform(0.7, 1.0, 3)
    return color * (1 - collar) + each(cloth) * collar
