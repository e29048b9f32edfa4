"""Nets made ready: their packed weights, their plans, and the clean maps of the last picture."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from fer_utils.errors import FerError
from fer_utils.inputs import to_gray
from fer_utils.models.scaling import Scaling
from fer_utils.saliency._engines import TOLERANCE, Progress, Unsupported, report
from fer_utils.saliency._engines.fused.kernels import SPARE_PIXELS
from fer_utils.saliency._engines.fused.layers import cover
from fer_utils.saliency._engines.fused.plan import BATCH, make_plan, make_program, map_sides
from fer_utils.saliency._engines.fused.structure import Structure
from fer_utils.saliency._engines.fused.transformer import SLACK, Layout, Warping
from fer_utils.saliency._engines.fused.warp import crop, look
from fer_utils.saliency._engines.fused.weights import empty, pack
from fer_utils.saliency.windows import OcclusionProblem, Windows

AS_IT_IS = Scaling((1.0,), (0.0,))

# How many pieces each thread's share of a map is cut into: a thread that is held up by other
# programs leaves its pieces to the others, and progress is told after each.
PIECES = 32


class WindowByWindow:
    """What computes maps for one net as it is now; it keeps copies of weights, never the net.

    What a map needs beside its windows is kept from call to call: the clean maps while the
    picture is the same, the intervals while the windows are. One call at a time does the work;
    others wait.

    Args:
        side: of the pictures.
        intervals: follows intervals of the picture's rows through all maps, see `Plan.intervals`.
        gray: makes of pictures (1, C, H, W) what the loops start from, float32 (H, W).
    """

    by_copy, tolerance = True, TOLERANCE

    def __init__(
        self,
        side: int,
        intervals: Callable[[np.ndarray, np.ndarray], np.ndarray],
        gray: Callable[[Tensor], np.ndarray],
    ):
        self._side, self._follow, self._gray = side, intervals, gray
        self._lock = Lock()
        self._picture = np.zeros(0, np.float32)
        self._clean = self._clean_logits = np.zeros(0, np.float32)
        self._arenas: list[np.ndarray] = []
        self._intervals: tuple[Windows | None, np.ndarray, np.ndarray] | None = None

    def outputs(
        self,
        problem: OcclusionProblem,
        positions: np.ndarray | None = None,
        progress: Progress | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return clean logits (1, K) and occluded logits (positions, K); see `PreparedNet`.

        Args:
            problem: as there, like `positions` and `progress`.
            positions: see there.
            progress: see there.
            meanwhile: called once, from this thread, while the others have begun with the work.

        Raises:
            FerError: a window that is not there, or a picture of another size.
            Cancelled: progress returned False.
        """
        side, picture, windows = self._side, problem.picture, problem.windows
        if windows.size != (side, side) or picture.shape[-2:] != (side, side):
            raise FerError(f"this net was prepared for pictures of {side}x{side}.")
        chosen = np.arange(len(windows)) if positions is None else np.asarray(positions, np.int64)
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(windows):
            raise FerError(f"positions must be from 0 to {len(windows) - 1}.")
        pairs = np.stack(np.divmod(chosen, windows.counts[1]), -1).astype(np.int64)
        shown, gray = self._gray(problem.baseline.expand_as(picture)), self._gray(picture)
        report(progress, 0, len(chosen))
        with self._lock:
            if not np.array_equal(self._picture, gray):
                self._arenas, self._picture = [], np.zeros(0, np.float32)
                self._look_at(gray)
                self._picture = gray.copy()  # the caller may paint on the tensor it came from
            intervals = self._find_intervals(windows)
            covered = self._cover(pairs, intervals, shown, progress, meanwhile)
            clean = self._clean_logits.copy()
        return torch.from_numpy(clean), torch.from_numpy(covered)

    def _look_at(self, picture: np.ndarray) -> None:
        """Compute the clean maps of a picture, and its logits."""
        raise NotImplementedError

    def _cover(
        self,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        shown: np.ndarray,
        progress: Progress | None,
        meanwhile: Callable[[], object] | None,
    ) -> np.ndarray:
        """Compute the logits of all windows (row, column)."""
        raise NotImplementedError

    def _find_intervals(self, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
        if self._intervals is None or self._intervals[0] != windows:
            starts = np.concatenate([windows.starts(dim) for dim in range(2)])
            lengths = np.repeat(windows.window, windows.counts)
            tables = self._follow(starts, np.minimum(starts + lengths, self._side))
            rows, columns = np.split(tables, [windows.counts[0]], axis=1)
            self._intervals = (windows, rows.copy(), columns.copy())
        return self._intervals[1:]

    def _share_out(
        self,
        count: int,
        compute: Callable[[np.ndarray, slice], object],
        progress: Progress | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        """Let all threads take pieces of the work until none is left; this thread is one.

        Args:
            count: of the windows.
            compute: does those of a slice, in the given working copy of all maps.
            progress: see `PreparedNet`.
            meanwhile: see `outputs`.
        """
        threads = max(1, min(torch.get_num_threads(), -(-count // BATCH)))
        # Each thread has a working copy of all maps of its own; numba has let go of Python's lock,
        # so they do run at the same time.
        while len(self._arenas) < threads:
            self._arenas.append(empty(self._clean.size))
            self._arenas[-1][:] = self._clean
        piece = max(BATCH, -(-count // (PIECES * threads)))
        pieces = deque(slice(i, min(i + piece, count)) for i in range(0, count, piece))
        done: list[int] = []

        def work(arena: np.ndarray, progress: Progress | None = None) -> None:
            while pieces:
                try:
                    part = pieces.popleft()
                except IndexError:  # another thread took the last one
                    return
                compute(arena, part)
                done.append(part.stop - part.start)
                report(progress, sum(done), count)

        with ThreadPoolExecutor(threads) as pool:
            others = [pool.submit(work, arena) for arena in self._arenas[1:threads]]
            try:
                if meanwhile:
                    with half_of_the_threads(of_many=bool(others)):
                        meanwhile()
                work(self._arenas[0], progress)
            finally:
                pieces.clear()
            for other in others:
                other.result()
        if others:
            report(progress, count, count)


class FusedNet(WindowByWindow):
    """Computes maps for a net of the mini-Xception family."""

    def __init__(self, structure: Structure):
        weights, places = pack(structure, map_sides(structure)[-1])
        self._plan = make_plan(structure, places)
        self._program = make_program(structure, self._plan, weights)
        self._classes = structure.head.out_channels
        super().__init__(structure.side, self._plan.intervals, gray)

    def _look_at(self, picture: np.ndarray) -> None:
        plan = self._plan
        self._clean = empty(plan.floats)
        for origin, row, pixel, side in plan.maps[plan.pooled]:
            first = origin - row - pixel
            self._clean[first : first + (side + 2) * row] = -np.inf
        whole = plan.intervals(np.array([0]), np.array([self._side]))
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
        super().__init__(parts.side, self._look.intervals, lambda pictures: gray(pictures, scaling))

    def _look_at(self, picture: np.ndarray) -> None:
        self._clean = empty(self._see.floats + SLACK + self._side**2)
        self._picture = picture
        window, whole = np.zeros((1, 2), np.int64), self._whole[0]
        self._arenas = [self._clean]
        self._clean_logits = self._cover(window, (whole, whole), picture, None, None)
        self._arenas = []

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
            crop(arena, self._picture, looking[0], seeing, *where, whole, to[part], made[part])

        self._share_out(len(pairs), locate, None, meanwhile)
        with torch.no_grad():
            # what is not finite would point anywhere in memory
            to = self._pointing(torch.from_numpy(seen)).nan_to_num(0, 1e6, -1e6).double().numpy()
            self._share_out(len(pairs), describe, progress)
            return self._head(torch.from_numpy(made)).numpy()


@contextmanager
def half_of_the_threads(of_many: bool) -> Iterator[None]:
    """Leave processors to the others, where there are some: torch's threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // 2) if of_many else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def gray(picture: Tensor, scaling: Scaling = AS_IT_IS) -> np.ndarray:
    """Return (H, W) float32 of (1, C, H, W), as the net sees it."""
    return np.ascontiguousarray(scaling(to_gray(picture.detach()), 1)[0, 0].numpy())
