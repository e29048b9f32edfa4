"""Layers that torch has not, or has with other conventions than the papers' Keras nets."""

import torch
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
            # as many groups as channels: each filter sees its own channel only
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


class SpatialTransformer(nn.Module):
    """Looks at its input, chooses an affine crop, and hands on the warped input.

    It chooses by a copy reduced (or enlarged) to 48x48, so that it has the same parameters before
    every net. Starts at the identity once `start_at_identity` has been called.
    Source: Jaderberg et al., "Spatial transformer networks" (2015), with the layers of minaee2019.
    """

    side = 48

    def __init__(self, channels: int):
        super().__init__()
        self.localisation = nn.Sequential(
            nn.Conv2d(channels, 8, 7),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(8, 10, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(640, 32),
            nn.ReLU(),
            nn.Linear(32, 6),
        )

    def start_at_identity(self) -> None:
        """Make the first crop the whole picture."""
        # without weights it answers with its bias whatever it sees: the identity, as two rows
        weight, bias = list(self.localisation.parameters())[-2:]
        nn.init.zeros_(weight)
        with torch.no_grad():
            bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def theta(self, x: Tensor) -> Tensor:
        """Return the affine matrices, (N, 2, 3), in the coordinates of `affine_grid`."""
        if x.shape[-2:] != (self.side, self.side):
            size = (self.side, self.side)
            x = F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
        return self.localisation(x).view(-1, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Warp (N, C, H, W) by its own affine matrix; what lies outside is 0."""
        grid = F.affine_grid(self.theta(x), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


def start_like_keras(net: nn.Module) -> None:
    """Draw weights as Keras does by default: `glorot_uniform`, biases at zero."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
