"""One kind of convolution that a CPU computes many times slower in half precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn


@contextmanager
def strided_depthwise_in_float32(net: nn.Module) -> Iterator[None]:
    """Let depthwise convolutions with a stride stay float32 on a CPU until the end of the block.

    Nothing changes where `torch.autocast` is off. Where it is on, the gradient of such a layer
    takes five times as long in bfloat16 as in float32 (192 channels, 64x64, stride 2, oneDNN),
    more than bfloat16 saves in all the others.
    """
    layers = [module for module in net.modules() if _is_strided_depthwise(module)]
    for layer in layers:
        layer.forward = partial(_without_autocast, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _is_strided_depthwise(module: nn.Module) -> bool:
    if not isinstance(module, nn.Conv2d) or module.weight.device.type != "cpu":
        return False
    return module.groups == module.in_channels > 1 and max(module.stride) > 1


def _without_autocast(layer: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return nn.Conv2d.forward(layer, x.float())
