"""One picture: from a file, or from an array of whatever form, to what the networks take."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from fer_utils._arguments import shown
from fer_utils.errors import FerError

#: Pictures of more pixels are refused: a face crop is far smaller.
MOST_PIXELS = 50_000_000

#: What is read, whatever a file's name ends in. Pillow reads more, some with other programs' help.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "TGA", "ICO")

# a float picture may overshoot [0, 1] by rounding
SLACK = 1e-4

GRAY_MODES = ("1", "L", "LA", "La", "I", "F")

# The words after "ftyp" of Apple's pictures. Their decoder (HEVC) is no part of Pillow, and the
# packages that bring it carry libraries under the LGPL and GPL.
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def read_picture(path: str | Path) -> np.ndarray:
    """Return the picture in a file: uint8 (1, H, W) where it is grey, (3, H, W) where not.

    It is turned as its EXIF orientation says; what is transparent becomes white; 16 bits per
    pixel become 8; CMYK and palettes become RGB. Of the pictures that a phone puts into one JPEG
    (MPO: depth, HDR, a second lens) the first is taken.

    Raises:
        FerError: no such file, no picture, a damaged, animated or huge one, or a picture
            whose numbers are no intensities.
    """
    path = Path(path)
    if not path.is_file():
        raise FerError(f"there is no picture file {path}.")
    with opened(path, str(path)) as picture:
        return to_array(picture, str(path))


@contextmanager
def opened(source: Path | BytesIO, name: str) -> Iterator[Image.Image]:
    """Open the picture in a file; nothing is decoded yet.

    Args:
        source: the file, or its content.
        name: what errors call it.

    Raises:
        FerError: no picture, an animated or huge one; or, in the block, a damaged one.
    """
    try:
        with warnings.catch_warnings():
            # What Pillow warns of is read (odd EXIF, a broken second picture) or refused (size).
            # Only Pillow's: where threads overlap, the filter may stay.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with Image.open(source, formats=FORMATS) as picture:
                _check(picture, name)
                yield picture
    except Image.DecompressionBombError as error:
        raise FerError(f"{name} is too large: {error} Cut out the face first.") from error
    except UnidentifiedImageError as error:
        if problem := _known_but_unread(source):
            raise FerError(f"{name} is {problem}") from None
        raise FerError(f"{name} is not a picture that can be read (PNG, JPEG, ...).") from error
    except FerError:
        raise
    except Exception as error:  # Pillow has many ways to say "damaged"
        what = str(error) or type(error).__name__
        raise FerError(f"{name} is damaged: {what}") from error


def _known_but_unread(source: Path | BytesIO) -> str:
    """Say what a file is that phones make and Pillow does not read; "" for any other."""
    if isinstance(source, BytesIO):
        start = source.getvalue()[:12]
    else:
        with source.open("rb") as file:
            start = file.read(12)
    if start[4:8] != b"ftyp":
        return ""
    if start[8:] in _HEIC:
        return (
            "a HEIC picture, which cannot be read here: save it as JPEG (open it and export it; on "
            "an iPhone: Settings, Camera, Formats, Most Compatible)."
        )
    return "a film, or a picture in a film's form: save the picture you want as JPEG or PNG."


def _check(picture: Image.Image, name: str) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise FerError(f"{name} has {width} x {height} pixels: cut out the face first.")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise FerError(f"{name} has {frames} frames: save the one you want as a picture.")


def to_array(picture: Image.Image, name: str) -> np.ndarray:
    """Return a picture that was `opened` as `read_picture` does."""
    picture.load()
    return _pixels(ImageOps.exif_transpose(picture), name)


def _pixels(picture: Image.Image, name: str) -> np.ndarray:
    if picture.mode.startswith("I") or picture.mode == "F":
        # numbers of 8 bits may lie in 16: of a picture of 65,536 greys they would be all black
        values = np.asarray(picture).astype(np.float64)
        limits = (255, 65535) if picture.mode != "F" else (1, 255)
        limit = next((limit for limit in limits if values.max() <= limit), limits[-1])
        return _scaled(values, limit, name)
    kind = "L" if picture.mode in GRAY_MODES and "transparency" not in picture.info else "RGB"
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    pixels = np.array(picture.convert(kind))
    return pixels[None] if kind == "L" else pixels.transpose(2, 0, 1).copy()


def _scaled(values: np.ndarray, limit: float, name: str) -> np.ndarray:
    if not (values.min() >= 0 and values.max() <= limit):  # NaN ends here too
        raise FerError(
            f"{name} holds numbers from {values.min():g} to {values.max():g}, which are no "
            "intensities: save it as an ordinary 8-bit picture."
        )
    return (values / limit * 255).round().astype(np.uint8)[None]


def as_picture(image: np.ndarray | Tensor | Image.Image) -> Tensor:
    """Return a picture as float32 (C, H, W) in [0, 1] with C = 1 or 3.

    Args:
        image: uint8, or float in [0, 1]; (H, W), (C, H, W), (1, C, H, W) or (H, W, C). Or a
            picture of Pillow, which is read as `read_picture` reads a file: of one with a palette
            numpy alone would take the palette's numbers for intensities.

    Raises:
        FerError: another shape or type, or values that are no intensities.
    """
    if isinstance(image, str | Path):
        raise FerError(
            f"an image is an array, not a file's name: detect.face({str(image)!r}) cuts the face "
            "out, pictures.read_picture takes the picture whole."
        )
    if isinstance(image, Image.Image):
        image = to_array(image, "the picture")
    try:
        picture = image.detach() if isinstance(image, Tensor) else torch.as_tensor(np.array(image))
    except (TypeError, ValueError):
        raise FerError(
            f"an image is an array or a tensor of intensities, not {shown(image)}. One face of a "
            "FaceSet is faces[i]."
        ) from None
    shape = tuple(picture.shape)
    if picture.ndim == 4 and shape[0] == 1:
        picture = picture[0]
    elif picture.ndim == 2:
        picture = picture[None]
    elif picture.ndim == 3 and shape[0] not in (1, 3) and shape[-1] in (1, 3):
        picture = picture.permute(2, 0, 1)
    if picture.ndim != 3 or picture.shape[0] not in (1, 3) or 0 in shape:
        raise FerError(
            f"an image of shape {shape} is not one picture: expected (H, W), (1, H, W) or "
            "(3, H, W). One face of a FaceSet is faces[i]."
        )
    if picture.dtype == torch.uint8:
        return picture.float() / 255
    if not picture.is_floating_point():
        raise FerError(f"an image of {picture.dtype} cannot be read: use uint8 or float in [0, 1].")
    low, high = picture.min().item(), picture.max().item()
    if not (low >= -SLACK and high <= 1 + SLACK):  # NaN fails every comparison, so it ends here
        raise FerError(
            f"a float image must lie in [0, 1], this one spans {low:.3g} to {high:.3g}. "
            "Divide intensities of 0 to 255 by 255, or pass uint8."
        )
    return picture.float()
