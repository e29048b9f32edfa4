"""The networks of a CycleGAN: two kinds of generator, and the discriminator.

Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using cycle-consistent adversarial
networks" (2017). Pictures go in and come out as float (N, C, H, W) from -1 to 1, of any side that
4 divides.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class BatchNorm(nn.BatchNorm2d):
    """Batch norm for steps of a single picture.

    In training every picture is normed by its own mean and variance, as torch's batch norm does
    where a batch is one picture; here several may go through in one pass without seeing each other.
    In evaluation it is torch's: the running mean and variance of all pictures so far.
    """

    def forward(self, pictures: Tensor) -> Tensor:
        """Norm each picture by itself (training), or all by the running statistics."""
        if not self.training:
            return super().forward(pictures)
        count, channels, height, width = pictures.shape
        pixels = height * width
        # a group of one channel in one picture is what batch norm norms where that is the batch
        normed, mean, inverse = torch.native_group_norm(
            pictures, self.weight, self.bias, count, channels, pixels, channels, self.eps
        )
        if self.running_mean is None or self.running_var is None:  # never: for the annotations
            return normed
        with torch.no_grad():
            variance = (inverse**-2 - self.eps).mean(0) * (pixels / (pixels - 1))
            self.running_mean.lerp_(mean.mean(0), self.momentum or 0.0)
            self.running_var.lerp_(variance, self.momentum or 0.0)
        return normed


class InstanceNorm(nn.GroupNorm):
    """Norm of each channel of each picture by its own mean and variance, in evaluation too.

    torch's `InstanceNorm2d(affine=True)`, as a group norm with one channel a group: its kernel is
    the faster one.
    """

    def __init__(self, channels: int):
        super().__init__(channels, channels)


def alone(net: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode that norms every picture by itself.

    That is what a net with batch norm learned to work with at one picture a step.
    """
    net = copy.deepcopy(net).eval()
    for parent in list(net.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, BatchNorm):
                norm = InstanceNorm(part.num_features).to(part.weight.device).eval()
                norm.load_state_dict({"weight": part.weight, "bias": part.bias})
                setattr(parent, name, norm)
    return net


class Residual(nn.Module):
    """x + f(x): two convolutions 3 x 3 draw what is to be added."""

    def __init__(self, channels: int, norm: Norm, dropout: float):
        super().__init__()
        relu: nn.Module = nn.ReLU(inplace=True)
        self.change = nn.Sequential(
            *_convolved(channels, channels, 3, norm),
            # in one place: a net that learned with dropout has its weights under the same names
            nn.Sequential(relu, nn.Dropout(dropout)) if dropout else relu,
            *_convolved(channels, channels, 3, norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the change."""
        return x + self.change(x)


class ResNetGenerator(nn.Module):
    """Draws the whole picture anew: the generator of Zhu et al., with mazen2021's batch norm.

    7 x 7 at full size, two halvings, residual blocks, two transposed convolutions, tanh.

    Args:
        channels: of the pictures, 1 or 3.
        filters: at full size; twice and four times as many where it is smaller.
        blocks: residual blocks.
        dropout: share of the values that the residual blocks drop in training.
    """

    def __init__(self, channels: int = 1, filters: int = 16, blocks: int = 6, dropout: float = 0.0):
        super().__init__()
        self.layers = nn.Sequential(
            *_encoder(channels, filters, blocks, BatchNorm, dropout),
            nn.ConvTranspose2d(4 * filters, 2 * filters, 3, 2, 1, 1),
            BatchNorm(2 * filters),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * filters, filters, 3, 2, 1, 1),
            BatchNorm(filters),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(filters, channels, 7),
            nn.Tanh(),
        )
        self.apply(_start)

    def forward(self, pictures: Tensor) -> Tensor:
        """Translate pictures."""
        return self.layers(pictures)


class ChangeGenerator(nn.Module):
    """Draws only the change: what comes out is the picture itself plus what the net draws.

    So tone and outline of a person need not be learned, and it starts by copying. Instance norm
    instead of batch norm; enlarged by copying pixels and convolving, which leaves no chequered
    pattern as transposed convolutions do (Odena, Dumoulin and Olah, 2016).

    Args:
        channels: of the pictures, 1 or 3.
        filters: at full size; twice and four times as many where it is smaller.
        blocks: residual blocks.
        dropout: share of the values that the residual blocks drop in training.
    """

    def __init__(self, channels: int = 1, filters: int = 16, blocks: int = 4, dropout: float = 0.0):
        super().__init__()
        last = nn.Conv2d(filters, channels, 7)
        self.layers = nn.Sequential(
            *_encoder(channels, filters, blocks, InstanceNorm, dropout),
            *_enlarged(4 * filters, 2 * filters),
            *_enlarged(2 * filters, filters),
            nn.ReflectionPad2d(3),
            last,
        )
        self.apply(_start)
        with torch.no_grad():
            last.weight.mul_(0.1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Translate pictures."""
        return (pictures + self.layers(pictures)).clamp(-1, 1)


class Discriminator(nn.Module):
    """PatchGAN: says of every patch of a picture how real it looks, (N, 1, h, w).

    A patch is 34 x 34 pixels wide; of 48 x 48 pixels it judges 10 x 10.
    """

    def __init__(self, channels: int = 1, filters: int = 16, norm: Norm = InstanceNorm):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, filters, 4, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(filters, 2 * filters, 4, 2, 1),
            norm(2 * filters),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * filters, 4 * filters, 4, 1, 1),
            norm(4 * filters),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(4 * filters, 1, 4, 1, 1),
        )
        self.apply(_start)

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge the patches of pictures: near 1 real, near 0 generated."""
        return self.layers(pictures)


#: Kind of generator -> its class and the norm of the discriminator beside it.
KINDS: dict[str, tuple[type[ResNetGenerator] | type[ChangeGenerator], Norm]] = {
    "resnet": (ResNetGenerator, BatchNorm),
    "change": (ChangeGenerator, InstanceNorm),
}


def _convolved(before: int, after: int, side: int, norm: Norm) -> list[nn.Module]:
    padding = nn.ReflectionPad2d(side // 2)
    return [padding, nn.Conv2d(before, after, side), norm(after)]


def _encoder(
    channels: int, filters: int, blocks: int, norm: Norm, dropout: float
) -> list[nn.Module]:
    """Return the layers down to a quarter of the side, and the residual blocks."""
    layers = [*_convolved(channels, filters, 7, norm), nn.ReLU(inplace=True)]
    for width in (filters, 2 * filters):
        layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), norm(2 * width), nn.ReLU(inplace=True)]
    return [*layers, *(Residual(4 * filters, norm, dropout) for _ in range(blocks))]


def _enlarged(before: int, after: int) -> list[nn.Module]:
    """Return a resize-convolution: pixels are doubled, then convolved."""
    return [
        nn.Upsample(scale_factor=2),
        *_convolved(before, after, 3, InstanceNorm),
        nn.ReLU(inplace=True),
    ]


def _start(part: nn.Module) -> None:
    """Draw first weights as Zhu et al. do: Gaussian, 0.02."""
    if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(part.weight, 0.0, 0.02)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
