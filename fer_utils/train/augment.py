"""Random changes of a whole batch at once, on the device, every picture with its own draw.

torchvision's transforms draw once for a batch, Keras's `ImageDataGenerator` works picture by
picture. Here one call of `grid_sample` warps the batch with a matrix per picture, and all
random numbers come from one generator, so that a seed gives the same pictures again.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fer_utils.errors import FerError
from fer_utils.ranges import Range, check_all

#: What `draw_mix` draws and `mixup` takes: the share that a picture keeps, and its partners.
Mix = tuple[Tensor, Tensor]

#: What the numbers of `Augmentation` may be.
RANGES = {
    "rotation": Range(0, 180, why="degrees to either side"),
    "shift": Range(0, 1, why="a share of the side"),
    "zoom": Range(0, 1, below=True, why="0.1 draws a scale from 0.9 to 1.1"),
    "erase": Range(0, 1, why="a probability"),
    "skew": Range(0, 1, below=True, why="0.05 shears by up to 5 %"),
    "blur": Range(0, 100, why="pixels"),
    "noise": Range(0, 1, why="black is 0, white is 1"),
}


@dataclass(frozen=True, repr=False)
class Augmentation:
    """How far a picture may be changed; zero switches a change off.

    Attributes:
        rotation: degrees, to either side.
        shift: fraction of the side, both directions.
        zoom: 0.1 draws a scale from 0.9 to 1.1.
        flip: mirror left and right with probability 1/2.
        erase: probability of painting one rectangle (2 to 20 % of the area) with noise
            (Zhong et al., "Random erasing data augmentation", 2020).
        skew: shear, both directions: a row moves sideways by up to this share of its distance
            from the middle, a column up or down likewise (FERPlus's `max_skew`).
        blur: largest standard deviation of a Gaussian blur, in pixels; drawn from 0 up to it.
        noise: largest standard deviation of added Gaussian noise, black being 0 and white 1;
            drawn from 0 up to it.
    """

    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    erase: float = 0.0
    skew: float = 0.0
    blur: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that make no picture."""
        check_all(self, RANGES)
        if not isinstance(self.flip, bool):
            raise FerError(f"flip={self.flip!r}: expected True or False.")

    @property
    def warps(self) -> bool:
        """Whether any change moves pixels."""
        return bool(self.rotation or self.shift or self.zoom or self.flip or self.skew)

    def __repr__(self) -> str:
        """Say in one sentence which changes are switched on, and how far they go."""
        return f"Augmentation({self})"

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
    # The order of these draws is part of a recipe's numbers: a seed gives the same pictures only as
    # long as nothing is drawn in between. A change that is switched off draws nothing.
    if how.warps:
        # rotation, shift, zoom, mirror and skew in one resampling: each further one would blur
        theta = affine_matrices(len(pictures), how, generator)
        grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
        pictures = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    if how.blur:
        pictures = blur(pictures, how.blur, generator)
    if how.noise:
        pictures = add_noise(pictures, how.noise, generator)
    if how.erase:
        pictures = erase(pictures, how.erase, generator)
    return pictures


def affine_matrices(count: int, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw `count` matrices, float (N, 2, 3), from output to input coordinates in [-1, 1]."""
    device = generator.device

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count, generator=generator, device=device) * 2 - 1) * limit

    # drawn even where a limit is 0, so that the draws behind it do not depend on it
    angle = uniform(math.radians(how.rotation))
    scale = 1 / (1 + uniform(how.zoom))
    mirror = torch.ones(count, device=device)
    if how.flip:
        mirror = torch.where(torch.rand(count, generator=generator, device=device) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    # a shift of one whole side is 2 in grid coordinates
    across, down = uniform(2 * how.shift), uniform(2 * how.shift)
    # grid_sample asks for every output pixel where it comes from: this is the inverse of the change
    # that one sees, hence 1 / zoom
    rows = torch.stack([mirror * cosine, -sine, across, mirror * sine, cosine, down], dim=1)
    theta = rows.view(count, 2, 3)
    if how.skew:  # drawn last: recipes from before there was skew keep their numbers
        theta = torch.cat([theta[:, :, :2] @ shears(uniform, how.skew), theta[:, :, 2:]], dim=2)
    return theta


def shears(uniform: Callable[[float], Tensor], limit: float) -> Tensor:
    """Draw a shear along x times a shear along y for each picture, float (N, 2, 2)."""
    across, down = uniform(limit), uniform(limit)
    ones = torch.ones_like(across)
    return torch.stack([ones + across * down, across, down, ones], dim=1).view(-1, 2, 2)


def blur(pictures: Tensor, widest: float, generator: torch.Generator) -> Tensor:
    """Blur each picture by a Gaussian of its own width; pixels beyond the rim repeat it."""
    count, channels, height, width = pictures.shape
    device = pictures.device
    sigma = widest * torch.rand(count, 1, generator=generator, device=device).clamp(min=1e-3)
    radius = math.ceil(3 * widest)
    distance = torch.arange(-radius, radius + 1, device=device)
    bell = torch.exp(-((distance / sigma).square()) / 2)
    kernel = (bell / bell.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    # A convolution shares its kernel within a batch. So pictures and channels all become channels
    # of one picture, each a group with a kernel of its own; rows and columns one after the other.
    planes = pictures.reshape(1, count * channels, height, width)
    planes = F.pad(planes, [radius] * 4, mode="replicate")
    planes = F.conv2d(planes, kernel[..., None], groups=count * channels)
    planes = F.conv2d(planes, kernel[..., None, :], groups=count * channels)
    return planes.view_as(pictures)


def add_noise(pictures: Tensor, strongest: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise of a strength of its own to each picture; stays in [0, 1]."""
    device = pictures.device
    strength = strongest * torch.rand(len(pictures), 1, 1, 1, generator=generator, device=device)
    noise = torch.randn(pictures.shape, generator=generator, device=device)
    return (pictures + strength * noise).clamp(0, 1)


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
    # a rectangle for every picture, kept on some: which ones is never asked of the device
    chosen = uniform(0, 1) < probability
    y = torch.arange(height, device=device) + 0.5
    x = torch.arange(width, device=device) + 0.5
    inside_y = (y - middle_y[:, None]).abs() < half_h[:, None]
    inside_x = (x - middle_x[:, None]).abs() < half_w[:, None]
    mask = (inside_y[:, :, None] & inside_x[:, None, :] & chosen[:, None, None])[:, None]
    noise = torch.rand(pictures.shape, generator=generator, device=device)
    return torch.where(mask, noise, pictures)


def draw_mix(count: int, alpha: float, device: torch.device) -> Mix:
    """Draw what `mixup` needs for a batch of `count` pictures.

    The numbers come from torch's own generators. The share is drawn on the CPU and handed over
    as a constant: a GPU need not be waited for.

    Returns:
        the share that a picture keeps, drawn from Beta(alpha, alpha), float (); and its partner
        in the batch, int64 (count,).
    """
    # `.item()` of a tensor on the CPU waits for nothing
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    return torch.full((), share, device=device), torch.randperm(count, device=device)


def mixup(pictures: Tensor, targets: Tensor, share: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Mix every picture and its target with those of another one of the batch.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization"
    (2018), with one share for a batch as in its public code.

    Args:
        pictures: float (N, C, H, W).
        targets: shares of the classes, float (N, K).
        share: how much of itself each keeps, float ().
        other: whom each is mixed with, int64 (N,).
    """
    return (
        torch.lerp(pictures[other], pictures, share),
        torch.lerp(targets[other], targets, share),
    )
