"""`python -m fer_utils bench cyclegan`: training steps per second, beside a plain PyTorch loop."""

import argparse
import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fer_lab.bench import shared
from fer_lab.bench.shared import UNTIMED, Bench, Column, Result, race, timed
from fer_utils import data
from fer_utils.errors import FerError
from fer_utils.models.answers import chosen_device
from fer_utils.ranges import COUNT
from fer_utils.train.cpu import prepared
from fer_utils.translate import losses, networks
from fer_utils.translate.run import Run
from fer_utils.translate.settings import GENERATORS, Settings
from fer_utils.translate.step import Networks, draw_plan

CLASSES = ("neutral", "disgust")
#: Steps whose losses are compared, and how far apart they may be: the later ones see what the first
#: did to all weights.
COMPARED, TOLERANCE = 2, 1e-4
#: A tenth of the usual: Adam's first steps are as long for a gradient of rounding errors as for any
#: other. What a step takes does not depend on it.
LEARNING_RATE = 2e-5


@dataclass(frozen=True)
class Case:
    """One thing to measure: a kind of generator."""

    generator: str


BENCH = Bench(
    title=lambda case: f"generator {case.generator}",
    labels=("generator",),
    contender="contender",
    columns=(
        Column("steps/s", "median_steps_per_second", lambda r, _: r.median, ".2f", ".3f"),
        Column("slowest", "slowest", lambda r, _: min(r.values), ".2f", ".3f"),
        Column("fastest", "fastest", lambda r, _: max(r.values), ".2f", ".3f"),
        Column("x plain", "times_as_fast_as_plain", lambda r, peers: r.median / peers[0].median),
        Column("off by", "largest_difference_of_a_loss", lambda r, _: r.other, ".0e", ".2e"),
    ),
    below=f"off by: largest difference of a loss from the plain loop's in {COMPARED} steps",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--generator", choices=GENERATORS, help="default: both")
    parser.add_argument("--device", help="cpu or cuda; default: a GPU where there is one")
    parser.add_argument("--steps", type=COUNT, default=10, help="steps in a chunk")
    shared.add_arguments(parser, "chunks of each, in turn")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians and their ratio.

    Raises:
        FerError: the two do not compute the same losses.
    """
    shared.prepare(args)
    device = chosen_device(args.device)
    faces = data.load(data.EMBEDDED, split="train", progress=False)
    first, second = (faces.where(label=label).images for label in CLASSES)
    results = []
    for case in [Case(kind) for kind in GENERATORS if args.generator in (None, kind)]:
        ours = OurSteps(case, (first, second), device)
        plain = PlainLoop(ours.run, device)
        gap = float(np.abs(ours.losses(COMPARED) - plain.losses(COMPARED)).max())
        if not gap <= TOLERANCE:
            raise FerError(
                f"{case.generator}: the losses are {gap:.1e} apart, so nothing compares."
            )
        contenders: dict[str, Callable[[int], float]] = {"plain PyTorch loop": plain, "ours": ours}
        seconds = race(contenders, [args.steps] * args.repeats, case.generator)
        for name, taken in seconds.items():
            speeds = [args.steps / each for each in taken]
            results.append(Result(case, name, speeds, gap if name == "ours" else 0.0))
    return BENCH.report(args, header(args, device), results)


class OurSteps:
    """The steps of `translate.fit`."""

    def __init__(self, case: Case, pictures: tuple[np.ndarray, np.ndarray], device: torch.device):
        self.device = device
        settings = Settings(generator=case.generator, learning_rate=LEARNING_RATE)
        with prepared(device):
            self.run = Run(pictures, CLASSES, settings, 1_000_000, 0, device)

    def losses(self, steps: int) -> np.ndarray:
        """Do so many steps, and return their losses (steps, terms)."""
        with prepared(self.device):
            for _ in range(steps):
                self.run.advance()
        return self.run.losses(steps)

    def __call__(self, steps: int) -> float:
        """Do so many steps, and return how many seconds they took."""
        with prepared(self.device):
            self.losses(UNTIMED)
            return timed(lambda: self.losses(steps), self.device)[0]


class PlainLoop:
    """The loop of the public PyTorch CycleGAN (Zhu and Park): nothing to make it fast.

    One picture through one net at a time, torch's own norms and optimizers, losses read after
    every step. The nets begin with the same weights, and see the same pictures and pool.
    """

    def __init__(self, run: Run, device: torch.device):
        self.settings, self.device, self.done = run.settings, device, 0
        self.pictures = [torch.from_numpy(np.array(part)) for part in run.pictures]
        nets = {name: plain(net) for name, net in run.networks.named().items()}
        self.nets = Networks(**nets)
        self.generator = torch.Generator().manual_seed(run.seed)
        self.pools: tuple[dict[int, Tensor], dict[int, Tensor]] = ({}, {})
        generators = self.nets.to_second, self.nets.to_first
        judges = self.nets.judge_second, self.nets.judge_first
        self.optimizers = [
            torch.optim.Adam(
                itertools.chain(*(net.parameters() for net in pair)),
                lr=self.settings.learning_rate,
                betas=self.settings.betas,
            )
            for pair in (generators, judges)
        ]

    def losses(self, steps: int) -> np.ndarray:
        """Do so many steps, and return their losses (steps, terms)."""
        return np.array([self.step() for _ in range(steps)])

    def __call__(self, steps: int) -> float:
        """Do so many steps, and return how many seconds they took."""
        self.losses(UNTIMED)
        return timed(lambda: self.losses(steps), self.device)[0]

    def step(self) -> list[float]:
        """Change all weights once, and return the losses."""
        counts = (len(self.pictures[0]), len(self.pictures[1]))
        plan = draw_plan(self.done, counts, self.settings, self.generator).tolist()
        self.done += 1
        first, second = (self.picture(which, plan[which], plan[2 + which]) for which in (0, 1))
        nets, weights = self.nets, self.settings.weights
        judges = (nets.judge_second, nets.judge_first)

        fake_second, fake_first = nets.to_second(first), nets.to_first(second)
        back_first, back_second = nets.to_first(fake_second), nets.to_second(fake_first)
        for judge in judges:
            judge.requires_grad_(False)
        self.optimizers[0].zero_grad()
        identity = losses.identity(nets.to_second(second), second)
        identity = identity + losses.identity(nets.to_first(first), first)
        adversarial = losses.adversarial(nets.judge_second(fake_second), 1.0)
        adversarial = adversarial + losses.adversarial(nets.judge_first(fake_first), 1.0)
        l1, l2, ssim = (
            term(back_first, first) + term(back_second, second)
            for term in (losses.l1, losses.l2, losses.ssim_loss)
        )
        total = adversarial * weights.adversarial + identity * weights.identity
        total = total + l1 * weights.l1 + l2 * weights.l2 + ssim * weights.ssim
        total.backward()
        self.optimizers[0].step()

        for judge in judges:
            judge.requires_grad_(True)
        self.optimizers[1].zero_grad()
        judged = 0.0
        for index, (judge, real, fake) in enumerate(
            zip(judges, (second, first), (fake_second, fake_first), strict=True)
        ):
            fake = self.pooled(index, fake.detach(), plan)
            loss = losses.adversarial(judge(real), 1.0) + losses.adversarial(judge(fake), 0.0)
            (loss * 0.5).backward()
            judged += float(loss.detach()) * 0.5
        self.optimizers[1].step()
        return [float(term.detach()) for term in (adversarial, identity, l1, l2, ssim)] + [judged]

    def picture(self, which: int, row: int, mirrored: int) -> Tensor:
        """Return one picture, float (1, C, H, W) from -1 to 1."""
        picture = self.pictures[which][row : row + 1].to(self.device).float() / 127.5 - 1
        return picture.flip(3) if mirrored else picture

    def pooled(self, index: int, fake: Tensor, plan: list[int]) -> Tensor:
        """Put a generated picture into its pool; return it, or the one that it takes out."""
        pool, place = self.pools[index], plan[4 + index]
        old = pool.get(place, fake)
        if place < self.settings.pool:
            pool[place] = fake
        return old if plan[6 + index] else fake


def plain(net: nn.Module) -> nn.Module:
    """Return a copy with torch's own norms."""
    net = copy.deepcopy(net)
    for parent in list(net.modules()):
        for name, part in list(parent.named_children()):
            norm: nn.Module
            if isinstance(part, networks.BatchNorm):
                norm = nn.BatchNorm2d(part.num_features)
            elif isinstance(part, networks.InstanceNorm):
                norm = nn.InstanceNorm2d(part.num_channels, affine=True)
            else:
                continue
            norm.load_state_dict(part.state_dict())
            setattr(parent, name, norm.to(part.weight.device))
    return net


def header(args: argparse.Namespace, device: torch.device) -> str:
    """Say what was measured, with what and on what."""
    graphs = ", the step recorded as a CUDA graph" if device.type == "cuda" else ""
    return (
        f"CycleGAN, one 48 x 48 face of each class a step, float32; chunks of {args.steps} steps, "
        f"{args.repeats} of each, interleaved\n"
        "peer: the public PyTorch CycleGAN's loop, the same nets and losses, one picture through "
        "one net at a time\n"
        f"ours: what can go through a net together does{graphs}\n"
        f"{shared.machine(device)}\n"
    )
