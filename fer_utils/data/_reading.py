"""From a Listing to a FaceSet: pictures are decoded, made square, resized, and kept.

What comes out is the same for every data set: uint8, square, grey or RGB. A picture that is not
square loses its longer sides (of KDEF's 562x762, the middle 562x562), so that no face is squashed.
With ``crop="haar"`` the square is the largest frontal face, as in borgalli2022.

Decoding goes on in several threads, a few pictures at a time, straight into a file of the cache
folder that is then mapped into memory: a data set need not fit into memory, and the next time it
opens at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_utils.data import _cache as kept
from fer_utils.data._decoding import Form, Reader, one_of
from fer_utils.data._index import Listing
from fer_utils.data.datasets._folders import names_below
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError

ON_ERROR = ("raise", "report")


@dataclass(frozen=True)
class Pictures:
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
    listing: Listing,
    *,
    size: int,
    name: str = "",
    color: bool = False,
    crop: str | None = None,
    no_face: str = "keep",
    on_error: str = "raise",
    cache: bool = True,
    progress: bool = True,
) -> FaceSet:
    """Read the pictures of a Listing.

    Args:
        listing: the files with their labels.
        size: height and width of the faces in pixels.
        name: of the data set; "" for the name of its folder.
        color: RGB; else grey (ITU-R 601 luma). What is transparent becomes white.
        crop: None takes the largest square in the middle of each picture; "haar" takes the
            largest frontal face that OpenCV's cascade finds.
        no_face: what happens with `crop` where no face is found. "keep" takes the middle instead:
            faces that a detector misses are the difficult ones, and a score without them is
            another score. "drop" leaves these pictures out and names them in `left_out`. With
            "keep" the FaceSet's column "face_found" tells them.
        on_error: "raise" stops at the first picture that cannot be read; "report" leaves such
            pictures out and names them in `left_out`.
        cache: keep what was read in the user's cache folder, so that the next time is fast.
        progress: show a progress bar.

    Returns:
        FaceSet whose images are mapped into memory. Its columns are the listing's, with
        "paper_split" where the listing has one, and "face_found" with `crop`.

    Raises:
        FerError: a picture cannot be read, or none is left.
    """
    form = Form(size, bool(color), crop, no_face)
    name = name or listing.root.name
    if listing.images is None:
        found = pictures(
            listing.files,
            listing.root,
            form,
            seconds=listing.seconds,
            name=name,
            on_error=on_error,
            cache=cache,
            progress=progress,
        )
        rows = names_below(listing.root, listing.files)
        if listing.seconds is not None:
            moments = listing.seconds.tolist()
            rows = [f"{row} at {second:.2f} s" for row, second in zip(rows, moments, strict=True)]
    else:
        found = _from_images(listing.images, form, listing.root)
        rows = range(len(listing))
    rows = np.array(rows) if listing.rows is None else listing.rows
    faces = _face_set(name, listing, rows, found, bool(crop))
    _say(faces, crop)
    return faces


def pictures(
    files: Sequence[Path],
    root: Path,
    form: Form,
    *,
    name: str,
    seconds: np.ndarray | None = None,
    on_error: str = "raise",
    cache: bool = True,
    progress: bool = True,
) -> Pictures:
    """Read picture files, from the cache where they are there unchanged.

    Args:
        files: the picture files.
        root: what `left_out` names files relative to.
        form: what to make of them.
        name: of the data set: the files in the cache folder start with it.
        seconds: float64 (N',), the moments to take where the files are videos, else None.
        on_error: "raise" stops at the first file that cannot be read; "report" leaves it out.
        cache: keep what was read.
        progress: show a progress bar.

    Raises:
        FerError: a file cannot be read, or no picture is left.
    """
    one_of("on_error", on_error, ON_ERROR)
    names = names_below(root, files)
    key = "-".join([name, str(form.side), *(["rgb"] if form.color else []), form.crop or "whole"])
    file = stamp = None
    if cache:
        moments = [] if seconds is None else seconds.tolist()
        stamp = f"{kept.fingerprint(files, names)} {form} {on_error} {moments}"
        file = kept.rows_file(key, root, stamp)
        about, images = kept.read(key, root, stamp), kept.read_rows(file)
        if about and images is not None and images.shape == (len(about["kept"]), *form.shape):
            return Pictures(
                images, about["kept"], about["found"], tuple(about["left_out"].tolist())
            )
    reader = Reader(files, names, form, seconds, on_error)
    images = kept.map_rows(reader.chunks(root, name, progress), form.shape, file)
    about = {
        "kept": np.array(reader.kept, np.int64),
        "found": np.array(reader.found, bool),
        "left_out": np.array(reader.left_out, np.str_),
    }
    if cache:
        kept.write(key, root, stamp, about)
    return Pictures(images, about["kept"], about["found"], tuple(reader.left_out))


def _from_images(images: np.ndarray, form: Form, root: Path) -> Pictures:
    """Bring pictures that came with the labels into a form."""
    formed = [form.of(image) for image in images]
    kept = [place for place, (image, _) in enumerate(formed) if image is not None]
    if not kept:
        raise FerError(f"{root}: no face was found in any picture. Load it without crop.")
    missed = sorted(set(range(len(images))) - set(kept))
    return Pictures(
        np.stack([formed[place][0] for place in kept]),
        np.array(kept, np.int64),
        np.array([formed[place][1] for place in kept]),
        tuple(f"row {place}: no face was found in it" for place in missed),
    )


def _face_set(
    name: str, listing: Listing, rows: np.ndarray, found: Pictures, cropped: bool
) -> FaceSet:
    columns = dict(listing.columns)
    if listing.paper_split is not None:
        columns["paper_split"] = listing.paper_split
    columns = {title: column[found.kept] for title, column in columns.items()}
    if cropped:
        columns["face_found"] = found.found
    subjects = listing.subjects
    return FaceSet(
        name=name,
        images=found.images,
        labels=listing.labels[found.kept],
        classes=listing.classes,
        split=listing.split[found.kept],
        subjects=None if subjects is None else subjects[found.kept],
        rows=rows[found.kept],
        left_out=listing.left_out + found.left_out,
        columns=columns,
    )


def _say(faces: FaceSet, crop: str | None) -> None:
    """Print what the user has to know about pictures that are missing or whole."""
    if faces.left_out:
        print(f"{faces.name}: {len(faces.left_out)} left out; the first: {faces.left_out[0]}")
    missed = np.flatnonzero(~faces.columns["face_found"]) if crop else []
    if len(missed):
        print(
            f"{faces.name}: no face found in {len(missed)} of {len(faces)} pictures; their middle "
            f'is taken (column "face_found" tells them); the first: {faces.rows[missed[0]]}'
        )
