"""Plain networks of 3x3 convolutions and poolings with fully connected layers at the end.

`vgg13`: FERPlus (Barsoum et al. 2016), used by pandey2019. `light_vgg`, `custom_kdef` and
`vgg16_gap`: borgalli2022, Fig. 10, 6 and 8. `vgg_face`: mazen2021, Fig. 11.
Each builds a trunk, channels (N, k, S, S) to logits; the first fully connected layer is as wide
as the size asks. The trunks have two parts, `base` (convolutions) and `head`.
"""

from collections.abc import Iterator

from torch import nn

from fer_utils.models.layers import GlobalAveragePool, start_like_keras

VGG16_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
VGG13_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (256, 256, 256))


def convolutions(
    channels: int, blocks: tuple[tuple[int, ...], ...], padding: int = 1, dropout: float = 0.0
) -> nn.Sequential:
    """Blocks of [3x3 convolution, ReLU] x n and a 2x2 pooling, numbered as torchvision's VGG."""

    def layers() -> Iterator[nn.Module]:
        width = channels
        for block in blocks:
            for filters in block:
                yield nn.Conv2d(width, filters, 3, padding=padding)
                yield nn.ReLU()
                width = filters
            yield nn.MaxPool2d(2)
            if dropout:
                yield nn.Dropout(dropout)

    return nn.Sequential(*layers())


def dense(widths: tuple[int, ...], dropout: float = 0.0) -> Iterator[nn.Module]:
    """Fully connected layers from the first width to the last; ReLU and dropout between them."""
    *hidden, outputs = widths
    for width_in, width_out in zip(hidden, hidden[1:], strict=False):
        yield nn.Linear(width_in, width_out)
        yield nn.ReLU()
        if dropout:
            yield nn.Dropout(dropout)
    yield nn.Linear(hidden[-1], outputs)


def base_and_head(base: nn.Module, head: nn.Sequential) -> nn.Sequential:
    """Join the two parts of a trunk, and draw their first weights as Keras does."""
    trunk = nn.Sequential()
    trunk.add_module("base", base)
    trunk.add_module("head", head)
    start_like_keras(trunk)
    return trunk


def vgg13(channels: int, num_classes: int, size: int) -> nn.Sequential:
    """FERPlus's VGG13: ten convolutions and three fully connected layers; 64x64."""
    width = 256 * (size // 16) ** 2
    layers = dense((width, 1024, 1024, num_classes), dropout=0.5)
    head = nn.Sequential(nn.Flatten(), *layers)
    return base_and_head(convolutions(channels, VGG13_BLOCKS, dropout=0.25), head)


def light_vgg(channels: int, num_classes: int, size: int) -> nn.Sequential:
    """LIGHTVGG: two blocks of 8 and 16 filters; 100x100."""
    width = 16 * (size // 4) ** 2
    head = nn.Sequential(nn.Flatten(), *dense((width, 512, 512, num_classes), dropout=0.7))
    return base_and_head(convolutions(channels, ((8, 8), (16, 16))), head)


def custom_kdef(channels: int, num_classes: int, size: int) -> nn.Sequential:
    """The custom net "with five layers": two convolutions without padding; 224x224."""
    width = 64 * ((size - 4) // 2) ** 2
    head = nn.Sequential(nn.Flatten(), *dense((width, 128, num_classes)))
    return base_and_head(convolutions(channels, ((32, 64),), padding=0), head)


def vgg16_gap(channels: int, num_classes: int, size: int, width: float = 1.0) -> nn.Sequential:
    """VGG16's convolutions, their mean over all positions, and three new layers; 224x224.

    `width` multiplies the filters, and the new layers' units, rounded to the nearest whole number.
    """
    blocks = tuple(tuple(round(width * filters) for filters in block) for block in VGG16_BLOCKS)
    units = blocks[-1][-1]
    head = nn.Sequential(GlobalAveragePool(), *dense((units, units, units, num_classes)))
    return base_and_head(convolutions(channels, blocks), head)


def vgg_face(channels: int, num_classes: int, size: int) -> nn.Sequential:
    """VGG-Face's convolutions (those of VGG16) and two new layers; 224x224."""
    width = 512 * (size // 32) ** 2
    head = nn.Sequential(nn.Flatten(), *dense((width, 128, num_classes), dropout=0.3))
    return base_and_head(convolutions(channels, VGG16_BLOCKS), head)
