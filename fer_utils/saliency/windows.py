"""Where the square goes: every position of a window that slides over an array.

The rule is captum's. The first window sits in the corner, each next one a stride further,
until the whole side is covered: `ceil((side - window) / stride) + 1` positions. The last one
may stick out over the border; what sticks out is cut off, so it covers less than the others.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

import numpy as np
import torch
from torch import Tensor

from fer_utils.errors import FerError


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
        mask = torch.ones((), dtype=torch.bool, device=positions.device)
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
    values = (value, value) if not isinstance(value, tuple | list) else tuple(value)
    if len(values) != 2 or any(isinstance(v, bool) or int(v) != v for v in values):
        raise FerError(f"{name}={value!r}: give a whole number of pixels, or two (rows, columns).")
    return int(values[0]), int(values[1])
