"""Work that is shared out to threads, by the piece."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch

Piece = TypeVar("Piece")

_lock = Lock()
_before: list[int] = []


def share_out(
    pieces: Iterable[Piece],
    workers: Sequence[Callable[[Piece], int]],
    told: Callable[[int], object],
    meanwhile: Callable[[], object] | None = None,
) -> None:
    """Let all workers take pieces of the work until none is left, each in a thread of its own.

    A thread that is held up by other programs leaves its pieces to the others.

    Args:
        pieces: of the work.
        workers: each computes a piece and returns how many windows it had; the first does so in
            this thread.
        told: called from this thread with the windows done so far; what it raises ends the work.
        meanwhile: called once, from this thread, while the others have begun with the work.
    """
    waiting, done = deque(pieces), [0]

    def work(compute: Callable[[Piece], int], told: Callable[[int], object] | None = None) -> None:
        while waiting:
            try:
                piece = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            done.append(compute(piece))
            if told:
                told(sum(done))

    with ThreadPoolExecutor(len(workers)) as pool:
        others = [pool.submit(work, compute) for compute in workers[1:]]
        try:
            if meanwhile:
                meanwhile()
            work(workers[0], told)
        finally:
            waiting.clear()
        for other in others:
            other.result()
    if others:
        told(sum(done))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads for each operation, in this thread and in new ones.

    Where processors are wanted by others: torch's threads wait for each other.
    """
    own = torch.get_num_threads()
    with _lock:  # a thread that began inside of another's block was given what is wanted there
        _before.append(own)
        before = max(_before)
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        with _lock:
            _before.remove(own)
