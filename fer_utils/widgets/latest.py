"""Work in the background of which only the latest matters: what sliders ask for."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

Stale = Callable[[], bool]

# One thread for all explorers: two maps at once would only take twice as long each.
_thread = ThreadPoolExecutor(1, thread_name_prefix="explorer")


class Latest:
    """Runs `work(job, stale)` for the job asked for last, and drops those before it.

    `stale()` says, during the work, that it may end: a newer job waits, or `stop` was called.
    """

    def __init__(self, work: Callable[[Any, Stale], None]):
        self._work = work
        self._lock = Lock()
        self._asked = 0
        self._future: Future | None = None

    def ask(self, job: object) -> None:
        """Ask for a job in place of all before it; return at once."""
        with self._lock:
            self._asked += 1
            self._future = _thread.submit(self._run, job, self._asked)

    def stop(self) -> None:
        """Give up what is being done."""
        with self._lock:
            self._asked += 1

    def wait(self) -> None:
        """Return when there is nothing more to do."""
        waited = None
        while waited is not self._future:  # what is done may ask for more
            waited = self._future
            if waited is not None:
                waited.result()

    def _run(self, job: object, number: int) -> None:
        if number == self._asked:
            self._work(job, lambda: number != self._asked)
