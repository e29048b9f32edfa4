"""`python -m fer_utils bench occlusion`: milliseconds per map, ours beside captum's."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from time import sleep

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_lab.bench import shared
from fer_lab.bench.bound import matrix_rate, multiply_adds
from fer_lab.bench.shared import Bench, Column, Result, race, timed
from fer_utils import data, models, saliency
from fer_utils._progress import tqdm
from fer_utils.errors import FerError
from fer_utils.models.answers import chosen_device, device_of
from fer_utils.ranges import PIXELS, SIDE
from fer_utils.saliency.windows import OcclusionProblem, Windows
from fer_utils.train.measure import forget_peak, peak_mb

# Seconds before each measurement: torch's threads of the contender before go on for a while,
# waiting for more work, and would take a core from those of the next.
REST = 0.03
PER_PASS = (16, 64, 256)
DEFAULT = "captum, 1 per pass (default)"
# Of ours: what every net can have, and the quickest; on a GPU, "auto" takes the first.
ENGINES = {"cpu": ("batched", "auto"), "cuda": ("batched", "delta")}


@dataclass(frozen=True)
class Case:
    """One thing to measure: a model, the side of its picture, and the square with its steps."""

    model: str
    size: int
    stride: int
    window: int = 8

    def check(self) -> None:
        """Raise a FerError for a square that captum does not move over the picture."""
        if not self.stride <= self.window <= self.size:
            raise FerError(
                f"window {self.window} must not be smaller than its stride ({self.stride}) nor "
                f"larger than the picture ({self.size} x {self.size})."
            )


@dataclass(frozen=True)
class Found:
    """What there is to say of a contender beside its time.

    Attributes:
        difference: the largest to captum's map, as a share of that map's largest value.
        bound: seconds that the arithmetic takes, as written, see `bench.bound`.
        peak_mb: the largest memory in use; None where the system does not say.
    """

    difference: float
    bound: float
    peak_mb: int | None


# Architectures have random weights: trained ones are too large to come with the kit.
#: What is measured unless a model is named.
CASES = (
    Case("mini_xception_facs3d", 48, 2),
    Case("mini_xception_facs3d", 48, 1),
    Case("deep_emotion_facs3d", 48, 2),
    Case("small_resnet_ferplus", 48, 2),
    Case("small_resnet_fer2013", 48, 2),
    Case("bottleneck_065m_facs3d", 64, 2),
    Case("vgg13", 64, 2),
)
#: What is measured besides with --heavy: all other networks of the kit, and the largest, with
#: minutes per map by captum's default.
HEAVY = (
    *(Case(f"mini_xception_{data_set}", 48, 2) for data_set in ("fer2013", "ferplus")),
    *(Case(f"deep_emotion_{data_set}", 48, 2) for data_set in ("fer2013", "ferplus")),
    Case("bottleneck_065m_ferplus", 64, 2),
    Case("bottleneck_065m_laplacian_ferplus", 64, 2),
    Case("bottleneck_065m_sobel_facs3d", 64, 2),
    Case("bottleneck_065m_sobel_ferplus", 64, 2),
    Case("light_vgg", 100, 2),
    Case("inception_resnet_v2", 224, 16, window=32),
    Case("vgg16_gap", 224, 16, window=32),
)


def _peer(results: list[Result], name: str = "captum") -> float:
    """Return the least median of captum's settings whose name begins so."""
    return min(r.median for r in results if r.contender.startswith(name))


BENCH = Bench(
    title=lambda case: (
        f"{case.model}, picture {case.size} x {case.size}, window {case.window} x {case.window}, "
        f"stride {case.stride}"
    ),
    labels=("model", "size", "window", "stride"),
    contender="engine",
    columns=(
        Column("ms", "median_ms", lambda result, _: 1000 * result.median),
        Column("fastest", "fastest_ms", lambda result, _: 1000 * min(result.values)),
        Column("slowest", "slowest_ms", lambda result, _: 1000 * max(result.values)),
        Column(
            "x default",
            "times_as_fast_as_default",
            lambda result, peers: _peer(peers, DEFAULT) / result.median,
        ),
        Column(
            "x best", "times_as_fast_as_best", lambda result, peers: _peer(peers) / result.median
        ),
        Column("bound", "bound_ms", lambda result, _: 1000 * result.other.bound),
        Column("peak MB", "peak_mb", lambda r, _: r.other.peak_mb or float("nan"), ",.0f", ".0f"),
        Column("difference", "largest_difference", lambda r, _: r.other.difference, ".0e", ".1e"),
    ),
    below="x default, x best: times as fast as captum's default, as its best setting here\n"
    "bound: ms of the multiply-adds of convolutions and linear layers that the square changes, at\n"
    "the rate of a product of two matrices, measured before each network; as layers are written:\n"
    "delta makes 25 products of 81 in 3x3 convolutions of many channels, and may be below\n"
    "peak MB: of the GPU; on a CPU of the whole process, at most while maps are made\n"
    "difference: the largest, as a share of the largest value of captum's map",
    width=11,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--model", help="architecture, pretrained name, or file (default: a table of them)"
    )
    parser.add_argument(
        "--heavy", action="store_true", help="all networks, the largest too: minutes for every map"
    )
    parser.add_argument("--size", type=SIDE, help="side of the picture (default: the model's)")
    parser.add_argument(
        "--window", type=PIXELS, help="side of the square in pixels (default: 8; 32 where heavy)"
    )
    parser.add_argument(
        "--stride", type=PIXELS, default=2, help="its steps, where a model is named"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    shared.add_arguments(parser, "times each is run")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians, and how far the maps differ."""
    shared.prepare(args)
    device = chosen_device(args.device)
    cases = [*CASES, *(HEAVY if args.heavy else ())]
    if args.model:
        args.size = args.size or make_net(args.model).input_size
        cases = [Case(args.model, args.size, args.stride)]
    if args.window is not None:
        cases = [replace(case, window=args.window) for case in cases]
    for case in cases:
        case.check()
    results = []
    for case in tqdm(cases, desc="cases", leave=False, disable=len(cases) == 1):
        results += measure(case, args.repeats, device)
    header = (
        f"occlusion maps, faces of facs3d; {args.repeats} rounds, interleaved\n"
        f"captum {version('captum')}, {shared.machine(device)}\n"
    )
    return BENCH.report(args, header, results)


def make_net(name: str) -> models.FaceNet:
    """Return an architecture with random weights, or a net with weights, in evaluation mode."""
    return (models.create(name, seed=0) if name in models.names() else models.load(name)).eval()


def measure(case: Case, repeats: int, device: torch.device) -> list[Result]:
    """Race captum and our engines on one case; every round has another face for all.

    Both give, for the class predicted, the drop of its probability averaged over the windows
    that cover a pixel. Ours keeps the probabilities of all classes on the way.
    """
    net = make_net(case.model).to(device)
    faces = data.load("facs3d", split="test", progress=False)
    faces = faces.take(np.arange(repeats + 1) % len(faces))
    pictures = F.interpolate(faces.pictures(), size=case.size, mode="bilinear")[:, None].to(device)
    sides = ((case.size,) * 2, (case.window,) * 2, (case.stride,) * 2)
    problem = OcclusionProblem(pictures[1], torch.zeros(1, device=device), Windows(*sides))
    bound = multiply_adds(net, problem) / matrix_rate(device)
    given = race(make_contenders(net, case), pictures)
    expected = given[DEFAULT][0][1]
    results = []
    for name, ((_, attribution, _), *rounds) in given.items():  # the first is not counted
        difference = ((attribution - expected).abs().max() / expected.abs().max()).item()
        peaks = [peak for *_, peak in rounds if peak is not None]
        if not name.startswith("captum"):
            used = by_us(net, case, name, pictures[0]).engine
            name = f"ours, {used}" + (" (auto)" if name == "auto" else "")
        found = Found(difference, bound, max(peaks, default=None))
        results.append(Result(case, name, [seconds for seconds, *_ in rounds], found))
    return results


def make_contenders(
    net: nn.Module, case: Case
) -> dict[str, Callable[[Tensor], tuple[float, Tensor, int | None]]]:
    """Return what is measured, by name.

    Each returns how many seconds it takes to make a map, the map (H, W) of a picture
    (1, 1, H, W), and the largest memory in use meanwhile.
    """
    from captum.attr import Occlusion  # here, so that --help does not wait for it

    peer = Occlusion(lambda pictures: net(pictures).softmax(1))
    shape, strides = (1, case.window, case.window), (1, case.stride, case.stride)

    def by_captum(per_pass: int, picture: Tensor) -> Tensor:
        with torch.no_grad():
            target = int(net(picture).argmax())
        attribution = peer.attribute(
            picture, shape, strides, target=target, perturbations_per_eval=per_pass
        )
        return attribution[0, 0].float().cpu()

    def heat(engine: str, picture: Tensor) -> Tensor:
        return torch.from_numpy(by_us(net, case, engine, picture).heat())

    # a GPU may be at its best with all windows at once
    per_pass = (*PER_PASS, *((1024, 4096) if device_of(net).type == "cuda" else ()))
    makers = {
        DEFAULT: partial(by_captum, 1),
        **{f"captum, {n} per pass": partial(by_captum, n) for n in per_pass},
        **{engine: partial(heat, engine) for engine in engines_for(net, case)},
    }
    return {name: partial(clocked, make) for name, make in makers.items()}


def engines_for(net: nn.Module, case: Case) -> list[str]:
    """Return which of our engines are measured: `ENGINES`, without one that cannot take the net."""
    engines = list(ENGINES.get(device_of(net).type, ENGINES["cpu"]))
    if "delta" in engines:
        try:
            by_us(net, case, "delta", torch.zeros(1, 1, case.size, case.size))
        except FerError:
            engines.remove("delta")
    return engines


def by_us(net: nn.Module, case: Case, engine: str, picture: Tensor) -> saliency.OcclusionMap:
    """Return our map, with all that it keeps."""
    return saliency.occlusion(
        net, picture, window=case.window, stride=case.stride, engine=engine, progress=False
    )


def clocked(make: Callable[[Tensor], Tensor], picture: Tensor) -> tuple[float, Tensor, int | None]:
    """Return how long a map takes, the map, and the peak of memory in MB."""
    sleep(REST)
    forget_peak(picture.device)
    seconds, attribution = timed(lambda: make(picture), picture.device)
    return seconds, attribution, peak_mb(picture.device)
