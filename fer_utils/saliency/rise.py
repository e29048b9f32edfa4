"""RISE: show the network random patches of the picture; what was seen when it was sure matters.

Source: Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box
models" (BMVC 2018), equation 6 and section 3.2. captum 0.9 does not have it.
"""

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.saliency._engines.fold import fast_copy


def rise(
    net: nn.Module,
    picture: Tensor,
    baseline: Tensor,
    target: int,
    masks: int,
    cells: int,
    keep: float,
    chunk: int,
    seed: int,
) -> Tensor:
    """Return the map (H, W): the mean probability where a pixel is seen, less the mean of all.

    The paper leaves the mean of all in. Taking it out moves all pixels by the same amount: 0 now
    means "it does not matter whether this is seen", and less is left to chance.

    Args:
        net: from pictures to logits.
        picture: (1, C, H, W).
        baseline: what is seen where the mask hides the picture, of the same shape.
        target: index of the class.
        masks: how many random masks.
        cells: of a mask, a side.
        keep: share of the cells in which the picture is seen.
        chunk: masks per forward pass.
        seed: of the masks.

    Raises:
        FerError: a share that makes no masks.
    """
    if not 0 < keep < 1:
        raise FerError(f"keep={keep!r}: give a share of the cells, above 0 and below 1.")
    height, width = picture.shape[-2:]
    total = picture.new_zeros(height * width)
    seen = picture.new_zeros(height * width)
    scores = picture.new_zeros(())
    generator = torch.Generator().manual_seed(seed)
    with fast_copy(net, picture) as fast, torch.inference_mode():
        for first in range(0, masks, chunk):
            count = min(chunk, masks - first)
            mask = random_masks(count, (height, width), cells, keep, generator).to(picture)
            score = fast(torch.lerp(baseline, picture, mask[:, None])).softmax(-1)[:, target]
            total += score @ mask.flatten(1)
            seen += mask.flatten(1).sum(0)
            scores += score.sum()
    return ((total - seen * (scores / masks)) / (masks * keep)).view(height, width)


def random_masks(
    count: int, size: tuple[int, int], cells: int, keep: float, generator: torch.Generator
) -> Tensor:
    """Return masks (count, H, W) from 0 (hidden) to 1 (seen): soft cells, each mask moved."""
    grid = (torch.rand(count, 1, cells, cells, generator=generator) < keep).float()
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
