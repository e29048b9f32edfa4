"""One step of a CycleGAN: the generators learn, then the discriminators.

Everything that changes from step to step is one small tensor, drawn on the CPU (`draw_plan`): on a
GPU the step is the same kernels at the same places each time, and can be recorded as a CUDA graph.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fer_utils.translate import losses
from fer_utils.translate.networks import KINDS, Discriminator
from fer_utils.translate.settings import Settings

#: What is written down of every step, the two directions added.
TERMS = ("adversarial", "identity", "l1", "l2", "ssim", "discriminator")


@dataclass(frozen=True)
class Networks:
    """Two generators and two discriminators, named after the class they draw or judge."""

    to_second: nn.Module
    to_first: nn.Module
    judge_second: nn.Module
    judge_first: nn.Module

    @classmethod
    def create(cls, settings: Settings, channels: int) -> "Networks":
        """Return new ones, drawn from torch's random numbers."""
        kind, norm = KINDS[settings.generator]
        size = (channels, settings.filters, settings.blocks, settings.dropout)
        judges = [Discriminator(channels, settings.filters, norm) for _ in range(2)]
        return cls(kind(*size), kind(*size), *judges)  # type: ignore[arg-type]  # blocks is no None

    def named(self) -> dict[str, nn.Module]:
        """Return them by name."""
        return dict(vars(self))


def draw_plan(
    done: int, counts: tuple[int, int], settings: Settings, generator: torch.Generator
) -> Tensor:
    """Draw what a step does: int64 (13,).

    In turn: row of the first class and of the second; whether each is mirrored; the place in
    the pool for the generated second and first; whether what lies there is taken out; the
    targets of real second, generated second, real first, generated first; how many steps were
    done.

    Args:
        done: how many steps were done.
        counts: pictures of the first class and of the second.
        settings: of the run.
        generator: where the random numbers come from, twelve a step.
    """
    random = torch.rand(12, dtype=torch.float64, generator=generator).tolist()
    rows = [int(value * count) for value, count in zip(random[:2], counts, strict=True)]
    mirrored = [int(settings.mirror and value < 0.5) for value in random[2:4]]
    # Shrivastava et al. (2017): the pool fills up first; then each picture takes the place of
    # another every second time, which is shown instead of it. The place after the last is for
    # what is not kept.
    full, places, taken = done >= settings.pool, [], []
    for value, where in zip(random[4:6], random[6:8], strict=True):
        taken.append(int(full and value < 0.5))
        inside = int(where * settings.pool) if full else done
        places.append(inside if taken[-1] or not full else settings.pool)
    real = int(not settings.flip_labels)
    wrong = [value < settings.random_flips for value in random[8:12]]
    targets = [value ^ flip for value, flip in zip((real, 1 - real) * 2, wrong, strict=True)]
    return torch.tensor([*rows, *mirrored, *places, *taken, *targets, done])


class Step:
    """A step, on pictures and a pool that lie on the device.

    Attributes:
        pictures: uint8 (N, C, H, W) of the first class and of the second.
        pool: generated pictures (2, places + 1, C, H, W), second then first.
        log: the `TERMS` of every step, (steps, terms).
    """

    def __init__(
        self,
        networks: Networks,
        settings: Settings,
        pictures: tuple[Tensor, Tensor],
        optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
        log: Tensor,
    ):
        self.networks, self.settings, self.pictures = networks, settings, pictures
        self.optimizers, self.log = optimizers, log
        shape = (2, settings.pool + 1, *pictures[0].shape[1:])
        self.pool = torch.zeros(shape, device=log.device)
        self.judge_weights = [
            weight
            for judge in (networks.judge_second, networks.judge_first)
            for weight in judge.parameters()
        ]

    def __call__(self, plan: Tensor) -> None:
        """Change all weights once, as a plan on the device says."""
        first = self.picture(0, plan[0:1], plan[2])
        second = self.picture(1, plan[1:2], plan[3])
        terms, fakes = self.learn_to_generate(first, second)
        judged = self.learn_to_judge(second, first, fakes, plan)
        values = torch.stack([*terms, judged.detach()])
        self.log.index_copy_(0, plan[12:13], values[None])

    def picture(self, which: int, row: Tensor, mirrored: Tensor) -> Tensor:
        """Return one picture, float (1, C, H, W) from -1 to 1."""
        picture = self.pictures[which].index_select(0, row).float() / 127.5 - 1
        return torch.where(mirrored.bool(), picture.flip(3), picture)

    def learn_to_generate(self, first: Tensor, second: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Change the generators; return the terms, and the second and first they generated."""
        nets, weights = self.networks, self.settings.weights
        optimizer = self.optimizers[0]
        optimizer.zero_grad(set_to_none=True)
        for weight in self.judge_weights:
            weight.requires_grad_(False)
        # Every picture is normed by itself, so what is translated and what should stay the same
        # go through a generator together.
        fake_second, same_second = nets.to_second(torch.cat([first, second])).split(1)
        fake_first, same_first = nets.to_first(torch.cat([second, first])).split(1)
        back_first, back_second = nets.to_first(fake_second), nets.to_second(fake_first)
        real = float(not self.settings.flip_labels)
        adversarial = losses.adversarial(nets.judge_second(fake_second), real)
        adversarial = adversarial + losses.adversarial(nets.judge_first(fake_first), real)
        identity = losses.identity(same_second, second) + losses.identity(same_first, first)
        l1, l2, ssim = (
            term(back_first, first) + term(back_second, second)
            for term in (losses.l1, losses.l2, losses.ssim_loss)
        )
        terms = [adversarial, identity, l1, l2, ssim]
        shares = (getattr(weights, name) for name in TERMS[:5])
        torch.stack(
            [share * term for share, term in zip(shares, terms, strict=True)]
        ).sum().backward()
        optimizer.step()
        return [term.detach() for term in terms], [fake_second.detach(), fake_first.detach()]

    def learn_to_judge(
        self, second: Tensor, first: Tensor, fakes: list[Tensor], plan: Tensor
    ) -> Tensor:
        """Change the discriminators; return their loss."""
        optimizer = self.optimizers[1]
        for weight in self.judge_weights:
            weight.requires_grad_(True)
        optimizer.zero_grad(set_to_none=True)
        nets, targets = self.networks, plan[8:12].float()
        loss = torch.zeros((), device=plan.device)
        for index, (judge, real) in enumerate(
            ((nets.judge_second, second), (nets.judge_first, first))
        ):
            fake = self.pooled(index, fakes[index], plan)
            judged_real, judged_fake = judge(torch.cat([real, fake])).split(1)
            # halved, so that the discriminators learn more slowly than the generators
            loss = loss + losses.adversarial(judged_real, targets[2 * index]) / 2
            loss = loss + losses.adversarial(judged_fake, targets[2 * index + 1]) / 2
        loss.backward()
        optimizer.step()
        return loss

    def pooled(self, index: int, fake: Tensor, plan: Tensor) -> Tensor:
        """Put a generated picture into its pool; return it, or the one that it takes out."""
        place = plan[4 + index : 5 + index]
        old = self.pool[index].index_select(0, place)
        self.pool[index].index_copy_(0, place, fake)
        return torch.where(plan[6 + index].bool(), old, fake)
