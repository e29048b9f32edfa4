"""The training: steps of one picture of each class, a run that can go on where it stopped."""

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from fer_utils._arguments import check_array, check_path, shown
from fer_utils._arguments import seed as check_seed
from fer_utils.errors import FerError
from fer_utils.files import make_folder, write, write_json
from fer_utils.locks import LOCK, hold
from fer_utils.models.answers import chosen_device, float32_by_default
from fer_utils.train.cpu import prepared
from fer_utils.train.cuda_graphs import EAGER_STEPS, WARNING, record, waits_for_the_device
from fer_utils.train.optim import linear
from fer_utils.translate import runs
from fer_utils.translate.pair import WEIGHTS, Pair
from fer_utils.translate.settings import FEWEST, SIDES, STEPS, Settings
from fer_utils.translate.sheet import as_png, progress_sheet
from fer_utils.translate.step import TERMS, Networks, Step, draw_plan

#: Steps between two looks at the losses, which wait for a GPU, and between two saved states.
LOOK_EVERY, SAVE_EVERY = 20, 200
#: After which steps a picture is drawn at first; then with every `PICTURE_EVERY`.
EARLY, PICTURE_EVERY = (50, 100, 200), 500
SHOWN = 6


@float32_by_default()
def fit(
    first: np.ndarray,
    second: np.ndarray,
    settings: Settings | None = None,
    *,
    classes: tuple[str, str] = ("first", "second"),
    steps: int = 10_000,
    seed: int = 0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    card: Mapping[str, Any] | None = None,
    on_picture: Callable[[int, np.ndarray], object] | None = None,
) -> Pair:
    """Train two generators on unpaired pictures of two classes; return them.

    A step sees one picture of each class, drawn with replacement. The rate is constant in the
    first half of the steps, and falls evenly to 0 in the second.

    Args:
        first: uint8 (N, C, H, W) of the first class; H = W, a multiple of 4.
        second: of the second class, M others of the same size.
        settings: how to train; `Settings()` unless given.
        classes: what they are called.
        steps: how many.
        seed: of everything random: the same seed gives the same weights on the same machine.
        device: "cpu", "cuda", ...; a GPU where there is one unless named.
        out: folder for the state, from which an interrupted run goes on; `model.safetensors`
            and its card; `history.json`; `progress.png`. Nothing is written without it.
        resume: go on with what is there; else write over it.
        card: what else the pair's card is to say.
        on_picture: called with the number of steps done and the picture of progress, uint8
            (H, W) or (H, W, 3); see `sheet.progress_sheet`.

    Returns:
        the pair. Its `history` has the terms of the losses (see `history`).

    Raises:
        FerError: pictures that do not fit, too few of them, or a folder with another run.
    """
    settings = Settings() if settings is None else settings
    if not isinstance(settings, Settings):
        raise FerError(f"settings={shown(settings)}: expected Settings.")
    check_pictures(first, second, classes)
    STEPS.check("steps", steps)
    seed, device = check_seed(seed), chosen_device(device)
    folder = None if out is None else make_folder(check_path("out", out))
    with prepared(device):
        if folder is None:
            run = Run((first, second), classes, settings, steps, seed, device)
            return _train(run, None, card or {}, on_picture)
        with hold(folder / LOCK):
            run = Run((first, second), classes, settings, steps, seed, device)
            if resume and (saved := runs.load_state(folder / runs.STATE, run.identity)):
                runs.check_device(saved, device, folder)
                run.load(saved)
            return _train(run, folder, card or {}, on_picture)


def check_pictures(first: np.ndarray, second: np.ndarray, classes: tuple[str, str]) -> None:
    """Raise a FerError unless two generators can learn from these pictures."""
    if not (isinstance(classes, tuple | list) and len(classes) == 2 and classes[0] != classes[1]):
        raise FerError(f"classes={shown(classes)}: expected two names that differ.")
    for name, pictures in zip(classes, (first, second), strict=True):
        check_array(str(name), pictures, 4, kinds="u")
        if pictures.dtype != np.uint8:
            raise FerError(f"{name} has pictures of {pictures.dtype}: expected uint8, 0 to 255.")
        if len(pictures) < FEWEST:
            raise FerError(
                f"{name} has {len(pictures)} pictures: a discriminator would know each by heart, "
                f"so give {FEWEST} or more."
            )
    channels = [pictures.shape[1] for pictures in (first, second)]
    if channels[0] != channels[1] or channels[0] not in (1, 3):
        raise FerError(
            f"{classes[0]} has pictures of {channels[0]} channels and {classes[1]} of "
            f"{channels[1]}: give both in grey (1) or both in colour (3)."
        )
    sides = {pictures.shape[2:] for pictures in (first, second)}
    side = first.shape[2]
    if len(sides) > 1 or sides != {(side, side)} or side not in SIDES or side % 4:
        found = " and ".join(f"{height} x {width}" for height, width in sorted(sides))
        raise FerError(
            f"the pictures are {found} pixels: give squares of one size, {SIDES.low} to "
            f"{SIDES.high} pixels and a multiple of 4."
        )


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
        pairs = ((nets.to_second, nets.to_first), (nets.judge_second, nets.judge_first))
        self.optimizers = tuple(
            self._adam([*one.parameters(), *two.parameters()]) for one, two in pairs
        )
        self.step = Step(
            nets,
            settings,
            tuple(torch.from_numpy(np.array(part)).to(device) for part in pictures),
            self.optimizers,
            torch.zeros(steps, len(TERMS), device=device),
        )
        self.recorded: Callable[[Tensor], None] | None = None
        self.eager_steps = 0

    def _adam(self, weights: list[Tensor]) -> torch.optim.Adam:
        rate: float | Tensor = self.settings.learning_rate
        on_gpu = self.device.type == "cuda"
        if on_gpu:  # a recorded step reads the rate from its place in memory
            rate = torch.tensor(rate, device=self.device)
        betas = tuple(self.settings.betas)
        return torch.optim.Adam(weights, lr=rate, betas=betas, fused=True, capturable=on_gpu)

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
        self._carry_out(plan.to(self.device))
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

    def losses(self) -> np.ndarray:
        """Return the `TERMS` of the steps that were done: (steps, terms)."""
        return self.step.log[: self.done].cpu().numpy()

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
            "pictures": {
                name: len(part) for name, part in zip(self.classes, self.pictures, strict=True)
            },
            "torch": torch.__version__.split("+")[0],
        }
        generators = dict(zip(self.classes, (nets.to_first, nets.to_second), strict=True))
        size = self.pictures[0].shape[2]
        return Pair(tuple(self.classes), size, generators, {**card, **about})


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


def _train(
    run: Run,
    folder: Path | None,
    card: Mapping[str, Any],
    on_picture: Callable[[int, np.ndarray], object] | None,
) -> Pair:
    """Do the steps that are left."""
    name = f"{run.classes[0]} <-> {run.classes[1]}"
    with tqdm(total=run.steps, initial=run.done, desc=name, unit="step") as bar:
        while run.done < run.steps:
            run.advance()
            bar.update()
            last = run.done == run.steps
            if run.done % LOOK_EVERY == 0 or last:
                means = run.losses()[-LOOK_EVERY:].mean(0)
                if not np.isfinite(means).all():
                    raise FerError(
                        f"the losses are no numbers any more after {run.done} steps: take a lower "
                        f"learning rate than {run.settings.learning_rate:g}."
                    )
                bar.set_postfix(
                    {term: f"{mean:.3f}" for term, mean in zip(TERMS, means, strict=True)}
                )
            pictured = run.done in EARLY or run.done % PICTURE_EVERY == 0 or last
            if pictured and (folder is not None or on_picture is not None):
                sheet = _progress(run, card)
                if on_picture is not None:
                    on_picture(run.done, sheet)
                if folder is not None:
                    write(folder / runs.PROGRESS, as_png(sheet))
            if folder is not None and (run.done % SAVE_EVERY == 0 or last):
                save(run, folder, card)
    pair = run.pair(card)
    pair.history = history(run.losses())
    return pair


def save(run: Run, folder: Path, card: Mapping[str, Any]) -> None:
    """Write the state, the generators so far, and the history of the losses."""
    pair = run.pair(card)
    pair.save(folder / WEIGHTS)
    write_json(folder / runs.HISTORY, {"run": run.identity, "losses": history(run.losses())})
    # the state comes last: a run that is killed before it goes on from the one before
    runs.save_state(folder / runs.STATE, run.state(), run.identity)


def history(losses: np.ndarray, rows: int = 500) -> dict[str, list]:
    """Return the terms of the losses as means over some steps, at most so many rows.

    Args:
        losses: (steps, terms).
        rows: how many at most.

    Returns:
        "step" (the last of each) and the `TERMS` -> values.
    """
    each = max(LOOK_EVERY, math.ceil(len(losses) / rows))
    ends = list(range(each, len(losses) + 1, each))
    means = [losses[end - each : end].mean(0).round(5).tolist() for end in ends]
    columns = {term: [row[index] for row in means] for index, term in enumerate(TERMS)}
    return {"step": ends, **columns}


def _progress(run: Run, card: Mapping[str, Any]) -> np.ndarray:
    """Draw the picture of progress: the first pictures of each class, translated and back."""
    pair = run.pair(card)
    samples = [part[:: max(1, len(part) // SHOWN)][:SHOWN] for part in run.pictures]
    return progress_sheet(pair, *samples)


def _digest(pictures: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pictures).data).hexdigest()[:16]
