"""The public functions: draw one face, or a contact sheet of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from faces3d.action_units import PROTOTYPES, Units
from faces3d.action_units import values as unit_values
from faces3d.identity import person
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

if TYPE_CHECKING:
    from faces3d.render import View

LIGHTS = {
    "soft": (0.35, 0.45, 0.82),
    "left": (-0.9, 0.2, 0.4),
    "right": (0.9, 0.2, 0.4),
    "above": (0.0, 0.95, 0.3),
    "below": (0.0, -0.8, 0.6),
}
BACKGROUND = 0.32  # linear light of the plain wall behind a drawn face
SMALLEST, LARGEST = 16, 1024


def checked_view(yaw: float, pitch: float, roll: float, light: str | Sequence[float]) -> View:
    """The view of a drawn face; FerError for angles or lights that make no picture."""
    for name, angle, most in (("yaw", yaw, 60), ("pitch", pitch, 40), ("roll", roll, 180)):
        if not (np.isfinite(angle) and abs(angle) <= most):
            raise FerError(f"{name}={angle!r}: give degrees between -{most} and {most}")
    if isinstance(light, str):
        if light not in LIGHTS:
            raise FerError(f"light={light!r} is not known; known: {', '.join(LIGHTS)}")
        light = LIGHTS[light]
    direction = np.asarray(light, np.float64)
    if direction.shape != (3,) or not np.isfinite(direction).all() or not direction.any():
        raise FerError("light: give a name or a direction (x right, y up, z to the viewer)")
    from faces3d import render

    view = render.View(yaw=float(yaw), pitch=float(pitch), roll=float(roll))
    return render.with_light(view, direction)


def checked_units(expression: str, strength: float, units: Units | None) -> np.ndarray:
    """Action-unit values (units, 2) of an expression at a strength, or of explicit units."""
    if units is not None:
        return unit_values(units)
    if expression not in PROTOTYPES:
        raise FerError(f"expression={expression!r} is not known.{nearest(expression, PROTOTYPES)}")
    if not (np.isfinite(strength) and 0 <= strength <= 1.2):
        raise FerError(f"strength={strength!r}: give a number from 0 (neutral) to 1.2")
    return unit_values(PROTOTYPES[expression][0]) * float(strength)


def draw(
    expression: str = "happy",
    identity: int = 0,
    *,
    strength: float = 1.0,
    action_units: Units | None = None,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    light: str | Sequence[float] = "soft",
    size: int = 48,
    color: bool = False,
    parts: bool = False,
) -> Any:  # with parts two arrays, else one
    """Draw one face, the same bytes for the same arguments on the same machine.

    expression: a name of action_units.PROTOTYPES, shown at strength 0..1.2; or action_units, such
    as ``{12: .8, 6: .5, "14L": .3}`` (values 0..1, L and R for one side), which replaces it.
    identity: any whole number from 0. Angles in degrees. light: "soft", "left", "right", "above",
    "below", or a direction (x right, y up, z to the viewer). Returns uint8 (size, size), with
    color (size, size, 3) RGB; with parts also the part labels (size, size) uint8 (index into
    PARTS). Bad arguments raise FerError.
    """
    if isinstance(identity, bool) or not isinstance(identity, int | np.integer) or identity < 0:
        raise FerError(f"identity={identity!r}: give a whole number from 0")
    if not isinstance(size, int | np.integer) or not SMALLEST <= size <= LARGEST:
        raise FerError(f"size={size!r}: give a whole number from {SMALLEST} to {LARGEST}")
    from faces3d import render, scene  # compiled by numba: whoever draws nothing need not wait

    values = checked_units(expression, strength, action_units)
    view = checked_view(yaw, pitch, roll, light)
    who, samples = person(int(identity)), oversample(size)
    shown, cover, labels = render.render(who, values, view, int(size), samples)
    shown = shown + (1 - cover)[..., None] * BACKGROUND
    if not color:
        shown = shown @ scene.LUMA
    picture = np.round(np.clip(shown, 0, 1) ** (1 / scene.GAMMA) * 255).astype(np.uint8)
    return (picture, labels) if parts else picture


def oversample(size: int) -> int:
    """Samples per pixel and axis: more where a wrinkle is thinner than a pixel."""
    return 3 if size < 56 else 2


def sheet(
    identities: Sequence[int] = range(6),
    expressions: Sequence[str] = tuple(PROTOTYPES),
    *,
    size: int = 96,
    **options: Any,
) -> np.ndarray:
    """Contact sheet, a row per identity and a column per expression; options as for draw."""
    rows = [
        np.concatenate([draw(e, i, size=size, **options) for e in expressions], axis=1)
        for i in identities
    ]
    return np.concatenate(rows, axis=0)
