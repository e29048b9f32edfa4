"""What smoothing costs: how right an answer is, how late, and how often it changes.

Read on a drawn film, whose truth is known. Without smoothing an answer is quick and flickers; the
more it is smoothed the steadier and the later it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import nn

from fer_utils._arguments import number
from fer_utils.detect.drawn_film import DrawnFilm, found
from fer_utils.detect.film import Shown
from fer_utils.detect.live import Live
from fer_utils.detect.track import Face, smooth
from fer_utils.errors import FerError

TAUS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Delay:
    """What one time constant does.

    Attributes:
        smoothing: tau, in seconds.
        accuracy: share of faces in frames whose answer is the expression shown at that moment.
        delay: mean seconds from a change of expression until the answer is the new one.
        missed: share of changes that no answer followed before the next one.
        flicker: changes of the answer per second and face.
        faces: in how many frames they were seen, all faces together.
    """

    smoothing: float
    accuracy: float
    delay: float
    missed: float
    flicker: float
    faces: int


def delays(
    net: nn.Module,
    film: DrawnFilm | None = None,
    smoothing: Sequence[float] = TAUS,
    detector: str = "haar",
) -> list[Delay]:
    """Return what each time constant does to a net's answers on a drawn film; it is read once.

    Args:
        net: that names the expressions.
        film: drawn; None: `DrawnFilm()`.
        smoothing: time constants, in seconds.
        detector: as in `Live`.

    Raises:
        FerError: no drawn film, time constants that are none, or no face is found in the film.
    """
    film = DrawnFilm() if film is None else film
    if not isinstance(film, DrawnFilm):
        raise FerError("the truth is known of a drawn film alone: give a DrawnFilm.")
    taus = [number("smoothing", tau, 0, 3600) for tau in smoothing]
    live = Live(net, detector, smoothing=0)
    seen: dict[int, list[tuple[float, Face, Shown]]] = {}
    for frame in film:
        for face in live(frame.picture, frame.time):
            if (shown := found(face.box, frame.shown)) is not None:
                seen.setdefault(face.id, []).append((frame.time, face, shown))
    if not seen:
        raise FerError("no face is found in this film: take a longer or larger one.")
    return [_one(tau, list(seen.values()), live.classes) for tau in taus]


def _one(
    tau: float, tracks: list[list[tuple[float, Face, Shown]]], classes: Sequence[str]
) -> Delay:
    right, waits, missed, changes, seconds = [], list[float](), 0, 0, 0.0
    for track in tracks:
        answers = _answers(tau, track, classes)
        truth = [shown.expression for _, _, shown in track]
        times = [time for time, _, _ in track]
        right += [one == other for one, other in zip(answers, truth, strict=True)]
        changes += sum(one != other for one, other in zip(answers, answers[1:], strict=False))
        seconds += times[-1] - times[0]
        starts = [i for i in range(1, len(truth)) if truth[i] != truth[i - 1]]
        for start, end in pairwise([*starts, len(truth)]):
            first = next((i for i in range(start, end) if answers[i] == truth[start]), None)
            if first is None:
                missed += 1
            else:
                waits.append(times[first] - times[start])
    followed = len(waits) + missed
    return Delay(
        smoothing=tau,
        accuracy=float(np.mean(right)),
        delay=float(np.mean(waits)) if waits else float("nan"),
        missed=missed / followed if followed else 0.0,
        flicker=changes / seconds if seconds else 0.0,
        faces=len(right),
    )


def _answers(
    tau: float, track: list[tuple[float, Face, Shown]], classes: Sequence[str]
) -> list[str]:
    """Return the answer in each frame of a face, smoothed as `Tracks` does."""
    answers, smoothed, before = [], track[0][1].probabilities, track[0][0]
    for time, face, _ in track:
        smoothed = smooth(smoothed, face.probabilities, time - before, tau)
        before = time
        answers.append(classes[int(smoothed.argmax())])
    return answers
