"""Memory that is used again instead of being given back to the system and asked for anew."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

# From glibc's malloc.h: the parameter's number, its value during a training, and afterwards (what
# glibc itself arrives at in a program that has freed a large block).
M_TRIM_THRESHOLD = (-1, 2**31 - 1, 64 * 2**20)
M_MMAP_THRESHOLD = (-3, 32 * 2**20, 32 * 2**20)
M_MMAP_MAX = (-4, 0, 65_536)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the C library keep what is freed until the end of the block.

    Every training step takes and frees the same hundreds of megabytes. glibc hands large blocks
    back to the system, which then has to find and clear every page anew. Elsewhere than on
    glibc nothing is done.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    glibc = ctypes.CDLL(None)
    parameters = (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX)
    for number, during, _ in parameters:
        glibc.mallopt(number, during)
    try:
        yield
    finally:
        for number, _, after in parameters:
            glibc.mallopt(number, after)
        glibc.malloc_trim(0)
