"""Sliders in the notebook: thin shells, the work is done by functions that need no notebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import ipywidgets as ui
import numpy as np
from torch import nn

from fer_utils import plots
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.models import pretrained, pretrained_names
from fer_utils.saliency import FILLS, occlusion

EVERYONE = "all"
PREDICTED = "predicted"


@dataclass(frozen=True)
class ExplorerState:
    """What the occlusion explorer shows.

    Attributes:
        net: a module from pictures to logits.
        image: uint8 (C, H, W).
        window: side of the square in pixels.
        stride: its steps in pixels.
        fill: an entry of `saliency.FILLS`, or a value in [0, 1].
        target: name of a class; None takes the predicted one.
    """

    net: nn.Module
    image: np.ndarray
    window: int = 8
    stride: int = 2
    fill: str | float = "black"
    target: str | None = None


def occlusion_figure(state: ExplorerState) -> plots.Picture:
    """Return the figure of a state: face, map, and where the label changes."""
    found = occlusion(
        state.net, state.image, window=state.window, stride=state.stride, fill=state.fill
    )
    return plots.occlusion(state.image, found, state.target)


def occlusion_picture(state: ExplorerState) -> bytes:
    """Return the figure of a state as PNG."""
    return plots.png(occlusion_figure(state))


class OcclusionExplorer(ui.VBox):
    """The occlusion explorer; each control is an attribute, so code can move it too.

    Attributes:
        model, label, face, target, window, stride, fill: the controls.
        picture: the figure, as an `ipywidgets.Image`.
        message: what is being done, what is seen, or what went wrong.
    """

    def __init__(self, faces: FaceSet, nets: Mapping[str, nn.Module | None]):
        """Lay out the controls and draw the first figure; a net of None is read when chosen."""
        self.faces, self.nets = faces, dict(nets)
        self._which = np.arange(len(faces))
        self._busy = False
        largest = min(faces.images.shape[-2:]) // 2
        present = [name for name, count in faces.counts().items() if count]
        self.model = _dropdown("model", list(self.nets))
        self.label = _dropdown("expression", [EVERYONE, *present])
        self.face = _slider("face", 0, len(faces) - 1, 0)
        self.target = _dropdown("target", [PREDICTED])
        self.window = _slider("window (pixels)", 2, largest, min(8, largest))
        self.stride = _slider("stride (pixels)", 1, self.window.value, 2)
        self.fill = _dropdown("fill", list(FILLS))
        self.picture = ui.Image(format="png", layout=ui.Layout(width="900px", max_width="100%"))
        self.message = ui.HTML()
        left = ui.VBox([self.model, self.label, self.face, self.target])
        right = ui.VBox([self.window, self.stride, self.fill])
        controls = ui.HBox([left, right], layout=ui.Layout(flex_flow="row wrap"))
        super().__init__([controls, self.message, self.picture])
        for control in (*left.children, *right.children):
            control.observe(lambda change: self._update(change.owner), "value")
        self._update(self.model)

    @property
    def state(self) -> ExplorerState:
        """What the controls say now; a model is read when it is first chosen."""
        name = self.model.value
        if self.nets[name] is None:
            self.nets[name] = pretrained(name)
        return ExplorerState(
            net=self.nets[name],
            image=self.faces.images[self._which[self.face.value]],
            window=self.window.value,
            stride=self.stride.value,
            fill=self.fill.value,
            target=None if self.target.value == PREDICTED else self.target.value,
        )

    def _update(self, moved: ui.Widget) -> None:
        """Draw again; first bring the controls that depend on the moved one up to date."""
        if self._busy:  # a control moved because another one did: that one will draw
            return
        self._busy = True
        self._say("drawing ...")
        try:
            self._adjust(moved)
            figure = occlusion_figure(self.state)
            self.picture.value = plots.png(figure)
            self.picture.layout.display = None
            self._say(figure.alt)
        except FerError as error:
            self._fail(str(error))
        except Exception as error:  # a widget has nowhere to put a traceback
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._busy = False

    def _adjust(self, moved: ui.Widget) -> None:
        if moved is self.label:
            chosen = None if self.label.value == EVERYONE else self.label.value
            keep = np.ones(len(self.faces), bool)
            if chosen is not None:
                keep = self.faces.labels == self.faces.class_index(chosen)
            self._which = np.flatnonzero(keep)
            self.face.value, self.face.max = 0, len(self._which) - 1
        if moved is self.window:
            self.stride.max = self.window.value  # a larger stride would leave gaps
        if moved is self.model:
            names = getattr(self.state.net, "classes", ())
            self.target.options = (PREDICTED, *names)

    def _say(self, words: str) -> None:
        self.message.value = f'<div role="status">{escape(words)}</div>'

    def _fail(self, words: str) -> None:
        self.picture.layout.display = "none"  # the last figure would pass for the answer
        self.message.value = f'<div role="alert"><b>Not drawn:</b> {escape(words)}</div>'


def occlusion_explorer(
    faces: FaceSet, models: Mapping[str, nn.Module] | Sequence[str] | None = None
) -> OcclusionExplorer:
    """Return a widget that shows where a network looks; moving a control draws again.

    Args:
        faces: the faces to choose from.
        models: nets by the name to show; or names of pretrained ones; None takes all of those.

    Raises:
        FerError: no faces, or no models.
    """
    if len(faces) == 0:
        raise FerError("there are no faces to explore.")
    names = pretrained_names() if models is None else models
    nets = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names)
    if not nets:
        raise FerError("there are no models to explore: give some, models={name: net}.")
    return OcclusionExplorer(faces, nets)


LABELLED = {"description_width": "8.5em"}


def _dropdown(name: str, options: list[str]) -> ui.Dropdown:
    return ui.Dropdown(description=name, options=options, style=LABELLED)


def _slider(name: str, low: int, high: int, value: int) -> ui.IntSlider:
    # drawn when the slider is let go, or an arrow key pressed, not at every pixel it passes
    return ui.IntSlider(
        value=value, min=low, max=high, description=name, style=LABELLED, continuous_update=False
    )
