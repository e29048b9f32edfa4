"""What `doctor` needs to know of every picture of a data set, in a few hundred bytes each."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fer_utils._progress import tqdm
from fer_utils.data import _duplicates as duplicates
from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER8, canonical
from fer_utils.errors import FerError


@dataclass(frozen=True, eq=False)
class Survey:
    """N pictures that can be read, and what cannot.

    Attributes:
        names: where each came from: "row 6458", or the path inside the folder.
        labels: int64 (N,), indices into `classes`; -1 where not known.
        classes: the names of the classes.
        split: str (N,).
        subjects: (N,), who is shown, or None.
        sizes: int64 (N, 2), width and height as stored.
        flat: bool (N,), True where every pixel has the same value.
        digests: uint64 (N,), equal for equal pictures.
        thumbnails: uint8 (N, 16, 16).
        unreadable: one sentence for every picture that cannot be read.
        left_out: one sentence for everything else that the reader left out.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    split: np.ndarray
    subjects: np.ndarray | None
    sizes: np.ndarray
    flat: np.ndarray
    digests: np.ndarray
    thumbnails: np.ndarray
    unreadable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return N."""
        return len(self.names)


def of_faces(faces: FaceSet) -> Survey:
    """Return the survey of pictures that have been read already."""
    rows = np.arange(len(faces)) if faces.rows is None else faces.rows
    numbered = np.issubdtype(rows.dtype, np.integer)
    return _survey(
        [_look(picture) for picture in faces.images],
        names=tuple(f"row {row}" if numbered else str(row) for row in rows.tolist()),
        labels=faces.labels,
        classes=faces.classes,
        split=faces.split,
        subjects=faces.subjects,
        left_out=faces.left_out,
    )


def of_index(index: DatasetIndex, *, progress: bool = True) -> Survey:
    """Return the survey of picture files, each opened once at its full size.

    Args:
        index: what the data set's layout says about the files.
        progress: show a progress bar.
    """
    names, kept, looks, unreadable = _open_all(index.files, index.root, progress)
    return _survey(
        looks,
        names=names,
        labels=index.labels[kept],
        classes=index.classes,
        split=index.split[kept],
        subjects=None if index.subjects is None else index.subjects[kept],
        unreadable=unreadable,
        left_out=index.left_out,
    )


def of_folder(root: Path, *, progress: bool = True) -> Survey:
    """Return the survey of every picture below a folder that no layout could make sense of.

    A picture's label is the name of its folder, where that is an expression.
    """
    files, notes = tree.pictures(root) if root.is_dir() else ([], [])
    names, kept, looks, unreadable = _open_all(files, root, progress)
    return _survey(
        looks,
        names=names,
        labels=np.array([_label(files[place].parent.name) for place in kept], np.int64),
        classes=FER8,
        split=np.full(len(kept), "train"),
        subjects=None,
        unreadable=unreadable,
        left_out=tuple(notes),
    )


def _label(word: str) -> int:
    try:
        return FER8.index(canonical(word))
    except FerError:
        return -1


class _Look(NamedTuple):
    """What is kept of one picture."""

    size: tuple[int, int]
    flat: bool
    digest: int
    thumbnail: np.ndarray


def _look(picture: np.ndarray) -> _Look:
    _, height, width = picture.shape
    flat = bool((picture == picture.reshape(-1)[0]).all())
    return _Look((width, height), flat, duplicates.digest(picture), duplicates.thumbnail(picture))


def _survey(looks: Sequence[_Look], **known: Any) -> Survey:
    side = duplicates.SIDE
    thumbnails = np.array([look.thumbnail for look in looks], np.uint8)
    return Survey(
        sizes=np.array([look.size for look in looks], np.int64).reshape(-1, 2),
        flat=np.array([look.flat for look in looks], bool),
        digests=np.array([look.digest for look in looks], np.uint64),
        thumbnails=thumbnails.reshape(-1, side, side),
        **known,
    )


def _open_all(
    files: Sequence[Path], root: Path, progress: bool
) -> tuple[tuple[str, ...], list[int], list[_Look], tuple[str, ...]]:
    """Open files in parallel.

    Returns:
        The names of those that can be read, their places in `files`, their looks, and a sentence
        for each of the others.
    """
    names: list[str] = []
    kept: list[int] = []
    looks: list[_Look] = []
    unreadable: list[str] = []
    # A picture is let go as soon as it has been looked at: no more of them than threads in memory.
    pool = ThreadPoolExecutor(min(16, os.cpu_count() or 1))
    try:
        bar = tqdm(
            pool.map(_open, files), total=len(files), desc=root.name, unit="pic",
            disable=not progress,
        )  # fmt: skip
        for place, look in enumerate(bar):
            name = files[place].relative_to(root).as_posix()
            if isinstance(look, str):
                unreadable.append(f"{name}: {look}")
            else:
                names.append(name)
                kept.append(place)
                looks.append(look)
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all the pictures
    return tuple(names), kept, looks, tuple(unreadable)


def _open(file: Path) -> _Look | str:
    """Return the look of a picture file, or why there is none."""
    from fer_utils.pictures import read_picture

    try:
        return _look(read_picture(file))
    except (FerError, OSError, MemoryError) as error:
        # The path is already in front of the sentence.
        return str(error).removeprefix(str(file)).lstrip(": ") or type(error).__name__
