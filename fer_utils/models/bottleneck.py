"""The net of 0.65 million parameters that pandey2019 builds from inverted bottlenecks.

Source: pandey2019, Table III; the module is MobileNetV2's (Sandler et al. 2018). The table counts
the weights of the convolutions and the biases of the first two, and leaves batch norm out.
"""

from torch import Tensor, nn

from fer_utils.models.layers import GlobalAveragePool, keras_batch_norm, start_like_keras

EXPANSION = 6
STEM = (48, 32)
# output channels of each bottleneck and its stride, in the order of the table
FILTERS = (32, 24, 24, 32, 32, 32, 64, 64, 64, 64, 128, 256)
STRIDES = (2, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1)


class InvertedBottleneck(nn.Module):
    """Widen by 1x1, filter every channel by 3x3, narrow by 1x1; 6c^2 + 54c + 6cc' weights.

    The input is added where it has the shape of the output. No ReLU after the last.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        wide = channels_in * EXPANSION
        self.layers = nn.Sequential(
            nn.Conv2d(channels_in, wide, 1, bias=False),
            keras_batch_norm(wide),
            nn.ReLU6(),
            # depthwise: as many groups as channels, so that each filter sees its own channel only
            nn.Conv2d(wide, wide, 3, stride=stride, padding=1, groups=wide, bias=False),
            keras_batch_norm(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, channels_out, 1, bias=False),
            keras_batch_norm(channels_out),
        )
        self.added = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """(N, c, H, W) to (N, c', H / stride, W / stride)."""
        return x + self.layers(x) if self.added else self.layers(x)


def bottleneck_065m(
    channels: int, num_classes: int, size: int, width: float = 1.0
) -> nn.Sequential:
    """Build the trunk: channels (N, channels, H, W) to logits (N, num_classes), any size.

    `width` multiplies the filters of every row of the table but the last, rounded to the nearest
    whole number. Weights grow about as its square: two nets of width 0.7 have those of one.
    """
    trunk = nn.Sequential()
    stem, before = [], channels
    for filters in (round(width * filters) for filters in STEM):
        stem += [nn.Conv2d(before, filters, 3, padding=1), keras_batch_norm(filters), nn.ReLU6()]
        before = filters
    blocks = []
    for filters, stride in zip((round(width * f) for f in FILTERS), STRIDES, strict=True):
        blocks.append(InvertedBottleneck(before, filters, stride))
        before = filters
    trunk.add_module("stem", nn.Sequential(*stem))
    trunk.add_module("blocks", nn.Sequential(*blocks))
    # the paper's last row is a 1x1 convolution, so the means become maps of one pixel again
    head = nn.Sequential(
        GlobalAveragePool(),
        nn.Unflatten(1, (-1, 1, 1)),
        nn.Conv2d(before, num_classes, 1, bias=False),
        nn.Flatten(),
    )
    trunk.add_module("head", head)
    start_like_keras(trunk)
    return trunk
