"""Occlusion maps that appear at once and get finer: the order in which positions are computed."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.saliency._engines import Progress, choose
from fer_utils.saliency.occlusion import OcclusionMap, Question
from fer_utils.saliency.windows import Windows, pair

# Largest stride, in pixels, of the coarse maps to begin with.
COARSEST = 8


def refine(
    net: nn.Module,
    image: np.ndarray | Tensor,
    *,
    window: int | tuple[int, int] = 8,
    stride: int | tuple[int, int] = 2,
    fill: str | float = "black",
    seed: int = 0,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Iterator[OcclusionMap]:
    """Yield maps that get finer: at 8, 4 and 2 times the stride, and at the stride itself.

    Of the coarser ones those are left out whose strides would be above 8 pixels or larger than
    the window. No position is computed twice: a finer map takes over what a coarser one has.
    The last map is that of `occlusion`.

    Args:
        net: see `occlusion`, also for what follows.
        image: the picture.
        window: side of the square in pixels, or (height, width).
        stride: its steps in the last map, or (down, right).
        fill: what the square is painted with.
        seed: of the noise.
        engine: which computes the maps.
        progress: called with (windows done, windows in all), over all maps; returning False
            cancels.

    Raises:
        FerError: see `occlusion`.
        Cancelled: progress returned False.
    """
    sides, steps = pair(window, "window"), pair(stride, "stride")
    nested = [tuple(step * times for step in steps) for times in (8, 4, 2, 1)]
    fits = [
        all(step <= min(COARSEST, side) for step, side in zip(each, sides, strict=True))
        for each in nested[:-1]
    ]
    strides = [each for each, fit in zip(nested, [*fits, True], strict=True) if fit]
    questions = [Question(net, image, sides, each, fill, seed) for each in strides]
    places = [_places(question.windows) for question in questions]
    total, done = len(set().union(*places)), 0
    known: dict[tuple[int, int], Tensor] = {}
    for question, corners in zip(questions, places, strict=True):
        new = [i for i, corner in enumerate(corners) if corner not in known]
        used, clean, covered = choose.run(
            net,
            question.picture,
            question.baseline,
            question.windows,
            engine,
            positions=np.array(new),
            progress=_counted(progress, done, total),
        )
        known.update(zip((corners[i] for i in new), covered, strict=True))
        done += len(new)
        yield question.answer(used, clean, torch.stack([known[corner] for corner in corners]))


def _places(windows: Windows) -> list[tuple[int, int]]:
    """Return the upper left corner of every window."""
    return list(product(windows.starts(0), windows.starts(1)))


def _counted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a callback for a part of the work, of which so much was done before."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
