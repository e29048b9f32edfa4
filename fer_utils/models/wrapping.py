"""A network from elsewhere, torchvision's or one's own, made one of the kit's in one line."""

from collections.abc import Sequence
from math import inf, isfinite, isqrt

import numpy as np
from torch import nn

from fer_utils._arguments import integer, number, spoken
from fer_utils.errors import FerError
from fer_utils.models.facenet import LARGEST_INPUT, FaceNet, class_names
from fer_utils.models.scaling import Scaling


@spoken
def wrap(
    net: nn.Module,
    classes: int | Sequence[str],
    *,
    channels: int | None = None,
    size: int | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
) -> FaceNet:
    """Return any network as one that `evaluate`, `saliency`, `train` and `widgets` understand.

    The network itself is not copied: it stands in the result as `.trunk`, and training the one
    trains the other. `wrap(models.torchvision().models.resnet18(num_classes=7), 7)` is enough
    for an untrained one. One with ImageNet's weights and a new last layer wants
    `mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)`, and mostly `size=224`.

    Args:
        net: from (N, channels, H, W) to logits (N, K).
        classes: the names of the K outputs, in their order; 7 (FER2013's order) and 8 (with
            contempt) get their names by themselves.
        channels: 3 where the network looks at red, green and blue, 1 where it looks at grey;
            pictures of the other kind are converted. None: as its first layer has it.
        size: side in pixels to which pictures are resized; None leaves them as they are.
        mean: taken from pictures in [0, 1] before they enter; one number, or one per channel.
        std: what they are then divided by, likewise.

    Raises:
        FerError: no network, less than two classes or twice the same, or numbers that do not fit.
    """
    if not isinstance(net, nn.Module):
        raise FerError(f"wrap takes a torch.nn.Module, not a {type(net).__name__}.")
    names = class_names(classes)
    if size is not None:
        size = integer("size", size, 1, LARGEST_INPUT)
    if channels is None:
        channels = _seen_channels(net)
    if integer("channels", channels) not in (1, 3):
        raise FerError(f"channels={channels!r}: a network looks at grey (1) or RGB (3).")
    means, deviations = (
        tuple(
            number(name, one)
            for one in (value if isinstance(value, Sequence | np.ndarray) else [value] * channels)
        )
        for name, value in (("mean", mean), ("std", std))
    )
    counts = {len(means), len(deviations)} == {channels}
    if not counts or not all(0 < d < inf for d in deviations) or not all(map(isfinite, means)):
        raise FerError(
            f"mean={mean!r}, std={std!r}: give one number or {channels}, and no std of 0 or less."
        )
    scaling = Scaling(
        scale=tuple(1 / d for d in deviations),
        shift=tuple(m / d for m, d in zip(means, deviations, strict=True)),
    )
    name = type(net).__name__
    wrapped = FaceNet(name, net, names, "gray", size, color_channels=channels, scaling=scaling)
    wrapped.training = net.training
    return wrapped


def _seen_channels(net: nn.Module) -> int:
    """Return 1 where the first layer looks at grey, else 3."""
    layers = (module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    first = next(layers, None)
    if isinstance(first, nn.Linear):
        # of all pixels of a square picture: three times a square is never a square
        return 1 if isqrt(first.in_features) ** 2 == first.in_features else 3
    return 1 if first is not None and first.in_channels == 1 else 3
