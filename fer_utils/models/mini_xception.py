"""mini-Xception: the "RTNN" of pandey2019 and the network of alessi2019.

Source: Arriaga, Ploeger and Valdenegro, "Real-time convolutional neural networks for emotion
and gender classification" (2017): 58,423 parameters for 7 classes, as Keras counts them.
The pseudocode of alessi2019 has two more ReLUs in every module, on both paths before they are
added: the variant "alessi2019". Parameters are the same.
"""

from torch import Tensor, nn

from fer_utils.models.layers import (
    GlobalAveragePool,
    SameMaxPool2d,
    SeparableConv2d,
    keras_batch_norm,
    start_like_keras,
)

STEM_FILTERS = 8
MODULE_FILTERS = (16, 32, 64, 128)


class ResidualModule(nn.Module):
    """Two separable convolutions and a pooling, beside a 1x1 convolution with stride 2."""

    def __init__(self, channels_in: int, channels_out: int, rectified: bool = False):
        super().__init__()
        self.rectified = rectified
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
        # A stride of 2 never looks at the last row and column of an even side. They are cut off
        # while it learns: torch 2.13 on a CPU ends the program in this layer's gradient otherwise.
        seen = x[..., : x.shape[-2] - 1 + x.shape[-2] % 2, : x.shape[-1] - 1 + x.shape[-1] % 2]
        main, residual = self.main(x), self.residual(seen if self.training else x)
        if self.rectified:
            # the largest of a window, rectified, is the largest of the rectified window: the
            # ReLU that the paper puts before the pooling may as well follow it
            main, residual = main.relu(), residual.relu()
        return main + residual


def stem_layer(channels_in: int) -> nn.Sequential:
    """3x3 convolution without padding, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, STEM_FILTERS, 3, bias=False),
        keras_batch_norm(STEM_FILTERS),
        nn.ReLU(),
    )


def mini_xception(
    channels: int = 1, num_classes: int = 7, size: int = 48, variant: str = "arriaga"
) -> nn.Sequential:
    """Build the trunk: channels (N, channels, H, W) to logits (N, num_classes), any size.

    Weights start as in Keras (`glorot_uniform`; biases at zero).
    """
    widths = (STEM_FILTERS, *MODULE_FILTERS)
    rectified = variant == "alessi2019"
    modules = [ResidualModule(a, b, rectified) for a, b in zip(widths, widths[1:], strict=False)]
    trunk = nn.Sequential()
    trunk.add_module("stem", nn.Sequential(stem_layer(channels), stem_layer(STEM_FILTERS)))
    trunk.add_module("blocks", nn.Sequential(*modules))
    trunk.add_module("head", nn.Conv2d(MODULE_FILTERS[-1], num_classes, 3, padding=1))
    trunk.add_module("pool", GlobalAveragePool())
    start_like_keras(trunk)
    return trunk
