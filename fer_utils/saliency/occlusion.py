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
    square can change. Claim 1 of US patent 12,346,812 (granted) joins such partial re-computation
    with a second heat map, at a smaller stride, in regions that the first one marked. The engines
    `delta` and `fused` compute again only what the square can change, each in its own way
    (`batched` computes every picture whole), but nothing here ever chooses regions by a coarse
    map: the square visits every position.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import Telling, check_array, check_names, shown, spoken
from fer_utils._progress import bar
from fer_utils.errors import FerError
from fer_utils.models.answers import (
    check_logits,
    check_net,
    class_index,
    classes_of,
    device_of,
    dtype_of,
)
from fer_utils.pictures import as_picture
from fer_utils.saliency._engines import Progress, dispatch
from fer_utils.saliency._engines.kept import fingerprint
from fer_utils.saliency._engines.threads import torch_threads
from fer_utils.saliency.windows import OcclusionProblem, Windows, baseline, highest, pair

# Largest stride, in pixels, of the coarse maps with which `coarse_to_fine` begins.
COARSEST = 8

# Positions that a map is refused above: a net is asked for each, and no face needs as many.
MOST_POSITIONS = 20_000


class TooManyPositions(FerError):
    """A map that would take minutes or hours; `what` says how many positions on which picture."""

    def __init__(self, what: str):
        """Name the ways out that a caller has."""
        self.what = f"{what} would take long"
        ways = "cut the face out (detect.face(FILE)), take a larger stride, or say force=True."
        super().__init__(f"{self.what}: {ways}")


@dataclass(frozen=True, eq=False, repr=False)
class OcclusionMap(Telling):
    """The network's answers for every position of the square; arrays are read-only.

    Attributes:
        probabilities: float32 (ny, nx, K), what the net says with the square at each position.
        clean: float32 (K,), what it says of the whole picture.
        windows: the positions of the square (see `saliency.windows.Windows`).
        fill: what the square was filled with.
        classes: names of the K classes.
        seed: of the noise, where that was the fill.
        engine: which one computed the map, an entry of `saliency.ENGINES`.
    """

    MEANT: ClassVar = {
        **dict.fromkeys(("show", "plot"), "plots.occlusion(face, omap)"),
        **dict.fromkeys(("map", "values", "saliency"), "omap.heat(NAME)"),
        "shape": "omap.size",
        "save": "plots.occlusion(face, omap).savefig(FILE)",
        "[]": "omap.heat(NAME)",
    }

    probabilities: np.ndarray
    clean: np.ndarray
    windows: Windows
    fill: str | float
    classes: tuple[str, ...]
    seed: int = 0
    engine: str = "batched"

    def __post_init__(self) -> None:
        """Check the parts, and make the arrays read-only."""
        check_array("probabilities", self.probabilities, 3)
        check_array("clean", self.clean, 1)
        check_names("classes", self.classes)
        if not isinstance(self.windows, Windows):
            raise FerError(f"windows={shown(self.windows)}: expected saliency.Windows.")
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
        height, width = self.windows.size
        return height, width

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of the square."""
        height, width = self.windows.window
        return height, width

    @property
    def stride(self) -> tuple[int, int]:
        """Steps of the square, down and to the right."""
        down, right = self.windows.stride
        return down, right

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
        return class_index(self.classes, self.clean, target)

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
        with torch_threads(1):  # of products so small, two threads would wait for each other
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
        shown = baseline(picture[None], self.fill, self.window, self.seed)[0]
        top, left, bottom, right = self.box(row, column)
        picture[:, top:bottom, left:right] = shown[:, top:bottom, left:right]
        return picture


@spoken
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
    progress: Progress | bool | None = None,
    force: bool = False,
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
            can change, for nets whose structure allows it; "auto" takes the fastest that suits
            (on a GPU "batched": "delta" works there, too, but which is faster is not measured).
        chunk: pictures per forward pass of `batched` (which it asks for); None chooses.
        progress: called with (windows done, windows in all); returning False cancels. None shows
            a bar after a second, False none.
        force: do it with more than 20,000 positions, too.

    Raises:
        FerError: a picture, window, stride, fill or engine that cannot be used; too many
            positions; a net that gives no finite logits (1, K).
        Cancelled: progress returned False.
    """
    problem = _make_problem(net, image, pair(window, "window"), pair(stride, "stride"), fill, seed)
    _check_count(problem, force)
    engine = "batched" if chunk is not None and engine == "auto" else engine
    with _followed(progress, len(problem.windows)) as told:
        used, clean, covered = dispatch.run(net, problem, engine, progress=told, chunk=chunk)
    return _make_map(net, problem, clean, covered, fill=fill, seed=seed, engine=used)


@spoken
def coarse_to_fine(
    net: nn.Module,
    image: np.ndarray | Tensor,
    *,
    window: int | tuple[int, int] = 8,
    stride: int | tuple[int, int] = 2,
    fill: str | float = "black",
    seed: int = 0,
    engine: str = "auto",
    progress: Progress | None = None,
    force: bool = False,
) -> Iterator[OcclusionMap]:
    """Yield maps that get finer: at 8, 4 and 2 times the stride, and at the stride itself.

    Of the coarser ones those are skipped whose strides would be above 8 pixels or larger than
    the window. No position is computed twice: a finer map takes over what a coarser one has, unless
    the net has changed in between, or may have changed without a sign. The last map is that of
    `occlusion`, which has the same arguments and errors; `progress` counts the windows of all maps.
    """
    sides, steps = pair(window, "window"), pair(stride, "stride")
    most = (min(COARSEST, sides[0]), min(COARSEST, sides[1]))
    nested = [(times * steps[0], times * steps[1]) for times in (8, 4, 2)]
    strides = [(y, x) for y, x in nested if y <= most[0] and x <= most[1]]
    problems = [_make_problem(net, image, sides, step, fill, seed) for step in (*strides, steps)]
    _check_count(problems[-1], force)
    corners = [list(product(p.windows.starts(0), p.windows.starts(1))) for p in problems]
    total, done = len(set().union(*corners)), 0
    known: dict[tuple[int, int], Tensor] = {}  # the scores with the square's corner at each pixel
    before = None
    for problem, places in zip(problems, corners, strict=True):
        now = fingerprint(net)
        if now is None or now != before:
            total += len(known)
            known.clear()
        before = now
        new = [i for i, place in enumerate(places) if place not in known]
        used, clean, covered = dispatch.run(
            net, problem, engine, np.array(new), _part_of(progress, done, total)
        )
        known.update(zip((places[i] for i in new), covered, strict=True))
        done += len(new)
        covered = torch.stack([known[place] for place in places])
        yield _make_map(net, problem, clean, covered, fill=fill, seed=seed, engine=used)


def _check_count(problem: OcclusionProblem, force: bool) -> None:
    """Raise a FerError where the map would take minutes or hours, unless that is wanted."""
    count = len(problem.windows)
    if count > MOST_POSITIONS and not force:
        height, width = problem.picture.shape[-2:]
        raise TooManyPositions(f"{count:,} positions of the square on {height} x {width} pixels")


@contextmanager
def _followed(progress: Progress | bool | None, total: int) -> Iterator[Progress | None]:
    """Yield what a run is to call: the caller's function, a bar that comes by itself, or none."""
    if progress is False:
        yield None
    elif progress is not None and progress is not True:
        yield progress
    else:
        with bar(total, "position", progress) as note:
            seen = 0

            def told(done: int, _: int) -> None:
                nonlocal seen
                note(done - seen)
                seen = done

            yield told


def _part_of(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a callback for a part of the work, of which so much was done before."""
    if not callable(progress):
        return progress  # none, or what `dispatch.run` refuses
    return lambda done, _: progress(before + done, total)


def on_device(net: nn.Module, image: np.ndarray | Tensor) -> Tensor:
    """Return a copy of the picture, (1, C, H, W), on the device of the net and in its type."""
    check_net(net)
    return as_picture(image)[None].clone().to(device_of(net), dtype_of(net))


def _make_problem(
    net: nn.Module,
    image: np.ndarray | Tensor,
    window: tuple[int, int],
    stride: tuple[int, int],
    fill: str | float,
    seed: int,
) -> OcclusionProblem:
    picture = on_device(net, image)
    windows = Windows(tuple(picture.shape[-2:]), window, stride)
    return OcclusionProblem(picture, baseline(picture, fill, window, seed), windows)


def _make_map(
    net: nn.Module, problem: OcclusionProblem, clean: Tensor, covered: Tensor, **asked: Any
) -> OcclusionMap:
    """Turn logits into the map; `asked` is what else the map remembers."""
    clean = check_logits(clean, 1)
    covered = check_logits(covered, len(problem.windows))
    with torch_threads(1):  # as in `heat`
        probabilities = covered.float().softmax(-1).cpu().numpy()
    return OcclusionMap(
        probabilities=probabilities.reshape(*problem.windows.counts, -1),
        clean=clean[0].float().softmax(-1).cpu().numpy(),
        windows=problem.windows,
        classes=classes_of(net, clean.shape[1]),
        **asked,
    )
