"""Files that are whole: written in one step, and read only as they were released."""

import hashlib
import os
from pathlib import Path

from fer_utils.errors import FerError


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


def read_checked(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file that comes with the kit, checked against its released SHA-256.

    Raises:
        FerError: the file is missing, or is not the file that was released.
    """
    if not path.is_file():
        raise FerError(f"{path} is missing: reinstall fer_utils, or check the file out again.")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise FerError(
            f"{path} is damaged: its SHA-256 is {digest[:12]}..., expected {sha256[:12]}...; "
            "check the file out again."
        )
    return data
