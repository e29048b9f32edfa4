"""Engines: how the scores of all occluded pictures are computed; each gives the same numbers."""

from collections.abc import Callable

#: Called with (windows done, windows in all); returning False stops the work.
Progress = Callable[[int, int], object]


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
