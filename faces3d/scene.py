"""Photographs, not just faces: pose, light, background, occluders, blur and noise by chance."""

from dataclasses import dataclass

import numpy as np

from faces3d import action_units
from faces3d.identity import Person
from faces3d.render import View
from faces3d.skin import noise, step

GAMMA = 2.2
BRIGHT = 0.32  # linear light that a camera aims at for skin
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear light (ITU-R BT.709)


@dataclass(frozen=True)
class Scene:
    """Everything about a picture but the person and the expression."""

    view: View
    background: np.ndarray  # (size, size) linear light
    occluder: tuple[np.ndarray, np.ndarray] | None  # cover (size, size), light (size, size)
    black: float
    white: float
    gamma: float
    punch: float  # share of an S-shaped contrast curve
    blur: float  # pixels at size 48
    grain: np.ndarray  # (size, size) in grey levels


# People tilt their heads with what they feel: contempt looks down the nose, sadness to the floor.
NODS = {"contempt": 6.0, "sad": -4.0, "angry": -2.0, "surprise": 1.0}


def sample_view(random: np.random.Generator, nod: float = 0.0) -> View:
    """A pose and a light, mostly near frontal and soft, as in press photographs."""
    side = random.normal(0, 0.55)
    return View(
        yaw=float(np.clip(random.normal(0, 12), -36, 36)),
        pitch=float(np.clip(random.normal(nod, 5), -16, 16)),
        roll=float(np.clip(random.normal(0, 6), -18, 18)),
        gaze=(float(random.normal(0, 0.2)), float(random.normal(0, 0.15))),
        zoom=float(np.exp(random.normal(0.0, 0.05))),
        shift=(float(random.normal(0, 0.02)), float(random.normal(0, 0.02))),
        key_from=(float(np.sin(side)), float(random.uniform(0.1, 0.75)), float(np.cos(side))),
        key=float(random.uniform(0.8, 1.4)),
        fill_from=(float(-np.sign(side) * 0.7), float(random.uniform(-0.2, 0.3)), 0.7),
        fill=float(random.uniform(0.05, 0.35)),
        sky=float(random.uniform(0.22, 0.45)),
        ground=float(random.uniform(0.06, 0.22)),
    )


def sample_background(random: np.random.Generator, size: int) -> np.ndarray:
    """A wall, a gradient or an out-of-focus room: (size, size) linear light."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    level = random.uniform(0.01, 0.5) if random.random() < 0.6 else random.uniform(0.5, 1.1)
    angle = random.uniform(0, 2 * np.pi)
    slope = random.normal(0, 0.35) * (x * np.cos(angle) + y * np.sin(angle))
    room = noise(random, 6, (size, size)) * random.choice([0.0, 0.25, 0.6])
    return np.clip(level * (1 + slope + room), 0, 1).astype(np.float32)


def sample_occluder(random: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Rarely, a hand before the chin, a microphone or a strand of hair: cover and light."""
    if random.random() > 0.06:
        return None
    y, x = np.mgrid[0:size, 0:size] / size
    kind = random.integers(3)
    if kind == 0:  # fingers before the chin
        cover, light = np.zeros((size, size)), np.zeros((size, size))
        middle, lean = random.uniform(0.2, 0.8), random.normal(0, 0.3)
        tone = random.uniform(0.08, 0.4)
        for finger in range(4):
            top = random.uniform(0.80, 0.86) + 0.02 * abs(finger - 1.5)
            across = (x - middle - (finger - 1.5) * 0.085 - lean * (y - 0.9)) / 0.044
            tip = np.minimum(0, (y - top - 0.04) / 0.04)
            inside = step(1 - np.hypot(across, tip), 0.0, 0.25)
            light = np.where(inside > cover, tone * (1 - 0.55 * np.clip(across, -1, 1) ** 2), light)
            cover = np.maximum(cover, inside)
    elif kind == 1:  # a strand of hair across forehead and temple
        left, bend = random.choice([0.1, 0.9]), random.uniform(-0.5, 0.5)
        path = left + (0.5 - left) * 0.6 * np.exp(-(((y - 0.1) / 0.25) ** 2)) + 0.05 * bend * y
        cover = 1 / (1 + np.exp((np.abs(x - path) - random.uniform(0.02, 0.05)) * 80))
        light = np.full((size, size), random.uniform(0.01, 0.12))
    else:  # a microphone or a cup in front of the lower cheek
        cx, cy = random.choice([0.15, 0.85]), random.uniform(0.85, 0.98)
        away = np.hypot((x - cx) / random.uniform(0.1, 0.16), (y - cy) / random.uniform(0.12, 0.2))
        cover = 1 / (1 + np.exp((away - 1) * 20))
        light = np.full((size, size), random.uniform(0.01, 0.6))
    return cover.astype(np.float32), light.astype(np.float32)


def sample_scene(random: np.random.Generator, size: int = 48, expression: str = "") -> Scene:
    """A random scene for pictures of size pixels; an expression leans the head its way."""
    strength = random.uniform(1.5, 3.5) if random.random() < 0.12 else 0.0
    grain = random.normal(0, 1, (size, size)) * strength
    low_contrast = random.random() < 0.15
    return Scene(
        view=sample_view(random, NODS.get(expression, 0.0)),
        background=sample_background(random, size),
        occluder=sample_occluder(random, size),
        black=float(random.uniform(0, 0.12 if low_contrast else 0.03)),
        white=float(random.uniform(0.7, 0.95) if low_contrast else random.uniform(0.95, 1.1)),
        gamma=float(np.exp(random.normal(0, 0.12))),
        punch=float(random.uniform(0.4, 1.3)),
        blur=float(np.clip(random.normal(0.3, 0.2), 0.0, 0.75)),
        grain=grain.astype(np.float32),
    )


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur (height, width) with repeated edges."""
    if sigma < 0.15:
        return picture
    radius = int(np.ceil(3 * sigma))
    offset = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offset / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        margin = [(radius, radius) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(picture, margin, "edge")
        length = picture.shape[axis]
        picture = sum(
            w * np.take(padded, np.arange(k, k + length), axis) for k, w in enumerate(kernel)
        )
    return picture


def exposure(person: Person, view: View) -> float:
    """Exposure for a person in a light, the same whatever the face does.

    A camera exposes for the face, but not fully: dark skin stays darker than light skin.
    """
    lit = 0.77 * view.key + 0.49 * view.fill + 0.70 * view.sky
    middle = max(0.02, lit * float(person.skin_tone @ LUMA))
    return BRIGHT * (middle / BRIGHT) ** 0.3 / middle


def photograph(color: np.ndarray, cover: np.ndarray, scene: Scene, exposure: float) -> np.ndarray:
    """Grey picture (size, size) uint8 of a rendered face (see render.render) in a scene."""
    size = cover.shape[0]
    light = color @ LUMA
    picture = light * exposure + (1 - cover) * scene.background
    if scene.occluder is not None:
        over, shade = scene.occluder
        picture = picture * (1 - over) + shade * over
    picture = np.clip(picture, 0, 1) ** (scene.gamma / GAMMA)
    picture += scene.punch * (picture * picture * (3 - 2 * picture) - picture)
    picture = blurred(picture, scene.blur * size / 48)
    picture = scene.black + (scene.white - scene.black) * picture
    return np.clip(np.round(picture * 255 + scene.grain), 0, 255).astype(np.uint8)


# Unit -> spread of what a face shows of it without meaning anything by it.
RESTING = {1: 0.08, 2: 0.08, 4: 0.08, 7: 0.12, 12: 0.05, 15: 0.06, 17: 0.06, 24: 0.08, 25: 0.08,
           43: 0.08}  # fmt: skip


def sample_units(expression: str, strength: float, random: np.random.Generator) -> np.ndarray:
    """Action-unit values (units, 2) of one showing of an expression: variant, jitter, asymmetry."""
    variants = action_units.PROTOTYPES[expression]
    base = action_units.values(variants[random.integers(len(variants))])
    count = len(base)
    # Each unit differs from the prototype; one side is often a little stronger than the other.
    jitter = np.clip(random.normal(1.0, 0.18, (count, 1)), 0.5, 1.35)
    lean = random.normal(0, 0.06) + random.normal(0, 0.05, (count, 1))
    values = base * strength * jitter * (1 + np.concatenate([lean, -lean], 1))
    resting = np.zeros_like(values)
    order = list(action_units.NAMES)
    for unit, spread in RESTING.items():
        resting[order.index(unit)] = abs(random.normal(0, spread))
    return np.clip(np.maximum(values, resting), 0, 1.2)
