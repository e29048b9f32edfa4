"""Files that are whole: written in one step, and read only as they were released."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from fer_utils.errors import FerError

_CHECKSUM = "checksum"


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


class DamagedError(FerError):
    """A file of the kit's own is not as it was written."""


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> Path:
    """Write a value as JSON in one step, with a checksum: what `read_json` returns.

    The checksum is one more key of a dict; what is no dict becomes the "value" of one.
    """
    named = value if isinstance(value, dict) else {"value": value}
    sealed = {**named, _CHECKSUM: _checksum(named)}
    return write(path, json.dumps(sealed, indent=indent) + "\n")


def read_json(path: Path) -> Any:
    """Return what a file of `write_json` holds; one from before there were checksums as it is.

    Raises:
        DamagedError: the file is not as it was written.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise DamagedError(f"{path} is damaged ({problem}): delete it.") from None
    if not isinstance(value, dict) or _CHECKSUM not in value:
        return value
    if value.pop(_CHECKSUM) != _checksum(value):
        raise DamagedError(f"{path} is damaged (its checksum is another): delete it.")
    return value["value"] if list(value) == ["value"] else value


def _checksum(value: dict) -> str:
    # of the values, not of the text: to indent a file otherwise damages nothing
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
