"""People: a seed becomes a plausible adult (shape of the head, colours, brows, hair, glasses)."""

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from faces3d import glasses, hair, skin
from faces3d.head import EYE, PEOPLES, SEXES, TEETH, TONGUE, Head, load_head
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

SPREAD = 0.20  # standard deviation of a local target's weight: kept low, no caricatures
LARGEST = 0.45
# Targets that change how an expression reads, or that look ill even at low weight.
NOT_VARIED = ("age-", "nubian", "laugh-lines", "dimples", "ears/", "scale-depth", "eye-push",
              "septum", "height1", "height3", "corner", "cupidsbow", "eye-bag-height")  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """What is drawn first about a person; everything else follows from it."""

    ancestry: np.ndarray  # share of each of PEOPLES
    male: float  # 0..1
    age: float  # 0 young adult .. 1 old
    weight: float  # -1 slim .. 1 heavy
    melanin: float  # 0 light .. 1 dark
    gray: float  # share of grey in the hair
    hair_color: np.ndarray
    iris_color: np.ndarray
    beard: float  # 0 shaved .. 1 dark stubble
    brow_thickness: float
    brow_arch: float
    brow_density: float
    lip_strength: float
    haircut: str
    glasses: str  # "none", "thin" or "thick"


@dataclass(frozen=True)
class Person:
    """A person ready to draw: rest vertices, painted maps, colours (see shading.py)."""

    number: int
    traits: Traits
    vertices: np.ndarray
    eye_centers: np.ndarray
    face_height: float
    skin_tone: np.ndarray  # linear-light colour
    skin_map: np.ndarray
    colors: np.ndarray
    hair_vertices: np.ndarray
    hair_map: np.ndarray
    frame: np.ndarray  # vertices of the spectacles


def draw_traits(random: np.random.Generator) -> Traits:
    """Traits of a random adult."""
    ancestry = random.dirichlet([0.55, 0.55, 0.55])
    male = float(random.choice([random.uniform(0, 0.25), random.uniform(0.75, 1)]))
    age = float(np.clip(random.beta(1.2, 2.0), 0, 0.9))
    melanin = float(np.clip(ancestry @ [0.15, 0.82, 0.33] + random.normal(0, 0.08), 0.02, 1))
    fair = ancestry[0] > 0.55 and random.random() < 0.6
    browns = np.array([[0.012, 0.010, 0.009], [0.035, 0.022, 0.014]])
    fairs = np.array([[0.10, 0.06, 0.03], [0.26, 0.18, 0.09], [0.14, 0.05, 0.025]])
    color = fairs[random.integers(3)] if fair else browns[random.integers(2)]
    gray = float(np.clip((age - 0.45) * 2 + random.normal(0, 0.2), 0, 0.9)) if age > 0.4 else 0.0
    light_eyes = ancestry[0] > 0.55 and random.random() < 0.55
    irises = np.array([[0.10, 0.18, 0.26], [0.09, 0.15, 0.08], [0.11, 0.07, 0.03]])
    man = male > 0.5
    return Traits(
        ancestry=ancestry,
        male=male,
        age=age,
        weight=float(np.clip(random.normal(0, 0.4), -0.8, 0.8)),
        melanin=melanin,
        gray=gray,
        hair_color=color * (1 - gray) + gray * np.array([0.38, 0.38, 0.38]),
        iris_color=irises[random.integers(3)] if light_eyes else np.array([0.035, 0.018, 0.01]),
        beard=float(random.uniform(0.15, 0.7)) if man and random.random() < 0.45 else 0.0,
        brow_thickness=float(random.uniform(0.75, 1.25) * (0.85 + 0.35 * male)),
        brow_arch=float(random.normal(0.018 - 0.012 * male, 0.008)),
        brow_density=float(random.uniform(0.75, 1.0)),
        lip_strength=float(random.uniform(0.45, 0.8) * (1 - 0.35 * male)),
        haircut=hair.choose(random, man, age),
        glasses=str(random.choice(["none", "thin", "thick"], p=[0.87, 0.07, 0.06])),
    )


def build_shape(head: Head, traits: Traits, random: np.random.Generator) -> np.ndarray:
    """Rest vertices: macro targets averaged by the traits, local ones with moderate weights."""
    vertices = head.vertices.copy()
    # The old macro targets sag into a sad face; wrinkles tell the rest of the age.
    old = 0.6 * traits.age
    ages = {"young": 1 - old, "old": old}
    for sex, sex_share in zip(SEXES, (1 - traits.male, traits.male), strict=True):
        for age, age_share in ages.items():
            share = sex_share * age_share
            for people, part in zip(PEOPLES, traits.ancestry, strict=True):
                vertices += share * part * head.target(f"race:{people}-{sex}-{age}")
            build = "maxweight" if traits.weight > 0 else "minweight"
            heavy = abs(traits.weight)
            vertices += share * heavy * head.target(f"build:{sex}-{age}-{build}")
            vertices += share * (1 - heavy) * head.target(f"build:{sex}-{age}-averageweight")
    for name in sorted(head.targets):
        if name.startswith("asym:"):
            vertices += abs(random.normal(0, 0.12)) * head.target(name)
        elif name.startswith("local:") and "/r-" not in name:
            amount = min(max(0.0, random.normal(0, SPREAD)), LARGEST)
            if any(word in name for word in NOT_VARIED) or amount == 0.0:
                continue
            vertices += amount * head.target(name)
            if "/l-" in name:
                vertices += (
                    amount * random.uniform(0.9, 1.1) * head.target(name.replace("/l-", "/r-"))
                )
    # Nobody's lids rest as wide open as the base mesh's.
    lids = random.uniform(0.03, 0.10)
    for side in ("Left", "Right"):
        vertices += lids * head.target(f"unit:eyeBlink{side}")
        vertices += random.uniform(0.0, 0.2) * head.target(f"unit:eyeSquint{side}")
    # The base mesh's mouth hangs a little at the corners.
    lift = random.normal(0.10, 0.04) + 0.08 * traits.age
    vertices += lift * head.target("expression:mouth-corner-puller")
    # Lower teeth and tongue of the base mesh stand too high: they would fill every open mouth.
    vertices[lower_teeth()] += [0.0, -0.05, -0.03]
    vertices[head.vertex_part == TONGUE] += [0.0, -0.06, -0.08]
    vertices[(head.vertex_part == TEETH) & ~lower_teeth()] += [0.0, -0.012, 0.0]
    return vertices.astype(np.float32)


def traits(who: int) -> Traits:
    """The traits of the person of a number, without building the head: quick for a whole data set.

    In facs3d the number is that of the subject.
    """
    return draw_traits(_luck(who))


def _luck(who: int) -> np.random.Generator:
    """What the person of a number is drawn from."""
    return np.random.default_rng([who, 20130713])


# What may be changed of a person: numbers with their limits, or words.
CHANGES: dict[str, tuple[float, float] | tuple[str, ...]] = {
    "age": (0.0, 0.9),
    "melanin": (0.0, 1.0),
    "haircut": tuple(hair.CUTS),
    "glasses": ("none", *glasses.WIDTH),
}


def _check_changes(changes: dict[str, Any]) -> None:
    """Raise a FerError for a trait that cannot be changed, or a value that it cannot have."""
    for name, value in changes.items():
        if name not in CHANGES:
            raise FerError(f"{name}={value!r}: no such trait to change.{nearest(name, CHANGES)}")
        allowed = CHANGES[name]
        if isinstance(allowed[0], str):
            if value not in allowed:
                raise FerError(f"{name}={value!r}: choose one of {', '.join(map(str, allowed))}.")
        elif not isinstance(value, int | float) or not allowed[0] <= value <= allowed[1]:
            raise FerError(f"{name}={value!r}: give a number, {allowed[0]} to {allowed[1]}.")


@functools.lru_cache(maxsize=64)
def person(who: int, **changes: Any) -> Person:
    """The person of a number; the same number is the same person on every machine.

    Args:
        who: the number, any whole one from 0.
        changes: other values for some of `CHANGES`; all that does not follow from these stays.

    Raises:
        FerError: another trait, or a value out of its limits.
    """
    _check_changes(changes)
    if changes.keys() == {"glasses"}:  # spectacles are a frame of their own: no new head
        same = person(who)
        frame = glasses.frame(same.eye_centers, changes["glasses"])
        return replace(same, traits=replace(same.traits, **changes), frame=frame)
    random = _luck(who)
    head = load_head()
    traits = replace(draw_traits(random), **changes)
    vertices = build_shape(head, traits, random)
    eyeball = head.vertex_part == EYE
    right = eyeball & (head.reference[:, 0] < 0)
    left = eyeball & (head.reference[:, 0] > 0)
    eye_centers = np.stack([vertices[right].mean(0), vertices[left].mean(0)])
    tooth = np.array([0.66, 0.62, 0.53]) * (1 - 0.2 * traits.age) * random.uniform(0.9, 1.05)
    tone = skin.skin_color(traits.melanin)
    colors = np.array(
        [
            np.array([0.44, 0.41, 0.39]) * (1 - 0.12 * traits.melanin),
            traits.iris_color,
            tooth,
            [0.30, 0.10, 0.09],
            0.25 * tone * [1.0, 0.45, 0.45],
        ],
        np.float32,
    )
    hair_vertices, hair_map = hair.grow(vertices, traits, random)
    return Person(
        number=who,
        traits=traits,
        vertices=vertices,
        eye_centers=eye_centers,
        face_height=float(eye_centers[:, 1].mean() - vertices[chin_vertex(), 1]),
        skin_tone=tone,
        skin_map=skin.paint(traits, tone, random),
        colors=colors,
        hair_vertices=hair_vertices,
        hair_map=hair_map,
        frame=glasses.frame(eye_centers, traits.glasses),
    )


@functools.lru_cache(maxsize=1)
def lower_teeth() -> np.ndarray:
    """True for the teeth that move with the jaw (vertices,)."""
    head = load_head()
    return (head.vertex_part == TEETH) & (head.target("unit:jawOpen")[:, 1] < -0.05)


@functools.lru_cache(maxsize=1)
def chin_vertex() -> int:
    """Index of the vertex at the bottom of the chin."""
    place = load_head().reference
    gap = np.abs(place - [0.0, 6.30, 1.34]).sum(1)
    return int(gap.argmin())
