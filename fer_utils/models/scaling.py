"""How intensity is scaled before it enters a network: what its weights were trained on."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scaling:
    """Intensity in [0, 1] becomes `intensity * scale - shift`; derivatives only their scale.

    Attributes:
        scale: one factor, or one for each of red, green and blue.
        shift: what is then taken away, likewise.
        derivatives: factor of the derivatives' channels, which have their 0 already.
        blue_first: the colors enter in the order blue, green, red (scale and shift likewise).
    """

    scale: tuple[float, ...] = (2.0,)
    shift: tuple[float, ...] = (1.0,)
    derivatives: float = 1.0
    blue_first: bool = False

    def __call__(self, channels: Tensor, color_channels: int) -> Tensor:
        """Scale (N, k, H, W), of which the first `color_channels` are intensity."""
        intensity, derived = channels[:, :color_channels], channels[:, color_channels:]
        if self.blue_first:
            intensity = intensity.flip(1)
        if len(self.scale) == 1:
            intensity = intensity * self.scale[0] - self.shift[0]
        else:  # number by number: a tensor of them, copied to a GPU, would wait for it every time
            planes = zip(intensity.split(1, 1), self.scale, self.shift, strict=True)
            intensity = torch.cat([plane * scale - shift for plane, scale, shift in planes], 1)
        if not derived.shape[1]:
            return intensity
        return torch.cat((intensity, derived * self.derivatives), 1)


SYMMETRIC = Scaling()

# Mean and standard deviation of ImageNet's colours, as torchvision's weights expect them.
_DEVIATION = (0.229, 0.224, 0.225)
IMAGENET = Scaling(
    scale=tuple(1 / d for d in _DEVIATION),
    shift=tuple(m / d for m, d in zip((0.485, 0.456, 0.406), _DEVIATION, strict=True)),
    derivatives=2.2,
)

# 0 to 255 less the mean face, blue first: the Caffe net of Parkhi, Vedaldi and Zisserman (2015).
VGG_FACE = Scaling(
    scale=(255.0,) * 3, shift=(93.5940, 104.7624, 129.1863), derivatives=127.5, blue_first=True
)
