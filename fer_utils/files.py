"""Files that are whole: written in one step, and read only as they were released."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fer_utils.errors import FerError

# More than any table or figure of the kit, and than what a full disk still takes.
_ROOM = 1_000_000
_CHECKSUM = "checksum"
_MEANING = "meaning"


def write(path: str | Path, content: bytes | str) -> Path:
    """Write a file in one step: under a temporary name beside it, then renamed.

    Whoever reads `path` meanwhile sees the old file or the new one, and an interrupted
    program leaves the old one. Text is written as UTF-8; what is none, as in the names of some
    files, becomes its escapes. Returns the path.

    Raises:
        FerError: it cannot be written there; the message says why.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            if isinstance(content, str):
                content = content.encode(errors="backslashreplace")
            part.write_bytes(content)
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


def check_apart(written: Iterable[Path | None], read: Iterable[Path] = ()) -> None:
    """Raise a FerError where what is to be written would replace what is read, or is named twice.

    Args:
        written: files to be written; None is none.
        read: files that are read.
    """
    kept = {path.resolve() for path in read}
    for path in (path for path in written if path is not None):
        if path.resolve() in kept:
            raise FerError(f"{path} is read or written already: give what is written its own name.")
        kept.add(path.resolve())


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


def seal_card(card: dict, names: tuple[str, ...]) -> dict:
    """Return a card of weights with a checksum of what gives these their meaning.

    A card is for people too, who may add a note; but with two classes swapped a net would say the
    wrong words of everything.

    Args:
        card: of weights, with their "sha256".
        names: of its entries that decide how the weights are used.
    """
    return {**card, _MEANING: checksum({name: card[name] for name in (*names, "sha256")})}


def check_card(card: dict, names: tuple[str, ...], path: Path) -> None:
    """Raise a DamagedError where a card of `seal_card` was changed; one without checksum is fine.

    Args:
        card: as it was read.
        names: as for `seal_card`.
        path: of its file.
    """
    if _MEANING in card and card != seal_card(card, names):
        raise DamagedError(
            f"{path} was changed: its {' or '.join(names)} is not what the weights beside it were "
            "saved with."
        )


class DamagedError(FerError):
    """A file of the kit's own is not as it was written."""


def write_json(path: str | Path, value: Any, indent: int | None = 1) -> Path:
    """Write a value as JSON in one step, with a checksum: what `read_json` returns.

    The checksum is one more key of a dict; what is no dict becomes the "value" of one.
    """
    named = value if isinstance(value, dict) else {"value": value}
    sealed = {**named, _CHECKSUM: checksum(named)}
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
    if value.pop(_CHECKSUM) != checksum(value):
        raise DamagedError(f"{path} is damaged (its checksum is another): delete it.")
    return value["value"] if list(value) == ["value"] else value


def checksum(value: dict) -> str:
    """Return what changes when a value changes that JSON can hold: 16 hexadecimal digits."""
    # of the values, not of the text: to indent a file otherwise damages nothing
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
