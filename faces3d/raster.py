"""The rasteriser: small numba kernels from vertices to shaded samples (no GPU, no OpenGL).

All kernels are compiled once (``cache=True``) and run on one thread, so pictures are the same
bytes on every run of the same machine.
"""

import math

import numpy as np
from numba import njit

FAR = np.float32(1e9)


@njit(cache=True, fastmath=True)
def texel(height, width, column, row):
    """Where to read a picture between its texel centres: corner and fractions; edges repeat."""
    x = min(max(column - 0.5, 0.0), width - 1.001)
    y = min(max(row - 0.5, 0.0), height - 1.001)
    x0, y0 = int(x), int(y)
    return x0, y0, np.float32(x - x0), np.float32(y - y0)


@njit(cache=True, fastmath=True)
def fetch(picture, spot, channel):
    """One channel of picture (h, w, c), bilinear at a spot made by texel."""
    x, y, fx, fy = spot
    upper = picture[y, x, channel] + (picture[y, x + 1, channel] - picture[y, x, channel]) * fx
    low = y + 1
    lower = (
        picture[low, x, channel] + (picture[low, x + 1, channel] - picture[low, x, channel]) * fx
    )
    return upper + (lower - upper) * fy


@njit(cache=True, fastmath=True)
def blend(rest, targets, weights):
    """Vertices (n, 3) moved by the weighted targets (k, n, 3); zero weights cost nothing."""
    out = rest.copy()
    for k in range(weights.shape[0]):
        w = weights[k]
        if w != 0.0:
            for i in range(targets.shape[1]):
                out[i, 0] += w * targets[k, i, 0]
                out[i, 1] += w * targets[k, i, 1]
                out[i, 2] += w * targets[k, i, 2]
    return out


@njit(cache=True, fastmath=True)
def vertex_normals(v, triangles):
    """Unit normals (n, 3): the area-weighted mean of the triangles around each vertex."""
    n = np.zeros_like(v)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = v[b, 0] - v[a, 0], v[b, 1] - v[a, 1], v[b, 2] - v[a, 2]
        wx, wy, wz = v[c, 0] - v[a, 0], v[c, 1] - v[a, 1], v[c, 2] - v[a, 2]
        x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for i in (a, b, c):
            n[i, 0] += x
            n[i, 1] += y
            n[i, 2] += z
    for i in range(v.shape[0]):
        length = math.sqrt(n[i, 0] ** 2 + n[i, 1] ** 2 + n[i, 2] ** 2) + 1e-12
        n[i, 0] /= length
        n[i, 1] /= length
        n[i, 2] /= length
    return n


@njit(cache=True, fastmath=True)
def rasterise(p, triangles, one_sided, height, width, first_cut, uv, cut_map):
    """Nearest triangle of every sample: its index (-1: none), corner weights and depth.

    p (n, 3) float32: column, row, depth. Triangles with one_sided set are dropped when they
    face away (clockwise on screen). Triangles from first_cut on have holes: a sample counts only
    where cut_map (looked up at the interpolated uv, in texels) is above one half.
    """
    found = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), FAR, np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1, x2, y2 = p[a, 0], p[a, 1], p[b, 0], p[b, 1], p[c, 0], p[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0.0 or (one_sided[t] and area > 0.0):
            continue
        left = max(0, int(math.ceil(min(x0, x1, x2) - 0.5)))
        right = min(width - 1, int(math.floor(max(x0, x1, x2) - 0.5)))
        top = max(0, int(math.ceil(min(y0, y1, y2) - 0.5)))
        bottom = min(height - 1, int(math.floor(max(y0, y1, y2) - 0.5)))
        if left > right or top > bottom:
            continue
        inverse = 1.0 / area
        for y in range(top, bottom + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                w0 = ((x1 - px) * (y2 - py) - (x2 - px) * (y1 - py)) * inverse
                w1 = ((x2 - px) * (y0 - py) - (x0 - px) * (y2 - py)) * inverse
                w2 = 1.0 - w0 - w1
                if w0 < -1e-5 or w1 < -1e-5 or w2 < -1e-5:
                    continue
                z = w0 * p[a, 2] + w1 * p[b, 2] + w2 * p[c, 2]
                if z < depth[y, x]:
                    if t >= first_cut:
                        u = w0 * uv[a, 0] + w1 * uv[b, 0] + w2 * uv[c, 0]
                        v = w0 * uv[a, 1] + w1 * uv[b, 1] + w2 * uv[c, 1]
                        spot = texel(cut_map.shape[0], cut_map.shape[1], u, v)
                        if fetch(cut_map, spot, 3) < 0.5:
                            continue
                    depth[y, x] = z
                    found[y, x] = t
                    weights[y, x, 0] = w0
                    weights[y, x, 1] = w1
                    weights[y, x, 2] = w2
    return found, weights, depth


@njit(cache=True, fastmath=True)
def cavity(depth, radius, scale):
    """Darkening of samples that lie deeper than their surroundings, 0..1 (a cheap occlusion).

    Luft, Colditz and Deussen, "Image enhancement by unsharp masking the depth buffer" (2006).
    """
    height, width = depth.shape
    total = np.zeros((height + 1, width + 1), np.float64)
    count = np.zeros((height + 1, width + 1), np.int32)
    for y in range(height):
        row, seen = 0.0, 0
        for x in range(width):
            if depth[y, x] < FAR:
                row += depth[y, x]
                seen += 1
            total[y + 1, x + 1] = total[y, x + 1] + row
            count[y + 1, x + 1] = count[y, x + 1] + seen
    out = np.zeros((height, width), np.float32)
    for y in range(height):
        y0, y1 = max(0, y - radius), min(height, y + radius + 1)
        for x in range(width):
            if depth[y, x] < FAR:
                x0, x1 = max(0, x - radius), min(width, x + radius + 1)
                n = count[y1, x1] - count[y0, x1] - count[y1, x0] + count[y0, x0]
                s = total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]
                out[y, x] = min(1.0, max(0.0, (depth[y, x] - s / n) * scale))
    return out
