"""Find a data set by its name, and read it."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils._arguments import check_path, integer, shown, spoken
from fer_utils.data import catalog
from fer_utils.data._index import SPLITS
from fer_utils.data._reading import Form, ReadOptions, read
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import nearest
from fer_utils.errors import FerError


@spoken
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
        crop: "haar" cuts out the largest frontal face that OpenCV's cascade finds; "oval" also
            blackens what lies outside an oval in its square.
        progress: show a progress bar where reading takes long.
        options: for all but facs3d, ``on_error="report"`` leaves out and names what cannot be
            read (what "folder" does unless it is told to "raise"), and ``cache=False`` keeps
            nothing; with `crop`, ``no_face="drop"`` leaves out pictures without a face; see
            `fer_utils.data._reading.read`. The others belong to the data set: see ``load`` or
            ``scan`` in its module in `fer_utils.data.datasets`.

    Raises:
        FerError: the data set is not known, not found or damaged, or has no such split.
    """
    dataset = catalog.get(name)
    if split is not None and (not isinstance(split, str) or split not in SPLITS):
        raise FerError(f"{shown(split)} is not a split.{nearest(split, SPLITS)}")
    if not isinstance(color, bool) or not isinstance(crop, str | None):
        raise FerError(
            f"color={shown(color)}, crop={shown(crop)}: color is True or False, crop a name."
        )
    size = None if size is None else integer("size", size, 1)
    if dataset.scan is None and (size not in (None, dataset.size) or color or crop):
        raise FerError(
            f"{name} is {dataset.size}x{dataset.size} and grey as it is published: leave out size, "
            "color and crop; networks resize pictures to the size they take."
        )
    place = find(name, root)
    if dataset.scan is None:
        common = {"split": split, "progress": progress}
        options |= {key: value for key, value in common.items() if key in dataset.options}
        faces = dataset.open(place, **options)
        if faces.rows is None and "split" not in options:
            # a part of the faces still knows which of all they are
            faces = replace(faces, rows=np.arange(len(faces)))
    else:
        side = dataset.size if size is None else size
        form = Form(side, bool(color), crop, options.pop("no_face", "keep"))
        reading = {key: options.pop(key) for key in ("on_error", "cache") if key in options}
        if dataset.card.own:  # people's own pictures are of every kind: none stops the others
            reading.setdefault("on_error", "report")
        index = dataset.open(place, **options)
        faces = read(index, form, ReadOptions(progress=progress, **reading), name)
    if split is None:
        return faces
    part = faces.where(split=split)
    if not len(part):
        raise FerError(f"There are no {split} faces in {place}: found {faces!r}.")
    return part


def check(name: str) -> None:
    """Raise a FerError unless `load` knows this data set and finds it without a folder given."""
    find(name)


def places(name: str) -> list[Path]:
    """Return the folders where a data set is looked for, the first to be tried first.

    FERPlus's votes lie in the folder of FER2013.
    """
    path = check_path("name", name)
    home = catalog.DATASETS[name].home if name in catalog.names() else path
    own = os.environ.get("FER_UTILS_DATA")
    repository = Path(__file__).resolve().parents[2]
    folders = [Path(own).expanduser()] if own else []
    folders += [Path.cwd() / "data", repository / "data", Path.home() / "fer_utils_data"]
    return list(dict.fromkeys(folder / home for folder in folders))


def find(name: str, root: str | Path | None = None) -> Path:
    """Return where a data set lies: `root` if given, else the first of `places(name)` there is.

    Raises:
        FerError: it is in none of the places; the message lists them and says how to get it.
    """
    card = catalog.get(name).card
    if card.embedded:
        if root is not None:
            raise FerError(f"{name} comes with the kit: leave out the folder {str(root)!r}.")
        return Path(__file__).parent
    if root is not None:
        path = check_path("root", root).expanduser()
        if path.exists():
            return path
        raise FerError(f"{name}: {path} does not exist. Give the folder that holds the data set.")
    if card.own:
        raise FerError(f"{name}: give the folder of your photos: {card.opened}.")
    tried = places(name)
    for path in tried:
        if path.exists():
            return path
    raise FerError(
        f"{name} was not found. Looked in: {', '.join(map(str, tried))}. "
        "Put it in one of these, give root=FOLDER, or set FER_UTILS_DATA to the folder that "
        f"holds {tried[0].name}/. How to get it: {card.get}"
    )
