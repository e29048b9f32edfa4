"""`python -m fer_utils bench training`: pictures per second, ours beside a plain PyTorch loop."""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from fer_lab.bench import shared
from fer_lab.bench.plain_loop import PlainLoop
from fer_lab.bench.shared import UNTIMED, Bench, Column, Result, race, timed
from fer_utils import data, models, train
from fer_utils.data.faceset import FaceSet
from fer_utils.models.answers import chosen_device
from fer_utils.ranges import BATCH, COUNT, SIDE, WORKERS
from fer_utils.train.cpu import prepared
from fer_utils.train.loop import Options, Run, train_batch
from fer_utils.train.optim import train_mode
from fer_utils.train.recipes import Recipe

FACES = 28_709  # FER2013's Training: an epoch


@dataclass(frozen=True)
class Case:
    """One thing to measure: a model, the side at which it works, pictures per step, a recipe."""

    model: str
    size: int
    batch: int
    recipe: str = "alessi2019"

    def make_net(self, classes: tuple[str, ...]) -> models.FaceNet:
        """Return the net with random weights."""
        return models.create(self.model, classes=classes, input_size=self.size, seed=0)

    def make_recipe(self) -> Recipe:
        """Return the recipe with this batch."""
        return replace(train.recipe(self.recipe), batch=self.batch)


#: What is measured unless a model is named. alessi2019 trains with batches of 32.
CASES = {
    "cpu": (Case("mini_xception", 48, 128),),
    "cuda": (
        Case("mini_xception", 48, 512),
        Case("mini_xception", 48, 32),
        Case("vgg13", 64, 128),
    ),
}


BENCH = Bench(
    title=lambda case: f"{case.model}, {case.size} x {case.size}, batch {case.batch}",
    labels=("model", "size", "batch"),
    contender="contender",
    columns=(
        Column("pictures/s", "median_pictures_per_second", lambda r, _: r.median, ",.0f", ".1f"),
        Column("slowest", "slowest", lambda r, _: min(r.values), ",.0f", ".1f"),
        Column("fastest", "fastest", lambda r, _: max(r.values), ",.0f", ".1f"),
        Column("epoch s", "epoch_seconds", lambda r, _: FACES / r.median),
        Column("x plain", "times_as_fast_as_plain", lambda r, peers: r.median / peers[0].median),
    ),
    below=f"epoch s: seconds for {FACES:,} faces; x plain: times as fast as the plain loop",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--model", help="architecture (default: those for the device)")
    parser.add_argument("--size", type=SIDE, help="side at which it works (default: the model's)")
    parser.add_argument("--batch", type=BATCH, default=128, help="pictures, where a model is named")
    parser.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
    parser.add_argument(
        "--precision", choices=train.PRECISIONS, help="ours (default: bfloat16 on a GPU)"
    )
    parser.add_argument("--compile", action="store_true", help="ours through torch.compile")
    parser.add_argument(
        "--workers",
        type=WORKERS,
        help="processes that load for the peer (default: 2; for a GPU 8, or as many as cores)",
    )
    parser.add_argument("--steps", type=COUNT, default=20, help="batches in a chunk")
    parser.add_argument("--root", help="folder of FER2013, where it is not in a usual place")
    shared.add_arguments(parser, "chunks of each, in turn")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians and their ratio."""
    shared.prepare(args)
    device = chosen_device(args.device)
    if args.workers is None:
        args.workers = 2 if device.type == "cpu" else min(8, os.cpu_count() or 2)
    args.precision = args.precision or ("bfloat16" if device.type == "cuda" else "float32")
    cases = list(CASES.get(device.type, CASES["cpu"]))
    if args.model:
        args.size = args.size or models.create(args.model).input_size
        cases = [Case(args.model, args.size, args.batch)]
    faces = training_faces(args.root)
    results = []
    for case in cases:
        contenders: dict[str, Callable[[int], float]] = {
            "plain PyTorch loop": PlainLoop(
                case.make_net(faces.classes), case.make_recipe(), faces, device, args.workers
            ),
            "ours": OurSteps(case, faces, device, args.precision, args.compile),
        }
        for name, seconds in race(contenders, [args.steps] * args.repeats, case.model).items():
            speeds = [args.steps * case.batch / spent for spent in seconds]
            results.append(Result(case, name, speeds))
    return BENCH.report(args, header(args, faces, device), results)


def training_faces(root: str | None = None) -> FaceSet:
    """Return FER2013's training faces; where it is not, facs3d's, repeated to as many."""
    if root is not None or any(path.exists() for path in data.places("fer2013")):
        return data.load("fer2013", root, split="train")
    faces = data.load("facs3d", split="train", progress=False)
    return faces.take(np.arange(FACES) % len(faces))


class OurSteps:
    """The steps of `train.fit`, after the running statistics of batch norm have warmed up."""

    def __init__(
        self, case: Case, faces: FaceSet, device: torch.device, precision: str, compile: bool
    ):
        self.device, self.batch = device, case.batch
        net = case.make_net(faces.classes)
        recipe = case.make_recipe()
        graphs = device.type == "cuda"
        options = Options(recipe.epochs, 0, device, precision, graphs, compile)
        nothing = faces.take(slice(0, 1))  # is validated
        self.training = Run(net, faces, nothing, recipe, options)
        train_mode(net)

    def __call__(self, steps: int) -> float:
        """Do so many steps, and return how many seconds they took."""
        count = (UNTIMED + steps) * self.batch
        rows = torch.randint(len(self.training.step.data.images), (count,), device=self.device)
        batches = rows.split(self.batch)
        with prepared(self.device):
            self.learn(batches[:UNTIMED])
            return timed(lambda: self.learn(batches[UNTIMED:]), self.device)[0]

    def learn(self, batches: tuple[torch.Tensor, ...]) -> None:
        """Change the weights by each batch."""
        for rows in batches:
            train_batch(self.training, rows, self.training.warm_up, augmented=True)


def header(args: argparse.Namespace, faces: FaceSet, device: torch.device) -> str:
    """Say what was measured, with what and on what."""
    graphs = " in CUDA graphs" if device.type == "cuda" else ""
    compiled = ", compiled" if args.compile else ""
    return (
        f"training, augmentation counted, validation not; {len(faces)} faces of {faces.name}; "
        f"chunks of {args.steps} steps, {args.repeats} of each, interleaved\n"
        f"peer: Dataset, DataLoader with {args.workers} workers, a picture at a time, float32; "
        f"ours: {args.precision}{graphs}{compiled}\n"
        f"{shared.machine(device)}\n"
    )
