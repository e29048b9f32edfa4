"""From a DatasetIndex to a FaceSet: pictures are decoded, made square, resized, and kept.

What comes out is the same for every data set: uint8, square, grey or RGB. A picture that is not
square loses its longer sides (of KDEF's 562x762, the middle 562x562), so that no face is squashed.
With ``crop="haar"`` the square is the largest frontal face, as in borgalli2022; with "oval" what
lies outside an oval in it is black, as on its KDEF.

Decoding goes on in several threads, a few pictures at a time, straight into a file of the cache
folder that is then mapped into memory: a data set need not fit into memory, and the next time it
opens at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_utils.data import _cache
from fer_utils.data._decoding import Form, Reader, one_of
from fer_utils.data._index import DatasetIndex
from fer_utils.data._tree import names_below
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError

ON_ERROR = ("raise", "report")

# So many of the pictures that were left out are named when a data set is opened.
SHOWN = 3


@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    Attributes:
        on_error: "raise" stops at the first picture that cannot be read; "report" leaves such
            pictures out and names them in `left_out`.
        cache: keep what was read in the user's cache folder, so that the next time is fast.
        progress: show a progress bar.
    """

    on_error: str = "raise"
    cache: bool = True
    progress: bool = True


@dataclass(frozen=True)
class DecodedPictures:
    """What came of N' files: the N pictures that can be used.

    Attributes:
        images: uint8 (N, C, side, side), mapped into memory.
        kept: int64 (N,), their places among the files.
        found: bool (N,), whether a face was found in each.
        left_out: a sentence for each of the others.
    """

    images: np.ndarray
    kept: np.ndarray
    found: np.ndarray
    left_out: tuple[str, ...]


def read(
    index: DatasetIndex, form: Form, options: ReadOptions | None = None, name: str = ""
) -> FaceSet:
    """Read the pictures of an index.

    With `Form.crop`, `Form.no_face` says what happens where no face is found. "keep" takes the
    middle instead: faces that a detector misses are the difficult ones, and a score without them
    is another score. "drop" leaves these pictures out and names them in `left_out`. With "keep"
    the FaceSet's column "face_found" tells them.

    Args:
        index: the files with their labels.
        form: what to make of every picture. What is transparent becomes white.
        options: how to read; None for the defaults.
        name: of the data set; "" for the name of its folder.

    Returns:
        FaceSet whose images are mapped into memory. Its columns are the index's, with
        "paper_split" where the index has one, and "face_found" with `crop`.

    Raises:
        FerError: a picture cannot be read, or none is left.
    """
    name = name or index.root.name
    if index.images is None:
        options = options or ReadOptions()
        found = read_pictures(
            index.files, index.root, form, options, name=name, seconds=index.seconds
        )
    else:
        found = _from_images(index.images, form, index.root)
    faces = _face_set(name, index, found, bool(form.crop))
    _say(faces)
    return faces


def _rows(index: DatasetIndex) -> np.ndarray:
    """Return where each face came from: its row, or its file, with the moment of a video."""
    if index.rows is not None:
        return index.rows
    if index.images is not None:
        return np.arange(len(index))
    names = names_below(index.root, index.files)
    if index.seconds is None:
        return np.array(names)
    moments = zip(names, index.seconds.tolist(), strict=True)
    return np.array([f"{name} at {second:.2f} s" for name, second in moments])


def read_pictures(
    files: Sequence[Path],
    root: Path,
    form: Form,
    options: ReadOptions,
    *,
    name: str,
    seconds: np.ndarray | None = None,
) -> DecodedPictures:
    """Read picture files, from the cache where they are there unchanged.

    Args:
        files: the picture files.
        root: what `left_out` names files relative to.
        form: what to make of them.
        options: how to read them.
        name: of the data set: the files in the cache folder start with it.
        seconds: float64 (N',), the moments to take where the files are videos, else None.

    Raises:
        FerError: a file cannot be read, or no picture is left.
    """
    one_of("on_error", options.on_error, ON_ERROR)
    names = names_below(root, files)
    reader = Reader(files, names, form, seconds, options.on_error)
    chunks = reader.chunks(root, name, options.progress)
    if not options.cache:
        images = _cache.map_rows(chunks, form.shape)
        return DecodedPictures(images, **_about(reader), left_out=tuple(reader.left_out))
    key = "-".join([name, str(form.side), *(["rgb"] if form.color else []), form.crop or "whole"])
    moments = [] if seconds is None else seconds.tolist()
    stamp = f"{_cache.fingerprint(files, names)} {form} {options.on_error} {moments}"
    file = _cache.rows_file(key, root, stamp)
    if (kept := _kept(key, root, stamp, form)) is not None:
        return kept
    with _cache.held(key, root) as waited:
        if waited and (kept := _kept(key, root, stamp, form)) is not None:
            return kept
        images = _cache.map_rows(chunks, form.shape, file)
        about = _about(reader)
        said = {"left_out": np.array(reader.left_out, np.str_), "seal": np.array(_cache.seal(file))}
        _cache.write(key, root, stamp, about | said)
    return DecodedPictures(images, **about, left_out=tuple(reader.left_out))


def _kept(key: str, root: Path, stamp: str, form: Form) -> DecodedPictures | None:
    """Return what the cache has of some pictures, or None."""
    about = _cache.read(key, root, stamp)
    if about is None:
        return None
    rows = _cache.read_rows(_cache.rows_file(key, root, stamp), str(about["seal"]))
    if rows is None or rows.shape != (len(about["kept"]), *form.shape):
        return None
    return DecodedPictures(rows, about["kept"], about["found"], tuple(about["left_out"].tolist()))


def _about(reader: Reader) -> dict[str, np.ndarray]:
    return {"kept": np.array(reader.kept, np.int64), "found": np.array(reader.found, bool)}


def _from_images(images: np.ndarray, form: Form, root: Path) -> DecodedPictures:
    """Bring pictures that came with the labels into a form."""
    formed = [form.of(image) for image in images]
    usable = [
        (place, image, found) for place, (image, found) in enumerate(formed) if image is not None
    ]
    if not usable:
        raise FerError(f"{root}: no face was found in any picture. Load it without crop.")
    kept, used, found = zip(*usable, strict=True)
    missed = sorted(set(range(len(images))) - set(kept))
    return DecodedPictures(
        np.stack(used),
        np.array(kept, np.int64),
        np.array(found),
        tuple(f"row {place}: no face was found in it" for place in missed),
    )


def _face_set(name: str, index: DatasetIndex, pictures: DecodedPictures, cropped: bool) -> FaceSet:
    columns = dict(index.columns)
    if index.paper_split is not None:
        columns["paper_split"] = index.paper_split
    columns = {title: column[pictures.kept] for title, column in columns.items()}
    if cropped:
        columns["face_found"] = pictures.found
    return FaceSet(
        name=name,
        images=pictures.images,
        labels=index.labels[pictures.kept],
        classes=index.classes,
        split=index.split[pictures.kept],
        subjects=None if index.subjects is None else index.subjects[pictures.kept],
        rows=_rows(index)[pictures.kept],
        left_out=index.left_out + pictures.left_out,
        columns=columns,
    )


def say_left_out(faces: FaceSet) -> None:
    """Print how much was left out, and the first few of it with the reasons."""
    count = len(faces.left_out)
    if not count:
        return
    first = faces.left_out[:SHOWN]
    rest = [f"and {count - SHOWN} more: see left_out"] if count > SHOWN else []
    print(
        "\n    ".join([f"{faces.name}: {count} left out; the first: {first[0]}", *first[1:], *rest])
    )


def _say(faces: FaceSet) -> None:
    """Print what the user has to know about pictures that are missing or whole."""
    say_left_out(faces)
    missed = np.flatnonzero(~faces.columns.get("face_found", np.ones(0, bool)))
    if len(missed):
        first = missed[0] if faces.rows is None else faces.rows[missed[0]]
        print(
            f"{faces.name}: no face found in {len(missed)} of {len(faces)} pictures; their middle "
            f'is taken (column "face_found" tells them); the first: {first}'
        )
