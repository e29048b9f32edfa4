"""One picture: from a file, or from an array of whatever form, to what the networks take."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from fer_utils._arguments import shown
from fer_utils.errors import FerError

#: Pictures of more pixels are refused: a face crop is far smaller.
MOST_PIXELS = 50_000_000

# a float picture may overshoot [0, 1] by rounding
SLACK = 1e-4

GRAY_MODES = ("1", "L", "LA", "La", "I", "F")


def read_picture(path: str | Path) -> np.ndarray:
    """Return the picture in a file: uint8 (1, H, W) where it is grey, (3, H, W) where not.

    It is turned as its EXIF orientation says; what is transparent becomes white; 16 bits per
    pixel become 8; CMYK and palettes become RGB.

    Raises:
        FerError: no such file, no picture, a damaged, animated or huge one, or a picture
            whose numbers are no intensities.
    """
    path = Path(path)
    if not path.is_file():
        raise FerError(f"there is no picture file {path}.")
    try:
        with Image.open(path) as picture:
            _check(picture, path)
            picture.load()
            return _to_array(ImageOps.exif_transpose(picture), path)
    except Image.DecompressionBombError as error:
        raise FerError(f"{path} is too large: {error}") from error
    except UnidentifiedImageError as error:
        raise FerError(f"{path} is not a picture that can be read (PNG, JPEG, ...).") from error
    except FerError:
        raise
    except (OSError, SyntaxError, TypeError, ValueError) as error:  # Pillow's ways to say "damaged"
        raise FerError(f"{path} is damaged: {error}") from error


def _check(picture: Image.Image, path: Path) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise FerError(f"{path} has {width} x {height} pixels: cut out the face first.")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        raise FerError(f"{path} has {frames} frames: save the one you want as a picture.")


def _to_array(picture: Image.Image, path: Path) -> np.ndarray:
    if picture.mode.startswith("I;16"):
        return _scaled(np.asarray(picture).astype(np.float64), 65535, path)
    if picture.mode in ("I", "F"):
        values = np.asarray(picture).astype(np.float64)
        limits = (65535,) if picture.mode == "I" else (1, 255)
        limit = next((limit for limit in limits if values.max() <= limit), limits[-1])
        return _scaled(values, limit, path)
    kind = "L" if picture.mode in GRAY_MODES and "transparency" not in picture.info else "RGB"
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    pixels = np.array(picture.convert(kind))
    return pixels[None] if kind == "L" else pixels.transpose(2, 0, 1).copy()


def _scaled(values: np.ndarray, limit: float, path: Path) -> np.ndarray:
    if not (values.min() >= 0 and values.max() <= limit):  # NaN ends here too
        raise FerError(
            f"{path} holds numbers from {values.min():g} to {values.max():g}, which are no "
            "intensities: save it as an ordinary 8-bit picture."
        )
    return (values / limit * 255).round().astype(np.uint8)[None]


def as_picture(image: np.ndarray | Tensor) -> Tensor:
    """Return a picture as float32 (C, H, W) in [0, 1] with C = 1 or 3.

    Args:
        image: uint8, or float in [0, 1]; (H, W), (C, H, W), (1, C, H, W) or (H, W, C).

    Raises:
        FerError: another shape or type, or values that are no intensities.
    """
    if isinstance(image, str | Path):
        raise FerError(f"an image is an array, not a file's name: read_picture({str(image)!r}).")
    try:
        picture = image.detach() if isinstance(image, Tensor) else torch.as_tensor(np.array(image))
    except (TypeError, ValueError):
        raise FerError(
            f"an image is an array or a tensor of intensities, not {shown(image)}. One face of a "
            "FaceSet is faces.images[i]."
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
            "(3, H, W). One face of a FaceSet is faces.images[i]."
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
