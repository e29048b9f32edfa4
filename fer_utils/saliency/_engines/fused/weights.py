"""The weights as the kernels want them: batch norms folded in, channels last, one array.

At evaluation a batch norm is a fixed scale and shift of each channel, so it can be multiplied
into the convolution before it (Keras's "conv, BN" costs no more than "conv"). Every number of
channels is rounded up to a multiple of 8 with weights of 0: such a channel is 0 everywhere, and
adds 0 to what follows.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.saliency._engines.fused.structure import Structure

#: Vectors have 8 floats or a multiple of it.
LANES = 8
_LINE = 16  # floats in a line of the cache: where each array begins

Places: TypeAlias = tuple[int, ...]


def padded(channels: int) -> int:
    """Return how many channels are stored for so many: the next multiple of 8."""
    return -(-channels // LANES) * LANES


def empty(floats: int) -> np.ndarray:
    """Return zeros, float32, that begin at a line of the cache."""
    array = np.zeros(floats + _LINE, np.float32)
    first = -(array.ctypes.data // 4) % _LINE
    return array[first : first + floats]


def pack(tensors: Iterable[tuple[Tensor, ...]]) -> tuple[np.ndarray, list[Places]]:
    """Copy all weights into one array.

    Args:
        tensors: of each step of the forward pass.

    Returns:
        the array, and in the order of the forward pass where in it the tensors of each step
        begin: (weights, bias) of a convolution, (kernels, weights, bias) of a separable one.
    """
    with torch.no_grad():
        steps = list(tensors)
    places: list[Places] = []
    end = 0
    for step in steps:
        lengths = [-(-tensor.numel() // _LINE) * _LINE for tensor in step]
        *starts, end = accumulate(lengths, initial=end)
        places.append(tuple(starts))
    values = empty(end)
    for step, place in zip(steps, places, strict=True):
        for tensor, first in zip(step, place, strict=True):
            values[first : first + tensor.numel()] = tensor.flatten().float().numpy()
    return values, places


def convolution(conv: nn.Conv2d, norm: Any, first: bool) -> tuple[Tensor, Tensor]:
    """Return the weights and bias of a step; the first has a picture's channels as they are."""
    weight, bias = folded(conv, norm)
    weight = weight.permute(2, 3, 1, 0)  # rows, columns, in, out
    return pad(weight, (3,) if first else (2, 3)), pad(bias, (0,))


def steps_of(structure: Structure, side: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield what `pack` wants of a net of the mini-Xception family, whose last maps have a side."""
    for i, (conv, norm) in enumerate(structure.stem):
        yield convolution(conv, norm, not i)
    for module in structure.modules:
        main: Any = module.main
        for (spatial, pointwise), norm in ((main[0], main[1]), (main[3], main[4])):
            kernels = spatial.weight.double()[:, 0].permute(1, 2, 0)
            yield (pad(kernels, (2,)), *_pointwise(pointwise, norm))
        yield _pointwise(*module.residual)
    yield _head(structure.head, side)


def folded(conv: nn.Conv2d, norm: Any = None) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the convolution that does what the two do; without a norm, its own.

    In float64, and rounded once at the end: the plain net rounds at each of the two steps.
    """
    if norm is None:
        own = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
        return conv.weight.double(), own.double()
    # norm(conv(x)) = (w x + b - mean) * scale + beta = (w * scale) x + (b - mean) * scale + beta
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    shift = -norm.running_mean.double()
    if conv.bias is not None:
        shift = shift + conv.bias.double()
    if norm.affine:
        scale = scale * norm.weight.double()
    bias = shift * scale
    if norm.affine:
        bias = bias + norm.bias.double()
    return conv.weight.double() * scale.view(-1, 1, 1, 1), bias


def _pointwise(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    weight, bias = folded(conv, norm)
    return pad(weight[:, :, 0, 0].T, (0, 1)), pad(bias, (0,))


def _head(conv: nn.Conv2d, side: int) -> tuple[Tensor, Tensor]:
    """Return the convolution and the mean over all positions as one linear layer.

    The mean of a "same" convolution over the map is linear in the map: pixel (y, x) counts
    through tap (r, t) unless position (y - r + 1, x - t + 1) lies outside.
    """
    pixel, tap = torch.meshgrid(torch.arange(side), torch.arange(3), indexing="ij")
    counts = ((pixel - tap + 1 >= 0) & (pixel - tap + 1 < side)).double()
    weight = torch.einsum("yr,xt,kcrt->yxck", counts, counts, conv.weight.double()) / side**2
    bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
    return pad(weight, (2, 3)), pad(bias.double(), (0,))


def pad(tensor: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Append zeros until the sizes of some dimensions are multiples of 8."""
    widths = [0] * (2 * tensor.ndim)
    for dim in dims:
        widths[2 * (tensor.ndim - 1 - dim) + 1] = padded(tensor.shape[dim]) - tensor.shape[dim]
    return F.pad(tensor, widths)
