"""SSIM, the structural similarity of two pictures: differentiable, with its range given.

Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
similarity" (2004): an 11 x 11 Gaussian window of sigma 1.5. Only whole windows are averaged, as
scikit-image does; packages that pad the border count made-up pixels, at 48 x 48 a third of all.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from fer_utils._arguments import number, shown
from fer_utils.errors import FerError

WINDOW, SIGMA = 11, 1.5
#: The paper's k1 and k2, which keep the fractions from 0 / 0.
STABILIZERS = (0.01, 0.03)
# Values may overshoot their range by rounding.
SLACK = 1e-4


def ssim(x: Tensor, y: Tensor, value_range: float = 1.0) -> Tensor:
    """Return the SSIM of each pair of pictures: float (N,), 1 where they are the same.

    It is not indifferent to where the range begins: its first term compares mean intensities as
    a ratio. Map a network's tanh outputs from [-1, 1] to [0, 1] first (`unit`).

    Args:
        x: float (N, C, H, W) from 0 to `value_range`, at least 11 pixels on each side.
        y: of the same shape.
        value_range: white, i.e. 1.0 or 255.

    Raises:
        FerError: no such pictures, two shapes, values outside the range.
    """
    _check(x, y, value_range)
    return structural_similarity(x, y, value_range)


def structural_similarity(x: Tensor, y: Tensor, value_range: float = 1.0) -> Tensor:
    """Return what `ssim` does, without looking at the values: for a training's inner loop."""
    c1, c2 = ((k * value_range) ** 2 for k in STABILIZERS)
    count = len(x)
    # one pass of the window over all five pictures
    mean = _blurred(torch.cat([x, y, x * x, y * y, x * y]))
    mean_x, mean_y, square_x, square_y, product = mean.split(count)
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    covariance = product - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (luminance * structure).flatten(1).mean(1)


def unit(pictures: Tensor) -> Tensor:
    """Map a network's pictures from [-1, 1] to [0, 1]."""
    return (pictures + 1) / 2


def _blurred(pictures: Tensor) -> Tensor:
    """Weigh each whole window of (N, C, H, W): (N, C, H - 10, W - 10)."""
    count, channels, height, width = pictures.shape
    window = _window(pictures.device, pictures.dtype)
    planes = pictures.reshape(count * channels, 1, height, width)
    # the window is a product of a column and a row: 22 numbers a pixel instead of 121
    planes = F.conv2d(F.conv2d(planes, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return planes.view(count, channels, *planes.shape[2:])


@functools.lru_cache(maxsize=8)
def _window(device: torch.device, dtype: torch.dtype) -> Tensor:
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-places.square() / (2 * SIGMA**2))
    return (weights / weights.sum()).to(device, dtype)


def _check(x: object, y: object, value_range: float) -> None:
    number("value_range", value_range, low=1e-6)
    for name, value in (("x", x), ("y", y)):
        if not (isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point()):
            raise FerError(f"{name}={shown(value)}: expected a float tensor (N, C, H, W).")
        if min(value.shape[2:]) < WINDOW:
            side = " x ".join(map(str, value.shape[2:]))
            raise FerError(
                f"{name} is {side} pixels: SSIM looks through a window of {WINDOW} x {WINDOW}, so "
                "enlarge the pictures first."
            )
        low, high = (
            (float(value.detach().min()), float(value.detach().max())) if len(value) else (0.0, 0.0)
        )
        if not (-SLACK * value_range <= low and high <= (1 + SLACK) * value_range):
            raise FerError(
                f"{name} has values from {low:.4g} to {high:.4g}, outside 0 to {value_range:g}: "
                "name the range, and map tanh outputs to 0..1 first."
            )
    if x.shape != y.shape:  # type: ignore[attr-defined]
        shapes = " and ".join(str(tuple(v.shape)) for v in (x, y))  # type: ignore[attr-defined]
        raise FerError(f"x and y have the shapes {shapes}: give pairs of pictures of one size.")
