"""`python -m fer_utils bench`: measure speed, ours and the peer's side by side."""

import argparse
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import captum
import torch
from captum.attr import Occlusion
from torch import Tensor
from tqdm.auto import tqdm

from fer_utils import models, saliency
from fer_utils.files import write

PER_PASS = (16, 64, 256)
OURS = "fer_utils, all classes"
OURS_CAPTUM = "fer_utils, captum's numbers"
DEFAULT = "captum, default (1 per pass)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("what", choices=["occlusion"], help="what to measure")
    parser.add_argument(
        "--model", default="mini_xception", help="architecture, pretrained name, or file"
    )
    parser.add_argument("--size", type=int, default=48, help="side of the picture in pixels")
    parser.add_argument("--window", type=int, default=8, help="side of the square in pixels")
    parser.add_argument("--stride", type=int, default=2, help="its steps in pixels")
    parser.add_argument("--repeats", type=int, default=7, help="times each is run")
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's own)")
    parser.add_argument("--csv", type=Path, help="also write the table to this file")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians, and how far the maps differ."""
    if args.threads:
        torch.set_num_threads(args.threads)
    known = args.model in models.names()
    net = (models.create(args.model, seed=0) if known else models.load(args.model)).eval()
    picture = torch.rand(1, 1, args.size, args.size, generator=torch.Generator().manual_seed(0))
    contenders = make_contenders(net, picture, args.window, args.stride)
    maps, times = race(contenders, args.repeats)
    print(header(args, net))
    print(table(times))
    expected = maps[DEFAULT]
    largest = (maps[OURS_CAPTUM] - expected).abs().max().item()
    print(f"\nlargest difference between the maps: {largest:.1e} ", end="")
    print(f"(captum's map spans {expected.min():.2e} to {expected.max():.2e})")
    if args.csv:
        write(args.csv, as_csv(args, net, times, largest))
        print(f"wrote {args.csv}")
    return 0


def make_contenders(
    net: torch.nn.Module, picture: Tensor, window: int, stride: int
) -> dict[str, Callable[[], Tensor]]:
    """Return what is measured, by name; each returns a map."""
    shape, strides = (1, window, window), (1, stride, stride)
    target = int(net(picture).argmax())
    peer = Occlusion(net)

    def by_captum(per_pass: int) -> Callable[[], Tensor]:
        return lambda: peer.attribute(
            picture, shape, strides, target=target, perturbations_per_eval=per_pass
        )

    def ours() -> Tensor:
        found = saliency.occlusion(net, picture, window=window, stride=stride)
        return torch.from_numpy(found.heat(target))

    def ours_like_captum() -> Tensor:
        return saliency.captum_occlusion(net, picture, shape, strides, target=target)

    return {
        DEFAULT: by_captum(1),
        **{f"captum, {n} per pass": by_captum(n) for n in PER_PASS},
        OURS: ours,
        OURS_CAPTUM: ours_like_captum,
    }


def race(
    contenders: dict[str, Callable[[], Tensor]], repeats: int
) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """Run all in turn, again and again, so that a busy machine slows all alike.

    Returns:
        the map of each, from a first round that is not timed; and seconds, `repeats` of each.
    """
    maps = {name: contender() for name, contender in contenders.items()}
    times = {name: [] for name in contenders}
    for _ in tqdm(range(max(1, repeats)), desc="rounds", leave=False):
        for name, contender in contenders.items():
            start = perf_counter()
            contender()
            times[name].append(perf_counter() - start)
    return maps, times


def header(args: argparse.Namespace, net: torch.nn.Module) -> str:
    """Say what was measured, with what and on what."""
    positions = saliency.Windows((args.size,) * 2, (args.window,) * 2, (args.stride,) * 2)
    return (
        f"{args.model} ({models.count(net):,} parameters), picture {args.size} x {args.size}, "
        f"window {args.window}, stride {args.stride}: {len(positions)} positions\n"
        f"captum {captum.__version__}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, {platform.machine()}, Python "
        f"{platform.python_version()}; {args.repeats} rounds, interleaved\n"
    )


def as_csv(
    args: argparse.Namespace,
    net: torch.nn.Module,
    times: dict[str, list[float]],
    largest: float,
) -> str:
    """Return the measurement as a CSV file; lines with # say what was measured."""
    default = median(times[DEFAULT])
    lines = [f"# {line}" for line in header(args, net).splitlines() if line]
    lines += [
        f"# largest difference between the maps: {largest:.1e}",
        f"# made by: python -m fer_utils bench occlusion --model {args.model} --size {args.size} "
        f"--window {args.window} --stride {args.stride} --repeats {args.repeats} "
        f"--threads {torch.get_num_threads()}",
        "engine,median_ms,fastest_ms,slowest_ms,times_as_fast_as_default",
    ]
    for name, each in times.items():
        value = median(each)
        numbers = [1000 * value, 1000 * min(each), 1000 * max(each), default / value]
        lines.append(f'"{name}",' + ",".join(f"{number:.2f}" for number in numbers))
    return "\n".join(lines) + "\n"


def table(times: dict[str, list[float]]) -> str:
    """Return medians, ranges and ratios as text; seconds in, milliseconds out."""
    medians = {name: 1000 * median(each) for name, each in times.items()}
    best = min(value for name, value in medians.items() if name.startswith("captum"))
    width = max(map(len, medians))
    heads = ("median ms", "fastest ms", "slowest ms", "x default", "x best")
    lines = [" " * width + "".join(f"{head:>12}" for head in heads)]
    for name, value in medians.items():
        low, high = 1000 * min(times[name]), 1000 * max(times[name])
        ratios = f"{medians[DEFAULT] / value:12.2f}{best / value:12.2f}"
        lines.append(f"{name:{width}}{value:12.1f}{low:12.1f}{high:12.1f}{ratios}")
    lines.append("x default, x best: times as fast as captum's default, as its best setting here")
    return "\n".join(lines)
