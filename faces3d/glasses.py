"""Spectacles: a thin frame in front of the eyes, on the people who wear one."""

import functools
from collections.abc import Sequence

import numpy as np

AROUND = 24  # corners of each ring
WIDTH = {"thin": 0.014, "thick": 0.030}


@functools.lru_cache(maxsize=1)
def triangles() -> np.ndarray:
    """Triangles (m, 3) int32 of the frame: two rings, a bridge and two temples."""
    corners = []
    for ring in range(2):
        for k in range(AROUND):
            a = (ring * AROUND + k) * 2
            b = (ring * AROUND + (k + 1) % AROUND) * 2
            corners.append([a, b, b + 1, a + 1])
    first = 4 * AROUND
    corners += [list(range(first + 4 * k, first + 4 * k + 4)) for k in range(3)]
    quads = np.array(corners)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def frame(eye_centers: np.ndarray, style: str) -> np.ndarray:
    """Vertices (n, 3) float32 of the frame; for style "none" all in one point, so not drawn."""
    count = 4 * AROUND + 12
    if style == "none":
        return np.zeros((count, 3), np.float32)
    width, front = WIDTH[style], eye_centers[:, 2].mean() + 0.27
    points: list[Sequence[float] | np.ndarray] = []
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    for sign, center in zip((-1, 1), eye_centers, strict=True):
        for angle in angles:
            # A rounded rectangle: the powers flatten the sides of a circle.
            x, y = np.cos(angle), np.sin(angle)
            x, y = np.sign(x) * abs(x) ** 0.75, np.sign(y) * abs(y) ** 0.75
            for radius in (0.0, width):
                across = sign * (0.015 + x * (0.175 + radius))
                back = -0.10 * max(0.0, sign * across) / 0.2
                points.append(
                    [center[0] + across, center[1] - 0.03 + y * (0.12 + radius), front + back]
                )
    level = eye_centers[:, 1].mean() + 0.02
    inner = abs(eye_centers[:, 0]).mean() - 0.17
    outer = abs(eye_centers[:, 0]).mean() + 0.20
    points += bar([-inner, level, front], [inner, level, front], width)
    for sign in (-1, 1):
        points += bar([sign * outer, level, front - 0.11], [sign * 0.80, level, 0.35], width)
    return np.array(points, np.float32)


def bar(start: list[float], end: list[float], width: float) -> list[np.ndarray]:
    """Four corners of an upright ribbon between two points."""
    half = np.array([0.0, width / 2, 0.0])
    left, right = np.array(start), np.array(end)
    return [left - half, right - half, right + half, left + half]
