"""Read the packed files that come with the kit, checked against their released SHA-256."""

import hashlib
from pathlib import Path

from fer_utils.errors import FerError


def read_checked(path: Path, sha256: str) -> bytes:
    """Return the bytes of a packed file.

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
