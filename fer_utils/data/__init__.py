"""Data sets of faces: `load` one by name, and find out where each is looked for."""

import importlib
import os
from pathlib import Path
from typing import Any

from fer_utils.data import catalog
from fer_utils.data.faceset import SPLITS, FaceSet
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

__all__ = ["SPLITS", "FaceSet", "catalog", "check", "find", "load", "names", "places"]

# Each is a module with load(); the embedded one needs no folder.
_EMBEDDED = ("facs3d",)
_ON_DISK = ("fer2013",)


def names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return _EMBEDDED + _ON_DISK


def load(
    name: str,
    root: str | Path | None = None,
    *,
    split: str | None = None,
    progress: bool = True,
    **options: Any,
) -> FaceSet:
    """Read a data set.

    Args:
        name: one of `names()`.
        root: the folder (or file) that holds it; None looks in `places(name)`.
        split: "train", "valid" or "test"; None for all.
        progress: show a progress bar where reading takes long.
        options: passed on to the data set's own ``load``; see there.

    Raises:
        FerError: the data set is not known, not found or damaged, or has no such split.
    """
    if name not in names():
        raise FerError(_not_openable(name))
    if split is not None and split not in SPLITS:
        raise FerError(f"{split!r} is not a split.{nearest(split, SPLITS)}")
    module = importlib.import_module(f"fer_utils.data.{name}")
    if name in _EMBEDDED:
        if root is not None:
            raise FerError(f"{name} comes with the kit: leave out the folder {str(root)!r}.")
        return module.load(split=split, **options)
    faces = module.load(find(name, root), progress=progress, **options)
    if split is None:
        return faces
    part = faces.where(split=split)
    if not len(part):
        raise FerError(f"There are no {split} faces in {find(name, root)}: found {faces!r}.")
    return part


def check(name: str) -> None:
    """Raise a FerError unless `load` knows this data set and finds it without a folder given."""
    if name not in names():
        raise FerError(_not_openable(name))
    if name not in _EMBEDDED:
        find(name)


def places(name: str) -> list[Path]:
    """Return the folders where a data set is looked for, the first to be tried first."""
    own = os.environ.get("FER_UTILS_DATA")
    repository = Path(__file__).resolve().parents[2]
    folders = [Path(own).expanduser()] if own else []
    folders += [Path.cwd() / "data", repository / "data", Path.home() / "fer_utils_data"]
    return list(dict.fromkeys(folder / name for folder in folders))


def find(name: str, root: str | Path | None = None) -> Path:
    """Return where a data set lies: `root` if given, else the first of `places(name)` there is.

    Raises:
        FerError: it is in none of the places; the message lists them and says how to get it.
    """
    if root is not None:
        path = Path(root).expanduser()
        if path.exists():
            return path
        raise FerError(f"{name}: {path} does not exist. Give the folder that holds the data set.")
    tried = places(name)
    for path in tried:
        if path.exists():
            return path
    card = catalog.CARDS.get(name)
    raise FerError(
        f"{name} was not found. Looked in: {', '.join(map(str, tried))}. "
        "Put it in one of these, give root=FOLDER, or set FER_UTILS_DATA to the folder that "
        f"holds {name}/." + (f" How to get it: {card.get}" if card else "")
    )


def _not_openable(name: str) -> str:
    if name in catalog.CARDS:
        return (
            f"{name} is in the catalogue, but cannot be opened by this name; opened here: "
            f"{catalog.CARDS[name].opened}. Names that open: {', '.join(names())}."
        )
    return f"There is no data set {name!r}.{nearest(name, (*names(), *catalog.CARDS))}"
