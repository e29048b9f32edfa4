"""What every measurement says about itself."""

import platform
from collections.abc import Iterable

import torch


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
