"""A picture that somebody uploads, whatever it is, to a face that the networks can take."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fer_utils._arguments import spoken
from fer_utils.errors import FerError, shown
from fer_utils.pictures import opened, to_array

if TYPE_CHECKING:
    from fer_utils.detect import Box

SIDE = 48  # of the face that comes out, as in FER2013
MOST_BYTES = 8_000_000  # Jupyter closes the connection at 10 MiB
LONGEST = 10_000  # pixels; a photograph of 50 million has 8,700


class NoFace(FerError):
    """The picture is fine, but no face was found in it."""


@dataclass(frozen=True, eq=False)
class Uploaded:
    """A picture that somebody has uploaded, and the faces in it.

    Attributes:
        name: of the file, without its folders.
        image: uint8 (1 or 3, H, W), as its faces look upright.
        gray: the same in grey, (1, H, W): what faces are cut out of.
        boxes: of the faces, largest first.
        turned: degrees counter-clockwise by which it was turned.
        notes: what was converted, in words.
    """

    name: str
    image: np.ndarray
    gray: np.ndarray
    boxes: "list[Box]"
    turned: int
    notes: tuple[str, ...]

    def face(self, number: int) -> np.ndarray:
        """Return a face, uint8 (1, 48, 48), grey."""
        from fer_utils import detect

        return detect.crop(self.gray, self.boxes[number], side=SIDE)

    def middle(self) -> np.ndarray:
        """Return the largest square in the middle, uint8 (1, 48, 48), grey."""
        from fer_utils.data import _face_crop as crop

        gray = self.gray[0]
        return crop.cut(gray, crop.middle(*gray.shape), SIDE)[None]

    def said(self, number: int | None, others: str = "") -> str:
        """Return what was done in words: a face was taken, or, with None, the middle."""
        notes = list(self.notes)
        if number is None:
            notes.append("no face was found in it: the middle is taken")
        else:
            box = self.boxes[number]
            notes.append(f"a face of {box.width} x {box.height} pixels was found in it")
        if self.turned:
            notes.append(f"it was turned by {self.turned} degrees")
        return f"{self.name}: {'; '.join([*notes, others] if others else notes)}."

    def nobody(self) -> NoFace:
        """Return the error that says there is no face."""
        return NoFace(
            f"no face was found in {self.name}. It may be turned, covered or too close to the "
            "border. Tick the box to take the middle of the picture as it is."
        )


def look_at(content: bytes, name: str) -> Uploaded:
    """Return an uploaded picture and the faces in it, turned upright where it lies on its side.

    Faces are found by a frontal-face cascade that comes with OpenCV (Viola and Jones, 2001).
    Nothing is written to a file: the name is for messages, and its folders are dropped.

    Args:
        content: the bytes of the file.
        name: of the file, for messages.

    Raises:
        FerError: too large, animated, damaged, or no picture.
    """
    from fer_utils import detect
    from fer_utils.data import _face_crop as crop  # loads OpenCV

    if not isinstance(content, bytes | bytearray | memoryview) or not isinstance(name, str):
        raise FerError(
            f"an upload is the bytes of a file and its name, not {shown(content)}, {shown(name)}."
        )
    name = PureWindowsPath(name).name or "the upload"  # it knows both kinds of slashes
    if len(content) > MOST_BYTES:
        size, most = (f"{count / 1e6:.0f} MB" for count in (len(content), MOST_BYTES))
        raise FerError(f"{name} has {size}, and {most} is the most: cut out the face first.")
    with opened(BytesIO(content), name) as picture:
        notes = _look_before_decoding(picture, name)
        image = to_array(picture, name)
    gray, boxes, degrees = detect.upright(crop.gray(image))
    image = np.rot90(image, degrees // 90, axes=(1, 2))
    return Uploaded(name, image, gray, boxes, degrees, tuple(notes))


@spoken
def read_upload(content: bytes, name: str, *, middle: bool = False) -> tuple[np.ndarray, str]:
    """Return the largest face in an uploaded picture, found as `look_at` does.

    Args:
        content: the bytes of the file.
        name: of the file, for messages.
        middle: where no face is found, take the largest square in the middle of the picture.

    Returns:
        The face, uint8 (1, 48, 48), grey; and what was done, in words.

    Raises:
        NoFace: no face was found, and `middle` is False.
        FerError: too large, animated, damaged, or no picture.
    """
    found = look_at(content, name)
    if found.boxes:
        others = len(found.boxes) - 1
        smaller = f"{others} smaller {'one is' if others == 1 else 'ones are'} left out"
        return found.face(0), found.said(0, smaller if others else "")
    if not middle:
        raise found.nobody()
    return found.middle(), found.said(None)


def _look_before_decoding(picture: Image.Image, name: str) -> list[str]:
    """Refuse a side that is too long; note what will be converted."""
    width, height = picture.size
    if max(width, height) > LONGEST:
        raise FerError(
            f"{name} has {width} x {height} pixels; {LONGEST:,} a side are the most: cut out the "
            "face first."
        )
    mode = picture.mode
    see_through = mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in picture.info
    notes = ["what was transparent is now white"] if see_through else []
    return notes + (["its CMYK colours were converted"] if mode == "CMYK" else [])
