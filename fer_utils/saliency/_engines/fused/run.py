"""What all nets made ready have in common: the clean maps of a picture, and the work shared out."""

from collections.abc import Callable
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from fer_utils.errors import FerError
from fer_utils.saliency._engines import TOLERANCE, Progress, report
from fer_utils.saliency._engines.fused.plan import BATCH
from fer_utils.saliency._engines.fused.weights import empty
from fer_utils.saliency._engines.threads import share_out, torch_threads
from fer_utils.saliency.windows import OcclusionProblem, Windows

# How many pieces each thread's share of a map is cut into; progress is told after each.
PIECES = 32


class WindowByWindow:
    """What computes maps for one net as it is now; it keeps copies of weights, never the net.

    What a map needs beside its windows is kept from call to call: the clean maps while the
    picture is the same, the intervals while the windows are. One call at a time does the work;
    others wait.

    Args:
        side: of the pictures.
        intervals: follows intervals of the picture's rows through all maps, see `Plan.intervals`.
        seen: makes of a picture (1, C, H, W) what the loops start from, (H, W, ...), float32.
    """

    by_copy, tolerance = True, TOLERANCE

    def __init__(
        self,
        side: int,
        intervals: Callable[[np.ndarray, np.ndarray], np.ndarray],
        seen: Callable[[Tensor], np.ndarray],
    ):
        self._side, self._follow, self._seen = side, intervals, seen
        self._lock = Lock()
        self._picture = np.zeros(0, np.float32)
        self._clean = self._clean_logits = np.zeros(0, np.float32)
        self._arenas: list[np.ndarray] = []
        self._stale: set[int] = set()  # arenas that do not hold the clean maps yet
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
        shown, clean = self._seen(problem.baseline.expand_as(picture)), self._seen(picture)
        report(progress, 0, len(chosen))
        with self._lock:
            if not np.array_equal(self._picture, clean):
                self._picture = np.zeros(0, np.float32)
                self._look_at(clean)
                self._stale.update(range(len(self._arenas)))
                self._picture = clean.copy()  # the caller may paint on the tensor it came from
            intervals = self._find_intervals(windows)
            covered = self._cover(pairs, intervals, shown, progress, meanwhile)
            logits = self._clean_logits.copy()
        return torch.from_numpy(logits), torch.from_numpy(covered)

    def is_cheaper(self, windows: Windows, wanted: int) -> bool:
        """Whether so many windows take less time here than in whole pictures: as a rule, yes."""
        return True

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
            self._stale.add(len(self._arenas))
            self._arenas.append(empty(self._clean.size))
        piece = max(BATCH, -(-count // (PIECES * threads)))
        pieces = [slice(i, min(i + piece, count)) for i in range(0, count, piece)]

        def working(number: int) -> Callable[[slice], int]:
            def work(part: slice) -> int:
                arena = self._arenas[number]
                if number in self._stale:
                    arena[:] = self._clean
                    self._stale.remove(number)
                compute(arena, part)
                return part.stop - part.start

            return work

        def apart() -> None:
            if meanwhile:
                half = torch.get_num_threads() // 2 if threads > 1 else torch.get_num_threads()
                with torch_threads(max(1, half)):
                    meanwhile()

        workers = [working(number) for number in range(threads)]
        share_out(pieces, workers, lambda done: report(progress, done, count), apart)
