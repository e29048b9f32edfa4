"""`python -m fer_utils bench live`: frames per second on a drawn film, ours beside the papers' way.

The plain pipeline is alessi2019's and mazen2021's as they describe it: OpenCV's default cascade on
the whole frame, then one face after the other through the network in torch. Both draw boxes and
words. Frames lie in memory: to decode and to write a film is the same work for all.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from fer_lab.bench import shared
from fer_lab.bench.shared import Bench, Column, Result, race, timed
from fer_utils import models
from fer_utils.detect.boxes import Box
from fer_utils.detect.detectors import detector
from fer_utils.detect.drawn_film import DrawnFilm, found
from fer_utils.detect.film import Frame
from fer_utils.detect.live import Live, draw
from fer_utils.detect.track import Face
from fer_utils.models.answers import chosen_device
from fer_utils.ranges import COUNT

PLAIN = "plain, haar"
#: The papers' cascade, as OpenCV's tutorials call it.
PLAIN_OPTIONS = {"cascade": "default", "scale": 1.1, "neighbors": 5, "smallest": 40}
SIZES = ((640, 480), (320, 240))
THREADS = (1, 2)
FIRST = 25  # frame: before, nobody is there
STAGES = ("detect", "crop", "answer", "draw")


@dataclass(frozen=True)
class Case:
    """One thing to measure: frames of a size, CPU threads, and where the net computes."""

    width: int
    height: int
    threads: int
    device: str


@dataclass(frozen=True)
class Seen:
    """What one pass over the film gave.

    Attributes:
        rate: frames per second.
        stages: milliseconds of a frame in each of `STAGES`.
        recall: share of the faces to be seen that were found.
        false: finds without a face, per frame.
    """

    rate: float
    stages: dict[str, float]
    recall: float
    false: float


def _stage(name: str) -> Column:
    return Column(
        name, f"{name}_ms", lambda r, _: float(np.median([one.stages[name] for one in r.other]))
    )


BENCH = Bench(
    title=lambda case: (
        f"{case.width} x {case.height}, {case.threads} threads, net on {case.device}"
    ),
    labels=("width", "height", "threads", "device"),
    contender="pipeline",
    columns=(
        Column("frames/s", "median_frames_per_second", lambda r, _: r.median, ".1f", ".1f"),
        Column("slowest", "slowest", lambda r, _: min(r.values), ".1f", ".1f"),
        Column("fastest", "fastest", lambda r, _: max(r.values), ".1f", ".1f"),
        Column("x plain", "times_as_fast_as_plain", lambda r, peers: r.median / peers[0].median),
        *(_stage(name) for name in STAGES),
        Column("recall", "recall", lambda r, _: r.other[0].recall, ".3f", ".4f"),
        Column("false", "false_per_frame", lambda r, _: r.other[0].false, ".2f", ".4f"),
    ),
    below="detect to draw: milliseconds per frame; recall: of the faces to be seen, those found "
    "(IoU .35); false: finds without a face, per frame",
    width=10,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--model", default="mini_xception_facs3d", help="pretrained name, or file")
    parser.add_argument("--frames", type=COUNT, default=100, help="of the film, 25 a second")
    parser.add_argument("--device", default="cpu", help="where the net computes: cpu or cuda")
    shared.add_arguments(parser, "passes of each over the film, in turn")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians, and their ratio to the plain pipeline."""
    threads = THREADS if args.threads is None else (args.threads,)
    shared.prepare(args)
    device = chosen_device(args.device)
    net = models.load(args.model)
    results = measure(net.to(device), args.frames, args.repeats, threads)
    header = (
        f"a drawn film of {args.frames} frames, 3 people; {args.model}; {args.repeats} passes of "
        f"each, interleaved\n{shared.machine(device)}\n"
    )
    return BENCH.report(args, header, results)


def measure(
    net: models.FaceNet, frames: int, repeats: int, threads: tuple[int, ...]
) -> list[Result]:
    """Race the pipelines in every case."""
    import cv2

    device = str(next(net.parameters()).device)
    results = []
    for (width, height), count in product(SIZES, threads):
        torch.set_num_threads(count)
        cv2.setNumThreads(count)
        case = Case(width, height, count, device)
        film = DrawnFilm((FIRST + frames) / 25, (width, height))
        shown = [film.frame(FIRST + number) for number in range(frames)]
        contenders = {name: passer(make, shown) for name, make in pipelines(net).items()}
        for contender in contenders.values():
            contender(0)  # the first pass loads and compiles
        for name, seen in race(contenders, range(repeats), f"{width} x {height}").items():
            results.append(Result(case, name, [one.rate for one in seen], seen))
    return results


def pipelines(net: models.FaceNet) -> dict[str, Callable[[], Live]]:
    """Return what makes each pipeline anew: faces are followed from the film's first frame."""
    cascade = detector("haar", **PLAIN_OPTIONS)
    nets = {kind: detector("blazeface", kind=kind) for kind in ("back", "short")}
    return {
        PLAIN: lambda: Plain(net, cascade, smoothing=0, engine="torch"),
        "ours, haar": lambda: Live(net),
        **{
            f"ours, blazeface {kind}": lambda one=one: Live(net, one)  # type: ignore[misc]  # default
            for kind, one in nets.items()
        },
    }


class Plain(Live):
    """As papers write it: the whole frame is searched, and one face at a time is answered."""

    def __call__(self, picture: np.ndarray, time: float) -> list[Face]:
        """Return the faces of the next frame."""
        with self.timed("detect"):
            boxes: list[Box] = self.find(picture)
        faces = []
        for number, box in enumerate(boxes):
            with self.timed("crop"):
                face = self.answers.cut(picture, [box])
            with self.timed("answer"):
                (probabilities,) = self.answers(face)
            faces.append(Face(number, box, probabilities, probabilities))
        self.frames += 1
        return faces


def passer(make: Callable[[], Live], frames: list[Frame]) -> Callable[[int], Seen]:
    """Return what passes over the film once, and what it then tells."""

    def once(live: Live) -> list[list[Face]]:
        there = []
        for frame in frames:
            faces = live(frame.picture, frame.time)
            with live.timed("draw"):
                draw(frame.picture.copy(), faces, live.classes)
            there.append(faces)
        return there

    def passed(_: int) -> Seen:
        live = make()
        seconds, there = timed(lambda: once(live))
        hits = false = 0
        for frame, faces in zip(frames, there, strict=True):
            people = [found(face.box, frame.shown) for face in faces]
            hits += len({one.person for one in people if one is not None})
            false += people.count(None)
        shown = sum(len(frame.shown) for frame in frames)
        each = {name: 1000 * live.seconds[name] / len(frames) for name in STAGES}
        return Seen(len(frames) / seconds, each, hits / max(shown, 1), false / len(frames))

    return passed
