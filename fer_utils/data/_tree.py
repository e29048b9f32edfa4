"""Finding one's way in folders that others unpacked: the set's own folder, pictures, doubles."""

import os
import re
import shlex
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fer_utils.emotions import nearest
from fer_utils.errors import FerError, one_line

#: Endings of picture files, in small letters; the last two cannot be read, and are named.
PICTURE_ENDINGS = (
    ".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".webp", ".avif",
    ".jfif", ".mpo", ".heic", ".heif",
)  # fmt: skip

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

# Endings of archives and the program that unpacks each; the first that fits.
_ARCHIVES = {
    ".zip": "python -m zipfile -e {path} {folder}",
    ".tar": "tar -xf {path} -C {folder}",
    ".tar.gz": "tar -xf {path} -C {folder}",
    ".tgz": "tar -xf {path} -C {folder}",
    ".tar.bz2": "tar -xf {path} -C {folder}",
    ".tar.xz": "tar -xf {path} -C {folder}",
    ".gz": "python -m gzip -d {path}",
    ".rar": "7z x {path} -o{folder}",
    ".7z": "7z x {path} -o{folder}",
}

# How many levels below the folder that was given a data set's own folder is looked for.
_DEPTH = 3


def is_clutter(name: str) -> bool:
    """Return whether a name is a hidden file's, or left behind by an archiver."""
    return name.startswith(".") or name.lower() in _CLUTTER


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted by name, without hidden files and clutter."""
    return sorted(path for path in folder.iterdir() if not is_clutter(path.name))


def is_picture(path: Path) -> bool:
    """Return whether a file's name ends like a picture's; capitals do not count."""
    return path.suffix.lower() in PICTURE_ENDINGS


def stem(path: Path) -> str:
    """Return a picture's name without its ending; "KA.AN1.39.tiff.bmp" has two of them."""
    return _stem(path.name)


def _stem(name: str) -> str:
    start, _, ending = name.rpartition(".")
    return _stem(start) if start and f".{ending.lower()}" in PICTURE_ENDINGS else name


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name."""
    return [path for path in entries(folder) if path.is_dir()]


def child(folder: Path, *names: str) -> Path | None:
    """Return the first entry of a folder that has one of these names; capitals do not count."""
    wanted = [name.lower() for name in names]
    return next((path for path in entries(folder) if path.name.lower() in wanted), None)


def home(
    root: Path,
    fits: Callable[[Path], bool],
    expected: str,
    *,
    prefer: str = "",
    together: bool = False,
) -> Path:
    """Return the data set's own folder: `root`, or the one folder below it that fits.

    Args:
        root: the folder that was given.
        fits: says whether a folder is the data set's own.
        expected: what the folder should hold, for the message.
        prefer: the name to take where several folders fit, "" for none.
        together: folders that fit and lie side by side are parts of the data set, so that the
            folder they lie in is its own.

    Raises:
        FerError: nothing fits, or several folders do; the message says what to unpack or to give.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        archive = packed(root)
        what = f"is {archive}" if archive else "is a file." if root.exists() else "does not exist."
        raise FerError(f"{root} {what} Give the folder that holds {expected}.")
    level = [root]
    for _ in range(_DEPTH + 1):
        # Two names for one folder (a link) are one folder.
        fitting = list({folder.resolve(): folder for folder in level if fits(folder)}.values())
        fitting = [f for f in fitting if f.name.lower() == prefer] or fitting
        if len(fitting) > 1 and together and len({folder.parent for folder in fitting}) == 1:
            return fitting[0].parent
        if len(fitting) > 1:
            raise FerError(
                f"{root} holds this data set more than once: {fitting[0]} and {fitting[1]}. "
                "Give one of these folders."
            )
        if fitting:
            return fitting[0]
        level = [below for folder in level for below in subfolders(folder)]
    raise FerError(f"{root}: expected {expected}; {_found(root)}")


def packed(path: Path) -> str:
    """Say that a file is an archive, and how to unpack it; "" for any other.

    The sentence goes on after the file's name: "still packed. Unpack it ...".
    """
    name = path.name.lower()
    command = next((text for ending, text in _ARCHIVES.items() if name.endswith(ending)), "")
    if not command or not path.is_file():
        return ""
    # a name is no part of a command that people copy
    command = command.format(path=shlex.quote(str(path)), folder=shlex.quote(str(path.parent)))
    return f"still packed. Unpack it there ({command}), and load again."


def archive_in(folder: Path) -> str:
    """Say which archive a folder holds and how to unpack it; "" where there is none."""
    return next((f"{path.name} {text}" for path in entries(folder) if (text := packed(path))), "")


def _found(root: Path) -> str:
    names = entries(root)
    if archive := archive_in(root):
        return f"found {archive}"
    if not names:
        return "the folder is empty. Unpack the data set into it."
    some = ", ".join(shown(path.name) for path in names[:3]) + (", ..." if len(names) > 3 else "")
    return f"found {some}. Give the data set's own folder, unpacked, with its names unchanged."


def holds(folder: Path, name: re.Pattern[str]) -> bool:
    """Return whether a folder itself holds a picture whose name has this form."""
    found = filter(is_picture, entries(folder))
    return any(name.fullmatch(stem(path)) for path in found)


def walk(root: Path) -> tuple[list[Path], list[str]]:
    """Return every file below a folder, sorted, and a sentence for everything not followed.

    Links to folders are followed once: a link that leads back to a folder already seen (a loop, or
    a second way to the same pictures) is named instead. So is a name that is no readable line.
    """
    names, notes = _walk(str(root))
    return [Path(name) for name in names], notes


def pictures(root: Path) -> tuple[list[Path], list[str]]:
    """Return the picture files below a folder, and the notes of `walk`."""
    names, notes = _walk(str(root))
    return [Path(name) for name in names if name.lower().endswith(PICTURE_ENDINGS)], notes


def _walk(root: str) -> tuple[list[str], list[str]]:
    """Do the work of `walk` in strings: for FERG's 55,767 files, paths take 20 times as long."""
    seen: set[tuple[int, int]] = set()
    files: list[str] = []
    notes: list[str] = []
    links: list[str] = []
    todo = [root]
    while todo or links:
        # The folders themselves come first, so that links are what is left out.
        folder = todo.pop() if todo else links.pop(0)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                target = os.path.realpath(folder)
                notes.append(f"{_below(root, folder)}: a link back to {target}, not followed again")
                continue
            seen.add((status.st_dev, status.st_ino))
            found = [entry for entry in os.scandir(folder) if not is_clutter(entry.name)]
        except OSError as error:
            notes.append(f"{_below(root, folder)}: cannot be opened ({error.strerror})")
            continue
        for entry in found:
            if reason := _unreadable(entry.name):
                notes.append(f"{shown(_below(root, entry.path))}: {reason}; rename it")
                continue
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link to itself
                is_folder = is_file = False
            if is_folder:
                (links if entry.is_symlink() else todo).append(entry.path)
            elif is_file:
                files.append(entry.path)
            else:
                notes.append(f"{_below(root, entry.path)}: a link that leads nowhere, or no file")
    return sorted(files), notes


def shown(name: str) -> str:
    """Return a name of a file on one line, with escapes for what cannot be shown."""
    return one_line(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _below(root: str, path: str) -> str:
    return Path(path).relative_to(root).as_posix()


def _unreadable(name: str) -> str:
    """Say why a name cannot be shown on a line; "" where it can."""
    if name.isascii() and name.isprintable():
        return ""
    if one_line(name) != name:
        return "the name holds characters that cannot be shown"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8 text"
    return ""


def named(
    folder: Path, name: re.Pattern[str], form: str, case: Callable[[str], str] = str.lower
) -> tuple[list[Path], np.ndarray, list[str]]:
    """Return the pictures below a folder whose names have the form of the data set.

    Args:
        folder: the data set's own folder.
        name: the form; its groups are the parts of a name.
        form: an example, for messages.
        case: makes one spelling of capitals and small letters.

    Returns:
        the N files; str (N, groups), the parts of their names; and a sentence for everything
        that was found and not taken.

    Raises:
        FerError: no picture has such a name, or two have the same.
    """
    names, left_out = _walk(str(folder))
    paths = [path for path in names if path.lower().endswith(PICTURE_ENDINGS)]
    matches = [name.fullmatch(_stem(path[path.rindex(os.sep) + 1 :])) for path in paths]
    taken = [Path(path) for path, match in zip(paths, matches, strict=True) if match]
    other = [Path(path) for path, match in zip(paths, matches, strict=True) if not match]
    left_out += strays(other, bool(taken), folder, form)
    parts = [tuple(map(case, match.groups())) for match in matches if match]
    unique(taken, parts, folder)
    return taken, np.array(parts, np.str_).reshape(len(taken), name.groups), left_out


def labels(
    files: Sequence[Path],
    words: np.ndarray,
    meaning: Mapping[str, str],
    classes: Sequence[str],
) -> np.ndarray:
    """Return int64 (N,), the indices in `classes` of what the words in the names mean.

    Raises:
        FerError: a word has no meaning; names the first such file.
    """
    kinds, first, where = np.unique(words, return_index=True, return_inverse=True)
    for place in sorted(first):
        if words[place] not in meaning:
            raise unknown(files[place], str(words[place]), meaning, "an expression")
    return np.array([classes.index(meaning[kind]) for kind in kinds], np.int64)[where]


def unique(files: Sequence[Path], keys: Iterable[Hashable], root: Path) -> None:
    """Raise a FerError if two files are the same picture of the data set, and name both."""
    first: dict[Hashable, Path] = {}
    for file, key in zip(files, keys, strict=True):
        if first.setdefault(key, file) is not file:
            raise FerError(
                f"{root}: {first[key].relative_to(root).as_posix()} and "
                f"{file.relative_to(root).as_posix()} have the name of the same picture. "
                "Keep one of them outside the folder, or give the folder of one copy."
            )


def unknown(path: Path, word: str, known: Iterable[str], what: str) -> FerError:
    """Return the error for a label that is not one of the data set's."""
    return FerError(f"{path}: {word!r} is not {what} of this data set.{nearest(word, known)}")


def missing(found: int, expected: int, what: str) -> list[str]:
    """Return a sentence if fewer pictures were found than the card expects."""
    if found >= expected:
        return []
    return [f"{found:,} {what}, the whole set has {expected:,}: half unpacked, or a part of it?"]


def strays(files: Sequence[Path], others: bool, root: Path, form: str) -> list[str]:
    """Return a sentence for every picture whose name does not have the data set's form.

    Raises:
        FerError: there are no `others`, whose names do.
    """
    if files and not others:
        raise FerError(f"{files[0]}: the name does not tell what it shows; expected {form}.")
    return [
        f"{file.relative_to(root).as_posix()}: the name does not tell what it shows; "
        f"expected {form}"
        for file in files
    ]


def split_folders(root: Path) -> dict[Path, str]:
    """Return the folders named like a split (train, test, ...) that hold folders."""
    return {
        folder: SPLIT_FOLDERS[folder.name.lower()]
        for folder in entries(root)
        if folder.is_dir()
        and folder.name.lower() in SPLIT_FOLDERS
        and any(item.is_dir() for item in entries(folder))
    }


def names_below(root: Path, files: Sequence[Path]) -> list[str]:
    """Return the paths of files relative to a folder, with "/"; whole where they lie elsewhere."""
    start = os.path.join(root, "")  # as text: ten thousands of paths take no time
    names = [name.removeprefix(start) for name in map(os.fspath, files)]
    return names if os.sep == "/" else [name.replace(os.sep, "/") for name in names]
