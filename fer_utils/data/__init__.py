"""Data sets of faces: `load` one by name, and find out where each is looked for."""

import contextlib
import gc
import importlib
import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_utils.data import _reading as reading
from fer_utils.data import catalog
from fer_utils.data import datasets as layouts
from fer_utils.data._index import SPLITS
from fer_utils.data.doctor import doctor
from fer_utils.data.faceset import FaceSet
from fer_utils.data.splits import split
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

__all__ = [
    "SPLITS",
    "FaceSet",
    "catalog",
    "check",
    "doctor",
    "find",
    "load",
    "names",
    "places",
    "split",
]

# The embedded set needs no folder; it and FER2013 are 48x48 grey, and read by modules of their own.
_EMBEDDED = ("facs3d",)
_FER2013 = ("fer2013", "ferplus")

# What `load` hands on to `reading.read`; other options are the layout's own.
_READING = ("no_face", "on_error", "cache")


def names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return _EMBEDDED + _FER2013 + layouts.NAMES


def load(
    name: str,
    root: str | Path | None = None,
    *,
    split: str | None = None,
    size: int | None = None,
    color: bool = False,
    crop: str | None = None,
    progress: bool = True,
    **options: Any,
) -> FaceSet:
    """Read a data set.

    Args:
        name: one of `names()`. "ferplus" is FER2013 labelled by FERPlus's votes (``rule``,
            "majority" unless another is given); "folder" is a folder of your own photos.
        root: the folder (or file) that holds it; None looks in `places(name)`.
        split: "train", "valid" or "test"; None for all.
        size: height and width of the faces in pixels; None for the data set's usual size.
            Pictures that are not square lose what lies beyond the square in their middle.
        color: RGB instead of grey.
        crop: "haar" cuts out the largest frontal face that OpenCV's cascade finds.
        progress: show a progress bar where reading takes long.
        options: for all but facs3d, ``on_error="report"`` leaves out and names what cannot be
            read, and ``cache=False`` keeps nothing; with `crop`, ``no_face="drop"`` leaves out
            pictures without a face; see `fer_utils.data._reading.read`. The others belong to the
            data set: see ``load`` in `facs3d` and `fer2013`, ``scan`` in `layouts`.

    Raises:
        FerError: the data set is not known, not found or damaged, or has no such split.
    """
    _known(name)
    if split is not None and split not in SPLITS:
        raise FerError(f"{split!r} is not a split.{nearest(split, SPLITS)}")
    if name not in layouts.NAMES and (size not in (None, 48) or color or crop):
        raise FerError(
            f"{name} is 48x48 and grey as it is published: leave out size, color and crop. "
            "Networks resize pictures to the size they take."
        )
    if name in _EMBEDDED:
        if root is not None:
            raise FerError(f"{name} comes with the kit: leave out the folder {str(root)!r}.")
        module = importlib.import_module(f"fer_utils.data.datasets.{name}")
        return _call(module.load, name, split=split, **options)
    place = find(name, root)
    if name in _FER2013:
        faces = _fer2013(name, place, progress=progress, **options)
    else:
        form = {"size": size, "color": color, "crop": crop, "progress": progress}
        faces = _listed(name, place, form, options)
    if split is None:
        return faces
    part = faces.where(split=split)
    if not len(part):
        raise FerError(f"There are no {split} faces in {place}: found {faces!r}.")
    return part


def _fer2013(name: str, place: Path, **options: Any) -> FaceSet:
    from fer_utils.data.datasets import fer2013

    if name == "ferplus":
        options = {"rule": "majority"} | options
    return replace(_call(fer2013.load, name, place, **options), name=name)


def _listed(name: str, place: Path, form: dict[str, Any], options: dict[str, Any]) -> FaceSet:
    layout = importlib.import_module(f"fer_utils.data.datasets.{name}")
    form |= {key: value for key, value in options.items() if key in _READING}
    form["size"] = layout.SIZE if form["size"] is None else form["size"]
    own = {key: value for key, value in options.items() if key not in _READING}
    with _collector_paused():
        listing = _call(layout.scan, name, place, **own)
    return reading.read(listing, name=name, **form)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for garbage while ten thousands of paths are made: twice as fast."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _call(function: Callable[..., Any], name: str, *place: Path, **options: Any) -> Any:
    """Call a data set's own function, after a look whether it knows these options."""
    known = inspect.signature(function).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        own = [option for option in known if option not in ("root", "path")]
        raise FerError(f"{name} has no option {unknown[0]!r}.{nearest(unknown[0], own)}")
    return function(*place, **options)


def check(name: str) -> None:
    """Raise a FerError unless `load` knows this data set and finds it without a folder given."""
    _known(name)
    if name not in _EMBEDDED:
        find(name)


def places(name: str) -> list[Path]:
    """Return the folders where a data set is looked for, the first to be tried first.

    FERPlus's votes lie in the folder of FER2013.
    """
    name = "fer2013" if name == "ferplus" else name
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
    if name == "folder":
        raise FerError('folder: give the folder of your photos: data.load("folder", FOLDER).')
    tried = places(name)
    for path in tried:
        if path.exists():
            return path
    card = catalog.CARDS.get(name)
    raise FerError(
        f"{name} was not found. Looked in: {', '.join(map(str, tried))}. "
        "Put it in one of these, give root=FOLDER, or set FER_UTILS_DATA to the folder that "
        f"holds {tried[0].name}/." + (f" How to get it: {card.get}" if card else "")
    )


def _known(name: str) -> None:
    if name not in names():
        raise FerError(f"There is no data set {name!r}.{nearest(name, names())}")
