"""What the explorers show, as pure functions: a state goes in; numbers, or a figure, come out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fer_utils import plots
from fer_utils.models.answers import ask, classes_of, evaluating
from fer_utils.pictures import as_picture
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.maps import color_scale, overlay
from fer_utils.saliency import (
    METHODS,
    Attribution,
    OcclusionMap,
    attribute,
    baseline,
    coarse_to_fine,
    occlusion,
)
from fer_utils.saliency._engines import Progress
from fer_utils.saliency.occlusion import on_device

OCCLUSION = "occlusion"


@dataclass(frozen=True)
class ExplorerState:
    """What an explorer shows.

    Attributes:
        net: a module from pictures to logits.
        image: uint8 (C, H, W).
        window: side of the square in pixels.
        stride: its steps in pixels.
        fill: an entry of `saliency.FILLS`, or a value in [0, 1].
        target: name of the class whose map is drawn; None takes the predicted one.
        method: of the map, an entry of `saliency.METHODS`.
    """

    net: nn.Module
    image: np.ndarray
    window: int = 8
    stride: int = 2
    fill: str | float = "black"
    target: str | None = None
    method: str = OCCLUSION


@dataclass(frozen=True)
class View:
    """What was found out about a state.

    Attributes:
        state: it.
        omap: the answers for every position of the square.
        attribution: the map of another method than occlusion.
    """

    state: ExplorerState
    omap: OcclusionMap
    attribution: Attribution | None = None

    @property
    def heat(self) -> np.ndarray:
        """The map, float32 (H, W)."""
        if self.attribution is None:
            return self.omap.heat(self.state.target)
        return self.attribution.map

    @property
    def signed(self) -> bool:
        """Whether the map speaks for the class where it is positive, and against it elsewhere."""
        return METHODS[self.state.method].signed


def explore(state: ExplorerState, progress: Progress | None = None) -> View:
    """Return the net's answers for every position of the square, and the map of the method.

    Raises:
        FerError: what `saliency.occlusion` or `saliency.attribute` refuses.
        Cancelled: progress returned False.
    """
    omap = occlusion(
        state.net,
        state.image,
        window=state.window,
        stride=state.stride,
        fill=state.fill,
        progress=progress,
    )
    if state.method == OCCLUSION:
        return View(state, omap)
    target = omap.target_index(state.target)
    return View(state, omap, attribute(state.net, state.image, state.method, target))


def refined(state: ExplorerState, progress: Progress | None = None) -> Iterator[View]:
    """Yield views that get finer, for a net that takes its time; the last is that of `explore`.

    Raises:
        FerError, Cancelled: as `explore`.
    """
    attribution = None
    for omap in coarse_to_fine(
        state.net,
        state.image,
        window=state.window,
        stride=state.stride,
        fill=state.fill,
        progress=progress,
    ):
        if state.method != OCCLUSION and attribution is None:
            target = omap.target_index(state.target)
            attribution = attribute(state.net, state.image, state.method, target)
        yield View(state, omap, attribution)


def explorer_data(view: View) -> dict:
    """Return all that the page needs to draw a view and to follow the pointer by itself.

    Numbers are bytes, in rows from the top: "face", "paint" (what the square shows) and "map" are
    RGBA, uint8 (H, W, 4), and "palette" (256, 4); "table", the probabilities under the square, is
    float32 (ny, nx, K) and "clean", those of the whole face, float32 (K,).
    """
    state, omap = view.state, view.omap
    picture = as_picture(state.image)[None]
    paint = baseline(picture, state.fill, omap.window, omap.seed)[0].numpy()
    drawn, palette, limits = colored(state.image, view.heat, view.signed)
    title, note = _captions(view)
    return {
        **answer_data(state, omap.clean, omap.classes),
        "window": list(omap.window),
        "stride": list(omap.stride),
        "counts": list(omap.windows.counts),
        "target": omap.target_index(state.target),
        "peak": list(omap.peak(state.target)),
        "title": title,
        "note": note,
        "limits": [f"{limit:+.2g}".replace("-", "−") if limit else "0" for limit in limits],
        "paint": _rgba(to_pixels(paint)),
        "map": _rgba(drawn),
        "palette": palette,
        "table": np.ascontiguousarray(omap.probabilities, np.float32).tobytes(),
    }


def answer_data(state: ExplorerState, clean: np.ndarray, classes: Sequence[str]) -> dict:
    """Return what the page can draw before there is a map: the face, and the answer to it.

    Args:
        state: what is shown.
        clean: the probabilities of the whole face, (K,).
        classes: their names.
    """
    return {
        "size": list(as_picture(state.image).shape[-2:]),
        "classes": list(classes),
        "face": _rgba(to_pixels(state.image)),
        "clean": np.asarray(clean, np.float32).tobytes(),
    }


def answer(state: ExplorerState) -> dict:
    """Ask the net for the whole face only, and return that as `answer_data`.

    Raises:
        FerError: the net cannot take the face, or gives no logits.
    """
    with evaluating(state.net), torch.no_grad():
        logits = ask(state.net, on_device(state.net, state.image))
    clean = logits[0].float().softmax(-1).cpu().numpy()
    return answer_data(state, clean, classes_of(state.net, len(clean)))


def colored(image: np.ndarray, heat: np.ndarray, signed: bool) -> tuple[np.ndarray, bytes, list]:
    """Return a map over a face in the colours of `plots`.

    Args:
        image: the face.
        heat: (H, W); 0 is white.
        signed: whether negative values mean something.

    Returns:
        RGB uint8 (H, W, 3); the colours from the lowest value to the highest, RGBA (256, 4); and
        the values at the two ends and, where that is 0, in the middle.
    """
    colors = color_scale(heat, signed=signed)
    drawn = (overlay(image, heat, colors=colors) * 255).round().astype(np.uint8)
    low, high = colors.get_clim()
    limits = [low, 0.0, high] if signed else [low, high]
    return drawn, colors.cmap(np.arange(256), bytes=True).tobytes(), limits


def explorer_figure(view: View) -> plots.Picture:
    """Return the still figure of a view."""
    if view.attribution is None:
        return plots.occlusion(view.state.image, view.omap, view.state.target)
    return plots.attribution(view.state.image, view.attribution)


def _captions(view: View) -> tuple[str, str]:
    """Return the title of the map, and what its colours mean."""
    label = view.omap.classes[view.omap.target_index(view.state.target)]
    if view.attribution is None:
        return f"what “{label}” rests on", "red: covering it costs probability; blue: it helps"
    meaning = "red: for it; blue: against it" if view.signed else "the darker, the more it matters"
    return f"{view.attribution.title}: “{label}”", f"{METHODS[view.state.method].unit}; {meaning}"


def _rgba(pixels: np.ndarray) -> bytes:
    opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return np.concatenate([pixels, opaque], -1).tobytes()
