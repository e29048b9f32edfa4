"""Occlusion saliency: cover a part of the face, and see what the network makes of the rest.

A square slides over the picture. Wherever covering the face costs the predicted expression
much of its probability, the network was looking there. Nothing about the network need be
known but its answers, so the method works for every network; it costs one forward pass per
position of the square.

Prior art:
    Zeiler and Fergus, "Visualizing and understanding convolutional networks" (ECCV 2014), who
    slid a grey square over photographs.
    Minaee and Abdolrashidi, "Deep-Emotion: facial expression recognition using attentional
    convolutional network" (2019), section IV-C, who slid a black one over faces and marked
    the positions where the predicted label changes (`OcclusionMap.flips`).
    Nakandala, Kumar and Papakonstantinou, "Incremental and approximate inference for faster
    occlusion-based deep CNN explanations" (SIGMOD 2019), who compute again only what the
    square can change; US application 2023/0042004 describes such partial re-computation.
    The engines `delta` and `fused` do that too, each in its own way; `batched` recomputes every
    picture whole.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.pictures import as_picture
from fer_utils.saliency._engines import Progress, choose
from fer_utils.saliency.fills import painted
from fer_utils.saliency.windows import Windows, highest, pair


@dataclass(frozen=True, eq=False, repr=False)
class OcclusionMap:
    """The network's answers for every position of the square; arrays are read-only.

    Attributes:
        probabilities: float32 (ny, nx, K), what the net says with the square at each position.
        clean: float32 (K,), what it says of the whole picture.
        windows: the positions of the square (see `saliency.windows.Windows`).
        fill: what the square was filled with.
        classes: names of the K classes.
        seed: of the noise, where that was the fill.
        engine: which one computed the map, an entry of `engines.choose.ENGINES`.
    """

    probabilities: np.ndarray
    clean: np.ndarray
    windows: Windows
    fill: str | float
    classes: tuple[str, ...]
    seed: int = 0
    engine: str = "batched"

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        self.probabilities.flags.writeable = False
        self.clean.flags.writeable = False

    def __repr__(self) -> str:
        """Say on one line what is in the map."""
        rows, columns = self.probabilities.shape[:2]
        (height, width), (down, right) = self.window, self.stride
        return (
            f"OcclusionMap({rows}x{columns} positions of a {height}x{width} square, stride "
            f"{down}x{right}, {self.fill}, on {self.size[0]}x{self.size[1]}: {self.label})"
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.windows.size

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of the square."""
        return self.windows.window

    @property
    def stride(self) -> tuple[int, int]:
        """Steps of the square, down and to the right."""
        return self.windows.stride

    @property
    def prediction(self) -> int:
        """The class predicted for the whole picture."""
        return int(self.clean.argmax())

    @property
    def label(self) -> str:
        """Name of the class predicted for the whole picture."""
        return self.classes[self.prediction]

    def target_index(self, target: int | str | None = None) -> int:
        """Return a class's index from its index, its name, or None for the predicted one.

        Raises:
            FerError: there is no such class.
        """
        if target is None:
            return self.prediction
        if target in self.classes:
            return self.classes.index(target)
        if isinstance(target, str) or not 0 <= target < len(self.classes):
            known = ", ".join(self.classes)
            raise FerError(f"target={target!r} is no class of this map. The classes are: {known}.")
        return int(target)

    def drop(self, target: int | str | None = None) -> np.ndarray:
        """Return by how much each position lowers the target's probability; float32 (ny, nx).

        Negative where covering the face makes the network surer of the target.
        """
        index = self.target_index(target)
        return self.clean[index] - self.probabilities[..., index]

    def flips(self) -> np.ndarray:
        """Return where the predicted label would change; bool (ny, nx). Minaee's rule."""
        return self.probabilities.argmax(-1) != self.prediction

    def heat(self, target: int | str | None = None) -> np.ndarray:
        """Return the mean drop over the positions that cover each pixel; float32 (H, W).

        Captum's rule. Positions cut off at the right and lower border count like the others,
        so near those borders a pixel's value comes from smaller squares.
        """
        return self.windows.spread(torch.from_numpy(self.drop(target))).numpy()

    def peak(self, target: int | str | None = None) -> tuple[int, int]:
        """Return the position (row, column) whose covering costs the target most."""
        return highest(self.drop(target))

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Return (top, left, bottom, right) of the square at a position, in pixels."""
        (top, bottom), (left, right) = self.windows.box(row, column)
        return top, left, bottom, right

    def cover(self, image: np.ndarray | Tensor, row: int, column: int) -> Tensor:
        """Return the picture as the network saw it at a position; float32 (C, H, W).

        Args:
            image: the picture the map was made of.
            row: of the position, 0 to ny - 1.
            column: of the position, 0 to nx - 1.
        """
        picture = as_picture(image).clone()
        paint = painted(picture[None], self.fill, self.window, self.seed)[0]
        top, left, bottom, right = self.box(row, column)
        picture[:, top:bottom, left:right] = paint[:, top:bottom, left:right]
        return picture


def occlusion(
    net: nn.Module,
    image: np.ndarray | Tensor,
    *,
    window: int | tuple[int, int] = 8,
    stride: int | tuple[int, int] = 2,
    fill: str | float = "black",
    seed: int = 0,
    engine: str = "auto",
    chunk: int | None = None,
    progress: Progress | None = None,
) -> OcclusionMap:
    """Slide a square over a picture and keep the network's answer for every position.

    The square is painted on the picture itself, before the network resizes it or takes its
    derivatives. The network is used in evaluation mode and left as it was.

    Args:
        net: any module from pictures (1, C, H, W) in [0, 1] to logits (1, K). Class names are
            taken from `net.classes` where it has them.
        image: uint8, or float in [0, 1]; (H, W), (C, H, W), (1, C, H, W) or (H, W, C).
        window: side of the square in pixels, or (height, width).
        stride: its steps in pixels, or (down, right); no larger than the window.
        fill: "black", "mean" (of the picture), "blur" (the picture out of focus), "noise"
            (uniform), or a grey value in [0, 1].
        seed: of the noise.
        engine: "batched" takes any net; "delta" and "fused" compute again only what the square
            can change, for nets whose structure allows it; "auto" takes the fastest that suits.
        chunk: pictures per forward pass of `batched` (which it asks for); None chooses.
        progress: called with (windows done, windows in all); returning False cancels.

    Raises:
        FerError: a picture, window, stride, fill or engine that cannot be used; a net that
            gives no finite logits (1, K).
        Cancelled: progress returned False.
    """
    question = Question(net, image, pair(window, "window"), pair(stride, "stride"), fill, seed)
    used, clean, covered = choose.run(
        net,
        question.picture,
        question.baseline,
        question.windows,
        engine,
        progress=progress,
        chunk=chunk,
    )
    return question.answer(used, clean, covered)


class Question:
    """What is asked of a net: its picture, the windows, and what is under them.

    Attributes:
        picture: float (1, C, H, W) in [0, 1], on the net's device.
        windows: the positions of the square.
        baseline: what a covered pixel becomes, of the picture's shape.
    """

    def __init__(
        self,
        net: nn.Module,
        image: np.ndarray | Tensor,
        window: tuple[int, int],
        stride: tuple[int, int],
        fill: str | float,
        seed: int,
    ):
        """Prepare a question; see `occlusion` for the arguments and errors."""
        tensors = (*net.parameters(), *net.buffers())
        like = next((t for t in tensors if t.is_floating_point()), torch.empty(0))
        self.picture = as_picture(image)[None].to(like)
        self.windows = Windows(tuple(self.picture.shape[-2:]), window, stride)
        self.baseline = painted(self.picture, fill, window, seed)
        self.fill, self.seed = fill, seed
        self.classes = getattr(net, "classes", None)

    def answer(self, engine: str, clean: Tensor, covered: Tensor) -> OcclusionMap:
        """Return the map that is made of the net's scores."""
        _check_logits(clean, covered)
        classes = tuple(self.classes or map(str, range(clean.shape[1])))
        if len(classes) != clean.shape[1]:
            raise FerError(f"the net gives {clean.shape[1]} scores for its {len(classes)} classes.")
        probabilities = covered.float().softmax(-1).cpu().numpy()
        return OcclusionMap(
            probabilities=probabilities.reshape(*self.windows.counts, -1),
            clean=clean[0].float().softmax(-1).cpu().numpy(),
            windows=self.windows,
            fill=self.fill,
            classes=classes,
            seed=self.seed,
            engine=engine,
        )


def _check_logits(clean: Tensor, covered: Tensor) -> None:
    if clean.ndim != 2 or clean.shape[1] < 2:
        raise FerError(
            f"the net gives an output of shape {tuple(clean.shape)} for one picture; occlusion "
            "needs one score per class, (1, K) with K of 2 or more."
        )
    if not (clean.isfinite().all() and covered.isfinite().all()):
        raise FerError("the net's scores are not finite numbers: are its weights damaged?")
