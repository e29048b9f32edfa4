"""Displacement fields of our own, where the MakeHuman and Face Units targets fall short."""

import numpy as np

from faces3d.head import BODY, load_head
from fer_utils.errors import FerError


def bump(position: np.ndarray, x: float, y: float, wide: float, high: float) -> np.ndarray:
    """A soft spot at reference (+-x, y): 1 in the middle, near 0 beyond twice its half-widths."""
    across = (np.abs(position[:, 0]) - x) / wide
    return np.exp(-(across**2) - ((position[:, 1] - y) / high) ** 2)


def own_target(name: str) -> np.ndarray:
    """The field (vertices, 3) called name, such as "own:browTogether"."""
    head = load_head()
    place = head.reference
    field = np.zeros_like(place)
    skin = (head.vertex_part == BODY) & (place[:, 2] > 0.7)
    inward = -np.tanh(place[:, 0] / 0.05)
    if name == "own:browTogether":
        weight = bump(place, 0.13, 7.53, 0.10, 0.10)
        field[:, 0] = 0.045 * weight * inward
        field[:, 2] = 0.02 * bump(place, 0.09, 7.53, 0.07, 0.08)
    elif name == "own:browOblique":
        inner = bump(place, 0.13, 7.56, 0.11, 0.12)
        outer = bump(place, 0.44, 7.52, 0.12, 0.10)
        field[:, 1] = 0.055 * inner - 0.045 * outer
        field[:, 0] = 0.02 * inner * inward
    elif name == "own:cheekRaise":
        weight = bump(place, 0.34, 7.03, 0.15, 0.14)
        field[:, 1] = 0.05 * weight
        field[:, 2] = 0.055 * weight
    elif name == "own:chinBoss":
        weight = bump(place, 0.0, 6.42, 0.13, 0.09)
        field[:, 1] = 0.04 * weight
        field[:, 2] = 0.04 * weight
    else:
        raise FerError(f"no displacement field is called {name!r}")
    field[~skin] = 0
    return field.astype(np.float32)
