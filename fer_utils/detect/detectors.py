"""The detectors by name, and what is done with whatever they find."""

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath
from typing import Any

import numpy as np

from fer_utils._arguments import check_truth, choice, integer, spoken
from fer_utils.data._face_crop import gray
from fer_utils.data.face import Face
from fer_utils.detect.boxes import Box, Photograph, channels_first, crop, ordered, rgb
from fer_utils.errors import FerError

#: Each is a module, whose function `load` takes the detector's options.
DETECTORS = ("haar", "blazeface", "ssd", "mtcnn", "yunet")

KEPT = 8  # loaded detectors that `faces` keeps


class Detector:
    """A detector that is loaded once and finds faces in any number of pictures, from any thread.

    Attributes:
        name: an entry of `DETECTORS`.
        options: what it was asked for.
    """

    def __init__(self, name: str, options: dict[str, Any], find: Callable[[np.ndarray], list[Box]]):
        self.name, self.options = name, options
        self._find = find

    def __repr__(self) -> str:
        """Say which it is, and with which options."""
        options = [f"{name} {value}" for name, value in self.options.items()]
        return f"Detector({', '.join([self.name, *options])})"

    def __call__(self, picture: Photograph) -> list[Box]:
        """Return all faces of a picture, largest first; a film's frame is uint8 RGB (H, W, 3)."""
        return ordered(self._find(rgb(picture)))


def detector(name: str = "haar", **options: Any) -> Detector:
    """Return a detector, loaded and tried once.

    Args:
        name: an entry of `DETECTORS`:
            "haar", Viola and Jones's cascade, which comes with OpenCV: upright frontal faces;
            "blazeface" (Bazarevsky et al. 2019), which comes with the kit: a small net;
            "ssd" (Liu et al. 2016, with a ResNet-10) and "mtcnn" (Zhang et al. 2016), nets of
            other packages, which are used as data only;
            "yunet" (Wu et al. 2023), a net whose file you name.
        options: of "haar": cascade ("alt2" or "default"), scale, neighbors, smallest, look and
            equalize; of "blazeface": kind ("back" or "short"), score; of "ssd": folder, score;
            of "mtcnn": smallest, scores, look; of "yunet": model, score, look.

    Raises:
        FerError: no such detector or option, or what it needs is not there; the message says how
            to get it.
    """
    name = choice("detector", name, DETECTORS)
    load = import_module(f"fer_utils.detect.{name}").load
    known = inspect.signature(load).parameters
    for option in options:
        if option not in known:
            raise FerError(f"{name} has no option {option!r}; it has: {', '.join(known)}.")
    return Detector(name, options, load(**options))


_loaded = detector  # where an argument has that name


@functools.lru_cache(maxsize=KEPT)
def _kept(name: str, options: tuple[tuple[str, Any], ...]) -> Detector:
    return _loaded(name, **dict(options))


@spoken
def faces(picture: Photograph, detector: str | Detector = "haar", **options: Any) -> list[Box]:
    """Return the faces in a picture: boxes in its pixels, largest first.

    The same picture gives the same boxes in the same order, however many threads there are.

    Args:
        picture: a file, its bytes, a Pillow picture, or an array uint8 (H, W), (H, W, 3) or
            (C, H, W). A file is turned as its EXIF says.
        detector: a name, or what `detect.detector` returned.
        options: of the detector of that name; see `detect.detector`.

    Raises:
        FerError: no picture, or what `detect.detector` raises.
    """
    return _named(detector, options)(picture)


@spoken
def face(
    picture: Photograph,
    person: int = 1,
    *,
    size: int | None = 48,
    color: bool = False,
    detector: str | Detector = "haar",
    **options: Any,
) -> Face:
    """Return one face of a photograph, cut out as data sets are: `net.ask(detect.face("me.jpg"))`.

    A picture that lies on its side is turned; see `upright`.

    Args:
        picture: as in `faces`.
        person: which face, 1 being the largest.
        size: side in pixels; None leaves it as it is cut out.
        color: keep its colours.
        detector: as in `faces`.
        options: as in `faces`.

    Raises:
        FerError: no picture, no face in it, not as many, or what `detect.detector` raises.
    """
    person = integer("person", person, 1)
    size = None if size is None else integer("size", size, 8, 1024)
    check_truth("color", color)
    name = str(picture) if isinstance(picture, str | PurePath) else "the picture"
    pixels, boxes, turned = upright(picture, detector, **options)
    if not boxes:
        raise FerError(
            f"no face was found in {name}, turned either. Try another detector= "
            f"({', '.join(DETECTORS)}); of a face that is cut out already take the picture itself."
        )
    count = "1 face" if len(boxes) == 1 else f"{len(boxes)} faces"
    if person > len(boxes):
        raise FerError(f"{count} found in {name}, so there is no person={person}.")
    pixels = pixels if color else gray(pixels)[None]
    file = PurePath(name).name
    words = f"number {person} of {count} in {file}" if len(boxes) > 1 else f"the face in {file}"
    words += f", turned by {turned} degrees" if turned else ""
    return Face(crop(pixels, boxes[person - 1], side=size), source=words)


def _named(name: str | Detector, options: dict[str, Any]) -> Detector:
    """Return a detector, kept from an earlier call where there was one."""
    if isinstance(name, Detector):
        if options:
            raise FerError(f"{name.name} is loaded: give its options to detect.detector.")
        return name
    try:
        return _kept(name, tuple(sorted(options.items())))
    except TypeError:  # an option that cannot be a key, a list say
        return _loaded(name, **options)


def upright(
    picture: Photograph, detector: str | Detector = "haar", **options: Any
) -> tuple[np.ndarray, list[Box], int]:
    """Return a picture as its faces look upright in it, the faces, and how far it was turned.

    Where no face is found in the picture as it is, it is turned by 90, 270 and 180 degrees, and
    the turn counts in which most faces are found.

    Args:
        picture: as in `faces`.
        detector: as in `faces`.
        options: as in `faces`.

    Returns:
        The picture, uint8 (1 or 3, H, W); its boxes; and the degrees counter-clockwise by which
        it was turned, 0 where it was not or no face was found either way.
    """
    find = _named(detector, options)
    pixels = channels_first(picture)
    if boxes := find(pixels):
        return pixels, boxes, 0
    best: tuple[np.ndarray, list[Box], int] = pixels, [], 0
    for quarters in (1, 3, 2):
        turned = np.ascontiguousarray(np.rot90(pixels, quarters, axes=(1, 2)))
        boxes = find(turned)
        if len(boxes) > len(best[1]):
            best = turned, boxes, 90 * quarters
    return best
