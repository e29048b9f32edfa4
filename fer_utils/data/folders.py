"""Data sets that are trees of picture files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

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


def listing(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted by name, without hidden files and clutter."""
    found = (p for p in folder.iterdir() if not p.name.startswith("."))
    return sorted(p for p in found if p.name.lower() not in _CLUTTER)


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


def read_pictures(
    files: Sequence[Path],
    root: Path,
    side: int,
    *,
    on_error: str = "raise",
    progress: bool = True,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Read grey pictures of one size.

    Args:
        files: the picture files; colour pictures become grey (ITU-R 601 luma).
        root: what `left_out` names files relative to.
        side: height and width that every picture must have.
        on_error: "raise" stops at the first file that cannot be read; "report" leaves it out.
        progress: show a progress bar.

    Returns:
        images uint8 (N, 1, side, side); the places in `files` of the N that could be read; and a
        sentence for every other.

    Raises:
        FerError: there are no files, or one cannot be read.
    """
    images = np.empty((len(files), 1, side, side), np.uint8)
    kept, left_out = [], []
    for place, file in enumerate(tqdm(files, desc=root.name, unit="pic", disable=not progress)):
        try:
            images[len(kept), 0] = _picture(file, side)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            trouble = str(error) if isinstance(error, FerError) else "not a readable picture"
            if on_error == "raise":
                raise FerError(
                    f"{file}: {trouble}. Unpack the data set again, or read the other pictures "
                    'with on_error="report".'
                ) from None
            left_out.append(f"{file.relative_to(root).as_posix()}: {trouble}")
        else:
            kept.append(place)
    if not kept:
        raise FerError(f"{root} holds no picture that can be read. Unpack the data set again.")
    return images[: len(kept)], np.array(kept, np.int64), left_out


def _picture(file: Path, side: int) -> np.ndarray:
    with Image.open(file) as picture:
        if picture.size != (side, side):
            width, height = picture.size
            raise FerError(f"the picture is {width}x{height}, expected {side}x{side}")
        return np.asarray(picture.convert("L"))
