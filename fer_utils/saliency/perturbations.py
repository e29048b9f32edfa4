"""Methods that cover a picture and ask again: part by part, or by random masks (RISE)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils._arguments import integer, number, shown
from fer_utils.errors import FerError
from fer_utils.models.answers import ask
from fer_utils.saliency._engines.fold import fast_copy

FEWEST_SEGMENTS = 8  # of which LIME and SHAP make their sum
UNKNOWN = 255  # of `FaceSet.regions`: the part of this pixel is not known


def number_parts(
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
        grid = integer("grid", grid, 1, min(size))
        down, across = (np.arange(side) * grid // side for side in size)
        labels = down[:, None] * grid + across
        names = tuple(f"cell {i // grid}, {i % grid}" for i in range(grid**2))
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
    if names is not None and not isinstance(names, tuple | list):
        raise FerError(f"part_names={shown(names)}: give the parts' names, by their numbers.")
    if names is not None and known.max() >= len(names):
        raise FerError(f"parts are numbered up to {known.max()}, but there are {len(names)} names.")
    called = tuple(f"part {label}" if names is None else names[label] for label in known)
    return torch.from_numpy(mask.reshape(labels.shape)), called


def segments(
    labels: np.ndarray | None, names: tuple[str, ...] | None, grid: int, size: tuple[int, int]
) -> tuple[Tensor, tuple[str, ...]]:
    """Return parts as `number_parts` does; a FerError where they are fewer than eight.

    The package lime, asked for no segments in particular, cuts a face of 48 x 48 pixels into one
    to four, and their sum says nothing of where the net looks.
    """
    mask, called = number_parts(labels, names, grid, size)
    if len(called) < FEWEST_SEGMENTS:
        raise FerError(
            f"{len(called)} segments are too few to say where the net looks: give parts or a grid "
            f"of {FEWEST_SEGMENTS} or more, or leave both out to take a grid of 64."
        )
    return mask, called


def share_worth(
    attribution: Tensor, mask: Tensor, names: tuple[str, ...]
) -> tuple[Tensor, dict[str, object]]:
    """Share what each part is worth among its pixels; the map sums to the worth of all parts.

    Args:
        attribution: (H, W), the worth of its part at every pixel, as captum gives it.
        mask: (H, W), the number of its part.
        names: of the parts.

    Returns:
        The map (H, W), and {"worth": {name: worth of the part}}.
    """
    area = mask.flatten().bincount(minlength=len(names)).to(attribution)
    worth = attribution.new_zeros(len(names))
    worth[mask.flatten()] = attribution.flatten()
    values = dict(zip(names, worth.tolist(), strict=True))
    return (worth / area)[mask], {"worth": values}


@dataclass(frozen=True)
class RandomMasks:
    """RISE's masks, from 0 (hidden) to 1 (seen): soft cells, each mask moved by a random step.

    Attributes:
        count: how many.
        cells: of a mask, a side.
        keep: share of the cells in which the picture is seen.
        seed: of the drawing.
    """

    count: int
    cells: int
    keep: float
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0 < number("keep", self.keep) < 1:
            raise FerError(f"keep={self.keep!r}: give a share of the cells, above 0 and below 1.")

    def draw(self, size: tuple[int, int], chunk: int) -> Iterator[Tensor]:
        """Yield all masks, at most so many at a time, float32 (n, H, W)."""
        generator = torch.Generator().manual_seed(self.seed)
        for first in range(0, self.count, chunk):
            yield self._draw(min(chunk, self.count - first), size, generator)

    def _draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        cells = self.cells
        grid = (torch.rand(count, 1, cells, cells, generator=generator) < self.keep).float()
        # one cell more than fits: each mask is a window of it, moved by less than a cell, so that
        # the borders of cells lie at every pixel alike
        cell = [ceil(side / cells) for side in size]
        enlarged = [(cells + 1) * side for side in cell]
        soft = F.interpolate(grid, enlarged, mode="bilinear", align_corners=False)[:, 0]
        moves = (torch.rand(count, 2, generator=generator) * torch.tensor(cell)).long().tolist()
        return torch.stack(
            [
                mask[down : down + size[0], right : right + size[1]]
                for mask, (down, right) in zip(soft, moves, strict=True)
            ]
        )


def rise(
    net: nn.Module,
    picture: Tensor,
    baseline: Tensor,
    target: int,
    masks: RandomMasks,
    chunk: int,
    told: Callable[[int], object] = int,
) -> Tensor:
    """Return the map (H, W): the mean probability where a pixel is seen, less the mean of all.

    Source: Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box
    models" (BMVC 2018), equation 6 and section 3.2. captum 0.9 does not have it. The paper leaves
    the mean of all in. Taking it out moves all pixels by the same amount: 0 now means "it does not
    matter whether this is seen", and less is left to chance.

    Args:
        net: from pictures to logits.
        picture: (1, C, H, W).
        baseline: what is seen where the mask hides the picture, of the same shape.
        target: index of the class.
        masks: what is shown of the picture.
        chunk: masks per forward pass.
        told: called with the number of masks after each.
    """
    height, width = picture.shape[-2:]
    total = picture.new_zeros(height * width)
    seen = picture.new_zeros(height * width)
    scores = picture.new_zeros(())
    with fast_copy(net, picture) as fast, torch.inference_mode():
        for drawn in masks.draw((height, width), chunk):
            mask = drawn.to(picture)
            pictures = torch.lerp(baseline, picture, mask[:, None])
            score = ask(fast, pictures, finite=False).softmax(-1)[:, target]
            total += score @ mask.flatten(1)
            seen += mask.flatten(1).sum(0)
            scores += score.sum()
            told(len(mask))
    mean = scores / masks.count
    return ((total - seen * mean) / (masks.count * masks.keep)).view(height, width)
