"""Photographs of drawn people in two worlds: a laboratory, and life outside it, the "wild".

What varies outside is drawn thing by thing, each from random numbers of its own. So the same
person can be photographed twice with nothing but the light changed, which no camera can do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from faces3d import PARTS, identity, render, scene, taggers
from faces3d.drawing import BACKGROUND
from faces3d.scene import Scene
from fer_utils.emotions import FER7
from fer_utils.errors import FerError

SIZE = 72
ZOOM = 0.7  # of the renderer: the head and some of the wall
# Of FER7 among the 179 faces of SFEW on which borgalli2022 tests (its Fig. 13).
SHARES = np.array([39, 11, 15, 37, 38, 19, 20]) / 179
COVERED = 0.27  # of the photographs in the wild have something before the face


@dataclass(frozen=True)
class World:
    """How far each thing varies: 0 as in a laboratory, 1 as in the wild, and what lies between.

    Attributes:
        pose: turned, nodding and tilted heads, at other distances from the camera.
        light: a lamp from any side, and less light from everywhere else.
        background: another wall or room in every photograph.
        occlusion: something before the face.
        weakness: expressions that are shown weakly.
        camera: blur, noise and low contrast.
        imbalance: the share of labels that are drawn as seldom and as often as SFEW has them;
            of the others, every person shows each expression in turn.
    """

    pose: float = 0.0
    light: float = 0.0
    background: float = 0.0
    occlusion: float = 0.0
    weakness: float = 0.0
    camera: float = 0.0
    imbalance: float = 0.0

    def __post_init__(self) -> None:
        """Check that each thing is a share."""
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise FerError(f"{one.name}={value!r}: give a number from 0 to 1.")


LABORATORY = World()
WILD = World(**dict.fromkeys((one.name for one in fields(World)), 1.0))


@dataclass(frozen=True)
class Photograph:
    """One photograph and its truth.

    Attributes:
        picture: grey, uint8 (size, size).
        parts: index into `PARTS` of each pixel, uint8 (size, size).
        label: index into FER7 of the expression that was asked for.
        votes: what ten simulated taggers saw, uint8, columns of FERPLUS_VOTES.
        person: whose it is.
    """

    picture: np.ndarray
    parts: np.ndarray
    label: int
    votes: np.ndarray
    person: int


def photographs(
    world: World, people: range, each: int = 7, seed: int = 0, size: int = SIZE
) -> Iterator[Photograph]:
    """Draw each person so many times, the same photographs for the same arguments.

    Between two worlds a photograph differs by what differs between them, and by nothing else.
    """
    for person in people:
        for number in range(each):
            yield _photograph(world, person, number, seed, size)


def _photograph(world: World, person: int, number: int, seed: int, size: int) -> Photograph:
    """Draw one photograph; every thing that varies has a generator of its own."""
    names = [one.name for one in fields(World)] + ["face", "votes"]
    random = {
        name: np.random.default_rng([seed, person, number, place])
        for place, name in enumerate(names)
    }
    label = number % len(FER7)
    if random["imbalance"].random() < world.imbalance:
        label = int(random["imbalance"].choice(len(FER7), p=SHARES))
    shown = 0.36 + 0.78 * random["weakness"].beta(2.3, 1.5)
    units = scene.sample_units(FER7[label], 1 + world.weakness * (shown - 1), random["face"])
    view = _light(_pose(world.pose, random["pose"]), world.light, random["light"])
    place = _scene(world, view, random, size)
    who = identity.person(person)
    color, cover, parts = render.render(who, units, view, size, 1)
    picture = scene.photograph(color, cover, place, scene.exposure(who, view))
    if place.occluder is not None:
        parts[place.occluder[0] > 0.5] = PARTS.index("occluder")
    return Photograph(picture, parts, label, taggers.vote(units, random["votes"]), person)


def _pose(share: float, random: np.random.Generator) -> render.View:
    """Return a head: within some degrees of the camera, or far from it."""
    yaw, pitch, roll = random.normal(0, 1, 3) * (2 + share * np.array([11, 3.6, 5.4]))
    return render.View(
        yaw=float(np.clip(yaw, -42, 42)),
        pitch=float(np.clip(pitch, -22, 22)),
        roll=float(np.clip(roll, -28, 28)),
        gaze=(float(share * random.normal(0, 0.25)), float(share * random.normal(0, 0.2))),
        zoom=float(ZOOM * np.exp((0.01 + 0.07 * share) * random.normal())),
        shift=(float(0.02 * share * random.normal()), float(0.02 * share * random.normal())),
    )


def _light(view: render.View, share: float, random: np.random.Generator) -> render.View:
    """Return the view in another light: one lamp from any side of the room, little else."""
    side, height = random.normal(0, 0.65), random.uniform(-0.3, 0.9)
    lamp = np.array([np.sin(side), height, max(np.cos(side), 0.1)])
    key_from = (1 - share) * np.array([0.2, 0.45, 0.9]) + share * lamp
    return replace(
        view,
        key_from=(float(key_from[0]), float(key_from[1]), float(key_from[2])),
        key=float(0.95 + share * random.uniform(0, 0.5)),
        fill=float(0.25 - share * random.uniform(0, 0.2)),
        sky=float(0.42 - share * random.uniform(0, 0.3)),
        ground=float(0.2 - share * random.uniform(0, 0.15)),
    )


def _scene(world: World, view: render.View, random: dict, size: int) -> Scene:
    """Return all that is in a photograph but the person."""
    room = scene.sample_background(random["background"], size)
    camera, share = random["camera"], world.camera
    blur, black, white = camera.uniform(0, 0.65), camera.uniform(0, 0.1), camera.uniform(0.78, 1.1)
    gamma, strength = np.exp(camera.normal(0, 0.2)), camera.uniform(0, 4.5)
    return Scene(
        view=view,
        background=(BACKGROUND + world.background * (room - BACKGROUND)).astype(np.float32),
        occluder=_occluder(world.occlusion, view, random["occlusion"], size),
        black=float(0.02 + share * (black - 0.02)),
        white=float(1 + share * (white - 1)),
        gamma=float(1 + share * (gamma - 1)),
        punch=0.6,
        blur=float(0.2 + share * (blur - 0.2)),
        grain=(share * strength * camera.normal(0, 1, (size, size))).astype(np.float32),
    )


def _occluder(
    share: float, view: render.View, random: np.random.Generator, size: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return something held before the face, a hand, a cup or a sleeve: its cover and its light."""
    if random.random() >= share * COVERED:
        return None
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    # around the middle of the face, which the pose moves
    x, y = (x - view.shift[0]) / view.zoom, (y - view.shift[1] - 0.02) / view.zoom
    x, y = x - random.uniform(-0.28, 0.28), y - random.uniform(-0.2, 0.35)
    lean = random.uniform(0, np.pi)
    along, across = x * np.cos(lean) + y * np.sin(lean), y * np.cos(lean) - x * np.sin(lean)
    inside = np.square((along / random.uniform(0.18, 0.4)) ** 2)
    inside += np.square((across / random.uniform(0.08, 0.16)) ** 2)
    cover = 1 / (1 + np.exp(np.clip((inside - 1) * 12, -50, 50)))
    light = random.uniform(0.02, 0.7) * (1 - 0.4 * np.clip(inside, 0, 1))
    return cover.astype(np.float32), light.astype(np.float32)
