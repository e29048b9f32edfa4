"""A net made ready: its packed weights, its plan, and the clean maps of the last picture."""

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
from fer_utils.saliency._engines import Progress, report
from fer_utils.saliency._engines.fused.kernels import SPARE_PIXELS
from fer_utils.saliency._engines.fused.layers import cover
from fer_utils.saliency._engines.fused.plan import BATCH, make_plan, make_program, map_sides
from fer_utils.saliency._engines.fused.structure import Structure
from fer_utils.saliency._engines.fused.weights import empty, pack
from fer_utils.saliency.windows import OcclusionProblem, Windows

# How many pieces each thread's share of a map is cut into: a thread that is held up by other
# programs leaves its pieces to the others, and progress is told after each.
PIECES = 32


class FusedNet:
    """Computes maps for one net as it is now; it keeps copies of weights, never the net.

    What a map needs beside its windows is kept from call to call: the clean maps while the
    picture is the same, the intervals while the windows are. One call at a time does the work;
    others wait.
    """

    by_copy = True

    def __init__(self, structure: Structure):
        weights, places = pack(structure, map_sides(structure)[-1])
        self._plan = make_plan(structure, places)
        self._program = make_program(structure, self._plan, weights)
        self._classes, self._side = structure.head.out_channels, structure.side
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
        paint = _gray(problem.baseline.expand_as(picture))
        covered = np.empty((len(chosen), self._classes), np.float32)
        report(progress, 0, len(chosen))
        with self._lock:
            self._look_at(_gray(picture))
            work = pairs, self._find_intervals(windows), paint, covered
            self._share_out(*work, progress, meanwhile)
            clean = self._clean_logits.copy()
        return torch.from_numpy(clean), torch.from_numpy(covered)

    def _look_at(self, picture: np.ndarray) -> None:
        """Compute the clean maps of a picture, unless it is the last one."""
        if np.array_equal(self._picture, picture):
            return
        plan, self._arenas, self._picture = self._plan, [], np.zeros(0, np.float32)
        self._clean = empty(plan.floats)
        for origin, row, pixel, side in plan.maps[plan.pooled]:
            first = origin - row - pixel
            self._clean[first : first + (side + 2) * row] = -np.inf
        whole = plan.intervals(np.array([0]), np.array([self._side]))
        self._clean_logits = np.empty((1, self._classes), np.float32)
        window = np.zeros((1, 2), np.int64)
        # The clean picture is one window as large as the picture, "painted" with the picture: the
        # same loops fill the arena that all others start from.
        self._cover(self._clean, window, (whole, whole), picture, self._clean_logits)
        self._picture = picture.copy()  # the caller may paint on the tensor it came from

    def _find_intervals(self, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
        if self._intervals is None or self._intervals[0] != windows:
            starts = np.concatenate([windows.starts(dim) for dim in range(2)])
            lengths = np.repeat(windows.window, windows.counts)
            tables = self._plan.intervals(starts, np.minimum(starts + lengths, self._side))
            rows, columns = np.split(tables, [windows.counts[0]], axis=1)
            self._intervals = (windows, rows.copy(), columns.copy())
        return self._intervals[1:]

    def _share_out(
        self,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        paint: np.ndarray,
        covered: np.ndarray,
        progress: Progress | None,
        meanwhile: Callable[[], object] | None,
    ) -> None:
        """Let all threads take pieces of the work until none is left; this thread is one."""
        threads = max(1, min(torch.get_num_threads(), -(-len(pairs) // BATCH)))
        # Each thread has a working copy of all maps of its own; numba has let go of Python's lock,
        # so they do run at the same time.
        while len(self._arenas) < threads:
            self._arenas.append(empty(self._clean.size))
            self._arenas[-1][:] = self._clean
        piece = max(BATCH, -(-len(pairs) // (PIECES * threads)))
        pieces = deque(slice(i, i + piece) for i in range(0, len(pairs), piece))
        done: list[int] = []

        def work(arena: np.ndarray, progress: Progress | None = None) -> None:
            while pieces:
                try:
                    part = pieces.popleft()
                except IndexError:  # another thread took the last one
                    return
                self._cover(arena, pairs[part], intervals, paint, covered[part])
                done.append(len(pairs[part]))
                report(progress, sum(done), len(pairs))

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
            report(progress, len(pairs), len(pairs))

    def _cover(
        self,
        arena: np.ndarray,
        pairs: np.ndarray,
        intervals: tuple[np.ndarray, np.ndarray],
        paint: np.ndarray,
        logits: np.ndarray,
    ) -> None:
        rows, columns = intervals
        addresses = np.empty((2, self._plan.pixels + SPARE_PIXELS), np.int64)
        cover(arena, self._clean, addresses, self._program, rows, columns, pairs, paint, logits)


@contextmanager
def half_of_the_threads(of_many: bool) -> Iterator[None]:
    """Leave processors to the others, where there are some: torch's threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // 2) if of_many else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _gray(picture: Tensor) -> np.ndarray:
    """Return (H, W) float32 of (1, C, H, W), as the net sees it."""
    return np.ascontiguousarray(to_gray(picture.detach())[0, 0].numpy())
