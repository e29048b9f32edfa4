"""A picture that somebody uploads, whatever it is, to a face that the networks can take."""

from io import BytesIO
from pathlib import PureWindowsPath

import numpy as np
from PIL import Image

from fer_utils.errors import FerError, shown
from fer_utils.pictures import opened, to_array

SIDE = 48  # of the face that comes out, as in FER2013
MOST_BYTES = 8_000_000  # Jupyter closes the connection at 10 MiB
LONGEST = 10_000  # pixels; a photograph of 50 million has 8,700


class NoFace(FerError):
    """The picture is fine, but no face was found in it."""


def read_upload(content: bytes, name: str, *, middle: bool = False) -> tuple[np.ndarray, str]:
    """Return the largest face in an uploaded picture, turned upright where it lies on its side.

    Faces are found by a frontal-face cascade that comes with OpenCV (Viola and Jones, 2001).
    Nothing is written to a file: the name is for messages, and its folders are dropped.

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
        gray = crop.gray(to_array(picture, name))
    turned, boxes, degrees = detect.upright(gray)
    if boxes:
        box, others = boxes[0], len(boxes) - 1
        notes.append(f"a face of {box.width} x {box.height} pixels was found in it")
        if degrees:
            notes.append(f"it was turned by {degrees} degrees")
        if others:
            notes.append(f"{others} smaller {'one is' if others == 1 else 'ones are'} left out")
        face = detect.crop(turned, box, side=SIDE)
    elif middle:
        notes.append("no face was found in it: the middle is taken")
        face = crop.cut(gray, crop.middle(*gray.shape), SIDE)[None]
    else:
        raise NoFace(
            f"no face was found in {name}. It may be turned, covered or too close to the border. "
            "Tick the box to take the middle of the picture as it is."
        )
    return face, f"{name}: {'; '.join(notes)}."


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
