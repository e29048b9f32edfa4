"""`python -m fer_utils bench occlusion`: milliseconds per map, ours beside captum's."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import captum
import torch
import torch.nn.functional as F
from captum.attr import Occlusion
from torch import Tensor, nn
from tqdm.auto import tqdm

from fer_lab.bench.shared import as_csv, machine
from fer_utils import data, models, saliency
from fer_utils.files import write

PER_PASS = (16, 64, 256)
DEFAULT = "captum, 1 per pass (default)"
ENGINES = ("batched", "auto")


@dataclass(frozen=True)
class Case:
    """One thing to measure: a model, the side of its picture, and the steps of the square."""

    model: str
    size: int
    stride: int


#: What is measured unless a model is named.
CASES = (
    Case("mini_xception_facs3d", 48, 2),
    Case("mini_xception_facs3d", 48, 1),
    Case("deep_emotion_facs3d", 48, 2),
    Case("bottleneck_065m_facs3d", 64, 2),
    Case("vgg13", 64, 2),  # with random weights: trained ones are too large to come with the kit
)


@dataclass(frozen=True)
class Row:
    """What one contender took for one case.

    Attributes:
        engine: captum's setting, or the engine of ours that did the work.
        seconds: of every round.
        difference: largest difference to captum's map, as a share of that map's largest value.
    """

    case: Case
    engine: str
    seconds: list[float]
    difference: float

    @property
    def milliseconds(self) -> float:
        """The median of the rounds."""
        return 1000 * median(self.seconds)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--model", help="architecture, pretrained name, or file (default: a table of five cases)"
    )
    parser.add_argument("--size", type=int, help="side of the picture (default: the model's)")
    parser.add_argument("--window", type=int, default=8, help="side of the square in pixels")
    parser.add_argument("--stride", type=int, default=2, help="its steps, where a model is named")
    parser.add_argument("--repeats", type=int, default=5, help="times each is run")
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's own)")
    parser.add_argument("--csv", type=Path, help="also write the table to this file")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians, and how far the maps differ."""
    if args.threads:
        torch.set_num_threads(args.threads)
    cases = CASES
    if args.model:
        cases = [Case(args.model, args.size or make_net(args.model).input_size, args.stride)]
    rows = []
    for case in tqdm(cases, desc="cases", leave=False, disable=len(cases) == 1):
        rows += measure(case, args.window, args.repeats)
    print(header(args))
    print(table(rows))
    if args.csv:
        write(args.csv, table_file(args, rows))
        print(f"wrote {args.csv}")
    return 0


def make_net(name: str) -> nn.Module:
    """Return an architecture with random weights, or a net with weights, in evaluation mode."""
    return (models.create(name, seed=0) if name in models.names() else models.load(name)).eval()


def measure(case: Case, window: int, repeats: int) -> list[Row]:
    """Race captum and our engines on one case; every round has another face for all.

    Both give, for the class predicted, the drop of its probability averaged over the windows
    that cover a pixel. Ours keeps the probabilities of all classes on the way.
    """
    net = make_net(case.model)
    faces = data.load("facs3d", split="test", progress=False).take(slice(0, repeats + 1))
    pictures = F.interpolate(faces.pictures(), size=case.size, mode="bilinear")[:, None]
    maps, seconds = race(make_contenders(net, window, case.stride), pictures)
    expected = maps[DEFAULT]
    rows = []
    for name, found in maps.items():
        difference = ((found - expected).abs().max() / expected.abs().max()).item()
        if name in ENGINES:
            done = saliency.occlusion(
                net, pictures[0], window=window, stride=case.stride, engine=name
            )
            name = f"ours, {done.engine}" + (" (auto)" if name == "auto" else "")
        rows.append(Row(case, name, seconds[len(rows)], difference))
    return rows


def make_contenders(net: nn.Module, window: int, stride: int) -> dict[str, Callable]:
    """Return what is measured, by name; each makes a map (H, W) of a picture (1, 1, H, W)."""
    peer = Occlusion(lambda pictures: net(pictures).softmax(1))

    def by_captum(per_pass: int) -> Callable[[Tensor], Tensor]:
        def attribute(picture: Tensor) -> Tensor:
            with torch.no_grad():
                target = int(net(picture).argmax())
            shape, strides = (1, window, window), (1, stride, stride)
            found = peer.attribute(
                picture, shape, strides, target=target, perturbations_per_eval=per_pass
            )
            return found[0, 0].float()

        return attribute

    def by_us(engine: str) -> Callable[[Tensor], Tensor]:
        def attribute(picture: Tensor) -> Tensor:
            found = saliency.occlusion(net, picture, window=window, stride=stride, engine=engine)
            return torch.from_numpy(found.heat())

        return attribute

    return {
        DEFAULT: by_captum(1),
        **{f"captum, {n} per pass": by_captum(n) for n in PER_PASS},
        **{engine: by_us(engine) for engine in ENGINES},
    }


def race(
    contenders: dict[str, Callable[[Tensor], Tensor]], pictures: Tensor
) -> tuple[dict[str, Tensor], list[list[float]]]:
    """Run all in turn, again and again, so that a busy machine slows all alike.

    Args:
        contenders: each takes one of the pictures.
        pictures: the first is for a round that is not timed.

    Returns:
        the map of each, of the first picture; and the seconds of each, one per other picture.
    """
    maps = {name: contender(pictures[0]) for name, contender in contenders.items()}
    seconds = [[] for _ in contenders]
    for picture in tqdm(pictures[1:], desc="rounds", leave=False):
        for contender, spent in zip(contenders.values(), seconds, strict=True):
            start = perf_counter()
            contender(picture)
            spent.append(perf_counter() - start)
    return maps, seconds


def header(args: argparse.Namespace) -> str:
    """Say what was measured, with what and on what."""
    return (
        f"occlusion maps, window {args.window} x {args.window}, faces of facs3d; "
        f"{args.repeats} rounds, interleaved\n"
        f"captum {captum.__version__}, {machine()}\n"
    )


HEADS = ("ms", "fastest", "slowest", "x default", "x best", "difference")


def numbers(row: Row, rows: list[Row]) -> tuple[float, ...]:
    """Return a row's numbers in the order of `HEADS`; `rows` holds those of its case."""
    peers = [r for r in rows if r.case == row.case and r.engine.startswith("captum")]
    default = next(r for r in peers if r.engine == DEFAULT).milliseconds
    best = min(r.milliseconds for r in peers)
    own = row.milliseconds
    fastest, slowest = 1000 * min(row.seconds), 1000 * max(row.seconds)
    return own, fastest, slowest, default / own, best / own, row.difference


def table(rows: list[Row]) -> str:
    """Return medians, ranges and ratios as text."""
    width = max(len(row.engine) for row in rows) + 2
    lines = []
    for index, row in enumerate(rows):
        if index == 0 or rows[index - 1].case != row.case:
            case = row.case
            lines += ["", f"{case.model}, picture {case.size} x {case.size}, stride {case.stride}"]
            lines += [" " * width + "".join(f"{head:>11}" for head in HEADS)]
        *times, difference = numbers(row, rows)
        cells = [f"{value:11.2f}" for value in times] + [f"{difference:11.0e}"]
        lines.append(f"{row.engine:{width}}" + "".join(cells))
    lines += ["", "x default, x best: times as fast as captum's default, as its best setting here"]
    lines += ["difference: the largest, as a share of the largest value of captum's map"]
    return "\n".join(lines[1:])


COLUMNS = (
    "model,size,window,stride,engine,median_ms,fastest_ms,slowest_ms,"
    "times_as_fast_as_default,times_as_fast_as_best,largest_difference"
)


def table_file(args: argparse.Namespace, rows: list[Row]) -> str:
    """Return the measurement as a CSV file."""
    words = ["python -m fer_utils bench occlusion"]
    if args.model:
        words.append(f"--model {args.model} --size {rows[0].case.size} --stride {args.stride}")
    words.append(f"--window {args.window} --repeats {args.repeats}")
    words.append(f"--threads {torch.get_num_threads()}")
    lines = []
    for row in rows:
        *times, difference = numbers(row, rows)
        case = row.case
        cells = [f"{value:.2f}" for value in times] + [f"{difference:.1e}"]
        head = f"{case.model},{case.size},{args.window},{case.stride},"
        lines.append(head + f'"{row.engine}",' + ",".join(cells))
    return as_csv(header(args), " ".join(words), COLUMNS, lines)
