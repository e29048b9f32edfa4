"""A picture that somebody uploads, whatever it is, to a face that the networks can take."""

import warnings
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, UnidentifiedImageError

from fer_utils.errors import FerError
from fer_utils.pictures import MOST_PIXELS, read_picture

SIDE = 48  # of the face that comes out, as in FER2013
MOST_BYTES = 8_000_000  # Jupyter closes the connection at 10 MiB
LONGEST = 10_000  # pixels; a photograph of 50 million has 8,700
# Pillow reads more, some with the help of other programs
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


class NoFace(FerError):
    """The picture is fine, but no face was found in it."""


def read_upload(content: bytes, name: str, *, middle: bool = False) -> tuple[np.ndarray, str]:
    """Return the largest face in an uploaded picture.

    Faces are found by the frontal-face cascade that comes with OpenCV (Viola and Jones, 2001).

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
    from fer_utils.data import _face_crop as crop  # loads OpenCV

    name = Path(name).name or "the upload"
    notes = _look_before_decoding(content, name)
    gray = crop.gray(_decode(content, name))
    box = crop.largest_face(gray)
    if box is not None:
        notes.append(f"a face of {box[2]} x {box[2]} pixels was found in it")
    elif middle:
        notes.append("no face was found in it: the middle is taken")
        box = crop.middle(*gray.shape)
    else:
        raise NoFace(
            f"no face was found in {name}. It may be turned, covered or too close to the border. "
            "Tick the box to take the middle of the picture as it is."
        )
    return crop.cut(gray, box, SIDE)[None], f"{name}: {'; '.join(notes)}."


def _look_before_decoding(content: bytes, name: str) -> list[str]:
    """Refuse what is too large while it is still compressed; note what will be converted."""
    if len(content) > MOST_BYTES:
        size, most = (f"{count / 1e6:.0f} MB" for count in (len(content), MOST_BYTES))
        raise FerError(f"{name} has {size}, and {most} is the most: cut out the face first.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=FORMATS) as picture:
                width, height = picture.size
                mode = picture.mode
                see_through = mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in picture.info
    except Image.DecompressionBombError:
        raise FerError(f"{name} claims more pixels than can be: cut out the face first.") from None
    except UnidentifiedImageError:
        raise FerError(f"{name} is no picture that can be read (PNG, JPEG, WebP ...).") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise FerError(f"{name} is damaged: {error}") from error
    if max(width, height) > LONGEST or width * height > MOST_PIXELS:
        raise FerError(
            f"{name} is {width} x {height} pixels; {LONGEST:,} a side and {MOST_PIXELS:,} in all "
            "are the most: cut out the face first."
        )
    notes = ["what was transparent is now white"] if see_through else []
    return notes + (["its CMYK colours were converted"] if mode == "CMYK" else [])


def _decode(content: bytes, name: str) -> np.ndarray:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        try:
            return read_picture(path)
        except FerError as error:  # about the file of the person, not about our copy of it
            raise FerError(str(error).replace(str(path), name)) from None
