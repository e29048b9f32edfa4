"""Arrays kept in the user's cache folder, so that slow files are read only once.

A kept file is used only if it was made from exactly the files that are there now (path, size and
time of change) by this version of the format. Its checksums (the zip format's CRC-32) are checked
while it is read, nothing in it can run as code, and anything doubtful is read again from the
source.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

#: Raise this number whenever the meaning of the kept arrays changes.
FORMAT = 1


def folder() -> Path:
    """Return the cache folder: the environment variable FER_UTILS_CACHE or ~/.cache/fer_utils."""
    own = os.environ.get("FER_UTILS_CACHE")
    return Path(own).expanduser() if own else Path.home() / ".cache" / "fer_utils"


def fingerprint(files: Iterable[Path]) -> str:
    """Return a text that changes when one of the files does: path, size and time of change."""
    parts = [f"format {FORMAT}"]
    for file in files:
        stat = file.stat()
        parts.append(f"{file.absolute()} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read(name: str, source: Path, stamp: str) -> dict[str, np.ndarray] | None:
    """Return the arrays kept for `source`, or None if there are none that can be trusted."""
    try:
        with np.load(_file(name, source), allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            if about["stamp"] != stamp:
                return None
            return {key: kept[key] for key in about["arrays"]}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def write(name: str, source: Path, stamp: str, arrays: dict[str, np.ndarray]) -> None:
    """Keep arrays for `source`; where the cache folder cannot be written, do nothing."""
    target = _file(name, source)
    about = np.array(json.dumps({"stamp": stamp, "arrays": sorted(arrays)}))
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as out:
            temporary = Path(out.name)
            np.savez(out, about=about, **arrays)
        os.replace(temporary, target)
    except OSError:
        pass
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()


def _file(name: str, source: Path) -> Path:
    place = hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:16]
    return folder() / f"{name}-{place}.npz"
