"""The shell around every network: from a picture of any size to the network's own input."""

import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.inputs import Channels, to_gray

SMALLEST_PICTURE = 8


class FaceNet(nn.Module):
    """Pictures to logits; the pre-processing is part of the net, so a checkpoint carries it.

    Attributes:
        name: the architecture, an entry of `models.names()`.
        classes: names of the outputs, in order.
        inputs: an entry of `inputs.INPUTS`.
        input_size: side in pixels to which pictures are resized.
        trunk: the network proper, channels (N, k, S, S) to logits (N, K).
    """

    def __init__(
        self, name: str, trunk: nn.Module, classes: tuple[str, ...], inputs: str, input_size: int
    ):
        super().__init__()
        self.name, self.classes = name, tuple(classes)
        self.inputs, self.input_size = inputs, input_size
        self.channels = Channels(inputs)
        self.trunk = trunk

    def prepare(self, pictures: Tensor) -> Tensor:
        """Return the trunk's input, float (N, k, S, S): grey, resized, channels, scaled.

        Intensity is scaled from [0, 1] to [-1, 1] as alessi2019 does; the derivatives,
        which are centred at 0 already, stay as they are.

        Args:
            pictures: float (N, 1 or 3, H, W) in [0, 1].

        Raises:
            FerError: not a batch of pictures, not float, or smaller than 8x8.
        """
        check_pictures(pictures)
        gray = to_gray(pictures)
        size = (self.input_size, self.input_size)
        if gray.shape[-2:] != size:
            gray = F.interpolate(gray, size, mode="bilinear", antialias=True, align_corners=False)
        channels = self.channels(gray)
        if channels.shape[1] == 1:
            return channels * 2 - 1
        scale = channels.new_tensor([2.0] + [1.0] * (channels.shape[1] - 1)).view(1, -1, 1, 1)
        shift = channels.new_tensor([1.0] + [0.0] * (channels.shape[1] - 1)).view(1, -1, 1, 1)
        return channels * scale - shift

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (N, K) of pictures, float (N, 1 or 3, H, W) in [0, 1]."""
        return self.trunk(self.prepare(pictures))

    @property
    def config(self) -> dict:
        """Everything `models.create` needs to build this net again."""
        return {
            "name": self.name,
            "classes": list(self.classes),
            "inputs": self.inputs,
            "input_size": self.input_size,
        }


def check_pictures(pictures: Tensor) -> None:
    """Raise a FerError unless `pictures` is a float batch (N, C, H, W) of 8x8 or more."""
    if pictures.ndim != 4:
        raise FerError(
            f"pictures have shape {tuple(pictures.shape)}; expected (N, 1 or 3, H, W). "
            "One picture becomes a batch with picture[None]."
        )
    if not pictures.is_floating_point():
        raise FerError(
            f"pictures are {str(pictures.dtype).removeprefix('torch.')}; expected float in "
            "[0, 1]. For uint8 pictures write pictures.float() / 255."
        )
    if min(pictures.shape[-2:]) < SMALLEST_PICTURE:
        height, width = pictures.shape[-2:]
        raise FerError(f"a picture of {height}x{width} is too small; 8x8 is the smallest.")
