"""A run of a training: what changes in it from step to step, and how a step is carried out."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fer_utils.train.cuda_graphs import EAGER_STEPS, WARNING, record, waits_for_the_device
from fer_utils.train.optim import linear
from fer_utils.translate.pair import Pair
from fer_utils.translate.settings import Settings
from fer_utils.translate.step import TERMS, Networks, Step, draw_plan


class Run:
    """A run: networks, optimizers, random numbers, and how far it is.

    Attributes:
        identity: what must be the same for a state to go on.
        done: steps that were done.
    """

    def __init__(
        self,
        pictures: tuple[np.ndarray, np.ndarray],
        classes: tuple[str, str],
        settings: Settings,
        steps: int,
        seed: int,
        device: torch.device,
    ):
        self.pictures, self.classes, self.settings, self.steps = pictures, classes, settings, steps
        self.device, self.seed, self.done = device, seed, 0
        self.identity = {
            "classes": list(classes),
            "pictures": [[len(part), _digest(part)] for part in pictures],
            "settings": settings.as_dict(),
            "steps": steps,
            "seed": seed,
        }
        torch.manual_seed(seed)  # `prepared` puts torch's random numbers back
        self.generator = torch.Generator().manual_seed(seed)
        self.networks = Networks.create(settings, pictures[0].shape[1])
        for net in self.networks.named().values():
            net.to(device).train()
        nets = self.networks
        self.optimizers = (
            self._adam([*nets.to_second.parameters(), *nets.to_first.parameters()]),
            self._adam([*nets.judge_second.parameters(), *nets.judge_first.parameters()]),
        )
        first, second = (torch.from_numpy(np.array(part)).to(device) for part in pictures)
        log = torch.zeros(steps, len(TERMS), device=device)
        self.step = Step(nets, settings, (first, second), self.optimizers, log)
        self.recorded: Callable[[Tensor], None] | None = None
        self.eager_steps = 0

    def _adam(self, weights: list[Tensor]) -> torch.optim.Adam:
        rate: float | Tensor = self.settings.learning_rate
        on_gpu = self.device.type == "cuda"
        if on_gpu:  # a recorded step reads the rate from its place in memory
            rate = torch.tensor(rate, device=self.device)
        return torch.optim.Adam(weights, rate, self.settings.betas, fused=True, capturable=on_gpu)

    def advance(self) -> None:
        """Do one step."""
        rate = self.settings.learning_rate * linear(self.done, self.steps)
        for optimizer in self.optimizers:
            group = optimizer.param_groups[0]
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        counts = (len(self.pictures[0]), len(self.pictures[1]))
        plan = draw_plan(self.done, counts, self.settings, self.generator)
        if self.device.type == "cuda":  # from pinned memory nobody waits for the copy
            plan = plan.pin_memory().to(self.device, non_blocking=True)
        self._carry_out(plan)
        self.done += 1

    def _carry_out(self, plan: Tensor) -> None:
        """Run the step, on a GPU from a CUDA graph after some steps in torch's usual way."""
        if self.recorded is not None:
            self.recorded(plan)
        elif self.device.type != "cuda" or self.eager_steps != EAGER_STEPS:
            self.step(plan)
        elif waits_for_the_device(lambda: self.step(plan)):
            warnings.warn(f"{WARNING}it waits for the GPU", stacklevel=2)
        else:
            try:
                self.recorded = recorded(self.step, plan)
            except RuntimeError as problem:
                warnings.warn(WARNING + str(problem).partition("\n")[0], stacklevel=2)
        self.eager_steps += 1

    def losses(self, last: int | None = None) -> np.ndarray:
        """Return the `TERMS` of all steps that were done, or the last: (steps, terms)."""
        start = 0 if last is None else max(0, self.done - last)
        return self.step.log[start : self.done].cpu().numpy()

    def state(self) -> dict[str, Tensor]:
        """Return everything that changes, by name."""
        tensors = {
            f"{name}.{key}": value
            for name, net in self.networks.named().items()
            for key, value in net.state_dict().items()
        }
        for index, optimizer in enumerate(self.optimizers):
            for number, values in optimizer.state_dict()["state"].items():
                tensors |= {f"adam.{index}.{number}.{key}": v for key, v in values.items()}
        tensors["pool"], tensors["log"] = self.step.pool, self.step.log[: self.done]
        tensors["random.plan"] = self.generator.get_state()
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go back to an earlier state."""
        for name, net in self.networks.named().items():
            start = f"{name}."
            net.load_state_dict(
                {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            )
        for index, optimizer in enumerate(self.optimizers):
            start, state = f"adam.{index}.", optimizer.state_dict()
            for key, value in tensors.items():
                if key.startswith(start):
                    number, _, name = key.removeprefix(start).partition(".")
                    state["state"].setdefault(int(number), {})[name] = value
            optimizer.load_state_dict(state)
        self.done = len(tensors["log"])
        self.step.pool.copy_(tensors["pool"])
        self.step.log[: self.done].copy_(tensors["log"])
        self.generator.set_state(tensors["random.plan"])
        torch.set_rng_state(tensors["random.cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)

    def pair(self, card: Mapping[str, Any]) -> Pair:
        """Return the generators as they are now, with their card."""
        settings, nets = self.settings, self.networks
        net = {
            "generator": settings.generator,
            "channels": self.pictures[0].shape[1],
            "filters": settings.filters,
            "blocks": settings.blocks,
        }
        about = {
            "net": net,
            "steps": self.done,
            "of": self.steps,
            "settings": settings.as_dict(),
            "seed": self.seed,
            "pictures": {self.classes[k]: len(self.pictures[k]) for k in (0, 1)},
            "torch": torch.__version__.split("+")[0],
        }
        generators = dict(zip(self.classes, (nets.to_first, nets.to_second), strict=True))
        size = self.pictures[0].shape[2]
        return Pair(self.classes, size, generators, {**card, **about})


def recorded(step: Step, plan: Tensor) -> Callable[[Tensor], None]:
    """Record a step as a CUDA graph, and return what replays it with another plan.

    The recording itself computes nothing. A plan of one's own is copied to the place that the
    kernels read, before they are launched all together.
    """
    place = plan.clone()
    # nothing in the step draws from it: `record` wants one, torch's own are known to the graph
    replay = record(lambda: step(place), torch.Generator(plan.device))

    def run(now: Tensor) -> None:
        place.copy_(now)
        replay()

    return run


def _digest(pictures: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pictures).data).hexdigest()[:16]
