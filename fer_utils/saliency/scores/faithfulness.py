"""Is the map true to the net? Change what the map says matters, and ask the net again.

These scores say whether the net behaves as the map says, not whether the net is right, and they
ask the net about pictures that it has never seen the like of: a face with black dots.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan

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
from fer_utils.saliency.scores.values import Curve, Score, as_map, is_flat
from fer_utils.saliency.windows import baseline

Image = np.ndarray | Tensor
Target = int | str | None


def deletion(
    net: nn.Module,
    image: Image,
    values: np.ndarray,
    target: Target = None,
    *,
    steps: int = 48,
    fill: str | float = "black",
    chance: int = 4,
    seed: int = 0,
) -> Curve:
    """Paint over the pixels, those the map puts highest first: how fast does the answer fall?

    Lower is better. Single black pixels disturb a net more than black patches, so a map that is
    all dots gets a low area whatever it shows: compare with `chance`, which is of the same grain.
    Source: Petsiuk et al., "RISE" (2018), section 4.2.

    Args:
        net: from pictures to logits; left as it was.
        image: the picture the map was made of.
        values: the map, (H, W). Equal values come in random order.
        target: class index or name; None takes the predicted one.
        steps: in which all pixels are painted over.
        fill: the baseline, as in `saliency.occlusion`.
        chance: copies of the map, moved around the picture at random, whose mean area is
            `Score.chance`; 0 leaves it out.
        seed: of moves and orders.

    Raises:
        FerError: a map of another size than the picture, and as `saliency.attribute`.
    """
    with _asked(net, image, values, target, fill, seed) as ask:
        return ask.curve(ask.picture, ask.baseline, steps, chance, "lower")


def insertion(
    net: nn.Module,
    image: Image,
    values: np.ndarray,
    target: Target = None,
    *,
    steps: int = 48,
    fill: str | float = "blur",
    chance: int = 4,
    seed: int = 0,
) -> Curve:
    """Show the pixels, those the map puts highest first: how fast does the answer rise?

    Higher is better. Starts from the blurred picture. Source and arguments as for `deletion`.

    Raises:
        FerError: see `deletion`.
    """
    with _asked(net, image, values, target, fill, seed) as ask:
        return ask.curve(ask.baseline, ask.picture, steps, chance, "higher")


def sensitivity_n(
    net: nn.Module,
    image: Image,
    values: np.ndarray,
    n: int | None = None,
    target: Target = None,
    *,
    samples: int = 100,
    fill: str | float = "black",
    seed: int = 0,
) -> Score:
    """Return how well the map's sum over random pixels foretells the drop of the logit.

    Pearson's correlation over random sets of n pixels that are painted over. Source: Ancona et
    al., "Towards better understanding of gradient-based attribution methods" (2018), section 4.
    There are `samples` sets; n of None takes a tenth of the pixels. The other arguments are those
    of `deletion`.

    Raises:
        FerError: n is not between 1 and the number of pixels less one, fewer than 3 samples, and
            as `deletion`.
    """
    from scipy import stats  # half a second: only who asks for it waits

    with _asked(net, image, values, target, fill, seed) as ask:
        count = ask.values.size
        n = max(1, count // 10) if n is None else positive(n, "n")
        if n >= count:
            raise FerError(f"n={n}: fewer than the {count} pixels of the picture, please.")
        samples = positive(samples, "samples", least=3)
        sets = ask.random.random((samples, count)).argsort(1)[:, :n]
        masks = np.zeros((samples, count), bool)
        np.put_along_axis(masks, sets, True, 1)
        sums = ask.values.ravel()[sets].sum(1)
        drops = ask.logit(ask.picture) - ask.logits(masks, ask.picture, ask.baseline)
    for name, numbers in (("map's sums", sums), ("drops of the logit", drops)):
        if is_flat(numbers):
            return Score(nan, note=f"the {name} are all the same, so nothing correlates")
    return Score(float(stats.pearsonr(sums, drops).statistic), 0.0)


def infidelity(
    net: nn.Module,
    image: Image,
    values: np.ndarray,
    target: Target = None,
    *,
    window: int | None = None,
    samples: int = 100,
    fill: str | float = "black",
    seed: int = 0,
) -> Score:
    """Return the mean squared error of the map's sum over a square as the drop of the logit.

    Lower is better. captum's measure, normalised: the map is first multiplied by the number that
    suits it best, so that maps of any unit compare (a map of the wrong sign is forgiven). `chance`
    is what a flat map gets. Source: Yeh et al., "On the (in)fidelity and
    sensitivity of explanations" (2019), with their removal of squares. There are `samples` squares
    with a side of `window`; None takes a sixth of the picture's. The other arguments are those of
    `deletion`.

    Raises:
        FerError: see `deletion`.
    """
    from captum import metrics  # a second: only who asks for it waits

    with _asked(net, image, values, target, fill, seed) as ask:
        height, width = ask.values.shape
        samples = positive(samples, "samples")
        side = window_side(ask.picture) if window is None else positive(window, "window")
        if side > min(height, width):
            raise FerError(f"window={window}: the picture is only {height}x{width} pixels.")
        tops = ask.random.integers(0, height - side + 1, samples)
        lefts = ask.random.integers(0, width - side + 1, samples)
        masks = np.zeros((samples, 1, height, width), bool)
        for mask, top, left in zip(masks, tops, lefts, strict=True):
            mask[0, top : top + side, left : left + side] = True
        squares = torch.from_numpy(masks).to(ask.picture.device)

        def remove(pictures: Tensor) -> tuple[Tensor, Tensor]:
            covered = torch.where(squares, ask.baseline, ask.picture)
            return squares.expand_as(covered).to(covered), covered

        shown = torch.from_numpy(ask.values).to(ask.picture)
        shown = (shown / ask.picture.shape[1]).expand_as(ask.picture)
        errors = [
            metrics.infidelity(
                ask.many, remove, ask.picture, values, n_perturb_samples=samples, normalize=True
            ).item()
            for values in (shown, torch.ones_like(shown))
        ]
    if not ask.values.any():
        return Score(nan, errors[1], "lower", "the map is 0 everywhere")
    return Score(errors[0], errors[1], "lower")


@dataclass(eq=False)
class _Question:
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
        return self._all(pictures.split(self.chunk))[:, self.index]

    def logit(self, picture: Tensor) -> float:
        return float(self.many(picture)[0])

    def logits(self, masks: np.ndarray, outside: Tensor, inside: Tensor) -> np.ndarray:
        """Return the target's logits with `inside` shown where a mask (n, H * W) is True."""
        return self._masked(masks, outside, inside)[:, self.index].cpu().double().numpy()

    def curve(self, start: Tensor, end: Tensor, steps: int, chance: int, better: str) -> Curve:
        """Go from one picture to the other, the map's highest pixels first."""
        count = self.values.size
        steps, chance = min(positive(steps, "steps"), count), positive(chance, "chance", least=0)
        numbers = np.unique(np.linspace(0, count, steps + 1).round().astype(int))
        shares = numbers / count
        moved = [self._moved() for _ in range(chance)]
        curves = [self._answers(values, numbers, start, end) for values in (self.values, *moved)]
        areas = [float(np.trapezoid(answers, shares)) for answers in curves]
        mean = float(np.mean(areas[1:])) if chance else nan
        return Curve(areas[0], mean, better, shares=shares, answers=curves[0])

    def _moved(self) -> np.ndarray:
        steps = [int(self.random.integers(side)) for side in self.values.shape]
        return np.roll(self.values, steps, (0, 1))

    def _answers(
        self, values: np.ndarray, numbers: np.ndarray, start: Tensor, end: Tensor
    ) -> np.ndarray:
        # rank[i] is the place of pixel i from the highest value on, ties in random order; a step
        # that shows n pixels shows those of a rank below n
        flat = values.ravel()
        rank = np.empty(flat.size, int)
        rank[np.lexsort((self.random.random(flat.size), -flat))] = np.arange(flat.size)
        logits = self._masked(rank < numbers[:, None], start, end)
        return logits.softmax(1)[:, self.index].cpu().double().numpy()

    def _masked(self, masks: np.ndarray, outside: Tensor, inside: Tensor) -> Tensor:
        shape = (-1, 1, *self.picture.shape[-2:])
        parts = torch.from_numpy(masks).view(shape).to(self.picture.device).split(self.chunk)
        return self._all(torch.where(part, inside, outside) for part in parts)

    def _all(self, batches: Iterable[Tensor]) -> Tensor:
        with torch.inference_mode():
            return torch.cat([self.fast(batch).float() for batch in batches])


@contextmanager
def _asked(
    net: nn.Module, image: Image, values: np.ndarray, target: Target, fill: str | float, seed: int
) -> Iterator[_Question]:
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
            yield _Question(fast, picture, shown, values, index, chunk_size(net, picture), random)
