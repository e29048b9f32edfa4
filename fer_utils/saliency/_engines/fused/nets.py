"""Nets made ready: their packed weights and their plans."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.inputs import to_gray
from fer_utils.models.scaling import Scaling
from fer_utils.saliency._engines import Progress, Unsupported
from fer_utils.saliency._engines.fused.kernels import SPARE_PIXELS
from fer_utils.saliency._engines.fused.layers import cover, cover_rows
from fer_utils.saliency._engines.fused.plain import Plain, dense_weights, tensors
from fer_utils.saliency._engines.fused.plain import make_plan as make_plain_plan
from fer_utils.saliency._engines.fused.plan import SIDE, make_plan, make_program, map_sides
from fer_utils.saliency._engines.fused.run import WindowByWindow
from fer_utils.saliency._engines.fused.structure import Structure
from fer_utils.saliency._engines.fused.transformer import SLACK, Layout, Warping
from fer_utils.saliency._engines.fused.warp import crop, look
from fer_utils.saliency._engines.fused.weights import empty, pack, steps_of
from fer_utils.saliency._engines.threads import torch_threads
from fer_utils.saliency.windows import Windows

# The share of the last maps that a box may take, so that the weights for it alone are read in less
# time than all are multiplied with many windows at once.
SMALL = 0.2


class FusedNet(WindowByWindow):
    """Computes maps for a net of the mini-Xception family."""

    def __init__(self, structure: Structure):
        weights, places = pack(steps_of(structure, map_sides(structure)[-1]))
        self._plan = make_plan(structure, places)
        self._program = make_program(structure.net, self._plan, weights)
        self._classes = structure.head.out_channels
        gray = Scaling((1.0,), (0.0,))  # the loops scale it
        super().__init__(structure.side, self._plan.intervals, lambda one: seen(one, 1, gray))
        self._clean = empty(self._plan.floats)
        for origin, row, pixel, side in self._plan.maps[self._plan.pooled]:
            first = origin - row - pixel
            self._clean[first : first + (side + 2) * row] = -np.inf

    def _look_at(self, picture: np.ndarray) -> None:
        whole = self._plan.intervals(np.array([0]), np.array([self._side]))
        self._clean_logits = np.empty((1, self._classes), np.float32)
        window = np.zeros((1, 2), np.int64)
        # The clean picture is one window as large as the picture, "painted" with the picture: the
        # same loops fill the arena that all others start from.
        self._run(self._clean, window, (whole, whole), picture, self._clean_logits)

    def _cover(
        self,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        shown: np.ndarray,
        progress: Progress | None,
        meanwhile: Callable[[], object] | None,
    ) -> np.ndarray:
        covered = np.empty((len(pairs), self._classes), np.float32)

        def compute(arena: np.ndarray, part: slice) -> None:
            self._run(arena, pairs[part], intervals, shown, covered[part])

        self._share_out(len(pairs), compute, progress, meanwhile)
        return covered

    def _run(
        self,
        arena: np.ndarray,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        shown: np.ndarray,
        logits: np.ndarray,
    ) -> None:
        rows, columns = intervals
        addresses = np.empty((2, self._plan.pixels + SPARE_PIXELS), np.int64)
        cover(arena, self._clean, addresses, self._program, rows, columns, pairs, shown, logits)


class WarpedNet(WindowByWindow):
    """Computes maps for a net with a spatial transformer, in two rounds.

    First the localisation network's maps are renewed in boxes, for all windows; then every window
    gets its crop, and the layers on that are computed whole.
    """

    # Where a crop begins depends on numbers that are rounded, and every pixel of it on where.
    tolerance = 5e-5

    def __init__(self, parts: Warping):
        self._look = Layout.of(parts.looking, 0, parts.side, (1, 2))
        self._see = Layout.of(parts.features, self._look.floats, parts.side, (0, 0))
        self._pointing, self._head = parts.pointing, parts.head
        whole = np.array([0]), np.array([parts.side])
        self._whole = self._look.intervals(*whole), self._see.intervals(*whole)
        scaling = parts.net.scaling
        with torch.no_grad():
            if self._pointing(torch.zeros(1, self._look.features)).shape[1] != 6:
                raise Unsupported("the net's trunk does not find six numbers for a crop")
        follow = self._look.intervals
        super().__init__(parts.side, follow, lambda one: seen(one, 1, scaling)[..., 0])

    def _look_at(self, picture: np.ndarray) -> None:
        self._clean = empty(self._see.floats + SLACK + self._side**2)
        self._uncovered = picture.copy()
        window, whole = np.zeros((1, 2), np.int64), self._whole[0]
        arenas, self._arenas = self._arenas, [self._clean]
        self._clean_logits = self._cover(window, (whole, whole), picture, None, None)
        self._arenas = arenas

    def _cover(
        self,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        shown: np.ndarray,
        progress: Progress | None,
        meanwhile: Callable[[], object] | None,
    ) -> np.ndarray:
        (rows, columns), (_, whole) = intervals, self._whole
        seen = np.empty((len(pairs), self._look.features), np.float32)
        made = np.empty((len(pairs), self._see.features), np.float32)
        looking, seeing = self._look.program(), self._see.program()

        def locate(arena: np.ndarray, part: slice) -> None:
            look(arena, self._clean, looking, rows, columns, pairs[part], shown, seen[part])

        def describe(arena: np.ndarray, part: slice) -> None:
            where = (rows, columns, pairs[part], shown)
            crop(arena, self._uncovered, looking[0], seeing, *where, whole, to[part], made[part])

        self._share_out(len(pairs), locate, None, meanwhile)
        # what is not finite would point anywhere in memory
        to = np.nan_to_num(apply(self._pointing, seen).astype(np.float64), False, 0, 1e6, -1e6)
        self._share_out(len(pairs), describe, progress)
        return apply(self._head, made)


class PlainNet(WindowByWindow):
    """Computes maps for a plain net of few filters."""

    def __init__(self, parts: Plain):
        weights, places = pack(tensors(parts))
        self._plan = make_plain_plan(parts, places)
        self._program = make_program(parts.net, self._plan, weights)
        self._weights = dense_weights(parts, int(self._plan.maps[-1, SIDE])).numpy()
        outputs, bias = self._weights.shape[-1], parts.dense.bias
        self._bias = np.zeros(outputs, np.float32) if bias is None else bias.detach().numpy().copy()
        self._head = parts.head
        colors, scaling = parts.net.color_channels, parts.net.scaling
        follow = self._plan.intervals
        super().__init__(parts.side, follow, lambda one: seen(one, colors, scaling))
        self._clean = empty(self._plan.floats)

    def is_cheaper(self, windows: Windows, wanted: int) -> bool:
        """Whether boxes are small where the linear layers begin: else their weights take long."""
        with self._lock:
            tables = self._find_intervals(windows)
        high, wide = ((table[-1, :, 1] - table[-1, :, 0]).mean() for table in tables)
        return bool(high * wide <= SMALL * self._plan.maps[-1, SIDE] ** 2)

    def _look_at(self, picture: np.ndarray) -> None:
        whole = self._plan.intervals(np.array([0]), np.array([self._side]))
        window, sums = np.zeros((1, 2), np.int64), np.zeros((1, len(self._bias)), np.float32)
        self._run(self._clean, window, (whole, whole), picture, sums)
        origin, row, channels, side = self._plan.maps[-1]
        lines = self._clean[origin : origin + side * row].reshape(side, row)[:, : side * channels]
        weights = torch.from_numpy(self._weights).flatten(0, 2)
        self._sums = (torch.from_numpy(lines.reshape(1, -1)) @ weights).numpy() + self._bias
        self._clean_logits = self._finish(self._sums)

    def _cover(
        self,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        shown: np.ndarray,
        progress: Progress | None,
        meanwhile: Callable[[], object] | None,
    ) -> np.ndarray:
        sums = self._sums.repeat(len(pairs), 0)

        def compute(arena: np.ndarray, part: slice) -> None:
            self._run(arena, pairs[part], intervals, shown, sums[part])

        self._share_out(len(pairs), compute, progress, meanwhile)
        return self._finish(sums)

    def _run(
        self,
        arena: np.ndarray,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        shown: np.ndarray,
        sums: np.ndarray,
    ) -> None:
        addresses = np.empty((2, self._plan.pixels + SPARE_PIXELS), np.int64)
        where = (*intervals, pairs, shown)
        cover_rows(arena, self._clean, addresses, self._program, *where, self._weights, sums)

    def _finish(self, sums: np.ndarray) -> np.ndarray:
        return apply(self._head, sums.copy())  # layers may work in place


#: What computes maps, by the parts that were found.
NETS: dict[type, Callable[[Any], WindowByWindow]]
NETS = {Structure: FusedNet, Warping: WarpedNet, Plain: PlainNet}


def apply(layers: nn.Module, rows: np.ndarray) -> np.ndarray:
    """Return what small layers make of rows.

    By one thread: torch's others would go on for milliseconds, waiting for more, where the loops
    have theirs.
    """
    with torch.no_grad(), torch_threads(1):
        return layers(torch.from_numpy(rows)).numpy()


def seen(picture: Tensor, colors: int, scaling: Scaling) -> np.ndarray:
    """Return (H, W, C) float32 of (1, 1 or 3, H, W), as a net of 1 or 3 colors sees it."""
    one = to_gray(picture) if colors == 1 else picture.float().expand(-1, colors, -1, -1)
    return np.ascontiguousarray(scaling(one.detach(), colors)[0].permute(1, 2, 0).numpy())
