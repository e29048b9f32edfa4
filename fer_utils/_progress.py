"""What is shown while something takes a while: a bar, or a line.

With TQDM_DISABLE=1 in the environment, as notebooks are built and compared, there is neither.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import auto

DELAY = 1.0  # seconds without a bar


def disabled() -> bool:
    """Return whether nothing is to be shown.

    tqdm looks there itself, but not in a notebook, nor where it is told `disable=False`.
    """
    return os.environ.get("TQDM_DISABLE", "0") not in ("", "0")


def tqdm(*args: Any, disable: bool = False, **options: Any) -> "auto.tqdm":
    """Return tqdm's bar: the widget in a notebook, whose packages are loaded only now."""
    from tqdm import auto

    return auto.tqdm(*args, disable=disable or disabled(), **options)


@contextmanager
def bar(total: int | None, unit: str, show: bool | None = None) -> Iterator[Callable[[int], None]]:
    """Yield what is to be called with the number of things done since it was last called.

    Args:
        total: how many things there are; None where nobody knows.
        unit: what one is called.
        show: True shows a bar from the first call on, False never; None after a second, in the
            main thread: what explorers do in the background they show themselves.
    """
    started, done = monotonic(), 0
    shown = None
    if disabled():
        show = False
    if show is None and threading.current_thread() is not threading.main_thread():
        show = False

    def note(count: int) -> None:
        nonlocal done, shown
        done += count
        if shown is not None:
            shown.update(count)
        elif show or (show is None and done != total and monotonic() - started > DELAY):
            shown = tqdm(total=total, initial=done, unit=f" {unit}", leave=False)

    try:
        yield note
    finally:
        if shown is not None:
            shown.close()


@contextmanager
def said(words: str) -> Iterator[None]:
    """Write a line into a notebook, where the next one takes its place."""
    notebook = type(sys.stdout).__module__.startswith("ipykernel.") and not disabled()
    if notebook:
        print(words, end="\r", flush=True)
    try:
        yield
    finally:
        if notebook:
            print(" " * len(words), end="\r", flush=True)
