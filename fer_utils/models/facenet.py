"""The shell around every network: from a picture of any size to the network's own input."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.emotions import FER7, FER8
from fer_utils.errors import FerError
from fer_utils.inputs import Channels, to_gray
from fer_utils.models.scaling import SYMMETRIC, Scaling

SMALLEST_PICTURE = 8


class FaceNet(nn.Module):
    """Pictures to logits; the pre-processing is part of the net, so a checkpoint carries it.

    Attributes:
        name: the architecture, an entry of `models.names()`.
        classes: names of the outputs, in order.
        inputs: an entry of `inputs.INPUTS`.
        input_size: side in pixels to which pictures are resized; None leaves them as they are.
        trunk: the network proper, backbone and head, channels (N, k, S, S) to logits (N, K). Every
            saved file's keys begin with this name.
        color_channels: 1 for a net that looks at grey, 3 for one that looks at RGB.
        scaling: what is done to the channels last.
        options: the rest of what `models.create` was asked for (fusion, stl, variant, width).
        frozen: modules that `models.freeze_base` has taken out of training.
    """

    def __init__(
        self,
        name: str,
        trunk: nn.Module,
        classes: tuple[str, ...],
        inputs: str,
        input_size: int | None,
        *,
        color_channels: int = 1,
        scaling: Scaling = SYMMETRIC,
        options: dict | None = None,
    ):
        super().__init__()
        self.name, self.classes = name, tuple(classes)
        self.inputs, self.input_size = inputs, input_size
        self.color_channels, self.scaling = color_channels, scaling
        self.options = dict(options or {})
        self._from_create = options is not None
        self.frozen: tuple[str, ...] = ()
        self.channels = Channels(inputs)
        self.trunk = trunk

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what enters the trunk.

        Raises:
            FerError: the net takes pictures of any size.
        """
        if self.input_size is None:
            raise FerError(
                f"{self.name} takes pictures of any size, so nothing can be counted in pixels: "
                "say which with models.wrap(net, ..., size=48)."
            )
        return (self.channels.count - 1 + self.color_channels, self.input_size, self.input_size)

    def prepare(self, pictures: Tensor) -> Tensor:
        """Return the trunk's input, float (N, k, S, S): resized, channels, scaled.

        A grey net sees colour pictures in grey; a net for colour sees grey three times over.
        The derivatives are those of the resized grey picture.

        Args:
            pictures: float (N, 1 or 3, H, W) in [0, 1].

        Raises:
            FerError: not a batch of pictures, not float, or smaller than 8x8.
        """
        check_pictures(pictures, self.name)
        gray = self._resize(to_gray(pictures))
        channels = self.channels(gray)
        if self.color_channels == 3:
            colors = self._resize(pictures.float()).expand(-1, 3, -1, -1)
            channels = torch.cat((colors, channels[:, 1:]), 1)
        return self.scaling(channels, self.color_channels)

    def _resize(self, pictures: Tensor) -> Tensor:
        if self.input_size is None or pictures.shape[-2:] == (self.input_size, self.input_size):
            return pictures
        size = (self.input_size, self.input_size)
        # antialias: without it, shrinking looks at 2x2 pixels only and skips those between
        return F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (N, K) of pictures, float (N, 1 or 3, H, W) in [0, 1]."""
        return self.trunk(self.prepare(pictures))

    def train(self, mode: bool = True) -> "FaceNet":
        """Switch to training; what is frozen stays in evaluation."""
        super().train(mode)
        # without gradients batch norm would still go on averaging what it sees in training mode
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    @property
    def config(self) -> dict | None:
        """Everything `models.create` needs to build this net again; None where it cannot."""
        if not self._from_create:
            return None
        return {
            "name": self.name,
            "classes": list(self.classes),
            "inputs": self.inputs,
            "input_size": self.input_size,
            **self.options,
        }


def class_names(number: int) -> tuple[str, ...]:
    """Return names for so many outputs: FER2013's for 7, with contempt for 8, else numbers."""
    named = {7: FER7, 8: FER8}
    return named.get(number, tuple(f"class {i}" for i in range(number)))


def check_pictures(pictures: Tensor, name: str = "the net") -> None:
    """Raise a FerError unless `pictures` is a float batch (N, C, H, W) of 8x8 or more."""
    if not isinstance(pictures, Tensor):
        raise FerError(
            f"a network takes a torch tensor in [0, 1], not a {type(pictures).__name__}: write "
            "torch.tensor(picture)[None] / 255, or let evaluate.predict(net, pictures) do it."
        )
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
        raise FerError(
            f"a picture of {height}x{width} is too small for {name}; 8x8 is the smallest."
        )
