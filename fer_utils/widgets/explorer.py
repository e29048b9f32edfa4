"""The explorers: thin shells of controls around the pure functions of `views`."""

from collections.abc import Mapping
from html import escape
from time import monotonic
from typing import TYPE_CHECKING

import ipywidgets as ui

from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import check_faces
from fer_utils.plots.picture import bundle
from fer_utils.saliency import FILLS, METHODS, Cancelled
from fer_utils.widgets.controls import columns, dropdown, slider
from fer_utils.widgets.face_picker import FacePicker
from fer_utils.widgets.latest import Latest, Stale
from fer_utils.widgets.nets import Models, Nets
from fer_utils.widgets.pointer import PointerView
from fer_utils.widgets.views import (
    OCCLUSION,
    ExplorerState,
    View,
    explore,
    explorer_data,
    explorer_figure,
    refined,
)

if TYPE_CHECKING:
    from fer_utils.widgets.face_sliders import FaceSliders

PREDICTED = "predicted"
PATIENCE = 0.3  # seconds after which a map that is not yet there counts its squares


class Explorer(ui.VBox):
    """An occlusion explorer; each control is an attribute, so code can move it too.

    Maps are computed in the background, the last one asked for first: `wait()` returns when what
    the controls say is on the screen.

    Attributes:
        source: gives the face, a `FacePicker` or `FaceSliders`.
        model, method, target, window, stride, fill: the controls.
        stop: a button that gives up a computation; it is there while one takes long.
        view: face, map and probabilities, which follow the pointer by themselves.
        message: what is being done, or what went wrong.
    """

    def __init__(self, source: "FacePicker | FaceSliders", nets: Nets):
        """Lay out the controls and draw."""
        self.source, self.nets = source, nets
        self._latest = Latest(self._draw)
        self._busy = self._slow = False
        self._shown: View | None = None
        largest = min(source.image.shape[-2:]) // 2
        self.model = dropdown("model", list(self.nets))
        self.method = dropdown("map by", _methods())
        self.target = dropdown("map of", [PREDICTED])
        self.window = slider("square (px)", 2, largest, min(8, largest))
        self.stride = slider("stride (px)", 1, self.window.value, 2)
        self.fill = dropdown("painted", list(FILLS))
        self.stop = ui.Button(description="Stop", icon="stop", layout={"display": "none"})
        self.view = PointerView()
        self.message = ui.HTML()
        settings = columns(
            [self.model, self.method], [self.target, self.fill], [self.window, self.stride]
        )
        controls = [control for column in settings.children for control in column.children]
        status = ui.HBox([self.stop, self.message])
        super().__init__([settings, source, self.view, status])
        for control in controls:
            control.observe(self._update, "value")
        source.observe(self._update, "image")
        self.stop.on_click(self._stop)
        self._update({"owner": self.model})
        self.wait()

    @property
    def state(self) -> ExplorerState:
        """What the controls say now; a model is read when it is first chosen."""
        return ExplorerState(
            net=self.nets[self.model.value],
            image=self.source.image,
            window=self.window.value,
            stride=self.stride.value,
            fill=self.fill.value,
            method=self.method.value,
            target=None if self.target.value == PREDICTED else self.target.value,
        )

    def wait(self) -> None:
        """Return when what the controls say is shown."""
        self._latest.wait()

    def _update(self, change: Mapping) -> None:
        """Ask for a new map; first bring the controls that depend on the moved one up to date."""
        if self._busy:  # a control moved because another one did: that one will ask
            return
        self._busy = True
        try:
            self._adjust(change["owner"])
            self._latest.ask(self.state)
        except Exception as error:  # a widget has nowhere to put a traceback
            self._latest.stop()
            self._fail(error)
        finally:
            self._busy = False

    def _adjust(self, moved: ui.Widget) -> None:
        if moved is self.window:
            self.stride.max = self.window.value  # a larger stride would leave gaps
        if moved is self.source:
            largest = min(self.source.image.shape[-2:]) // 2  # an upload may have another size
            self.window.max = largest
            self.stride.max = self.window.value
        if moved is self.model:
            names = getattr(self.state.net, "classes", ())
            chosen = self.target.value
            self.target.options = (PREDICTED, *names)
            self.target.value = chosen if chosen in names else PREDICTED

    def _draw(self, state: ExplorerState, stale: Stale) -> None:
        """Compute a state and send it to the page (in the background)."""
        began = monotonic()

        def progress(done: int, total: int) -> bool:
            if monotonic() - began > PATIENCE and not stale():
                self.stop.layout.display, self.view.busy = None, True
                self._slow = True
                self._say(f"{done} of {total} squares ...")
            return not stale()

        try:
            # a slow net shows a coarse map at once
            views = refined(state, progress) if self._slow else [explore(state, progress)]
            for self._shown in views:
                self.view.frame = explorer_data(self._shown)
                self.view.layout.display = None
                if isinstance(self.source, FacePicker):
                    self.source.paint(state.image, self._shown.heat, self._shown.signed)
            self.message.value = ""
            self._slow = monotonic() - began > PATIENCE
        except Cancelled:
            pass  # by a newer job, or by Stop, which says so itself
        except Exception as error:
            self._fail(error)
        finally:
            self.stop.layout.display, self.view.busy = "none", False

    def _stop(self, button: ui.Button) -> None:
        self._latest.stop()
        self._say("Stopped. What is shown is coarse, or belongs to the settings before.")

    def _say(self, words: str) -> None:
        self.message.value = f'<div role="status">{escape(words)}</div>'

    def _fail(self, error: Exception) -> None:
        words = str(error) if isinstance(error, FerError) else f"{type(error).__name__}: {error}"
        self._shown = None
        self.view.layout.display = "none"  # the last picture would pass for the answer
        self.message.value = f'<div role="alert"><b>Not drawn:</b> {escape(words)}</div>'

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        """Return the widget, and a still figure for pages that can show no widgets."""
        forms = super()._repr_mimebundle_(**kwargs)
        if self._shown is None:
            return forms, {}
        figure = explorer_figure(self._shown)
        still, metadata = bundle(figure, figure.alt)
        return {**forms, "image/png": still["image/png"]}, metadata


def occlusion_explorer(faces: FaceSet, models: Models = None) -> Explorer:
    """Return a widget that shows where a network looks, on faces to choose or to upload.

    Args:
        faces: the faces to choose from.
        models: nets by the name to show; or names of pretrained ones; None takes all of those.

    Raises:
        FerError: no faces, no models, or what is none.
    """
    check_faces(faces)
    if len(faces) == 0:
        raise FerError("there are no faces to explore.")
    return Explorer(FacePicker(faces), Nets(models))


def face_explorer(models: Models = None, expression: str = "happy") -> Explorer:
    """Return a widget with a drawn face: move its action units, prediction and map follow.

    Args:
        models: as for `occlusion_explorer`.
        expression: what the face shows first, an entry of `action_units.PROTOTYPES`.

    Raises:
        FerError: no models.
    """
    from fer_utils.widgets.face_sliders import FaceSliders  # loads the renderer

    return Explorer(FaceSliders(expression), Nets(models))


def _methods() -> list[tuple[str, str]]:
    """Return (title, name) of every method of `saliency.attribute`, occlusion first."""
    names = sorted(METHODS, key=lambda name: name != OCCLUSION)
    return [(METHODS[name].title, name) for name in names]
