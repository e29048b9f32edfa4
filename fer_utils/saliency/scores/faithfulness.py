"""Is the map true to the net? Change what the map says matters, and ask the net again.

These scores say whether the net behaves as the map says, not whether the net is right, and they
ask the net about pictures that it has never seen the like of: a face with black dots.
"""

from collections.abc import Iterator
from math import nan

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import number
from fer_utils.errors import FerError
from fer_utils.saliency.methods import positive, window_side
from fer_utils.saliency.scores.asking import Image, Target, asked
from fer_utils.saliency.scores.imputation import impute
from fer_utils.saliency.scores.values import Curve, Score, is_flat


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
    with asked(net, image, values, target, fill, seed) as ask:
        return ask.curve(ask.mixing(ask.picture, ask.baseline), steps, chance, "lower")


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
    with asked(net, image, values, target, fill, seed) as ask:
        return ask.curve(ask.mixing(ask.baseline, ask.picture), steps, chance, "higher")


def road(
    net: nn.Module,
    image: Image,
    values: np.ndarray,
    target: Target = None,
    *,
    steps: int = 10,
    noise: float = 0.01,
    chance: int = 4,
    seed: int = 0,
) -> Curve:
    """Guess pixels from their neighbors, those the map puts highest first: does the answer fall?

    Lower is better. As `deletion`, but what is removed leaves no black dots, whose shape alone
    would tell a net where it was: each removed pixel becomes the weighted mean of its neighbors,
    removed ones included, with a little noise. The last step, where none would be left, is left
    out. Source: Rong et al., "A consistent and efficient evaluation strategy for attribution
    methods" (2022): ROAD, noisy linear imputation. `noise` is its standard deviation; the other
    arguments are those of `deletion`. quantus's ROAD counts for many faces how often the label
    stays; here it is the probability, of one.

    Raises:
        FerError: see `deletion`.
    """
    noise = number("noise", noise, 0)
    with asked(net, image, values, target, "black", seed) as ask:
        picture = ask.picture[0].double().cpu().numpy()

        def show(masks: np.ndarray) -> Iterator[Tensor]:
            for part in np.split(masks, range(ask.chunk, len(masks), ask.chunk)):
                hidden = part.reshape(-1, *picture.shape[1:])
                guessed = [impute(picture, one, noise, ask.random) for one in hidden]
                yield torch.from_numpy(np.stack(guessed)).to(ask.picture)

        return ask.curve(show, positive(steps, "steps", least=2), chance, "lower", last=False)


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

    with asked(net, image, values, target, fill, seed) as ask:
        count = ask.values.size
        n = max(1, count // 10) if n is None else positive(n, "n")
        if n >= count:
            raise FerError(f"n={n}: fewer than the {count} pixels of the picture, please.")
        samples = positive(samples, "samples", least=3)
        sets = ask.random.random((samples, count)).argsort(1)[:, :n]
        masks = np.zeros((samples, count), bool)
        np.put_along_axis(masks, sets, True, 1)
        sums = ask.values.ravel()[sets].sum(1)
        covered = ask.logits(ask.mixing(ask.picture, ask.baseline)(masks))[:, ask.index]
        drops = float(ask.many(ask.picture)[0]) - covered.cpu().double().numpy()
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

    with asked(net, image, values, target, fill, seed) as ask:
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
