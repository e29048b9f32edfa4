"""Layers that torch has not, or has with other conventions than the papers' Keras nets."""

import torch.nn.functional as F
from torch import Tensor, nn


class SameMaxPool2d(nn.Module):
    """3x3 max pooling with stride 2 and Keras's "same" padding: n becomes ceil(n / 2).

    Keras pads at the end first: an even side gets nothing in front and one behind, an odd
    side one on both. torch's `padding=1` would pad an even side in front instead and shift
    every window by one pixel, so that weights ported from Keras give other answers.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Pool (N, C, H, W) to (N, C, ceil(H / 2), ceil(W / 2))."""
        height, width = x.shape[-2], x.shape[-1]
        return F.max_pool2d(x, 3, stride=2, padding=(height % 2, width % 2), ceil_mode=True)


class SeparableConv2d(nn.Sequential):
    """Depthwise 3x3 "same" convolution, then a pointwise 1x1; neither has a bias.

    Costs 1/N + 1/S^2 of a full convolution with N filters of side S (Xception, Chollet 2017).
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__(
            nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
        )


def keras_batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm with Keras's constants: eps 1e-3, and momentum 0.99, which torch calls 0.01."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class GlobalAveragePool(nn.Module):
    """Mean over all positions: (N, C, H, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Average over height and width."""
        return x.mean((2, 3))
