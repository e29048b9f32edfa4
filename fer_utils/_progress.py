"""A bar for work that turns out to take a while."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

DELAY = 1.0  # seconds without a bar


@contextmanager
def bar(total: int | None, unit: str, show: bool | None = None) -> Iterator[Callable[[int], None]]:
    """Yield what is to be called with the number of things done since it was last called.

    Args:
        total: how many things there are; None where nobody knows.
        unit: what one is called.
        show: True shows a bar from the first call on, False never; None after a second, in the
            main thread: what explorers do in the background they show themselves. With
            TQDM_DISABLE=1 in the environment, as notebooks are built and compared, there is none.
    """
    started, done = monotonic(), 0
    shown = None
    # tqdm looks at it by itself, but not in a notebook
    if os.environ.get("TQDM_DISABLE", "0") not in ("", "0"):
        show = False
    if show is None and threading.current_thread() is not threading.main_thread():
        show = False

    def note(count: int) -> None:
        nonlocal done, shown
        done += count
        if shown is not None:
            shown.update(count)
        elif show or (show is None and done != total and monotonic() - started > DELAY):
            from tqdm.auto import tqdm  # in a notebook it brings the widgets

            shown = tqdm(total=total, initial=done, unit=f" {unit}", leave=False)

    try:
        yield note
    finally:
        if shown is not None:
            shown.close()
