"""A folder of one's own photos, labelled by the names of folders or of files.

- ``photos/happy/anything.jpg``: one folder for each expression;
- ``photos/train/happy/anything.jpg``: the same inside train, valid and test;
- ``photos/happy_anything.jpg``: the expression begins (or ends) the file's name; inside train,
  valid and test as well.

Expressions may be spelled in any way that `fer_utils.emotions.canonical` knows: Happy, JOY,
happiness, 03-happy.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset
from fer_utils.emotions import FER7, FER8, canonical
from fer_utils.errors import FerError

CARD = Card(
    name="folder",
    title="A folder of your own photos, labelled by the names of folders or of files",
    papers=(),
    citation="Your own pictures.",
    licence="Ask the people shown. Photos stay on your computer: the kit sends nothing.",
    get="Take some; one face in each picture, and somebody who agrees to it.",
    layout="""\
photos/
├── happy/                 any spelling: Happy, JOY, happiness
│   └── anything.jpg
├── sad/
└── happy_anything.jpg     or without folders: the expression first, or last""",
    counts="As many as you have.",
    own=True,
)


_FORM = "happy/photo.jpg or happy_photo.jpg"


def scan(root: Path) -> DatasetIndex:
    """List the photos of a folder.

    A single photo that tells no expression, or lies beside the folders, is left out and named; a
    folder that is no expression is refused.

    Returns:
        DatasetIndex with the classes FER7, or FER8 where a photo shows contempt; without subjects.
        Everything is "train" where there are no folders of splits.

    Raises:
        FerError: there are no photos, no photo tells its expression, or a folder is none.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        what = tree.packed(root) or f"not a folder. Give a folder of photos: {_FORM}."
        raise FerError(f"{root} is {what}")
    parts, left_out = _splits(root)
    files: list[Path] = []
    words: list[str] = []
    split: list[str] = []
    for place, name in parts:
        found, labels, notes = _labelled(place, root)
        files += found
        words += labels
        split += [name] * len(found)
        left_out += notes
    if not files:
        archive = tree.archive_in(root)
        first = f" The first thing left out: {left_out[0]}." if left_out else ""
        what = f"no photos, but {archive}" if archive else f"no photos. Put them in as {_FORM}."
        raise FerError(f"{root} holds {what}{first}")
    classes = FER8 if "contempt" in words else FER7
    return DatasetIndex(
        root=root,
        files=tuple(files),
        labels=np.array([classes.index(word) for word in words], np.int64),
        classes=classes,
        split=np.array(split, np.str_),
        left_out=tuple(left_out),
    )


def _splits(root: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Return the folders of splits with their names, or the whole folder as "train"; and notes."""
    parts = [(place, tree.SPLIT_FOLDERS.get(place.name.lower())) for place in tree.subfolders(root)]
    named = [(place, split) for place, split in parts if split]
    if not named:
        return [(root, "train")], []
    wrong = [place for place, split in parts if not split]
    if wrong:
        raise FerError(
            f"{wrong[0]} lies beside {named[0][0].name}. Put it into one of the folders of splits."
        )
    return named, _beside(root, root, named[0][0])


def _labelled(place: Path, root: Path) -> tuple[list[Path], list[str], list[str]]:
    """Return the photos of one split, their expressions, and notes."""
    folders = tree.subfolders(place)
    if not folders:
        return _named(place, root)
    files, words = [], []
    left_out = _beside(place, root, folders[0])
    for folder in folders:
        word = _of_folder(folder)
        found, notes = tree.walk(folder)
        inside = [file for file in found if tree.is_picture(file)]
        below = folder.relative_to(root).as_posix()
        if not inside:
            left_out.append(f"{below}: no photos in it")
        files += inside
        words += [word] * len(inside)
        left_out += [f"{below}/{note}" for note in notes] + _others(found, root)
    return files, words, left_out


def _named(place: Path, root: Path) -> tuple[list[Path], list[str], list[str]]:
    """Return the photos of a folder that are labelled by their own names, and notes.

    Raises:
        FerError: there are photos, and none of them has an expression in its name.
    """
    found, left_out = tree.walk(place)
    photos = [file for file in found if tree.is_picture(file)]
    told = {photo: word for photo in photos if (word := _of_name(photo))}
    silent = [photo for photo in photos if photo not in told]
    reason = f"the name has no expression; expected {_FORM}, with one of {', '.join(FER8)}"
    if silent and not told:
        raise FerError(f"{silent[0]}: {reason}.")
    left_out += [f"{photo.relative_to(root).as_posix()}: {reason}" for photo in silent]
    return list(told), list(told.values()), left_out + _others(found, root)


def _beside(place: Path, root: Path, folder: Path) -> list[str]:
    """Return a sentence for every photo that lies beside the folders that hold the others."""
    return [
        f"{path.relative_to(root).as_posix()}: lies beside folders such as {folder.name}; put it "
        "into one of them"
        for path in tree.entries(place)
        if path.is_file() and tree.is_picture(path)
    ]


def _others(files: Sequence[Path], root: Path) -> list[str]:
    return [
        f"{file.relative_to(root).as_posix()}: not a picture file"
        for file in files
        if not tree.is_picture(file)
    ]


def _of_folder(folder: Path) -> str:
    try:
        return canonical(folder.name)
    except FerError as error:
        raise FerError(
            f"{folder}: expected a folder named by an expression ({', '.join(FER8)}). {error}"
        ) from None


def _of_name(photo: Path) -> str:
    """Return the expression that begins or ends a file's name, or ""."""
    # Letters of any alphabet: "glücklich_1" is one word, and not an expression we know.
    parts = re.findall(r"[^\W\d_]+", tree.stem(photo))
    for part in (parts[0], parts[-1]) if parts else ():
        try:
            return canonical(part)
        except FerError:
            continue
    return ""


DATASET = Dataset(CARD, size=48, scan=scan)
