"""Parts of a picture as features: which pixel belongs to which, and what each is worth."""

import numpy as np
import torch
from torch import Tensor

from fer_utils.errors import FerError

UNKNOWN = 255  # of `FaceSet.regions`: the part of this pixel is not known


def numbered(
    labels: np.ndarray | None, names: tuple[str, ...] | None, grid: int, size: tuple[int, int]
) -> tuple[Tensor, tuple[str, ...]]:
    """Return parts numbered from 0 without gaps, int64 (H, W), and their names.

    Args:
        labels: (H, W), a whole number per pixel that says which part it belongs to; None takes
            a grid of squares.
        names: of the parts, by that number; None takes "part 3" and the like.
        grid: cells a side, where there are no labels.
        size: (H, W).

    Raises:
        FerError: labels of another size, or not known for any pixel, or too few names.
    """
    if labels is None:
        if isinstance(grid, bool) or grid != int(grid) or not 1 <= grid <= min(size):
            raise FerError(f"grid={grid!r}: from 1 to {min(size)} cells a side.")
        down, across = (np.arange(side) * int(grid) // side for side in size)
        labels = down[:, None] * int(grid) + across
        names = tuple(f"cell {i // int(grid)}, {i % int(grid)}" for i in range(int(grid) ** 2))
    labels = np.asarray(labels)
    if labels.shape != tuple(size):
        raise FerError(f"parts of shape {labels.shape} do not fit a picture of {tuple(size)}.")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise FerError("parts must be whole numbers from 0, one for each pixel.")
    if (labels == UNKNOWN).all():
        raise FerError(
            "the parts of this face are not known (facs3d knows them for its test split, "
            "faces.truth): leave parts out to take a grid."
        )
    known, mask = np.unique(labels, return_inverse=True)
    if names is None:
        names = {label: f"part {label}" for label in known}
    elif known.max() >= len(names):
        raise FerError(f"parts are numbered up to {known.max()}, but there are {len(names)} names.")
    named = tuple(names[label] for label in known)
    return torch.from_numpy(mask.reshape(labels.shape)), named


def shared(found: Tensor, mask: Tensor, names: tuple[str, ...]) -> tuple[Tensor, dict[str, object]]:
    """Share what each part is worth among its pixels; the map sums to the worth of all parts.

    Args:
        found: (H, W), the worth of its part at every pixel, as captum gives it.
        mask: (H, W), the number of its part.
        names: of the parts.

    Returns:
        The map (H, W), and {"worth": {name: worth of the part}}.
    """
    area = mask.flatten().bincount(minlength=len(names)).to(found)
    worth = found.new_zeros(len(names))
    worth[mask.flatten()] = found.flatten()
    values = dict(zip(names, worth.tolist(), strict=True))
    return (worth / area)[mask], {"worth": values}
