"""`python -m fer_utils bench architectures`: what each of the ten takes, to train and to answer."""

import argparse
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np
import torch

from fer_lab.bench import shared
from fer_lab.bench.shared import Bench, Column, Result, race, timed
from fer_lab.bench.training import training_faces
from fer_utils import models, train
from fer_utils.data.faceset import FaceSet
from fer_utils.evaluate import predict
from fer_utils.models.answers import chosen_device
from fer_utils.ranges import COUNT, MILLION, SIDE, Range
from fer_utils.train import Measured


@dataclass(frozen=True)
class Case:
    """Where all of them are measured, and with how many digits they learn."""

    device: str
    precision: str


@dataclass(frozen=True)
class Costs:
    """What a network took.

    Attributes:
        size: side in pixels at which it works.
        batch: pictures per step, and per pass of its answers.
        trainings: one per round; the first is the first of the whole program.
        answers: faces per second, the median of the rounds.
    """

    size: int
    batch: int
    trainings: list[Measured]
    answers: float

    @property
    def peak_mb(self) -> float:
        """The largest memory in use while it learned; NaN where the system does not say."""
        return max(row.peak_mb or float("nan") for row in self.trainings)


BENCH = Bench(
    title=lambda case: f"{case.device}, {case.precision}",
    labels=("device", "precision"),
    contender="model",
    columns=(
        Column("side", "size", lambda r, _: r.other.size, ".0f", ".0f"),
        Column("batch", "batch", lambda r, _: r.other.batch, ".0f", ".0f"),
        Column("trained/s", "trained_per_second", lambda r, _: r.median, ",.0f", ".1f"),
        Column("slowest", "slowest", lambda r, _: min(r.values), ",.0f", ".1f"),
        Column("fastest", "fastest", lambda r, _: max(r.values), ",.0f", ".1f"),
        Column("answered/s", "answered_per_second", lambda r, _: r.other.answers, ",.0f", ".1f"),
        Column("first s", "first_seconds", lambda r, _: r.other.trainings[0].first_seconds),
        Column(
            "later s",
            "later_seconds",
            lambda r, _: median(training.later_seconds for training in r.other.trainings),
        ),
        Column("peak MB", "peak_mb", lambda r, _: r.other.peak_mb, ",.0f", ".0f"),
    ),
    below="trained/s, answered/s: faces per second of a later epoch, and of answering\n"
    "first s: of the first round's first epoch, later s: of a later one\n"
    "peak MB: of the GPU; on a CPU of the whole process, with what networks before it have left "
    "there (one --model alone says more)",
    width=11,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--model", nargs="+", help="architectures (default: all)")
    parser.add_argument("--size", type=SIDE, help="side at which they work (default: each its own)")
    parser.add_argument("--faces", type=COUNT, default=2048, help="to learn from and to answer")
    parser.add_argument(
        "--epochs",
        type=Range(2, MILLION, whole=True),
        default=4,
        help="of each training, 2 or more",
    )
    parser.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
    parser.add_argument(
        "--precision", nargs="+", choices=train.PRECISIONS, help="of training (default: both)"
    )
    parser.add_argument("--root", help="folder of FER2013, where it is not in a usual place")
    shared.add_arguments(parser, "trainings of each, the precisions in turn")


def run(args: argparse.Namespace) -> int:
    """Print a table for each precision, a network in each line."""
    shared.prepare(args)
    device = chosen_device(args.device)
    faces = training_faces(args.root)
    classes = len(faces.classes)
    Range(classes, len(faces), whole=True, why="at least one of each class").check(
        "--faces", args.faces
    )
    # Nobody asks whether anything is learned, only what it takes: every class gets some faces.
    faces = replace(faces.take(slice(0, args.faces)), labels=np.arange(args.faces) % classes)
    results = []
    for model in args.model or models.names():
        results += measure(model, faces, device, args)
    results.sort(key=lambda result: train.PRECISIONS.index(result.case.precision))
    return BENCH.report(args, header(args, faces, device), results)


def measure(
    model: str, faces: FaceSet, device: torch.device, args: argparse.Namespace
) -> list[Result]:
    """Race the precisions of one architecture; one net is in memory at a time."""
    recipe = replace(train.recipe(models.paper(model)), patience=0)
    batch = min(recipe.batch, len(faces))

    def once(precision: str, seed: int) -> tuple[Measured, float, int]:
        """Train and ask a net; return the training, its answers per second, its side."""
        net = models.create(model, classes=faces.classes, input_size=args.size, seed=seed)
        options = {"epochs": args.epochs, "device": device, "precision": precision}
        nothing = faces.take(slice(0, 1))  # is validated
        training = train.measured(net, faces, nothing, recipe, **options, progress=False)
        ask = partial(predict, net, batch=batch)
        ask(faces.images[:batch])  # not timed: caches are warm then
        seconds, _ = timed(lambda: ask(faces.images), device)
        return training, len(faces) / seconds, net.input_shape[1]

    precisions = args.precision or train.PRECISIONS
    contenders = {precision: partial(once, precision) for precision in precisions}
    results = []
    for precision, rounds in race(contenders, range(args.repeats), model).items():
        trainings, answers, (size, *_) = map(list, zip(*rounds, strict=True))
        costs = Costs(size, batch, trainings, median(answers))
        speeds = [training.pictures_per_second for training in trainings]
        results.append(Result(Case(device.type, precision), model, speeds, costs))
    return results


def header(args: argparse.Namespace, faces: FaceSet, device: torch.device) -> str:
    """Say what was measured, with what and on what."""
    graphs = " in CUDA graphs" if device.type == "cuda" else ""
    return (
        f"{args.epochs} epochs of {len(faces)} faces of {faces.name}{graphs}, each by its paper's "
        "recipe, augmentation and the validation of one face counted\n"
        f"{args.repeats} of each, the precisions interleaved; answers are float32, from the "
        "computer's memory\n"
        f"{shared.machine(device)}\n"
    )
