"""InceptionResNetV2 as Keras builds it, with the new layers of borgalli2022 (Fig. 9).

Source: Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual connections on
learning" (2017); layer for layer `keras.applications.InceptionResNetV2`: convolutions without
bias, batch norm without scale, so that a factor is not counted twice.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fer_utils.models.layers import GlobalAveragePool, keras_batch_norm
from fer_utils.models.vgg import base_and_head, dense

#: From the paper's number of filters to the number that is built.
Widths = Callable[[int], int]


class Convolution(nn.Sequential):
    """Convolution without bias, batch norm without scale, ReLU; stride 1 keeps the size."""

    def __init__(
        self,
        width: int,
        filters: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        same: bool = True,
    ):
        # at stride 1 Keras's "same" is torch's padding by half the kernel; at stride 2 it is not
        # (see SameMaxPool2d), but there every layer of this network is "valid"
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (rows // 2, columns // 2) if same and stride == 1 else (0, 0)
        norm = keras_batch_norm(filters)
        # No scale: ones that are no parameter and are not saved. `weight = None` gives the same
        # numbers, but torch's backward pass on CUDA in channels_last fails where a batch norm has
        # a bias and no weight (torch 2.11: "an invalid gradient at index 2").
        del norm.weight
        norm.register_buffer("weight", torch.ones(filters), persistent=False)
        convolution = nn.Conv2d(width, filters, (rows, columns), stride, padding, bias=False)
        super().__init__(convolution, norm, nn.ReLU())


class Branches(nn.Module):
    """Runs branches side by side and puts their channels one behind the other."""

    def __init__(self, *branches: nn.Module):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, sum of the branches' filters, H', W')."""
        return torch.cat([branch(x) for branch in self.branches], 1)


def chain(width: int, *steps: tuple) -> nn.Sequential:
    """Convolutions in a row; a step is (filters, kernel[, stride])."""
    layers = []
    for filters, *rest in steps:
        layers.append(Convolution(width, filters, *rest))
        width = filters
    return nn.Sequential(*layers)


class Residual(nn.Module):
    """Branches, a 1x1 convolution back to the old width, added after scaling it down."""

    def __init__(self, width: int, scale: float, *branches: tuple, rectified: bool = True):
        super().__init__()
        self.branches = Branches(*(chain(width, *steps) for steps in branches))
        self.up = nn.Conv2d(sum(steps[-1][0] for steps in branches), width, 1)
        self.scale, self.rectified = scale, rectified

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        x = x + self.up(self.branches(x)) * self.scale
        return x.relu() if self.rectified else x


def block35(channels: int, w: Widths) -> Residual:
    """Inception-ResNet-A, 320 channels."""
    longest = (w(32), 1), (w(48), 3), (w(64), 3)
    return Residual(channels, 0.17, ((w(32), 1),), ((w(32), 1), (w(32), 3)), longest)


def block17(channels: int, w: Widths) -> Residual:
    """Inception-ResNet-B, 1088 channels."""
    longer = (w(128), 1), (w(160), (1, 7)), (w(192), (7, 1))
    return Residual(channels, 0.1, ((w(192), 1),), longer)


def block8(channels: int, w: Widths, last: bool = False) -> Residual:
    """Inception-ResNet-C, 2080 channels; the last one is neither scaled down nor rectified."""
    steps = ((w(192), 1),), ((w(192), 1), (w(224), (1, 3)), (w(256), (3, 1)))
    return Residual(channels, 1.0 if last else 0.2, *steps, rectified=not last)


def stem(channels: int, w: Widths) -> nn.Sequential:
    """First layers: (N, channels, 224, 224) to (N, 192, 25, 25)."""
    return nn.Sequential(
        Convolution(channels, w(32), 3, 2),
        Convolution(w(32), w(32), 3, same=False),
        Convolution(w(32), w(64), 3),
        nn.MaxPool2d(3, 2),
        Convolution(w(64), w(80), 1),
        Convolution(w(80), w(192), 3, same=False),
        nn.MaxPool2d(3, 2),
    )


def inception_base(channels: int, w: Widths) -> nn.Sequential:
    """Everything before the mean: (N, channels, S, S) to (N, 1536, S', S'), S of 75 or more."""
    first = w(192)
    # at the border Keras averages the pixels that are there; torch would count the padding's zeros
    pooled = nn.Sequential(
        nn.AvgPool2d(3, 1, padding=1, count_include_pad=False), Convolution(first, w(64), 1)
    )
    mixed_5b = Branches(
        chain(first, (w(96), 1)),
        chain(first, (w(48), 1), (w(64), 5)),
        chain(first, (w(64), 1), (w(96), 3), (w(96), 3)),
        pooled,
    )
    # what branches side by side give: 320, 1088 and 2080 where the width is 1
    a = 2 * w(96) + 2 * w(64)
    b = 2 * w(384) + a
    c = w(384) + w(288) + w(320) + b
    mixed_6a = Branches(
        chain(a, (w(384), 3, 2)),
        chain(a, (w(256), 1), (w(256), 3), (w(384), 3, 2)),
        nn.MaxPool2d(3, 2),
    )
    mixed_7a = Branches(
        chain(b, (w(256), 1), (w(384), 3, 2)),
        chain(b, (w(256), 1), (w(288), 3, 2)),
        chain(b, (w(256), 1), (w(288), 3), (w(320), 3, 2)),
        nn.MaxPool2d(3, 2),
    )
    base = nn.Sequential()
    base.add_module("stem", stem(channels, w))
    base.add_module("mixed_5b", mixed_5b)
    base.add_module("blocks35", nn.Sequential(*(block35(a, w) for _ in range(10))))
    base.add_module("mixed_6a", mixed_6a)
    base.add_module("blocks17", nn.Sequential(*(block17(b, w) for _ in range(20))))
    base.add_module("mixed_7a", mixed_7a)
    base.add_module("blocks8", nn.Sequential(*(block8(c, w, last=i == 9) for i in range(10))))
    base.add_module("conv_7b", Convolution(c, w(1536), 1))
    return base


def inception_resnet_v2(
    channels: int, num_classes: int, size: int, width: float = 1.0
) -> nn.Sequential:
    """Build the trunk: channels (N, channels, S, S) to logits (N, num_classes), S >= 75.

    `width` multiplies the filters, and the new layers' units, rounded to the nearest whole number.
    """

    def w(filters: int) -> int:
        return round(width * filters)

    units = dense((w(1536), w(1024), w(512), w(256), num_classes))
    return base_and_head(inception_base(channels, w), nn.Sequential(GlobalAveragePool(), *units))
