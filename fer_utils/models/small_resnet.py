"""A small residual network of this kit's own, for real photographs on an ordinary computer.

Full 3x3 convolutions, which processors do faster than depthwise ones of the same cost; the basic
block of He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2016).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.models.layers import GlobalAveragePool

# for each variant the stem's filters, the side of its kernels and its step in pixels: seeing every
# pixel is what costs most, so the wide net begins at half the side (the deep one is for a GPU)
STEMS = {"narrow": (32, 3, 1), "wide": (64, 6, 2), "deep": (64, 3, 1)}
# filters and number of blocks of each stage, which has half the side of the one before
STAGES = {
    "narrow": ((48, 1), (96, 2), (192, 1)),
    "wide": ((64, 1), (160, 2), (320, 1)),
    "deep": ((64, 1), (128, 2), (256, 2)),
}


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, beside the input (or a 1x1 convolution of it)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.residual = nn.Sequential()
        if stride > 1 or channels_in != channels_out:
            self.residual.append(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False))
            self.residual.append(nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, filters, H / stride, W / stride)."""
        return F.relu(self.main(x) + self.residual(x))


def small_resnet(
    channels: int, num_classes: int, size: int, variant: str = "narrow"
) -> nn.Sequential:
    """Build the trunk: channels (N, channels, H, W) to logits (N, num_classes), any size."""
    width, side, step = STEMS[variant]
    stem = nn.Sequential(
        nn.Conv2d(channels, width, side, step, padding=(side - 1) // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )
    blocks, halved = nn.Sequential(), step == 2
    for filters, repeats in STAGES[variant]:
        for position in range(repeats):
            stride = 2 if position == 0 and not halved else 1
            blocks.append(BasicBlock(width, filters, stride))
            width, halved = filters, False
    trunk = nn.Sequential()
    trunk.add_module("stem", stem)
    trunk.add_module("blocks", blocks)
    trunk.add_module("pool", GlobalAveragePool())
    trunk.add_module("head", nn.Linear(width, num_classes))
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return trunk
