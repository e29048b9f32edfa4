"""A film of drawn people: they walk in, and their expressions change; the truth is known.

What a detector misses, and how long an answer lags behind a face, can be counted on it without a
camera and without showing anybody. These are drawings: scores on them are no claims about people.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faces3d import PARTS
from fer_utils._arguments import integer, number
from fer_utils._arguments import seed as check_seed
from fer_utils.detect.boxes import Box, inside, overlap
from fer_utils.detect.film import Frame, Shown
from fer_utils.emotions import FER7
from fer_utils.errors import FerError, shown

SECONDS = 12.0
#: Nobody of facs3d: its people have smaller numbers.
FIRST_PERSON = 5000
WALK = 1.2  # seconds from the rim to a place
HELD, CHANGE = 1.6, 0.32  # seconds that an expression is held, and that it takes to come or go
ZOOM = 0.68  # of the renderer: the whole head is in its tile
STEPS = 4  # of strength: a face is drawn once for each
WALL = 149  # grey level: the light behind a drawn face, so that hair has no rim
PULLOVERS = ((70, 92, 110), (120, 78, 70), (84, 104, 80))
FACE_PARTS = ("skin", "brows", "eyes", "nose", "cheeks", "mouth", "jaw", "forehead")
VISIBLE = 0.6  # share of a face in the frame from which on it counts


@dataclass(frozen=True)
class _Part:
    """A person's part in the film: when to come in, where to stand, how large, what to show."""

    person: int
    start: float
    place: tuple[float, float]  # centre of the tile, in widths and heights of the frame
    tile: int  # its side in pixels
    from_left: bool
    expressions: tuple[str, ...]

    def showing(self, seconds: float) -> tuple[str, float]:
        """Return the expression and its strength so long after coming in."""
        period = HELD + 3 * CHANGE  # comes, is held, goes, and a pause
        turn, since = divmod(max(seconds, 0.0), period)
        up, down = since / CHANGE, (CHANGE + HELD + CHANGE - since) / CHANGE
        strength = min(1.0, up, max(down, 0.0))
        return self.expressions[int(turn) % len(self.expressions)], round(strength * STEPS) / STEPS

    def centre(self, seconds: float, width: int, height: int) -> tuple[float, float]:
        """Return where the tile's centre is so long after coming in, in pixels."""
        x, y = self.place[0] * width, self.place[1] * height
        begin = -self.tile / 2 if self.from_left else width + self.tile / 2
        share = min(1.0, seconds / WALK)
        share = share * share * (3 - 2 * share)
        bob = 0.02 * self.tile * (np.sin(9 * seconds) if share < 1 else np.sin(1.3 * seconds))
        sway = 0.05 * self.tile * np.sin(0.9 * (seconds - WALK)) if share == 1 else 0.0
        return begin + share * (x - begin) + sway, y + bob


class DrawnFilm:
    """A film of drawn people, to iterate over as over a `Film`.

    Attributes:
        name: "drawn".
        size: width and height in pixels.
        rate: frames per second.
        count: frames.
        noise: of the camera, in grey levels.
        live: False.
    """

    name, live = "drawn", False

    def __init__(
        self,
        seconds: float | None = None,
        size: tuple[int, int] = (640, 480),
        rate: float = 25.0,
        people: int = 3,
        seed: int = 0,
        *,
        noise: float = 0.0,
    ):
        """Plan the film; faces are drawn when they are first seen.

        Args:
            seconds: how long; None: 12.
            size: width and height, 160 x 120 pixels or more.
            rate: frames per second.
            people: how many come in, 1 to 3.
            seed: who they are and what they show.
            noise: of the camera, anew in every frame: standard deviation in grey levels; 20 is a
                dim room.

        Raises:
            FerError: numbers that make no film.
        """
        seconds = number("seconds", SECONDS if seconds is None else seconds, 0.04, 3600)
        try:
            width, height = size
        except (TypeError, ValueError):
            raise FerError(f"size={shown(size)}: give width and height, (640, 480).") from None
        self.size = integer("width", width, 160, 1920), integer("height", height, 120, 1080)
        self.rate = number("rate", rate, 1, 120)
        self.count = max(1, round(seconds * self.rate))
        self._seed, self.noise = check_seed(seed), number("noise", noise, 0, 255)
        self._parts = _cast(integer("people", people, 1, 3), self.size[1], self._seed)
        self._wall = _wall(*self.size)

    def __iter__(self) -> Iterator[Frame]:
        """Draw frame after frame."""
        return (self.frame(index) for index in range(self.count))

    def frame(self, index: int) -> Frame:
        """Draw one frame, the same whichever were drawn before."""
        seconds = index / self.rate
        picture = self._wall.copy()
        people = []
        for part in self._parts:
            since = seconds - part.start
            if since < 0:
                continue
            what, strength = part.showing(since - WALK)
            tile, cover, face = _tile(
                part.person, what if strength else "neutral", strength, part.tile
            )
            x, y = part.centre(since, *self.size)
            left, top = round(x - part.tile / 2), round(y - part.tile / 2)
            _paste(picture, tile, cover, left, top)
            _pullover(picture, round(x), round(y), part)
            corners = (face[0] + left, face[1] + top, face[2] + left, face[3] + top)
            box = inside(corners, (self.size[1], self.size[0]), None)
            whole = (face[2] - face[0]) * (face[3] - face[1])
            if box is not None and box.area >= VISIBLE * whole:
                what = what if strength >= 0.5 else "neutral"
                people.append(Shown(part.person - FIRST_PERSON, what, strength, box))
        if self.noise:
            random = np.random.default_rng((self._seed, index))
            noise = self.noise * random.standard_normal(picture.shape, np.float32)
            picture = np.clip(picture + noise + 0.5, 0, 255).astype(np.uint8)
        return Frame(index, seconds, picture, tuple(people))

    def warm_up(self) -> None:
        """Draw one small face: the renderer compiles itself when it is first asked."""
        _tile(FIRST_PERSON, "neutral", 0.0, 16)

    def close(self) -> None:
        """Nothing is held open."""


def _cast(people: int, height: int, seed: int) -> list[_Part]:
    """Return who plays: one alone stands in the middle, of two or three each has a third."""
    random = np.random.default_rng(seed)
    columns = {1: [0.5], 2: [0.3, 0.72], 3: [0.2, 0.52, 0.83]}[people]
    others = [name for name in FER7 if name != "neutral"]
    return [
        _Part(
            person=FIRST_PERSON + 10 * seed + number,
            start=0.9 * number,
            place=(column, float(random.uniform(0.44, 0.52))),
            tile=int(height * (0.74 - 0.11 * number)),
            from_left=column < 0.5,
            expressions=tuple(str(name) for name in random.permutation(others)),
        )
        for number, column in enumerate(columns)
    ]


@functools.lru_cache(maxsize=8)
def _wall(width: int, height: int) -> np.ndarray:
    """Return the wall that people stand before: a soft light, and its panels below."""
    row, column = np.mgrid[0:height, 0:width]
    light = WALL + 14 * np.cos(2.2 * (column / width - 0.4)) - 10 * row / height - 6
    light[row > 0.9 * height] -= 22
    tint = np.array([1.02, 1.0, 0.95])
    return np.clip(light[..., None] * tint, 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=512)
def _tile(
    person: int, expression: str, strength: float, side: int
) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    """Return a drawn face (side, side, 3), its cover in 0..1, and the corners of the face in it."""
    from faces3d import render, scene
    from faces3d.drawing import BACKGROUND, checked_units, oversample
    from faces3d.identity import person as who

    units = checked_units(expression, strength, None)
    light, cover, parts = render.render(
        who(person), units, render.View(zoom=ZOOM), side, oversample(side)
    )
    light = light + (1 - cover)[..., None] * BACKGROUND
    picture = (np.clip(light, 0, 1) ** (1 / scene.GAMMA) * 255).round().astype(np.uint8)
    rows, columns = np.nonzero(np.isin(parts, [PARTS.index(name) for name in FACE_PARTS]))
    corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return picture, cover[..., None], tuple(int(place) for place in corners)  # type: ignore[return-value]  # 4


def _pullover(picture: np.ndarray, x: int, y: int, part: _Part) -> None:
    """Put a pullover below a head whose tile has its centre there."""
    import cv2

    middle, axes = (
        (x, y + round(0.87 * part.tile)),
        (round(0.6 * part.tile), round(0.52 * part.tile)),
    )
    color = PULLOVERS[part.person % len(PULLOVERS)]
    cv2.ellipse(picture, middle, axes, 0, 0, 360, color, -1, cv2.LINE_AA)


def _paste(picture: np.ndarray, tile: np.ndarray, cover: np.ndarray, left: int, top: int) -> None:
    """Lay a tile over a picture, as far as it is inside."""
    height, width = picture.shape[:2]
    side = len(tile)
    rows = slice(max(top, 0), max(0, min(top + side, height)))
    columns = slice(max(left, 0), max(0, min(left + side, width)))
    here = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    below = picture[rows, columns]
    if below.size:
        above, share = tile[here], cover[here]
        below[:] = (above * share + below * (1 - share) + 0.5).astype(np.uint8)


def found(box: Box, people: tuple[Shown, ...], least: float = 0.35) -> Shown | None:
    """Return whose face a box is around: the person whose box it overlaps most, by `least` IoU."""
    best = max(people, key=lambda one: overlap(box, one.box), default=None)
    return best if best is not None and overlap(box, best.box) >= least else None
