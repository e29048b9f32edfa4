"""`python -m fer_utils bench training`: pictures per second, ours beside a plain PyTorch loop."""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler
from tqdm.auto import tqdm

from fer_utils import _torchvision, data, models, train
from fer_utils.augment import Augmentation
from fer_utils.commands.bench.shared import as_csv, machine
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.files import write
from fer_utils.optimise import penalised_weights, train_mode
from fer_utils.recipes import Recipe
from fer_utils.training.run import Run

FACES = 28_709  # FER2013's Training: an epoch
UNTIMED = 5  # steps before each chunk: caches, and the loader's workers, are warm then


@dataclass(frozen=True)
class Case:
    """One thing to measure: a model, the side at which it works, pictures per step, a recipe."""

    model: str
    size: int
    batch: int
    recipe: str = "alessi2019"

    def make_net(self, classes: tuple[str, ...], device: torch.device) -> nn.Module:
        """Return the net with random weights."""
        net = models.create(self.model, classes=classes, input_size=self.size, seed=0)
        return net.to(device)

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


@dataclass(frozen=True)
class Row:
    """Pictures per second of one contender in one case, of every chunk of steps."""

    case: Case
    contender: str
    speeds: list[float]

    @property
    def speed(self) -> float:
        """The median of the chunks."""
        return median(self.speeds)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--model", help="architecture (default: those for the device)")
    parser.add_argument("--size", type=int, help="side at which it works (default: the model's)")
    parser.add_argument("--batch", type=int, default=128, help="pictures, where a model is named")
    parser.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
    parser.add_argument(
        "--precision", choices=train.PRECISIONS, help="ours (default: bfloat16 on a GPU)"
    )
    parser.add_argument("--compile", action="store_true", help="ours through torch.compile")
    parser.add_argument("--workers", type=int, default=2, help="processes that load for the peer")
    parser.add_argument("--steps", type=int, default=20, help="batches in a chunk")
    parser.add_argument("--repeats", type=int, default=5, help="chunks of each, in turn")
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's own)")
    parser.add_argument("--root", help="folder of FER2013, where it is not in a usual place")
    parser.add_argument("--csv", type=Path, help="also write the table to this file")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians and their ratio."""
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if args.steps < 1 or args.repeats < 1:
        raise FerError("--steps and --repeats: 1 or more.")
    args.precision = args.precision or ("bfloat16" if device.type == "cuda" else "float32")
    cases = CASES.get(device.type, CASES["cpu"])
    if args.model:
        size = args.size or models.create(args.model).input_size
        cases = [Case(args.model, size, args.batch)]
    faces = training_faces(args.root)
    rows = []
    for case in cases:
        contenders = {
            "plain PyTorch loop": PlainLoop(case, faces, device, args.workers),
            "ours": OurSteps(case, faces, device, args.precision, args.compile),
        }
        speeds = race(contenders, args.steps, args.repeats, str(case.model))
        rows += [
            Row(case, name, [args.steps * case.batch / s for s in seconds])
            for name, seconds in speeds.items()
        ]
    said = header(args, faces, device)
    print(said)
    print(table(rows))
    if args.csv:
        write(args.csv, table_file(args, said, rows))
        print(f"wrote {args.csv}")
    return 0


def training_faces(root: str | None = None) -> FaceSet:
    """Return FER2013's training faces; where it is not, facs3d's, repeated to as many."""
    if root is not None or any(path.exists() for path in data.places("fer2013")):
        return data.load("fer2013", root, split="train")
    faces = data.load("facs3d", split="train", progress=False)
    return faces.take(np.arange(FACES) % len(faces))


def race(
    contenders: dict[str, Callable[[int], float]], steps: int, repeats: int, title: str
) -> dict[str, list[float]]:
    """Run chunks of all in turn, so that a busy machine slows all alike; return their seconds."""
    seconds = {name: [] for name in contenders}
    for _ in tqdm(range(repeats), desc=title, leave=False):
        for name, contender in contenders.items():
            seconds[name].append(contender(steps))
    return seconds


class OurSteps:
    """The steps of `train.fit`, after the running statistics of batch norm have warmed up."""

    def __init__(self, case: Case, faces: FaceSet, device, precision: str, compile: bool):
        self.device, self.batch = device, case.batch
        net = case.make_net(faces.classes, device).to(memory_format=torch.channels_last)
        recipe = case.make_recipe()
        self.training = Run(
            *(net, faces, faces.take(slice(0, 1)), recipe),
            **{"epochs": recipe.epochs, "seed": 0, "device": device},
            **{"precision": precision, "graphs": device.type == "cuda", "compile": compile},
        )
        train_mode(net)

    def __call__(self, steps: int) -> float:
        """Do so many steps, and return how many seconds they took."""
        count = (UNTIMED + steps) * self.batch
        rows = torch.randint(len(self.training.step.images), (count,), device=self.device)
        batches = rows.split(self.batch)
        with train.prepared(self.device):
            self.learn(batches[:UNTIMED])
            return timed(lambda: self.learn(batches[UNTIMED:]), self.device)

    def learn(self, batches: tuple[torch.Tensor, ...]) -> None:
        """Change the weights by each batch."""
        for rows in batches:
            self.training.one_step(rows, self.training.warm_up, early=False)


class PlainLoop:
    """The loop of PyTorch's own tutorial, "Training a classifier": nothing to make it fast.

    One picture after the other goes through torchvision's transforms in worker processes; the
    net is the same, and so are batch, loss, optimiser and augmentation.
    """

    def __init__(self, case: Case, faces: FaceSet, device: torch.device, workers: int):
        self.device, self.workers, self.batch = device, workers, case.batch
        recipe = case.make_recipe()
        self.faces = Pictures(faces, transforms(recipe.augmentation))
        self.net = case.make_net(faces.classes, device).train()
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=recipe.learning_rate)
        self.l2 = recipe.l2
        self.penalised = penalised_weights(self.net, recipe.l2_on) if recipe.l2 else []

    def __call__(self, steps: int) -> float:
        """Do so many steps, and return how many seconds they took."""
        sampler = RandomSampler(self.faces, num_samples=(UNTIMED + steps) * self.batch)
        loader = iter(
            DataLoader(
                self.faces,
                self.batch,
                sampler=sampler,
                num_workers=self.workers,
                pin_memory=self.device.type == "cuda",
            )
        )
        self.learn(loader, UNTIMED)
        return timed(lambda: self.learn(loader, steps), self.device)

    def learn(self, loader, steps: int) -> float:
        """Change the weights by the next batches, and return the running loss."""
        running_loss = 0.0
        for _ in range(steps):
            pictures, labels = (each.to(self.device) for each in next(loader))
            self.optimiser.zero_grad()
            loss = F.cross_entropy(self.net(pictures), labels)
            loss = loss + self.l2 * sum(weight.square().sum() for weight in self.penalised)
            loss.backward()
            self.optimiser.step()
            running_loss += loss.item()
        return running_loss


class Pictures(Dataset):
    """Faces one by one, as torchvision's data sets give them."""

    def __init__(self, faces: FaceSet, transform: Callable[[Image.Image], torch.Tensor]):
        self.images, self.labels = faces.images[:, 0], faces.labels
        self.transform = transform

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return a picture, changed at random, and its label."""
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def transforms(how: Augmentation) -> Callable[[Image.Image], torch.Tensor]:
    """Return torchvision's transforms for the geometric changes of a recipe."""
    _torchvision.load()
    from torchvision.transforms import v2

    shear = math.degrees(math.atan(how.skew))
    steps = [
        v2.RandomAffine(
            how.rotation,
            translate=(how.shift, how.shift),
            scale=(1 - how.zoom, 1 + how.zoom),
            shear=(-shear, shear, -shear, shear) if shear else None,
            interpolation=v2.InterpolationMode.BILINEAR,
        )
    ]
    steps += [v2.RandomHorizontalFlip()] if how.flip else []
    return v2.Compose([*steps, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Return how many seconds `work` takes, its work on a GPU included."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    start = perf_counter()
    work()
    wait()
    return perf_counter() - start


def header(args: argparse.Namespace, faces: FaceSet, device: torch.device) -> str:
    """Say what was measured, with what and on what."""
    where = f", {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    graphs = " in CUDA graphs" if device.type == "cuda" else ""
    compiled = ", compiled" if args.compile else ""
    return (
        f"training, augmentation counted, validation not; {len(faces)} faces of {faces.name}; "
        f"chunks of {args.steps} steps, {args.repeats} of each, interleaved\n"
        f"peer: Dataset, DataLoader with {args.workers} workers, a picture at a time, float32; "
        f"ours: {args.precision}{graphs}{compiled}\n"
        f"{machine()}{where}\n"
    )


HEADS = ("pictures/s", "slowest", "fastest", "epoch s", "x plain")


def numbers(row: Row, rows: list[Row]) -> tuple[float, ...]:
    """Return a row's numbers in the order of `HEADS`; `rows` holds those of its case."""
    plain = next(each for each in rows if each.case == row.case).speed
    return row.speed, min(row.speeds), max(row.speeds), FACES / row.speed, row.speed / plain


def table(rows: list[Row]) -> str:
    """Return medians, ranges and ratios as text."""
    width = max(len(row.contender) for row in rows) + 2
    lines = []
    for index, row in enumerate(rows):
        if index == 0 or rows[index - 1].case != row.case:
            case = row.case
            lines += ["", f"{case.model}, {case.size} x {case.size}, batch {case.batch}"]
            lines += [" " * width + "".join(f"{head:>12}" for head in HEADS)]
        *speeds, epoch, ratio = numbers(row, rows)
        cells = "".join(f"{speed:12,.0f}" for speed in speeds)
        lines.append(f"{row.contender:{width}}{cells}{epoch:12.2f}{ratio:12.2f}")
    lines += ["", f"epoch s: seconds for {FACES:,} faces; x plain: times as fast as the plain loop"]
    return "\n".join(lines[1:])


COLUMNS = (
    "model,size,batch,contender,median_pictures_per_second,slowest,fastest,epoch_seconds,"
    "times_as_fast_as_plain"
)


def table_file(args: argparse.Namespace, said: str, rows: list[Row]) -> str:
    """Return the measurement as a CSV file."""
    words = ["python -m fer_utils bench training"]
    if args.model:
        words.append(f"--model {args.model} --size {rows[0].case.size} --batch {args.batch}")
    words += [f"--device {args.device}"] if args.device else []
    words += [f"--precision {args.precision}", *(["--compile"] if args.compile else [])]
    words.append(f"--workers {args.workers} --steps {args.steps} --repeats {args.repeats}")
    words.append(f"--threads {torch.get_num_threads()}")
    lines = []
    for row in rows:
        case = row.case
        *speeds, epoch, ratio = numbers(row, rows)
        cells = [f"{speed:.1f}" for speed in speeds] + [f"{epoch:.2f}", f"{ratio:.2f}"]
        lines.append(f"{case.model},{case.size},{case.batch},{row.contender}," + ",".join(cells))
    return as_csv(said, " ".join(words), COLUMNS, lines)
