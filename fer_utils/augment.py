"""Random changes of a whole batch at once, on the device, every picture with its own draw.

torchvision's transforms draw once for a batch, Keras's `ImageDataGenerator` works picture by
picture. Here one call of `grid_sample` warps the batch with a matrix per picture, and all
random numbers come from one generator, so that a seed gives the same pictures again.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fer_utils.errors import FerError


@dataclass(frozen=True)
class Augmentation:
    """How far a picture may be changed; zero switches a change off.

    Attributes:
        rotation: degrees, to either side.
        shift: fraction of the side, both directions.
        zoom: 0.1 draws a scale from 0.9 to 1.1.
        flip: mirror left and right with probability 1/2.
        erase: probability of painting one rectangle (2 to 20 % of the area) with noise
            (Zhong et al., "Random erasing data augmentation", 2020).
    """

    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    erase: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that make no picture."""
        if not 0 <= self.zoom < 1:
            raise FerError(f"zoom={self.zoom}: expected 0 <= zoom < 1 (0.1 draws 0.9 to 1.1).")
        if not 0 <= self.erase <= 1:
            raise FerError(f"erase={self.erase}: expected a probability from 0 to 1.")

    @property
    def warps(self) -> bool:
        """Whether any change moves pixels."""
        return bool(self.rotation or self.shift or self.zoom or self.flip)

    def __str__(self) -> str:
        """Name the changes that are switched on."""
        on = [f"{key} {value}" for key, value in asdict(self).items() if value]
        return ", ".join(on) or "none"


def augment(pictures: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Return changed copies of `pictures`, float (N, C, H, W) in [0, 1].

    Args:
        pictures: float (N, C, H, W) in [0, 1].
        how: what may change, and how far.
        generator: random numbers, on the device of `pictures`.
    """
    if how.warps:
        theta = affine_matrices(len(pictures), how, generator)
        grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
        pictures = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    if how.erase:
        pictures = erase(pictures, how.erase, generator)
    return pictures


def affine_matrices(count: int, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw `count` matrices, float (N, 2, 3), from output to input coordinates in [-1, 1]."""
    device = generator.device

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count, generator=generator, device=device) * 2 - 1) * limit

    angle = uniform(math.radians(how.rotation))
    scale = 1 / (1 + uniform(how.zoom))
    mirror = torch.ones(count, device=device)
    if how.flip:
        mirror = torch.where(torch.rand(count, generator=generator, device=device) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    # a shift of one whole side is 2 in grid coordinates
    across, down = uniform(2 * how.shift), uniform(2 * how.shift)
    rows = torch.stack([mirror * cosine, -sine, across, mirror * sine, cosine, down], dim=1)
    return rows.view(count, 2, 3)


def erase(pictures: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Paint one rectangle of noise on each picture with the given probability."""
    count, _, height, width = pictures.shape
    device = pictures.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, device=device)

    area, aspect = uniform(0.02, 0.2), torch.exp(uniform(math.log(0.3), math.log(1 / 0.3)))
    half_h = (area * aspect).sqrt().clamp(max=1) * height / 2
    half_w = (area / aspect).sqrt().clamp(max=1) * width / 2
    middle_y, middle_x = uniform(0, height), uniform(0, width)
    chosen = uniform(0, 1) < probability
    y = torch.arange(height, device=device) + 0.5
    x = torch.arange(width, device=device) + 0.5
    inside_y = (y - middle_y[:, None]).abs() < half_h[:, None]
    inside_x = (x - middle_x[:, None]).abs() < half_w[:, None]
    mask = (inside_y[:, :, None] & inside_x[:, None, :] & chosen[:, None, None])[:, None]
    noise = torch.rand(pictures.shape, generator=generator, device=device)
    return torch.where(mask, noise, pictures)
