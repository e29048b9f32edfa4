"""From samples to light: one numba kernel that colours every sample the rasteriser found.

Skin takes its colour and its relief (wrinkles) from the reference map; eyes, teeth and the inside
of the mouth are coloured from reference positions; hair from its own texture. Light is a softened
("wrapped") key light, a fill light and a sky dome; no shadows are cast, deep places are darkened.
"""

import math

import numpy as np
from numba import njit

from fer_utils.faces3d.raster import bilinear

# rows of the colours array
SCLERA, IRIS, TOOTH, TONGUE_COLOR, MOUTH = range(5)
# entries of the lamp array: key direction (3), key, fill direction (3), fill, sky, ground
LAMP_SIZE = 10
EYE_LABEL, MOUTH_LABEL, HAIR_LABEL = 3, 6, 10  # see PARTS in render.py


@njit(cache=True, fastmath=True, inline="always")
def smooth(x, low, high):
    """0 below low, 1 above high, a smooth step between."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, fastmath=True, inline="always")
def power16(x):
    x = x * x
    x = x * x
    x = x * x
    return x * x


@njit(cache=True, fastmath=True)
def shade(
    found, weights, hollow, triangles, part, uv, reference, inside, normals, up,
    skin, relief, labels, hair, eyes, colors, lamp, half,
):
    """Linear-light colour (h, w, 3), coverage (h, w) and part label (h, w) of every sample.

    eyes (2, 4): centre x, y of each iris, its radius and the pupil's share of it.
    half (3,): the half-way vector of the key light, for highlights.
    """
    height, width = found.shape
    color = np.zeros((height, width, 3), np.float32)
    label = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            t = found[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1, w2 = weights[y, x, 0], weights[y, x, 1], weights[y, x, 2]
            nx = w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0]
            ny = w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1]
            nz = w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2]
            if nz < 0.0:
                nx, ny, nz = -nx, -ny, -nz
            u = w0 * uv[a, 0] + w1 * uv[b, 0] + w2 * uv[c, 0]
            v = w0 * uv[a, 1] + w1 * uv[b, 1] + w2 * uv[c, 1]
            deep = hollow[y, x]
            kind = part[t]
            gloss, sharp = 0.0, 0
            if kind == 0:
                wet = w0 * inside[a] + w1 * inside[b] + w2 * inside[c]
                r = bilinear(skin, u, v, 0)
                g = bilinear(skin, u, v, 1)
                bl = bilinear(skin, u, v, 2)
                gloss = bilinear(skin, u, v, 3)
                slope_x = bilinear(relief, u, v, 0)
                slope_y = bilinear(relief, u, v, 1)
                fold = math.exp(-bilinear(relief, u, v, 2))
                # tangents of the wrapped map: along increasing column, and upwards
                tx, ty, tz = up[1] * nz - up[2] * ny, up[2] * nx - up[0] * nz, up[0] * ny - up[1] * nx
                length = math.sqrt(tx * tx + ty * ty + tz * tz) + 1e-6
                tx, ty, tz = tx / length, ty / length, tz / length
                bx, by, bz = ny * tz - nz * ty, nz * tx - nx * tz, nx * ty - ny * tx
                nx -= slope_x * tx + slope_y * bx
                ny -= slope_x * ty + slope_y * by
                nz -= slope_x * tz + slope_y * bz
                k = smooth(wet, 0.35, 0.75)
                dark = (1.0 - k) * fold * (1.0 - 0.55 * deep) + k * (1.0 - 0.9 * deep)
                r = (r * (1 - k) + colors[4, 0] * k) * dark
                g = (g * (1 - k) + colors[4, 1] * k) * dark
                bl = (bl * (1 - k) + colors[4, 2] * k) * dark
                if k > 0.5:
                    label[y, x] = 6
                else:
                    column = min(max(int(u), 0), labels.shape[1] - 1)
                    row = min(max(int(v), 0), labels.shape[0] - 1)
                    label[y, x] = labels[row, column]
            elif kind == 1:
                label[y, x] = 3
                px = w0 * reference[a, 0] + w1 * reference[b, 0] + w2 * reference[c, 0]
                py = w0 * reference[a, 1] + w1 * reference[b, 1] + w2 * reference[c, 1]
                side = 0 if px < 0.0 else 1
                dx, dy = px - eyes[side, 0], py - eyes[side, 1]
                away = math.sqrt(dx * dx + dy * dy) / eyes[side, 2]
                k = 1.0 - smooth(away, 0.88, 1.06)
                ring = 1.0 - 0.6 * smooth(away, 0.7, 0.98)
                hole = 1.0 - smooth(away, eyes[side, 3] * 0.85, eyes[side, 3] * 1.15)
                lid = 1.0 - 0.45 * smooth(ny, 0.05, 0.5)
                dark = (1.0 - 0.6 * deep) * lid
                r = (colors[0, 0] * (1 - k) + colors[1, 0] * k * ring * (1 - hole)) * dark
                g = (colors[0, 1] * (1 - k) + colors[1, 1] * k * ring * (1 - hole)) * dark
                bl = (colors[0, 2] * (1 - k) + colors[1, 2] * k * ring * (1 - hole)) * dark
                gloss, sharp = 0.9, 2
            elif kind == 2 or kind == 3:
                label[y, x] = 6
                px = w0 * reference[a, 0] + w1 * reference[b, 0] + w2 * reference[c, 0]
                pz = w0 * reference[a, 2] + w1 * reference[b, 2] + w2 * reference[c, 2]
                front = smooth(pz, 1.05, 1.36)
                gap = 1.0
                if kind == 2:
                    phase = abs(px) / 0.075
                    phase = abs(phase - math.floor(phase + 0.5))
                    gap = 1.0 - 0.22 * (1.0 - smooth(phase, 0.0, 0.12))
                dark = (0.2 + 0.8 * front) * gap * (1.0 - (0.55 if kind == 2 else 0.8) * deep)
                r = colors[kind, 0] * dark
                g = colors[kind, 1] * dark
                bl = colors[kind, 2] * dark
                gloss, sharp = 0.12, 1
            else:
                label[y, x] = 10
                dark = 1.0 - 0.6 * deep
                r = bilinear(hair, u, v, 0) * dark
                g = bilinear(hair, u, v, 1) * dark
                bl = bilinear(hair, u, v, 2) * dark
                gloss = 0.03
            length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6
            nx, ny, nz = nx / length, ny / length, nz / length
            key = max(0.0, (nx * lamp[0] + ny * lamp[1] + nz * lamp[2] + 0.25) / 1.25)
            fill = max(0.0, (nx * lamp[4] + ny * lamp[5] + nz * lamp[6] + 0.4) / 1.4)
            sky = lamp[9] + (lamp[8] - lamp[9]) * (0.5 + 0.5 * ny)
            light = key * lamp[3] + fill * lamp[7] + sky * (1.0 - 0.5 * deep)
            shine = max(0.0, nx * half[0] + ny * half[1] + nz * half[2])
            shine = power16(shine)
            if sharp == 1:
                shine = shine * shine * shine * shine
            elif sharp == 2:
                shine = power16(shine)
            spot = gloss * shine * (lamp[3] + 0.3 * lamp[7])
            color[y, x, 0] = r * light + spot
            color[y, x, 1] = g * light + spot
            color[y, x, 2] = bl * light + spot
    return color, label


@njit(cache=True, fastmath=True)
def shrink(color, found, label, oversample, parts, exposure):
    """Average the samples of each pixel: colour, coverage, and the commonest part label."""
    size = found.shape[0] // oversample
    out = np.zeros((size, size, 3), np.float32)
    cover = np.zeros((size, size), np.float32)
    names = np.zeros((size, size), np.uint8)
    share = np.float32(1.0 / (oversample * oversample))
    for y in range(size):
        for x in range(size):
            votes = np.zeros(parts, np.int32)
            for j in range(y * oversample, (y + 1) * oversample):
                for i in range(x * oversample, (x + 1) * oversample):
                    votes[label[j, i]] += 1
                    if found[j, i] >= 0:
                        cover[y, x] += share
                        for c in range(3):
                            out[y, x, c] += min(color[j, i, c] * exposure, 1.0) * share
            names[y, x] = np.argmax(votes)
    return out, cover, names
