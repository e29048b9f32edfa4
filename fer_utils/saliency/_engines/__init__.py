"""Engines: how the scores of all occluded pictures are computed; each gives the same numbers.

An engine is a module with `prepare(net, shape)`, which says whether it can take a net, and gives
it back ready for work: `engine.prepare(net, shape).outputs(problem, positions, progress)`.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from torch import Tensor

from fer_utils.saliency.windows import OcclusionProblem

__all__ = ["TOLERANCE", "Cancelled", "PreparedNet", "Progress", "Unsupported", "report"]

#: The difference to the plain net's scores that is taken for rounding, as a share of the largest
#: change (or score) on the map.
TOLERANCE = 1e-5

#: Called with (windows done, windows in all); returning False stops the work.
Progress: TypeAlias = Callable[[int, int], object]


class PreparedNet(Protocol):
    """A net made ready by one of the engines.

    Attributes:
        by_copy: whether it works with what was made of the net, and does not ask the net itself.
        tolerance: its own `TOLERANCE`.
    """

    by_copy: bool
    tolerance: float

    def outputs(
        self,
        problem: OcclusionProblem,
        positions: np.ndarray | None = None,
        progress: Progress | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run the net on the picture and on occluded copies of it.

        Args:
            problem: the picture (1, C, H, W), what covers it, and where.
            positions: which windows to compute (flat indices), in this order; None means all.
            progress: see `Progress`; called from this thread.

        Returns:
            clean outputs (1, ...) and occluded outputs (positions, ...).

        Raises:
            FerError: a problem that does not suit the net.
            Cancelled: progress returned False.
        """


class Unsupported(Exception):
    """An engine cannot take this net; the message says why, and another engine does the work."""


class Cancelled(Exception):
    """A progress callback returned False, so the map was not finished."""


def report(progress: Progress | None, done: int, total: int) -> None:
    """Tell the callback how far the work is.

    Raises:
        Cancelled: the callback returned False.
    """
    if progress is not None and progress(done, total) is False:
        raise Cancelled(f"cancelled after {done} of {total} windows")
