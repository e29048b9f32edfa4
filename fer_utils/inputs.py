"""What the network is shown: intensity, and the derivatives of it that pandey2019 adds.

The derivatives are fixed 3x3 convolutions with the constants below. They run on whatever
device holds the pictures and give the numbers of `cv2.Sobel` and `cv2.Laplacian`
(`BORDER_DEFAULT`: the picture is mirrored about its border pixel).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.errors import FerError

__all__ = [
    "Channels",
    "INPUTS",
    "LAPLACIAN",
    "LAPLACIAN_3",
    "LUMA",
    "SOBEL_X",
    "SOBEL_Y",
    "channel_count",
    "convolve",
    "gradient_magnitude",
    "laplacian",
    "sobel_x",
    "sobel_y",
    "to_gray",
]


def __dir__() -> list[str]:
    return list(__all__)


SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
SOBEL_Y = SOBEL_X.T.copy()
LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
LAPLACIAN_3 = np.array([[2, 0, 2], [0, -8, 0], [2, 0, 2]], np.float32)

# ITU-R BT.601 luma, the weights of cv2.COLOR_RGB2GRAY
LUMA = (0.299, 0.587, 0.114)

#: Kinds of derivative in the order of the channels, and how many each has: Sobel's are x and y.
DERIVATIVES = {"sobel": 2, "magnitude": 1, "laplacian": 1}

INPUTS = (
    *("gray", "gray+laplacian", "gray+sobel", "gray+sobel+laplacian"),
    *("gray+magnitude", "gray+magnitude+laplacian"),
)


def to_gray(pictures: Tensor) -> Tensor:
    """Return intensity, float32 (N, 1, H, W), from grey or RGB pictures (N, 1 or 3, H, W).

    uint8 pictures keep their range of 0..255. RGB is weighted as `cv2.COLOR_RGB2GRAY` does.

    Raises:
        FerError: the pictures have neither one channel nor three.
    """
    pictures = pictures.float()
    if pictures.shape[1] == 1:
        return pictures
    if pictures.shape[1] != 3:
        raise FerError(
            f"pictures have {pictures.shape[1]} channels; a face is grey (1) or RGB (3). "
            "Expected shape (N, 1 or 3, H, W)."
        )
    # number by number: a tensor of them, copied to a GPU, would wait for it every time
    red, green, blue = (c * weight for c, weight in zip(pictures.split(1, 1), LUMA, strict=True))
    return red + green + blue


def convolve(pictures: Tensor, kernel: np.ndarray) -> Tensor:
    """Slide a 3x3 kernel over every channel: float32 (N, C, H, W), same size.

    Written as a sum of shifted pictures, which is the definition, instead of a call of
    `conv2d`: on a GPU that one may round its factors to TF32 and lose the third digit.

    Raises:
        FerError: a picture smaller than 2x2 has no mirror image at its border.
    """
    height, width = pictures.shape[-2:]
    if min(height, width) < 2:
        raise FerError(f"a picture of {height}x{width} has no derivative; 2x2 is the smallest.")
    padded = F.pad(pictures.float(), (1, 1, 1, 1), mode="reflect")
    total = torch.zeros_like(pictures, dtype=torch.float32)
    for row, column in zip(*np.nonzero(kernel), strict=True):
        weight = float(kernel[row, column])
        total = total + weight * padded[..., row : row + height, column : column + width]
    return total


def sobel_x(pictures: Tensor) -> Tensor:
    """Horizontal derivative, as `cv2.Sobel(picture, cv2.CV_32F, 1, 0)`; (N, C, H, W)."""
    return convolve(pictures, SOBEL_X)


def sobel_y(pictures: Tensor) -> Tensor:
    """Vertical derivative, as `cv2.Sobel(picture, cv2.CV_32F, 0, 1)`; (N, C, H, W)."""
    return convolve(pictures, SOBEL_Y)


def gradient_magnitude(pictures: Tensor) -> Tensor:
    """Length of the Sobel gradient, sqrt(x^2 + y^2), as `cv2.magnitude`; (N, C, H, W).

    Where the picture is flat the length has a tip, and no derivative: it counts as 0 there.
    """
    x, y = sobel_x(pictures), sobel_y(pictures)
    # Backward, the root divides by the length: 0 / 0 would make every gradient NaN. The zeros are
    # replaced before the root, not only after it, since 0 times a NaN would be a NaN still.
    flat = (x == 0) & (y == 0)
    return torch.hypot(x.masked_fill(flat, 1.0), y).masked_fill(flat, 0.0)


def laplacian(pictures: Tensor, ksize: int = 1) -> Tensor:
    """Sum of the second derivatives, as `cv2.Laplacian(picture, cv2.CV_32F, ksize=ksize)`.

    Args:
        pictures: uint8 or float (N, C, H, W).
        ksize: 1 (OpenCV's default, four neighbours) or 3 (the diagonal neighbours).

    Raises:
        FerError: another ksize.
    """
    kernels = {1: LAPLACIAN, 3: LAPLACIAN_3}
    if ksize not in kernels:
        raise FerError(f"ksize={ksize}: the Laplacian is defined here for 1 and 3.")
    return convolve(pictures, kernels[ksize])


def channel_count(inputs: str) -> int:
    """Return how many channels an entry of `INPUTS` has: one, and those of `DERIVATIVES`.

    Raises:
        FerError: not one of `INPUTS`.
    """
    if inputs not in INPUTS:
        raise FerError(f"inputs={inputs!r} is not known. Choose one of: {', '.join(INPUTS)}.")
    return 1 + sum(DERIVATIVES[kind] for kind in derivatives(inputs))


def derivatives(inputs: str) -> list[str]:
    """Return the kinds of derivative in an entry of `INPUTS`, in the order of the channels."""
    return [kind for kind in DERIVATIVES if kind in inputs.split("+")]


class Channels(nn.Module):
    """The first layer of every network here: intensity (N, 1, H, W) to channels (N, k, H, W).

    Order: intensity, Sobel x, Sobel y, magnitude, Laplacian, as far as `inputs` asks for them.
    Source: pandey2019, "Sobel and Laplacian operators" and Fig. 2. Sobel's two channels are those
    of its Tables II and IV ("gradients in 2 directions"), the magnitude is the one gradient
    picture of Fig. 2b and Table I.
    """

    def __init__(self, inputs: str = "gray"):
        super().__init__()
        self.inputs = inputs
        self.count = channel_count(inputs)

    def forward(self, gray: Tensor) -> Tensor:
        """Return the channels of `gray`, float (N, 1, H, W) in [0, 1]."""
        channels, kinds = [gray], derivatives(self.inputs)
        if "sobel" in kinds:
            channels += [sobel_x(gray), sobel_y(gray)]
        if "magnitude" in kinds:
            channels.append(gradient_magnitude(gray))
        if "laplacian" in kinds:
            channels.append(laplacian(gray))
        return torch.cat(channels, dim=1) if len(channels) > 1 else gray

    def extra_repr(self) -> str:
        """Show the choice of inputs in `print(net)`."""
        return self.inputs
