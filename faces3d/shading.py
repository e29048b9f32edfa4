"""From samples to light: numba kernels that colour every sample the rasteriser found.

Skin takes its colour and its relief (wrinkles) from the reference map; eyes, teeth and the inside
of the mouth are coloured from reference positions; hair from its own texture. Light is a softened
("wrapped") key light, a fill light and a sky dome; no shadows are cast, deep places are darkened.
Colours are linear light.
"""

import math

import numpy as np
from numba import njit

from faces3d.raster import fetch, texel

SKIN, EYE, TEETH, TONGUE, HAIR, FRAME = range(6)  # what a triangle shows
SCLERA, IRIS, MOUTH = 0, 1, 4  # rows of the colours array; teeth and tongue have their own number
EYE_LABEL, MOUTH_LABEL, HAIR_LABEL, OCCLUDER_LABEL = 3, 6, 10, 12  # places in parts.PARTS
FRAME_COLOR = np.float32(0.012)
EYE_X = 0.2886  # reference |x| of the middle of each eye


@njit(cache=True, fastmath=True)
def smooth(x, low, high):
    """0 below low, 1 above high, a smooth step between."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, fastmath=True)
def mean3(values, corners, weights, column):
    """One column of per-vertex values at a sample: the weighted mean of the corners."""
    return (
        weights[0] * values[corners[0], column]
        + weights[1] * values[corners[1], column]
        + weights[2] * values[corners[2], column]
    )


@njit(cache=True, fastmath=True)
def bend(normal, up, slope_x, slope_y):
    """Tilt a normal by the slopes of the relief: along the map's columns, and upwards."""
    nx, ny, nz = normal
    tx, ty, tz = up[1] * nz - up[2] * ny, up[2] * nx - up[0] * nz, up[0] * ny - up[1] * nx
    length = math.sqrt(tx * tx + ty * ty + tz * tz) + 1e-6
    tx, ty, tz = tx / length, ty / length, tz / length
    bx, by, bz = ny * tz - nz * ty, nz * tx - nx * tz, nx * ty - ny * tx
    return (
        nx - slope_x * tx - slope_y * bx,
        ny - slope_x * ty - slope_y * by,
        nz - slope_x * tz - slope_y * bz,
    )


@njit(cache=True, fastmath=True)
def skin_dark(fold, wet, deep):
    """Darkening of skin (wet 0) and of the inside of the mouth (wet 1)."""
    return (1.0 - wet) * fold * (1.0 - 0.55 * deep) + wet * (1.0 - 0.9 * deep)


@njit(cache=True, fastmath=True)
def eye_shares(x, y, normal_up, deep, eyes):
    """Light that reaches the eyeball at reference (x, y), and the shares of iris and of pupil."""
    side = 0 if x < 0.0 else 1
    away = math.hypot(x - eyes[side, 0], y - eyes[side, 1]) / eyes[side, 2]
    iris = 1.0 - smooth(away, 0.88, 1.06)
    rim = 1.0 - 0.6 * smooth(away, 0.7, 0.98)
    pupil = 1.0 - smooth(away, eyes[side, 3] * 0.85, eyes[side, 3] * 1.15)
    # The upper lid and its lashes shade the ball, and the corners lie in the dark.
    light = (1.0 - 0.7 * deep) * (1.0 - 0.6 * smooth(normal_up, -0.05, 0.4))
    light *= 1.0 - 0.45 * smooth(abs(abs(x) - EYE_X), 0.06, 0.14)
    return light, iris, iris * rim * (1.0 - pupil)


@njit(cache=True, fastmath=True)
def tooth_dark(x, z, lower, deep, is_tooth):
    """Darkening of teeth and tongue at reference x and z: gaps, depth, the lower row."""
    dark = 0.2 + 0.8 * smooth(z, 1.05, 1.36)
    if not is_tooth:
        return dark * (1.0 - 0.8 * deep)
    phase = abs(x) / 0.075
    phase = abs(phase - math.floor(phase + 0.5))
    gap = 1.0 - 0.22 * (1.0 - smooth(phase, 0.0, 0.12))
    return dark * gap * (1.0 - 0.35 * deep) * (1.0 - 0.35 * lower)


@njit(cache=True, fastmath=True)
def lighting(normal, lamp, half, deep, kind):
    """Diffuse light and highlight on a surface; lamp as made by render.lamps."""
    nx, ny, nz = normal
    length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6
    nx, ny, nz = nx / length, ny / length, nz / length
    key = max(0.0, (nx * lamp[0] + ny * lamp[1] + nz * lamp[2] + 0.25) / 1.25)
    fill = max(0.0, (nx * lamp[4] + ny * lamp[5] + nz * lamp[6] + 0.4) / 1.4)
    sky = lamp[9] + (lamp[8] - lamp[9]) * (0.5 + 0.5 * ny)
    shine = max(0.0, nx * half[0] + ny * half[1] + nz * half[2]) ** 16
    if kind == EYE:
        shine = shine**16
    elif kind in (TEETH, TONGUE):
        shine = shine**4
    light = key * lamp[3] + fill * lamp[7] + sky * (1.0 - 0.5 * deep)
    return light, shine * (lamp[3] + 0.3 * lamp[7])


@njit(cache=True, fastmath=True)
def surface(kind, u, v, place, wet, normal, deep, skin, relief, labels, hair, eyes, colors):
    """Colour before lighting (r, g, b), gloss and part label of one sample."""
    if kind == SKIN:
        k = smooth(wet, 0.35, 0.75)
        spot = texel(skin.shape[0], skin.shape[1], u, v)
        dark = skin_dark(math.exp(-fetch(relief, spot, 2)), k, deep)
        r = (fetch(skin, spot, 0) * (1 - k) + colors[MOUTH, 0] * k) * dark
        g = (fetch(skin, spot, 1) * (1 - k) + colors[MOUTH, 1] * k) * dark
        b = (fetch(skin, spot, 2) * (1 - k) + colors[MOUTH, 2] * k) * dark
        label = MOUTH_LABEL
        if k <= 0.5:
            row = min(max(int(v), 0), labels.shape[0] - 1)
            label = labels[row, min(max(int(u), 0), labels.shape[1] - 1)]
        return r, g, b, fetch(skin, spot, 3), label
    if kind == EYE:
        light, iris, stained = eye_shares(place[0], place[1], normal[1], deep, eyes)
        r = (colors[SCLERA, 0] * (1 - iris) + colors[IRIS, 0] * stained) * light
        g = (colors[SCLERA, 1] * (1 - iris) + colors[IRIS, 1] * stained) * light
        b = (colors[SCLERA, 2] * (1 - iris) + colors[IRIS, 2] * stained) * light
        return r, g, b, 0.30, EYE_LABEL
    if kind in (TEETH, TONGUE):
        dark = tooth_dark(place[0], place[2], wet, deep, kind == TEETH)
        return (
            colors[kind, 0] * dark, colors[kind, 1] * dark, colors[kind, 2] * dark,
            0.12, MOUTH_LABEL,
        )  # fmt: skip
    if kind == FRAME:
        return FRAME_COLOR, FRAME_COLOR, FRAME_COLOR, 0.02, OCCLUDER_LABEL
    dark = 1.0 - 0.6 * deep
    spot = texel(hair.shape[0], hair.shape[1], u, v)
    r, g, b = fetch(hair, spot, 0), fetch(hair, spot, 1), fetch(hair, spot, 2)
    return r * dark, g * dark, b * dark, 0.03, HAIR_LABEL


@njit(cache=True, fastmath=True)
def shade(
    found, weights, hollow, triangles, part, uv, reference, inside, normals, up,
    skin, relief, labels, hair, eyes, colors, lamp, half,
):  # fmt: skip
    """Linear-light colour (h, w, 3) float32 and part label (h, w) uint8 of every sample.

    found, weights: from raster.rasterise; hollow: from raster.cavity. inside (n, 1): 1 inside the
    mouth and on the lower teeth. up (3,): the turned vertical axis. eyes (2, 4): centre x, y of
    each iris, its radius, and the pupil's share of it. lamp, half: from render.lamps.
    """
    height, width = found.shape
    color = np.zeros((height, width, 3), np.float32)
    label = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            t = found[y, x]
            if t < 0:
                continue
            c, w, kind, deep = triangles[t], weights[y, x], part[t], hollow[y, x]
            normal = (mean3(normals, c, w, 0), mean3(normals, c, w, 1), mean3(normals, c, w, 2))
            if normal[2] < 0.0:
                normal = (-normal[0], -normal[1], -normal[2])
            u, v, wet = mean3(uv, c, w, 0), mean3(uv, c, w, 1), mean3(inside, c, w, 0)
            place = (
                mean3(reference, c, w, 0), mean3(reference, c, w, 1), mean3(reference, c, w, 2)
            )  # fmt: skip
            r, g, b, gloss, name = surface(
                kind, u, v, place, wet, normal, deep, skin, relief, labels, hair, eyes, colors
            )
            if kind == SKIN:
                spot = texel(relief.shape[0], relief.shape[1], u, v)
                normal = bend(normal, up, fetch(relief, spot, 0), fetch(relief, spot, 1))
            light, shine = lighting(normal, lamp, half, deep, kind)
            color[y, x, 0] = r * light + gloss * shine
            color[y, x, 1] = g * light + gloss * shine
            color[y, x, 2] = b * light + gloss * shine
            label[y, x] = name
    return color, label


@njit(cache=True, fastmath=True)
def shrink(color, found, label, oversample, parts, exposure):
    """Average the samples of each pixel: colour, coverage, and the commonest part label."""
    size = found.shape[0] // oversample
    out = np.zeros((size, size, 3), np.float32)
    cover = np.zeros((size, size), np.float32)
    names = np.zeros((size, size), np.uint8)
    votes = np.zeros(parts, np.int32)
    share = np.float32(1.0 / (oversample * oversample))
    for y in range(size):
        for x in range(size):
            votes[:] = 0
            for j in range(y * oversample, (y + 1) * oversample):
                for i in range(x * oversample, (x + 1) * oversample):
                    votes[label[j, i]] += 1
                    if found[j, i] >= 0:
                        cover[y, x] += share
                        for c in range(3):
                            out[y, x, c] += min(color[j, i, c] * exposure, 1.0) * share
            names[y, x] = np.argmax(votes)
    return out, cover, names
