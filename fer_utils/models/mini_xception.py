"""mini-Xception: the "RTNN" of pandey2019 and the network of alessi2019.

Source: Arriaga, Ploeger and Valdenegro, "Real-time convolutional neural networks for emotion
and gender classification" (2017): 58,423 parameters for 7 classes, as Keras counts them.
"""

from torch import Tensor, nn

from fer_utils.models.layers import (
    GlobalAveragePool,
    SameMaxPool2d,
    SeparableConv2d,
    keras_batch_norm,
)

STEM_FILTERS = 8
MODULE_FILTERS = (16, 32, 64, 128)


class ResidualModule(nn.Module):
    """Two separable convolutions and a pooling, beside a 1x1 convolution with stride 2."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.main = nn.Sequential(
            SeparableConv2d(channels_in, channels_out),
            keras_batch_norm(channels_out),
            nn.ReLU(),
            SeparableConv2d(channels_out, channels_out),
            keras_batch_norm(channels_out),
            SameMaxPool2d(),
        )
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 1, stride=2, bias=False),
            keras_batch_norm(channels_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, filters, ceil(H / 2), ceil(W / 2))."""
        return self.main(x) + self.residual(x)


def stem_layer(channels_in: int) -> nn.Sequential:
    """3x3 convolution without padding, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, STEM_FILTERS, 3, bias=False),
        keras_batch_norm(STEM_FILTERS),
        nn.ReLU(),
    )


def mini_xception(channels: int = 1, num_classes: int = 7) -> nn.Sequential:
    """Build the trunk: channels (N, channels, H, W) to logits (N, num_classes), any size >= 6.

    Weights start as in Keras (`glorot_uniform`; biases at zero).
    """
    widths = (STEM_FILTERS, *MODULE_FILTERS)
    modules = [ResidualModule(a, b) for a, b in zip(widths, widths[1:], strict=False)]
    trunk = nn.Sequential()
    trunk.add_module("stem", nn.Sequential(stem_layer(channels), stem_layer(STEM_FILTERS)))
    trunk.add_module("blocks", nn.Sequential(*modules))
    trunk.add_module("head", nn.Conv2d(MODULE_FILTERS[-1], num_classes, 3, padding=1))
    trunk.add_module("pool", GlobalAveragePool())
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return trunk
