"""A net that is asked again and again about changed copies of one picture."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import seed as check_seed
from fer_utils.errors import FerError
from fer_utils.models.answers import class_index
from fer_utils.saliency._engines.batched import chunk_size
from fer_utils.saliency._engines.fold import fast_copy
from fer_utils.saliency.attributions import answer, differentiating
from fer_utils.saliency.methods import positive, window_side
from fer_utils.saliency.occlusion import on_device
from fer_utils.saliency.scores.values import Curve, as_map
from fer_utils.saliency.windows import baseline

Image: TypeAlias = np.ndarray | Tensor
Target: TypeAlias = int | str | None
#: From masks (n, H * W) to batches of pictures, n in all.
Show: TypeAlias = Callable[[np.ndarray], Iterator[Tensor]]


@dataclass(eq=False)
class Question:
    """A net that is being asked about changed copies of one picture.

    Attributes:
        fast: the net, or a copy that answers faster.
        picture: (1, C, H, W).
        baseline: of the same shape, what is shown where a mask covers it.
        values: the map, float64 (H, W).
        index: of the target.
        chunk: pictures per forward pass.
        random: generator for everything drawn.
    """

    fast: nn.Module
    picture: Tensor
    baseline: Tensor
    values: np.ndarray
    index: int
    chunk: int
    random: np.random.Generator

    def many(self, pictures: Tensor) -> Tensor:
        """Return the target's logits (N,) of pictures (N, C, H, W)."""
        return self.logits(pictures.split(self.chunk))[:, self.index]

    def logits(self, batches: Iterable[Tensor]) -> Tensor:
        """Return all classes' logits (N, K) of batches of pictures."""
        with torch.inference_mode():
            return torch.cat([self.fast(batch).float() for batch in batches])

    def mixing(self, outside: Tensor, inside: Tensor) -> Show:
        """Return what shows one picture where a mask is True and another where it is not."""

        def show(masks: np.ndarray) -> Iterator[Tensor]:
            shape = (-1, 1, *self.picture.shape[-2:])
            parts = torch.from_numpy(masks).view(shape).to(self.picture.device).split(self.chunk)
            return (torch.where(part, inside, outside) for part in parts)

        return show

    def curve(self, show: Show, steps: int, chance: int, better: str, last: bool = True) -> Curve:
        """Show more and more of the map's pixels, the highest first; all of them at the last."""
        count = self.values.size
        steps, chance = min(positive(steps, "steps"), count), positive(chance, "chance", least=0)
        numbers = np.unique(np.linspace(0, count, steps + 1).round().astype(int))
        numbers = numbers if last else numbers[:-1]
        shares = numbers / count
        moved = [self._moved() for _ in range(chance)]
        curves = [self._answers(values, numbers, show) for values in (self.values, *moved)]
        areas = [float(np.trapezoid(answers, shares) / shares[-1]) for answers in curves]
        mean = float(np.mean(areas[1:])) if chance else nan
        return Curve(areas[0], mean, better, shares=shares, answers=curves[0])

    def _moved(self) -> np.ndarray:
        steps = [int(self.random.integers(side)) for side in self.values.shape]
        return np.roll(self.values, steps, (0, 1))

    def _answers(self, values: np.ndarray, numbers: np.ndarray, show: Show) -> np.ndarray:
        # rank[i] is the place of pixel i from the highest value on, ties in random order; a step
        # that shows n pixels shows those of a rank below n
        flat = values.ravel()
        rank = np.empty(flat.size, int)
        rank[np.lexsort((self.random.random(flat.size), -flat))] = np.arange(flat.size)
        logits = self.logits(show(rank < numbers[:, None]))
        return logits.softmax(1)[:, self.index].cpu().double().numpy()


@contextmanager
def asked(
    net: nn.Module, image: Image, values: np.ndarray, target: Target, fill: str | float, seed: int
) -> Iterator[Question]:
    """Lend the question about one map; arguments and errors as for `faithfulness.deletion`."""
    values, seed = as_map(values), check_seed(seed)
    with differentiating(net), torch.no_grad():
        picture = on_device(net, image)
        if tuple(picture.shape[-2:]) != values.shape:
            size = tuple(picture.shape[-2:])
            raise FerError(f"a map of {values.shape} does not fit a picture of {size}.")
        clean, classes = answer(net, picture)
        index = class_index(classes, clean, target)
        side = window_side(picture)
        shown = baseline(picture, fill, (side, side), seed)
        with fast_copy(net, picture) as fast:
            random = np.random.default_rng(seed)
            yield Question(fast, picture, shown, values, index, chunk_size(net, picture), random)
