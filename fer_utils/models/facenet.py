"""The shell around every network: from a picture of any size to the network's own input."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils._arguments import check_names, integer, shown, spoken
from fer_utils.emotions import FER7, FER8
from fer_utils.errors import FerError
from fer_utils.inputs import Channels, to_gray
from fer_utils.models.scaling import SYMMETRIC, Scaling

if TYPE_CHECKING:
    from fer_utils.models.asking import Answer

SMALLEST_PICTURE = 8
# A net's input, a side: the papers' largest is 224.
LARGEST_INPUT = 1024
MOST_CLASSES = 10_000
# How far float pictures may go beyond [0, 1]: as far as noise takes them, and less far than those
# in 0..255, in -1..1, or less ImageNet's mean.
OVERSHOOT = 0.5


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
        check_names("classes", classes)
        if not isinstance(trunk, nn.Module):
            raise FerError(f"trunk={shown(trunk)}: expected a network of torch (nn.Module).")
        if not isinstance(options, dict | None):
            raise FerError(f"options={shown(options)}: expected values by name.")
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
            FerError: not a batch of pictures, not float, smaller than 8x8, or, of a net in
                evaluation mode on a CPU, plainly not in [0, 1].
        """
        check_pictures(pictures, self.name)
        if not self.training and not pictures.requires_grad and _can_be_looked_at(pictures):
            check_range(pictures)
        gray = self._resize(to_gray(pictures))
        channels = self.channels(gray)
        if self.color_channels == 3:
            colors = self._resize(pictures.float()).expand(-1, 3, -1, -1)
            channels = torch.cat((colors, channels[:, 1:]), 1)
        return self.scaling(channels, self.color_channels).to(self._dtype(channels))

    def _dtype(self, channels: Tensor) -> torch.dtype:
        """Return the precision of the trunk's weights: float32, but for a net made otherwise."""
        weights = next(self.trunk.parameters(), channels)
        return weights.dtype if weights.is_floating_point() else channels.dtype

    def _resize(self, pictures: Tensor) -> Tensor:
        if self.input_size is None or pictures.shape[-2:] == (self.input_size, self.input_size):
            return pictures
        size = (self.input_size, self.input_size)
        # antialias: without it, shrinking looks at 2x2 pixels only and skips those between
        return F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (N, K) of pictures, float (N, 1 or 3, H, W) in [0, 1]."""
        return self.trunk(self.prepare(pictures))

    @spoken
    def ask(self, face: Any) -> "Answer":
        """Return what the net says of one face: the probability of each class, by name.

        Args:
            face: `faces[0]` or `faces.images[0]`, what `detect.face` gives, or any picture: uint8
                or float in [0, 1]; (H, W), (C, H, W), (1, C, H, W) or (H, W, C).

        Raises:
            FerError: no picture of one face, or a net that gives no finite scores.
        """
        from fer_utils.models.asking import answer

        return answer(self, face)

    def predict(self, *_: object, **__: object) -> NoReturn:
        """Say what other packages' words are called here; raises a FerError."""
        raise FerError(
            "a net has no such name: net.ask(face) says what it sees in one face, "
            "evaluate.evaluate(net, faces) in many, evaluate.predict(net, pictures) gives scores."
        )

    def fit(self, *_: object, **__: object) -> NoReturn:
        """Say what does what other packages' nets do; raises a FerError."""
        raise FerError(
            "a net has no such name: train.fit(net, train, valid, recipe) trains it, "
            "evaluate.evaluate(net, faces) scores it, models.describe(net) lists its layers, "
            "models.save(net, FILE) saves it."
        )

    score = summary = save = fit
    classify = probabilities = predict_proba = predict

    def train(self, mode: bool = True) -> "FaceNet":
        """Switch to training; what is frozen stays in evaluation."""
        if not isinstance(mode, bool):
            raise FerError(
                f"net.train takes True or False, not {shown(mode)}: it says whether dropout is on; "
                "train.fit(net, train, valid, recipe) trains."
            )
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


def facenet(net: object) -> FaceNet:
    """Return a net that is one of the kit's.

    Raises:
        FerError: it is another module, or no net.
    """
    if not isinstance(net, FaceNet):
        raise FerError(
            f"this takes a net of the kit, not {shown(net)} (a {type(net).__name__}): "
            "models.create(NAME), models.load(NAME) or models.wrap(net, classes) give one."
        )
    return net


def class_names(classes: object) -> tuple[str, ...]:
    """Return the names of a net's outputs, from their names or their number.

    Args:
        classes: two names or more, in their order; or how many: 7 get FER2013's names, 8 these
            with contempt, others numbers.

    Raises:
        FerError: something else, less than two, or twice the same.
    """
    # Names alone, in an order: a set has none, and numbers would be taken for places (RAF-DB's
    # labels begin at 1, so its class 1 would be found at place 0).
    if isinstance(classes, Sequence | np.ndarray) and not isinstance(classes, str):
        names = tuple(classes)
        strings = all(isinstance(name, str) for name in names)
        if len(names) < 2 or len(set(map(str, names))) < len(names) or not strings:
            raise FerError(
                f"classes={shown(classes)}: give the names of the outputs in their order, two or "
                "more, none of them twice."
            )
        return tuple(map(str, names))
    try:
        number = integer("classes", classes, 2, MOST_CLASSES)
    except FerError:
        raise FerError(
            f"classes={shown(classes)}: give the names of the outputs in their order, two classes "
            f"or more, or how many there are, up to {MOST_CLASSES:,}."
        ) from None
    named = {7: FER7, 8: FER8}
    return named.get(number, tuple(f"class {i}" for i in range(number)))


def _can_be_looked_at(pictures: Tensor) -> bool:
    """Whether to ask for the values costs nothing: a GPU would wait, and a tracer has none."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return pictures.device.type == "cpu" and pictures.numel() > 0 and not traced


def check_range(pictures: Tensor) -> None:
    """Raise a FerError for float pictures that plainly do not lie in [0, 1]."""
    low, high = (value.item() for value in pictures.aminmax())
    if not (low >= -OVERSHOOT and high <= 1 + OVERSHOOT):  # NaN fails every comparison
        raise FerError(
            f"pictures span {low:.3g} to {high:.3g}; expected float in [0, 1]. Divide intensities "
            "of 0 to 255 by 255, and leave scaling (to -1..1, or by a mean) to the net."
        )


def check_pictures(pictures: Tensor, name: str = "the net") -> None:
    """Raise a FerError unless `pictures` is a float batch (N, C, H, W) of 8x8 or more."""
    if not isinstance(pictures, Tensor):
        raise FerError(
            f"a network takes a torch tensor in [0, 1], not a {type(pictures).__name__}: let "
            "net.ask(face) make one, or write torch.tensor(picture)[None] / 255."
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
