"""Sanity checks of the method itself: does its map change when the net does, and only then?

A method whose map stays the same while the net forgets all it has learnt draws the picture, not
the net. A method whose map changes while the picture hardly does cannot be read.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import choice, number
from fer_utils._arguments import seed as check_seed
from fer_utils.errors import FerError
from fer_utils.models.answers import class_index, evaluating
from fer_utils.saliency.attributions import answer, attribute, differentiating
from fer_utils.saliency.gradients import run_hooked
from fer_utils.saliency.methods import METHODS, positive
from fer_utils.saliency.occlusion import on_device
from fer_utils.saliency.scores.truth import rank_correlation
from fer_utils.saliency.scores.values import Score, as_map, no_numbers

Image = np.ndarray | Tensor
#: A name of `saliency.METHODS`, or a function from (net, picture, index of the class) to a map.
Method = str | Callable[[nn.Module, Tensor, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Cascade(Score):
    """How a map changes while a net forgets, from its last layer to its first.

    The value is the rank correlation at the end, when nothing is left of the training.

    Attributes:
        layers: at each stage, the name of the lowest layer that is random by then.
        correlations: float (stages,), Spearman's with the map of the trained net; nan where the
            map is the same everywhere.
        similarities: float (stages,), `similarity` with that map.
        maps: (stages, H, W).
    """

    layers: tuple[str, ...] = ()
    correlations: np.ndarray = field(default_factory=no_numbers)
    similarities: np.ndarray = field(default_factory=no_numbers)
    maps: np.ndarray = field(default_factory=no_numbers)


def randomization(
    net: nn.Module,
    image: Image,
    method: Method,
    target: int | str | None = None,
    *,
    stages: int = 6,
    seed: int = 0,
    **options: object,
) -> Cascade:
    """Make a net forget layer by layer, from the last to the first, and draw its map each time.

    Near 0 is good; near 1, the map does not depend on what the net has learnt. The target stays
    the same. Source: Adebayo et al., "Sanity checks for saliency maps" (2018), cascading
    randomization. They draw new first weights; here the numbers of each weight tensor are
    shuffled, which keeps their size, so that the net's answers do not vanish or explode.

    Args:
        net: from pictures to logits; a copy of it is randomised.
        image: the picture.
        method: to check.
        target: class index or name; None takes the one the trained net predicts.
        stages: number of stages; the first takes the last layer alone, the others share the rest.
        seed: of the shuffling, and of the method.
        options: of the method.

    Raises:
        FerError: a net without weights or that cannot be copied; and as `saliency.attribute`.
    """
    stages, seed = positive(stages, "stages"), check_seed(seed)
    index = predicted(net, image, target)
    first = _map(net, image, method, index, seed, options)
    random_net = _copy(net)
    groups = _groups(random_net, image, stages)
    generator = torch.Generator().manual_seed(seed)
    maps = []
    for group in groups:
        for _, module in group:
            _forget(module, generator)
        maps.append(_map(random_net, image, method, index, seed, options))
    correlations = [rank_correlation(values, first) for values in maps]
    return Cascade(
        value=correlations[-1].value,
        chance=0.0,
        better="lower",
        note=correlations[-1].note.replace("change from neutral", "trained net's map"),
        layers=tuple(group[-1][0] for group in groups),
        correlations=np.array([score.value for score in correlations]),
        similarities=np.array([similarity(values, first) for values in maps]),
        maps=np.stack(maps),
    )


def max_sensitivity(
    net: nn.Module,
    image: Image,
    method: Method,
    target: int | str | None = None,
    *,
    radius: float = 0.02,
    samples: int = 5,
    seed: int = 0,
    **options: object,
) -> Score:
    """Return the largest change of a map, as a share of its norm, under slight noise.

    Lower is better; 0 means that the noise changes nothing. captum's measure. Source: Yeh et
    al., "On the (in)fidelity and sensitivity of explanations" (2019), definition 3. There are
    `samples` noisy pictures, in which no pixel differs by more than `radius`, 5 grey levels of
    255 by default. The other arguments are those of `randomization`.

    Raises:
        FerError: see `saliency.attribute`.
    """
    from captum import metrics  # a second: only who asks for it waits

    samples = positive(samples, "samples")
    radius, seed = number("radius", radius, 0, 1), check_seed(seed)
    index = predicted(net, image, target)
    generator = torch.Generator().manual_seed(seed)
    empty: list[bool] = []

    def shake(pictures: Tensor) -> tuple[Tensor]:
        noise = torch.rand(pictures.shape, generator=generator).to(pictures)
        return ((pictures + radius * (2 * noise - 1)).clamp(0, 1),)

    def explain(pictures: tuple[Tensor]) -> tuple[Tensor]:
        maps = [_map(net, picture, method, index, seed, options) for picture in pictures[0]]
        empty.append(not np.any(maps[0]))
        return (torch.from_numpy(np.stack(maps)),)

    with differentiating(net):
        picture = on_device(net, image)
    largest = metrics.sensitivity_max(explain, picture, shake, radius, n_perturb_samples=samples)
    if empty[0]:
        return Score(nan, better="lower", note="the map is 0 everywhere")
    return Score(float(largest), better="lower")


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Return the structural similarity (SSIM) of two maps, each scaled to a largest size of 1.

    1 for maps that differ by a positive factor only. Where one has values below 0, both are moved
    to range from 0 to 1, since SSIM is made for intensities. Gaussian weights with a sigma of 1.5
    pixels. Source: Wang et al., "Image quality assessment: from error visibility to structural
    similarity" (2004), equation 13, averaged.
    """
    from scipy import ndimage  # only who asks for it waits

    first, second = (m / max(1e-30, np.abs(m).max()) for m in (as_map(first), as_map(second)))
    if first.shape != second.shape:
        raise FerError(f"maps of {first.shape} and {second.shape} cannot be compared.")
    if min(first.min(), second.min()) < 0:
        first, second = (first + 1) / 2, (second + 1) / 2
    smaller, small = 0.01**2, 0.03**2

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, 1.5, truncate=3.5)

    middle, centre = mean(first), mean(second)
    spread = mean(first**2) - middle**2 + mean(second**2) - centre**2
    together = mean(first * second) - middle * centre
    light = (2 * middle * centre + smaller) / (middle**2 + centre**2 + smaller)
    return float((light * (2 * together + small) / (spread + small)).mean())


def predicted(net: nn.Module, image: Image, target: int | str | None) -> int:
    """Return the index of the target, or of the class that the net predicts."""
    with evaluating(net):
        clean, classes = answer(net, on_device(net, image))
    return class_index(classes, clean, target)


def _map(
    net: nn.Module, image: Image, method: Method, index: int, seed: int, options: dict
) -> np.ndarray:
    if not callable(method):
        method = choice("method", method, METHODS)
        return as_map(attribute(net, image, method, index, seed, **options).map)
    with differentiating(net):
        return as_map(method(net, on_device(net, image), index, **options))


def _copy(net: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(net)
    except Exception as error:  # what a module may hold is without limit
        raise FerError(f"randomization needs a copy of the net: {error}") from error


def _groups(net: nn.Module, image: Image, stages: int) -> list[Sequence[tuple[str, nn.Module]]]:
    """Return the layers that have weights, with their names, last first, in so many groups."""
    names = {module: name for name, module in net.named_modules()}
    own = [m for m in names if next(m.parameters(recurse=False), None) is not None]
    ran: dict[nn.Module, None] = {}  # a set that remembers the order
    with evaluating(net):
        picture = on_device(net, image)
        run_hooked(net, picture, dict.fromkeys(own, lambda module, *_: ran.setdefault(module)))
    layers = [(names[module], module) for module in reversed(ran)]
    if not layers:
        raise FerError("the net has no weights that could be randomised.")
    rest = layers[1:]
    count = min(stages - 1, len(rest))
    if stages == 1:
        return [layers]
    bounds = np.linspace(0, len(rest), count + 1).round().astype(int)
    return [layers[:1], *(rest[a:b] for a, b in zip(bounds, bounds[1:], strict=False))]


def _forget(module: nn.Module, generator: torch.Generator) -> None:
    """Shuffle the numbers in each of a layer's weight tensors."""
    for parameter in module.parameters(recurse=False):
        flat = parameter.data.flatten()
        order = torch.randperm(len(flat), generator=generator).to(flat.device)
        parameter.data = flat[order].view_as(parameter)
