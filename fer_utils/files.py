"""Writing files so that none is ever half there."""

import os
from pathlib import Path


def write(path: str | Path, content: bytes | str) -> Path:
    """Write a file in one step: under a temporary name beside it, then renamed.

    Whoever reads `path` meanwhile sees the old file or the new one, and an interrupted
    program leaves the old one. Text is written as UTF-8. Returns the path.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path
