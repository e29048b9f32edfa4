"""Files that are whole: written in one step, and read only as they were released."""

import hashlib
import os
import tempfile
from pathlib import Path

from fer_utils.errors import FerError

# More than any table or figure of the kit, and than what a full disk still takes.
_ROOM = 1_000_000


def write(path: str | Path, content: bytes | str) -> Path:
    """Write a file in one step: under a temporary name beside it, then renamed.

    Whoever reads `path` meanwhile sees the old file or the new one, and an interrupted
    program leaves the old one. Text is written as UTF-8. Returns the path.

    Raises:
        FerError: it cannot be written there; the message says why.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, path.parent, error) from error
    return path


def make_folder(path: str | Path) -> Path:
    """Make a folder where it is not there, before the work whose results it is to hold.

    Returns the path.

    Raises:
        FerError: it cannot be made, or nothing can be written in it; the message says why.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _probe(path)
    except OSError as error:
        raise _unwritable(path, path, error) from error
    return path


def check_folder(path: str | Path) -> None:
    """Raise a FerError if a folder cannot be made or written in; make nothing yet."""
    path = Path(path)
    try:
        _probe(next(place for place in (path, *path.absolute().parents) if os.path.exists(place)))
    except OSError as error:
        raise _unwritable(path, path, error) from error


def check_writable(path: str | Path) -> None:
    """Raise a FerError if a file cannot be written, before the work that is to fill it."""
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError
        _probe(path.parent)
    except OSError as error:
        raise _unwritable(path, path.parent, error) from error


def _probe(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_ROOM))


def _unwritable(path: Path, folder: Path, error: OSError) -> FerError:
    """Return why nothing can be written: `path`, in `folder`."""
    file = next((place for place in (folder, *folder.parents) if os.path.isfile(place)), None)
    if file is not None:
        return FerError(f"{file} is a file, not a folder: choose another place to write to.")
    if isinstance(error, FileNotFoundError) and not os.path.isdir(folder):
        return FerError(f"there is no folder {folder} to write {path.name} in: make it first.")
    if path != folder and os.path.isdir(path):
        return FerError(f"{path} is a folder: give the name of a file to write.")
    return FerError(f"{path} cannot be written ({in_words(error)}): choose another place.")


def in_words(error: OSError) -> str:
    """Return what the system says, without its number."""
    reason = error.strerror or str(error) or type(error).__name__
    return reason[0].lower() + reason[1:]


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
