"""What the square that covers a part of the face is painted with."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fer_utils.errors import FerError

FILLS = ("black", "mean", "blur", "noise")


def painted(
    picture: Tensor, fill: str | float, window: tuple[int, int] = (8, 8), seed: int = 0
) -> Tensor:
    """Return what the square shows: a picture of the same shape (N, C, H, W).

    "blur" is a Gaussian with a sigma of half the square's longer side; "noise" is uniform in
    [0, 1] and depends on the seed alone.

    Raises:
        FerError: not one of `FILLS` and not a value in [0, 1].
    """
    if isinstance(fill, str):
        if fill not in FILLS:
            known = ", ".join(FILLS)
            raise FerError(f"fill={fill!r} is not known: use {known}, or a value from 0 to 1.")
        return _PAINTERS[fill](picture, window, seed)
    if isinstance(fill, bool) or not 0 <= fill <= 1:
        raise FerError(f"fill={fill!r} is no intensity: a value from 0 (black) to 1 (white).")
    return torch.full_like(picture, fill)


def _noise(picture: Tensor, window: tuple[int, int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(picture.shape, generator=generator).to(picture)


def _blur(picture: Tensor, window: tuple[int, int], seed: int) -> Tensor:
    sigma = max(window) / 2
    reach = round(3 * sigma)
    offset = torch.arange(-reach, reach + 1, device=picture.device, dtype=picture.dtype)
    kernel = torch.exp(-((offset / sigma) ** 2) / 2)
    kernel = kernel / kernel.sum()
    channels = picture.shape[1]
    padded = F.pad(picture, (reach,) * 4, mode="replicate")
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):  # down, then to the right
        padded = F.conv2d(padded, kernel.view(shape).repeat(channels, 1, 1, 1), groups=channels)
    return padded


_PAINTERS: dict[str, Callable[[Tensor, tuple[int, int], int], Tensor]] = {
    "black": lambda picture, window, seed: torch.zeros_like(picture),
    "mean": lambda picture, window, seed: picture.mean((2, 3), keepdim=True).expand_as(picture),
    "blur": _blur,
    "noise": _noise,
}
