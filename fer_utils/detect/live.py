"""From a frame to the faces in it: found, cut out, answered, followed; and what that takes.

live = Live(models.load("mini_xception_facs3d"), detector="haar")
for frame in film.opened("drawn"):
    faces = live(frame.picture, frame.time)     # each with id, box, probabilities, smoothed
    draw(picture, faces, live.classes)          # into the picture
live.seconds                                    # of each stage, all frames together
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from torch import nn

from fer_utils._arguments import integer
from fer_utils.detect.answers import Answers
from fer_utils.detect.boxes import Box, ordered, overlap, square
from fer_utils.detect.detectors import Detector
from fer_utils.detect.detectors import detector as loaded
from fer_utils.detect.track import Face, Tracks

STAGES = ("decode", "detect", "crop", "answer", "draw", "write")
EVERY = 2  # frames between two searches of the whole frame
#: The whole frame is searched in a reduced copy; near a face, in a copy of the part around it.
WHOLE = {"scale": 1.2, "neighbors": 4, "smallest": 24, "look": 256}
NEAR = {"scale": 1.1, "neighbors": 3, "smallest": 28, "look": 72}
AROUND = 1.8  # side of that part by the box's
COLORS = ((255, 196, 0), (0, 200, 255), (120, 230, 90), (255, 120, 170), (190, 150, 255))
WORDS = 3  # classes named below a box


class Search:
    """Finds faces frame by frame with Haar cascades, for a fraction of the work of one frame.

    Every n-th frame, and every frame in which one of the last faces is missing, is searched whole;
    the others near the faces of the frame before, at about their size. A new face is therefore
    seen up to n - 1 frames late.
    """

    def __init__(self, every: int = EVERY):
        """Load the cascades."""
        self.every = integer("every", every, 1, 1000)
        self._whole, self._near = loaded("haar", **WHOLE), loaded("haar", **NEAR)
        self.number, self.last = 0, list[Box]()

    def __call__(self, picture: np.ndarray) -> list[Box]:
        """Return the faces of the next frame, uint8 RGB (H, W, 3)."""
        found = None
        if self.last and self.number % self.every:
            found = self._near_last(picture)
        self.last = self._whole(picture) if found is None else found
        self.number += 1
        return self.last

    def _near_last(self, picture: np.ndarray) -> list[Box] | None:
        """Return the last faces where they are now; None where one of them is missing."""
        found: list[Box] = []
        for box in self.last:
            left, top, side = square(box, picture.shape[:2], AROUND)
            part = np.ascontiguousarray(picture[top : top + side, left : left + side])
            here = [replace(one, x=one.x + left, y=one.y + top) for one in self._near(part)]
            best = max(here, key=lambda one: overlap(one, box), default=None)
            if best is None or overlap(best, box) < 0.3:
                return None
            if all(overlap(best, other) < 0.3 for other in found):
                found.append(best)
        return ordered(found)


class Live:
    """Reads the faces of a film or camera, frame by frame.

    Attributes:
        classes: names of the net's outputs.
        seconds: spent on each of `STAGES`, all frames together; who decodes, draws and writes
            adds theirs by `timed`.
        frames: how many were read.
    """

    def __init__(
        self,
        net: nn.Module,
        detector: str | Detector | Callable[[np.ndarray], list[Box]] = "haar",
        *,
        smoothing: float = 0.2,
        every: int = EVERY,
        engine: str | None = None,
    ):
        """Load what is needed.

        Args:
            net: that names the expressions.
            detector: a name of `detect.DETECTORS` ("haar" is searched as `Search` says), or
                whatever finds boxes in uint8 RGB (H, W, 3).
            smoothing: time constant of the moving average in seconds; see `track`.
            every: frames between two searches of the whole frame with "haar".
            engine: "torch" asks the net through torch in any case; see `Answers`.

        Raises:
            FerError: no such detector, or no net with named classes.
        """
        self.answers = Answers(net, engine)
        self.classes = self.answers.classes
        self.tracks = Tracks(smoothing)
        if isinstance(detector, str):
            detector = Search(every) if detector == "haar" else loaded(detector)
        self.find = detector
        self.seconds: dict[str, float] = defaultdict(float)
        self.frames = 0

    def __call__(self, picture: np.ndarray, time: float) -> list[Face]:
        """Return the faces of the next frame, largest first.

        Args:
            picture: uint8 RGB (H, W, 3).
            time: in seconds, larger than that of the frame before.
        """
        with self.timed("detect"):
            boxes = self.find(picture)
        with self.timed("crop"):
            cuts = self.answers.cut(picture, boxes)
        with self.timed("answer"):
            faces = self.tracks.follow(boxes, self.answers(cuts), time)
        self.frames += 1
        return faces

    def remember(self, faces: Sequence[Face], time: float, number: int) -> None:
        """Take the faces of frame `number` from a table, instead of reading the frame."""
        self.tracks.remember(faces, time)
        if isinstance(self.find, Search):
            self.find.last, self.find.number = [face.box for face in faces], number + 1

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add what happens inside to a stage."""
        start = perf_counter()
        yield
        self.seconds[stage] += perf_counter() - start

    def report(self) -> str:
        """Return frames per second, and the milliseconds that a frame takes in each stage."""
        total = sum(self.seconds.values())
        each = ", ".join(
            f"{stage} {1000 * self.seconds[stage] / max(self.frames, 1):.1f}" for stage in STAGES
        )
        return f"{self.frames / total if total else 0:.1f} frames per second; ms per frame: {each}"


def draw(picture: np.ndarray, faces: Sequence[Face], classes: Sequence[str]) -> None:
    """Draw boxes, words and the likeliest probabilities into a frame, uint8 RGB (H, W, 3)."""
    import cv2

    size = max(0.35, min(picture.shape[:2]) / 960)
    step = round(34 * size)
    for face in faces:
        color, box = COLORS[face.id % len(COLORS)], face.box
        corner = (box.x + box.width - 1, box.y + box.height - 1)
        cv2.rectangle(picture, (box.x, box.y), corner, color, max(1, round(3 * size)))
        best = np.argsort(-face.smoothed, kind="stable")[:WORDS]
        word = f"{face.id}: {classes[best[0]]}"
        _words(picture, word, (box.x, max(box.y - step // 4, step)), color, size * 1.3)
        below = min(corner[1] + 4, picture.shape[0] - WORDS * step - 2)
        for place, label in enumerate(best):
            share, top = float(face.smoothed[label]), below + place * step
            end = (box.x + max(1, round(share * box.width)), top + step - 3)
            cv2.rectangle(picture, (box.x, top), end, color, -1)
            text = f"{classes[label]} {share:.2f}"
            _words(picture, text, (box.x + 3, top + round(0.72 * step)), (255, 255, 255), size)


def _words(
    picture: np.ndarray, text: str, place: tuple[int, int], color: tuple[int, int, int], size: float
) -> None:
    import cv2

    font: Any = cv2.FONT_HERSHEY_SIMPLEX
    thick = max(1, round(2 * size))
    cv2.putText(picture, text, place, font, size, (0, 0, 0), thick + 2, cv2.LINE_AA)
    cv2.putText(picture, text, place, font, size, color, thick, cv2.LINE_AA)
