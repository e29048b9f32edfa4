"""Data sets that are trees of picture files."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_utils.emotions import canonical
from fer_utils.errors import FerError

#: Names that folders of the splits go by.
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
}

# Left behind by operating systems and archivers; never pictures.
_CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")


def is_clutter(name: str) -> bool:
    """Return whether a name is a hidden file's, or left behind by an archiver."""
    return name.startswith(".") or name.lower() in _CLUTTER


def listing(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted by name, without hidden files and clutter."""
    return sorted(path for path in folder.iterdir() if not is_clutter(path.name))


def split_folders(root: Path) -> dict[Path, str]:
    """Return the folders named like a split (train, test, ...) that hold folders."""
    return {
        folder: SPLIT_FOLDERS[folder.name.lower()]
        for folder in listing(root)
        if folder.is_dir()
        and folder.name.lower() in SPLIT_FOLDERS
        and any(item.is_dir() for item in listing(folder))
    }


def by_class(root: Path, classes: Sequence[str]) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Return the files of a tree SPLIT/CLASS/picture: paths, labels int64 (N,), split str (N,).

    Raises:
        FerError: a class folder has an unknown name or holds nothing.
    """
    files, labels, splits = [], [], []
    for folder, split in split_folders(root).items():
        for class_folder in listing(folder):
            label = _class_of(class_folder, classes)
            pictures = listing(class_folder)
            if not pictures:
                raise FerError(f"{class_folder} holds no pictures. Unpack the data set again.")
            files += pictures
            labels += [label] * len(pictures)
            splits += [split] * len(pictures)
    return files, np.array(labels, np.int64), np.array(splits, np.str_)


def _class_of(folder: Path, classes: Sequence[str]) -> int:
    if not folder.is_dir():
        raise FerError(f"{folder} lies where only class folders ({', '.join(classes)}) belong.")
    try:
        return list(classes).index(canonical(folder.name))
    except ValueError as error:  # not an expression, or not one of this data set's
        reason = str(error) if isinstance(error, FerError) else "it is not in this data set."
        raise FerError(
            f"{folder}: unknown class folder; expected {', '.join(classes)}. {reason}"
        ) from None


def names_below(root: Path, files: Sequence[Path]) -> list[str]:
    """Return the paths of files relative to a folder, with "/"; whole where they lie elsewhere."""
    start = os.path.join(root, "")  # as text: ten thousands of paths take no time
    names = [name.removeprefix(start) for name in map(os.fspath, files)]
    return names if os.sep == "/" else [name.replace(os.sep, "/") for name in names]
