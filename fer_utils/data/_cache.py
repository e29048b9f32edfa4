"""Arrays kept in the user's cache folder, so that slow files are read only once.

A kept file is used only if it was made from exactly the files that are there now (path, size,
time of change, and a sample of the content) by this version of the format. Nothing in it can run as
code, and anything doubtful is read again from the source; a damaged file is told. There are two
kinds:

- `read` and `write`: an .npz file. Its checksums (the zip format's CRC-32) are checked.
- `map_rows` and `read_rows`: an .npy file, mapped into memory, for arrays that may be larger than
  the memory. To read all of it at every opening would take as long as the pictures did, so `seal`
  promises less: whatever a program has written there since is noticed by size or time of change;
  what a failing disk has changed, in the header and in the 64 blocks of 4 KiB that are looked at
  (all of a file below 256 KiB).

Two programs that need the same file do the work once: the second waits (`held`).
"""

import contextlib
import hashlib
import json
import mmap
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from fer_utils.errors import FerError
from fer_utils.locks import hold

#: Raise this number whenever the meaning of the kept arrays changes.
FORMAT = 2

#: Larger choices of images are put into a file, not in memory (bytes).
MOST_IN_MEMORY = 256 * 2**20

#: How much is copied to a file at once (bytes).
CHUNK_BYTES = 16 * 2**20

# What is looked at of a file that is too large to be read: so many blocks of so many bytes.
_BLOCKS, _BLOCK_BYTES = 64, 4096

# An unfinished file that has not grown for so long (seconds) was left by a program that was killed.
_ABANDONED = 3600


def folder() -> Path:
    """Return the cache folder: the environment variable FER_UTILS_CACHE or ~/.cache/fer_utils."""
    own = os.environ.get("FER_UTILS_CACHE")
    return Path(own).expanduser() if own else Path.home() / ".cache" / "fer_utils"


def fingerprint(files: Iterable[Path], names: Sequence[str] | None = None) -> str:
    """Return a text that changes when one of the files does.

    What is looked at is name, size and time of change, and of the content a sample: the beginning
    of 64 of the files, evenly spread, and where there are fewer, more of each.

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
    chosen = files[:: max(1, len(files) // _BLOCKS)]
    blocks = max(1, _BLOCKS // max(1, len(files)))
    for file in chosen:
        with contextlib.suppress(OSError):
            parts.append(_sample(file, blocks))
    text = "\n".join(parts).encode(errors="surrogateescape")  # names need not be UTF-8
    return hashlib.sha256(text).hexdigest()


def _sample(file: Path, blocks: int) -> str:
    """Return a digest of so many blocks of a file, evenly spread from its first to its last."""
    found = hashlib.sha256()
    with open(file, "rb", buffering=0) as content:
        size = content.seek(0, os.SEEK_END)
        last = max(0, size - _BLOCK_BYTES)
        for start in np.linspace(0, last, blocks).astype(np.int64).tolist():
            content.seek(start)
            found.update(content.read(_BLOCK_BYTES))
    return found.hexdigest()[:16]


def seal(file: Path) -> str:
    """Return what `read_rows` compares a file with; "" where it is not there."""
    try:
        stat = os.stat(file)
        return f"{stat.st_size} {stat.st_mtime_ns} {_sample(file, _BLOCKS)}"
    except OSError:
        return ""


@contextmanager
def held(name: str, source: Path) -> Iterator[bool]:
    """Keep other programs from making the same files; wait for one that does.

    It yields whether it waited: then the files may be there. A cache folder that cannot be written
    is not locked: nobody writes there.
    """
    lock = _file(name, source).with_suffix(".lock")
    with contextlib.suppress(OSError):
        lock.parent.mkdir(parents=True, exist_ok=True)
    if not lock.parent.is_dir():
        yield False
        return
    with hold(lock.with_name(f".{lock.name}"), wait=True) as waited:
        yield waited


def read(name: str, source: Path, stamp: str) -> dict[str, np.ndarray] | None:
    """Return the arrays kept for `source`, or None if there are none that can be trusted."""
    file = _file(name, source)
    try:
        with np.load(file, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            if about["stamp"] != stamp:
                return None
            return {key: kept[key] for key in about["arrays"]}
    except FileNotFoundError:
        return None
    except Exception as problem:  # numpy and zipfile have a dozen ways to say "damaged"
        _say_damaged(file, problem)
        return None


def _say_damaged(file: Path, problem: object) -> None:
    if file.is_file():  # not where the folder cannot be read at all
        print(f"{file} is damaged ({problem}): the pictures are read again.")


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


def read_rows(file: Path, sealed: str | None = None) -> np.ndarray | None:
    """Return the array that `map_rows` kept in a file, mapped into memory, or None.

    `sealed` is what `seal` said of the file when it was made; None does not compare.
    """
    if not file.is_file():
        return None
    try:
        if sealed is not None and seal(file) != sealed:
            raise ValueError("it is not as it was written")
        rows: Any = np.load(file, mmap_mode="r", allow_pickle=False)
        if rows.dtype != np.uint8:
            raise ValueError(f"it holds {rows.dtype}")
    except Exception as problem:  # as in `read`
        _say_damaged(file, problem)
        return None
    return rows


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


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """Return so many rows, evenly spread; of a mapped array nothing beside them is read."""
    places = np.linspace(0, len(rows) - 1, count).astype(np.int64)
    mapped = getattr(rows, "_mmap", None)
    if mapped is None or not hasattr(mmap, "MADV_RANDOM"):
        return rows[places]
    # else the system reads on after every row: megabytes each
    mapped.madvise(mmap.MADV_RANDOM)
    chosen = rows[places]
    mapped.madvise(mmap.MADV_NORMAL)
    return chosen


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
