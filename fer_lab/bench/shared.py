"""What the measurements share: the clock, and what they say about themselves."""

import platform
from collections.abc import Callable, Iterable
from time import perf_counter

import torch

UNTIMED = 5  # steps before each chunk of a training: caches, and a loader's workers, are warm then


def machine() -> str:
    """Name what was measured on: torch, CPU threads, kind of processor, Python."""
    return (
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def as_csv(header: str, command: str, columns: str, rows: Iterable[str]) -> str:
    """Return a CSV file; lines with # say what was measured and how."""
    lines = [f"# {line}" for line in header.splitlines() if line]
    return "\n".join([*lines, f"# made by: {command}", columns, *rows]) + "\n"


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Return how many seconds `work` takes, its work on a GPU included."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    start = perf_counter()
    work()
    wait()
    return perf_counter() - start
