"""Where the square goes, and what it shows: all that the engines are given.

The rule of the positions is captum's. The first window sits in the corner, each next one a stride
further, until the whole side is covered: `ceil((side - window) / stride) + 1` positions. The last
one may stick out over the border; what sticks out is cut off, so it covers less than the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fer_utils._arguments import integer, number, shown
from fer_utils._arguments import seed as check_seed
from fer_utils.errors import FerError

FILLS = ("black", "mean", "blur", "noise")


@dataclass(frozen=True)
class Windows:
    """All positions of a window; one number per dimension in each attribute.

    Windows are counted like the elements of an array: the last dimension runs fastest.

    Attributes:
        size: the array's sides, (H, W) for a picture.
        window: the window's sides.
        stride: the steps between positions.
    """

    size: tuple[int, ...]
    window: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check that the window fits and leaves no gaps."""
        sides = (self.size, self.window, self.stride)
        if not all(isinstance(row, tuple) and len(row) == len(self.size) for row in sides):
            raise FerError(
                f"size={shown(self.size)}, window={shown(self.window)}, stride="
                f"{shown(self.stride)}: expected three tuples of whole numbers, equally long."
            )
        for name, row in zip(("size", "window", "stride"), sides, strict=True):
            for number_of_pixels in row:
                integer(name, number_of_pixels)
        for side, window, stride in zip(self.size, self.window, self.stride, strict=True):
            if window < 1 or stride < 1:
                raise FerError(
                    f"window {self.window} and stride {self.stride} must be 1 pixel or more."
                )
            if window > side:
                raise FerError(
                    f"a window of {_by(self.window)} does not fit a picture of "
                    f"{_by(self.size)}: choose a smaller window."
                )
            if stride > window and window < side:
                raise FerError(
                    f"a stride of {stride} leaves gaps between windows of {window}: "
                    "choose a stride no larger than the window."
                )

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Number of positions along each dimension."""
        sides = zip(self.size, self.window, self.stride, strict=True)
        return tuple(ceil((side - window) / stride) + 1 for side, window, stride in sides)

    def __len__(self) -> int:
        """Return the number of windows."""
        return prod(self.counts)

    def starts(self, dim: int) -> list[int]:
        """Return the first row (column, ...) of every position along one dimension."""
        return [i * self.stride[dim] for i in range(self.counts[dim])]

    def box(self, *position: int) -> tuple[tuple[int, int], ...]:
        """Return (first, one past the last) along each dimension of one window, cut off."""
        starts = (i * stride for i, stride in zip(position, self.stride, strict=True))
        sides = zip(starts, self.window, self.size, strict=True)
        return tuple((start, min(start + window, side)) for start, window, side in sides)

    def covers(self, dim: int) -> Tensor:
        """Return bool (positions, side): which rows (columns, ...) a position covers."""
        start = torch.tensor(self.starts(dim))[:, None]
        pixel = torch.arange(self.size[dim])
        return (pixel >= start) & (pixel < start + self.window[dim])

    def masks(self, positions: Tensor) -> Tensor:
        """Return bool (n, *size): the pixels under each of n windows, on their device.

        Args:
            positions: int64 (n,), which windows, by their number in the order of counting.
        """
        shape = [len(positions)] + [1] * len(self.size)
        mask = torch.ones(shape, dtype=torch.bool, device=positions.device)
        for dim, position in enumerate(torch.unravel_index(positions, self.counts)):
            shape = [len(positions)] + [1] * len(self.size)
            shape[dim + 1] = self.size[dim]
            mask = mask & self.covers(dim).to(positions.device)[position].view(shape)
        return mask

    def spread(self, values: Tensor) -> Tensor:
        """Give every pixel the mean over the windows that cover it.

        Args:
            values: (*counts, ...), one value (or more) per window.

        Returns:
            (..., *size), the dimensions after `counts` in front.
        """
        for dim in range(len(self.size)):
            cover = self.covers(dim).to(values)
            mean = cover / cover.sum(0)
            values = torch.tensordot(values, mean, dims=([0], [0]))
        return values


@dataclass(frozen=True, eq=False)
class OcclusionProblem:
    """What is asked of an engine: a net's outputs for this picture under each of these windows.

    Attributes:
        picture: (1, C, H, W), on the net's device. Engine `batched` takes any (N, ..., *sides).
        baseline: what a covered pixel becomes; broadcasts against the picture.
        windows: the positions of the square over the last dimensions of the picture.
    """

    picture: Tensor
    baseline: Tensor
    windows: Windows

    def covered(self, positions: Tensor) -> Tensor:
        """Return copies of the picture under each of n windows, (n * N, ...).

        Args:
            positions: int64 (n,), which windows, on the picture's device.
        """
        mask = self.windows.masks(positions)
        # a window covers all channels: dimensions of 1 stand for what it does not move over
        mask = mask.view(len(mask), *(1,) * (self.picture.ndim - mask.ndim + 1), *mask.shape[1:])
        return torch.where(mask, self.baseline, self.picture).flatten(0, 1)


def baseline(
    picture: Tensor, fill: str | float, window: tuple[int, int] = (8, 8), seed: int = 0
) -> Tensor:
    """Return what the square shows: a picture of the same shape (N, C, H, W).

    "blur" is a Gaussian with a sigma of half the square's longer side; "noise" is uniform in
    [0, 1] and depends on the seed alone.

    Raises:
        FerError: not one of `FILLS` and not a value in [0, 1], or no seed.
    """
    seed = check_seed(seed)
    if not isinstance(picture, Tensor) or picture.ndim != 4 or not picture.is_floating_point():
        raise FerError(
            f"picture={shown(picture)}: expected a tensor (N, C, H, W) of values from 0 to 1."
        )
    window = pair(window, "window")
    if isinstance(fill, str):
        if fill not in FILLS:
            known = ", ".join(FILLS)
            raise FerError(f"fill={shown(fill)} is not known: use {known}, or a value from 0 to 1.")
        return _BASELINES[fill](picture, window, seed)
    try:
        value = number("fill", fill, 0, 1)
    except FerError:
        raise FerError(
            f"fill={shown(fill)} is no intensity: a value from 0 (black) to 1 (white), or one of "
            f"{', '.join(FILLS)}."
        ) from None
    return torch.full_like(picture, value)


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


_BASELINES: dict[str, Callable[[Tensor, tuple[int, int], int], Tensor]] = {
    "black": lambda picture, window, seed: torch.zeros_like(picture),
    "mean": lambda picture, window, seed: picture.mean((2, 3), keepdim=True).expand_as(picture),
    "blur": _blur,
    "noise": _noise,
}


def highest(values: np.ndarray, tie: float = 1e-4) -> tuple[int, int]:
    """Return (row, column) of the highest value of a 2-D array.

    Of values within `tie` of it the first is taken: which of two equals is larger by a
    rounding error depends on the processor.
    """
    row, column = np.unravel_index(np.argmax(values >= values.max() - tie), values.shape)
    return int(row), int(column)


def _by(sides: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in sides)


def pair(value: int | tuple[int, int], name: str) -> tuple[int, int]:
    """Return (rows, columns) of an int or a pair.

    Raises:
        FerError: neither.
    """
    several = isinstance(value, tuple | list) or getattr(value, "ndim", 0) == 1
    try:
        rows, columns = value if several else (value, value)  # type: ignore[misc]  # an array, too
        return integer(name, rows), integer(name, columns)
    except (FerError, ValueError):  # ValueError: not two of them
        raise FerError(
            f"{name}={shown(value)}: give a whole number of pixels, or two (rows, columns)."
        ) from None
