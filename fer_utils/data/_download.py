"""Fetching a data set through a public downloader library, with the user's own account.

The kit itself talks to no server and sees no password: the library signs in (with the token that
the user gave it), fetches, and keeps its own copy; the file is then compared with the MD5 of the
published one and copied to where the kit looks for it.
"""

import hashlib
import importlib
import os
import shutil
from pathlib import Path
from types import ModuleType

from fer_utils import data
from fer_utils.data import catalog
from fer_utils.data.catalog import Download
from fer_utils.errors import FerError


def download(name: str, root: str | Path | None = None) -> Path:
    """Fetch a data set, and return the folder it then lies in.

    Args:
        name: a data set whose card has a `Download`.
        root: the folder to put it in; None takes the first of ``data.places(name)``.

    Raises:
        FerError: no library fetches it, the library is not installed or refuses, the file is not
            the published one, or another file of that name is there already.
    """
    card = catalog.get(name).card
    source = card.download
    if source is None:
        raise FerError(f"{name} cannot be fetched by a library. How to get it: {card.get}")
    folder = Path(root).expanduser() if root is not None else data.places(name)[0]
    missing = [file for file in source.md5 if not _there(folder / file, source.md5[file])]
    if missing:
        library = _library(source)
        for file in missing:
            fetched = _fetch(library, source, file)
            _check(fetched, source.md5[file])
            _copy(fetched, folder / file)
    return folder


def _there(path: Path, md5: str) -> bool:
    """Return whether the published file is there; another file of its name is not written over."""
    if not path.exists():
        return False
    if path.is_file() and _md5(path) == md5:
        return True
    raise FerError(
        f"{path} is there already and is not the published file (MD5 {md5}). Move it away, or give "
        "another folder."
    )


def _library(source: Download) -> ModuleType:
    try:
        return importlib.import_module(source.library)
    except ImportError:
        raise FerError(
            f"This needs the library {source.library}: "
            'python -m pip install -c constraints.txt -e ".[download]"'
        ) from None


def _fetch(library: ModuleType, source: Download, file: str) -> Path:
    fetch = getattr(library, f"{source.kind}_download")
    try:
        found = Path(fetch(source.handle, path=file))
    except Exception as error:  # libraries raise what they like: no account, no network, no rules
        message = str(error).strip().partition("\n")[0] or type(error).__name__
        raise FerError(
            f"{source.library} could not fetch {file}. It says: {message} What it needs: "
            f"{source.before}"
        ) from error
    if found.is_dir():
        found = found / file
    if not found.is_file():
        raise FerError(f"{source.library} fetched {source.handle}, but no {file} is in {found}.")
    return found


def _check(path: Path, md5: str) -> None:
    found = _md5(path)
    if found != md5:
        raise FerError(
            f"{path} has the MD5 {found}, but the published file has {md5}: it was cut off, or "
            "changed. Delete it there and try again."
        )


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        os.replace(part, target)
    except OSError as error:
        raise FerError(f"{target} cannot be written: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
