"""Who is who from frame to frame, and answers that do not flicker.

A face keeps its number as long as its box overlaps the one it had. Its probabilities are smoothed
by an exponential moving average whose time constant tau is in seconds, so that it does the same at
any frame rate: after a time dt

    smoothed += (1 - exp(-dt / tau)) * (probabilities - smoothed)

A face that changes at once is followed to 63 % after tau, to 95 % after 3 tau.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fer_utils._arguments import number
from fer_utils.detect.boxes import Box, overlap

LEAST_OVERLAP = 0.3
PATIENCE = 1.0  # seconds that a face may be out of sight and keep its number


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame.

    Attributes:
        id: its number, from 0, the same from frame to frame.
        box: where it is.
        probabilities: of the classes in this frame (K,).
        smoothed: the same, smoothed over time.
    """

    id: int
    box: Box
    probabilities: np.ndarray
    smoothed: np.ndarray


class Tracks:
    """The faces seen so far."""

    def __init__(self, smoothing: float = 0.2):
        """Begin without faces.

        Args:
            smoothing: tau of the moving average, in seconds; 0 smooths nothing.
        """
        self.smoothing = number("smoothing", smoothing, 0, 3600)
        self._next = 0
        self._seen: dict[int, tuple[float, Face]] = {}

    def follow(self, boxes: Sequence[Box], probabilities: np.ndarray, time: float) -> list[Face]:
        """Return the faces of the next frame, in the order of its boxes.

        Args:
            boxes: in the frame.
            probabilities: (N, K), of each.
            time: of the frame, in seconds.
        """
        numbers = self._numbers(boxes, time)
        faces = []
        for id_, box, now in zip(numbers, boxes, probabilities, strict=True):
            now, smoothed = now.astype(np.float64), now.astype(np.float64)
            if id_ in self._seen:
                before, face = self._seen[id_]
                smoothed = smooth(face.smoothed, now, time - before, self.smoothing)
            faces.append(Face(id_, box, now, smoothed))
        self.remember(faces, time)
        return faces

    def remember(self, faces: Iterable[Face], time: float) -> None:
        """Take faces as seen at a time: those of a table, say, that is gone on with."""
        for face in faces:
            self._seen[face.id] = time, face
            self._next = max(self._next, face.id + 1)

    def _numbers(self, boxes: Sequence[Box], time: float) -> list[int]:
        """Return each box's number; those that overlap most are matched first."""
        self._seen = {
            id_: (before, face)
            for id_, (before, face) in self._seen.items()
            if time - before <= PATIENCE
        }
        pairs = [
            (overlap(box, face.box), -id_, place)
            for place, box in enumerate(boxes)
            for id_, (_, face) in self._seen.items()
        ]
        numbers: dict[int, int] = {}
        for share, id_, place in sorted(pairs, reverse=True):
            if share >= LEAST_OVERLAP and place not in numbers and -id_ not in numbers.values():
                numbers[place] = -id_
        for place in range(len(boxes)):
            if place not in numbers:
                numbers[place] = self._next
                self._next += 1
        return [numbers[place] for place in range(len(boxes))]


def smooth(before: np.ndarray, now: np.ndarray, seconds: float, tau: float) -> np.ndarray:
    """Return the moving average, `seconds` after it was `before`."""
    share = 1.0 if tau == 0 else 1 - math.exp(-max(seconds, 0.0) / tau)
    return before + share * (now - before)
