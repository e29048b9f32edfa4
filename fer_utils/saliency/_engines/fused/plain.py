"""Plain nets, as LIGHTVGG: 3x3 convolutions and 2x2 poolings, then linear layers on whole maps.

Of the first linear layer, which has most of such a net's weights, only those are read that a window
can change something for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fer_utils.models.facenet import FaceNet
from fer_utils.saliency._engines import Unsupported
from fer_utils.saliency._engines.fused.plan import (
    CONVOLVE,
    POOL,
    SAME,
    SIDE,
    Plan,
)
from fer_utils.saliency._engines.fused.transformer import Layer, layers_of
from fer_utils.saliency._engines.fused.weights import Places, convolution, pad, padded

# Filters of a layer, at most: more do not fit into the cache, and every window reads them anew.
WIDEST = 64


@dataclass(frozen=True)
class Plain:
    """The parts of a plain net, in the order of the forward pass.

    Attributes:
        net: the whole.
        side: of the picture.
        layers: on maps.
        dense: the first linear layer; a copy.
        head: from its outputs to the scores; a copy.
    """

    net: FaceNet
    side: int
    layers: list[Layer]
    dense: nn.Linear
    head: nn.Sequential


def read(net: FaceNet) -> Plain:
    """Find the parts of a net that has passed `structure.check`.

    Raises:
        Unsupported: a part is of another kind.
    """
    if type(net.trunk) is not nn.Sequential:
        raise Unsupported("the net's trunk is not a row of layers")
    if net.inputs != "gray":
        raise Unsupported("the net's trunk sees derivatives beside the picture")
    layers, rows = layers_of([net.trunk], padding=(0, 1))
    convs = [layer.conv for layer in layers if layer.conv is not None]
    if any(conv.kernel_size != (3, 3) or conv.out_channels > WIDEST for conv in convs):
        raise Unsupported(f"the net's trunk has kernels not 3x3, or more than {WIDEST} filters")
    dense, *head = rows
    if layers[0].conv is None or not isinstance(dense, nn.Linear):
        raise Unsupported("the net's trunk does not go from convolutions to a linear layer")
    return Plain(net, net.input_size or 0, layers, dense, nn.Sequential(*head))


def make_plan(parts: Plain, places: list[Places]) -> Plan:
    """Lay out the arena and list the steps of a forward pass, but for the linear layers."""
    plan, side, place = Plan(), parts.side, iter(places)
    width = channels = parts.net.color_channels
    last = plan.add_map(side, channels)
    for layer in parts.layers:
        if layer.conv is None:
            side //= 2
            target = plan.add_map(side, channels)
            plan.add_step(POOL, last, target, rectified=int(layer.rectified))
        else:
            if layer.conv.in_channels != width:
                raise Unsupported("the net's trunk does not fit its pictures")
            width = layer.conv.out_channels
            kind = SAME if layer.conv.padding == (1, 1) else CONVOLVE
            side, channels = side - 2 * (kind == CONVOLVE), padded(width)
            target, (weights, bias) = plan.add_map(side, channels), next(place)
            numbers = {"weights": weights, "bias": bias, "rectified": int(layer.rectified)}
            plan.add_step(kind, last, target, **numbers)
        if side < 1:
            raise Unsupported("pictures vanish in the net's trunk")
        last = target
    if int(plan.maps[last, SIDE]) ** 2 * _filters(parts) != parts.dense.in_features:
        raise Unsupported("the net's trunk does not fit its first linear layer")
    return plan


def tensors(parts: Plain) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the weights and biases of the convolutions, in order."""
    for i, layer in enumerate(parts.layers):
        if layer.conv is not None:
            yield convolution(layer.conv, layer.norm, not i)


def dense_weights(parts: Plain, side: int) -> Tensor:
    """Return the first linear layer's weights, float32 (side, side, channels, outputs)."""
    with torch.no_grad():
        weight = parts.dense.weight.unflatten(1, (_filters(parts), side, side))
        return pad(weight.permute(2, 3, 1, 0), (2,)).contiguous()


def _filters(parts: Plain) -> int:
    return [layer.conv.out_channels for layer in parts.layers if layer.conv is not None][-1]
