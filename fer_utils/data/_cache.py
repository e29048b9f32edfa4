"""Arrays kept in the user's cache folder, so that slow files are read only once.

A kept file is used only if it was made from exactly the files that are there now (path, size and
time of change) by this version of the format. Nothing in it can run as code, and anything doubtful
is read again from the source. There are two kinds:

- `read` and `write`: an .npz file. Its checksums (the zip format's CRC-32) are checked.
- `map_rows` and `read_rows`: an .npy file, mapped into memory, for arrays that may be larger than
  the memory. Its size is checked, its content is not: that would mean to read all of it.
"""

import contextlib
import hashlib
import json
import mmap
import os
import tempfile
import time
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from fer_utils.errors import FerError

#: Raise this number whenever the meaning of the kept arrays changes.
FORMAT = 1

#: Larger choices of images are put into a file, not in memory (bytes).
MOST_IN_MEMORY = 256 * 2**20

#: How much is copied to a file at once (bytes).
CHUNK_BYTES = 16 * 2**20

# An unfinished file that has not grown for so long (seconds) was left by a program that was killed.
_ABANDONED = 3600


def folder() -> Path:
    """Return the cache folder: the environment variable FER_UTILS_CACHE or ~/.cache/fer_utils."""
    own = os.environ.get("FER_UTILS_CACHE")
    return Path(own).expanduser() if own else Path.home() / ".cache" / "fer_utils"


def fingerprint(files: Iterable[Path], names: Sequence[str] | None = None) -> str:
    """Return a text that changes when one of the files does: name, size and time of change.

    Args:
        files: the files.
        names: what to call them; None for their absolute paths.
    """
    parts = [f"format {FORMAT}"]
    files = list(files)
    for file, name in zip(files, names or [str(f.absolute()) for f in files], strict=True):
        try:
            stat = os.stat(file)
        except OSError:  # missing, or a symbolic link in a circle: whoever reads it will say so
            parts.append(f"{name} cannot be read")
        else:
            parts.append(f"{name} {stat.st_size} {stat.st_mtime_ns}")
    text = "\n".join(parts).encode(errors="surrogateescape")  # names need not be UTF-8
    return hashlib.sha256(text).hexdigest()


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
            np.savez(out, about=about, **arrays)  # type: ignore[arg-type]  # not "allow_pickle"
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


def rows_file(name: str, source: Path, stamp: str) -> Path:
    """Return where the rows made from `source` are kept; another stamp, another file."""
    digest = hashlib.sha256(stamp.encode()).hexdigest()[:16]
    return _file(name, source).with_suffix(f".{digest}.npy")


def read_rows(file: Path) -> np.ndarray | None:
    """Return the array that `map_rows` kept in a file, mapped into memory, or None."""
    try:
        rows = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return rows if rows.dtype == np.uint8 else None


def map_rows(
    chunks: Iterable[np.ndarray], shape: tuple[int, ...], file: Path | None = None
) -> np.ndarray:
    """Write rows uint8 into an .npy file as they come, and return it mapped into memory.

    The file gets its name when it is complete, and takes the place of those of other stamps; an
    interruption leaves nothing behind. Memory is needed for one chunk.

    Args:
        chunks: arrays (n, *shape), not all of them empty.
        shape: of one row.
        file: what `rows_file` returned. Where it is None or cannot be written, the rows go into
            a temporary file that disappears with the array.

    Raises:
        FerError: the disk is full.
    """
    place: object = "the folder of temporary files"
    try:
        if file is not None and (part := _part(file)) is not None:
            place = file.parent
            return _map_kept(part, file, chunks, shape)
        return _map_temporary(chunks, shape)
    except OSError as error:
        raise FerError(
            f"The pictures do not fit into {place}: {error}. Make room, set FER_UTILS_CACHE to a "
            "folder on a larger disk, or ask for a smaller size."
        ) from None


def forget(rows: np.ndarray) -> None:
    """Let go of the memory into which parts of a mapped array were read; the file has them."""
    # Not where someone has mapped a file in order to write: what is written would be lost.
    mapped = getattr(rows, "_mmap", None)
    if mapped is not None and getattr(rows, "mode", "") == "r" and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _map_kept(
    part: IO[bytes], file: Path, chunks: Iterable[np.ndarray], shape: tuple[int, ...]
) -> np.ndarray:
    try:
        with part:
            _write_rows(part, chunks, shape)
        os.replace(part.name, file)
    finally:
        Path(part.name).unlink(missing_ok=True)
    _remove_older(file)
    return np.load(file, mmap_mode="r", allow_pickle=False)


def _map_temporary(chunks: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    with _temporary() as out:
        start, count = _write_rows(out, chunks, shape)
        return np.memmap(out, np.uint8, "r", offset=start, shape=(count, *shape))


def _temporary() -> IO[bytes]:
    # Elsewhere, temporary files often lie in memory.
    try:
        return tempfile.TemporaryFile(dir=folder())
    except OSError:
        return tempfile.TemporaryFile()


def _part(file: Path) -> IO[bytes] | None:
    """Open the file under its temporary name; None where the folder cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.NamedTemporaryFile(
            dir=file.parent, prefix=f"{_stem(file)}.", suffix=".part", delete=False
        )
    except OSError:
        return None


def _write_rows(
    out: IO[bytes], chunks: Iterable[np.ndarray], shape: tuple[int, ...]
) -> tuple[int, int]:
    """Write header and rows; return where the rows start, and how many there are."""
    count = 0
    start = _write_header(out, (0, *shape))
    for chunk in chunks:
        out.write(np.ascontiguousarray(chunk).data)
        count += len(chunk)
    out.seek(0)
    # numpy leaves room for the number of rows, so that the header can be written again
    end = _write_header(out, (count, *shape))
    if end != start:
        raise RuntimeError(f"numpy's header of {count} rows ends at byte {end}, not at {start}")
    out.flush()
    return start, count


def _write_header(out: IO[bytes], shape: tuple[int, ...]) -> int:
    about = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, about)
    return out.tell()


def _stem(file: Path) -> str:
    return file.name.split(".")[0]


def _remove_older(file: Path) -> None:
    for other in file.parent.glob(f"{_stem(file)}.*"):
        with contextlib.suppress(OSError):  # gone already, or in use (Windows)
            abandoned = time.time() - other.stat().st_mtime > _ABANDONED
            if other.suffix == ".npy" and other != file or other.suffix == ".part" and abandoned:
                other.unlink()
