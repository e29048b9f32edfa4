"""The explorers: thin shells of controls around the pure functions of `views`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from threading import Lock, get_ident
from time import monotonic
from typing import TYPE_CHECKING

import ipywidgets as ui

from fer_utils._arguments import choice, spoken
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import same_word
from fer_utils.errors import FerError
from fer_utils.evaluate import check_faces
from fer_utils.plots.picture import bundle
from fer_utils.saliency import Cancelled
from fer_utils.widgets.controls import said
from fer_utils.widgets.explorer_controls import EVERY, NOTHING, THIS_FACE, Controls
from fer_utils.widgets.face_picker import FacePicker
from fer_utils.widgets.judging import Judged, verdict
from fer_utils.widgets.latest import Latest, Stale
from fer_utils.widgets.nets import DRAWN, Models, Nets, kind_of
from fer_utils.widgets.pace import Pace, in_turn
from fer_utils.widgets.views import (
    OCCLUSION,
    ExplorerState,
    View,
    answer,
    explorer_data,
    explorer_figure,
)

if TYPE_CHECKING:
    from fer_utils.widgets.face_sliders import FaceSliders

PATIENCE = 0.3  # seconds after which a map that is not yet there counts its squares
USUAL = (OCCLUSION, 8, 2)  # map, square and stride whose milliseconds stand in the list of nets


@dataclass(frozen=True)
class Shown:
    """What is shown: a net and a face.

    Attributes:
        model: name of the net.
        state: what it is asked.
        truth, described: of the face, as its source says them.
        name: what this is called beside another.
    """

    model: str
    state: ExplorerState
    truth: str | None
    described: str
    name: str


class Explorer(Controls):
    """An occlusion explorer; each control is an attribute, so code can move it too.

    Maps are computed in the background, the last one asked for first: `wait()` returns when what
    the controls say is on the screen.

    Attributes:
        source: gives the face, a `FacePicker` or `FaceSliders`.
        model, method, target, window, stride, fill: the controls.
        beside: another net, or the face as it was, shown under the same square.
        answers: which faces of a data set are offered, by what the net says of them.
        stop: a button that gives up a computation; it is there while one takes long.
        view: face, map and probabilities, which follow the pointer by themselves.
        learned: what the net has learned from.
        known: what is known of the face, and whether the net is right.
        message: what is being done, or what went wrong.
    """

    def __init__(self, source: "FacePicker | FaceSliders", nets: Nets):
        """Lay out the controls and draw."""
        super().__init__(source, nets)
        self._latest, self._pace = Latest(self._draw), Pace()
        self._lock, self._owner = Lock(), 0
        self._shown: dict[int, View] = {}
        self._judged: dict[tuple[str, int], Judged] = {}
        self._kept: Shown | None = None
        self._counting = False
        for control in [self.model, self.beside, self.answers, *self.settings]:
            control.observe(self._update, "value")
        source.observe(self._update, "image")
        self.stop.on_click(self._stop)
        self._update({"owner": self.model})
        self.wait()

    def wait(self) -> None:
        """Return when what the controls say is shown."""
        self._latest.wait()

    def _update(self, change: Mapping) -> None:
        """Ask for a new map; first bring the controls that depend on the moved one up to date."""
        if self._owner == get_ident():
            return  # a control moved because another one did: that one will ask
        with self._lock:
            self._owner = get_ident()
            try:
                self._adjust(change["owner"])
                self._latest.ask((self._asked(), self.answers.value))
            except Exception as error:  # a widget has nowhere to put a traceback
                self._latest.stop()
                self._fail(error)
            finally:
                self._owner = 0

    def _adjust(self, moved: ui.Widget) -> None:
        if moved is self.window:
            self.stride.max = self.window.value  # a larger stride would leave gaps
        elif moved is self.source:
            largest = min(self.source.image.shape[-2:]) // 2  # an upload may have another size
            self.window.max = largest
            self.stride.max = self.window.value
            if self.source.kind != self._kind:
                self._suit()
        elif moved is self.answers:
            self._judged.clear()  # a net of one's own may have learned since
        elif moved is self.beside:
            self._kept = self._first() if self.beside.value == THIS_FACE else None
        elif moved is self.model:
            self._of_model()

    def _first(self) -> Shown:
        """Return what the controls say."""
        model, source = self.model.value, self.source
        return Shown(model, self.state, source.truth, source.described, self.nets.title(model))

    def _asked(self) -> list[Shown]:
        """Return what is to be shown: one thing, or two side by side."""
        first, other = self._first(), self.beside.value
        if other == NOTHING:
            return [first]
        if self._kept is not None:
            state = replace(first.state, image=self._kept.state.image)
            kept = replace(self._kept, model=first.model, state=state)
            return [
                replace(first, name=f"now: {first.described.partition(';')[0]}"),
                replace(kept, name=f"before: {kept.described.partition(';')[0]}"),
            ]
        net, target = self.nets[other], first.state.target
        state = replace(first.state, net=net)
        if target not in getattr(net, "classes", ()):
            state = replace(state, target=None)
        return [first, replace(first, model=other, state=state, name=self.nets.title(other))]

    def _draw(self, job: tuple[list[Shown], str], stale: Stale) -> None:
        """Compute what is asked for, and send it to the page (in the background)."""
        asked, answers = job
        began, self._counting = monotonic(), False

        def progress(done: int, total: int, what: str = "squares") -> bool:
            if monotonic() - began > PATIENCE and not stale():
                self.stop.layout.display, self.view.busy = None, True
                self._counting = True
                self._say(f"{done} of {total} {what} ...")
            return not stale()

        try:
            note = self._filter(asked[0], answers, progress)
            self._begin(asked)
            parts = [self._pace.views(one.model, one.state, progress) for one in asked]
            for number, view in in_turn(parts):
                self._show(asked, number, view)
            self._say(note)
            self._note_times(asked)
        except Cancelled:  # by a newer job, or by Stop, which says so itself
            if self._counting:
                self._say("")
        except Exception as error:
            self._fail(error)
        finally:
            self.stop.layout.display, self.view.busy = "none", False

    def _filter(self, one: Shown, answers: str, progress: Callable[..., bool]) -> str:
        """Offer only the faces that the net answers so; return a note where there are none.

        Raises:
            Cancelled: the face that was asked for is not among them: another one is asked for now.
        """
        if not isinstance(self.source, FacePicker) or self.source.place is None:
            return ""
        faces, kept, note = self.source.faces, None, ""
        if answers != EVERY:
            judged = self._judged.setdefault((one.model, id(faces)), Judged(one.state.net, faces))
            while judged.done < len(faces):
                if not progress(judged.done, len(faces), "faces"):
                    raise Cancelled
                judged.go_on()
            kept = judged.kept(answers)
            if not kept.any():
                kept, note = None, f"This net answers none of the faces so ({answers})."
        if self.source.keep(kept):
            raise Cancelled
        return note

    def _begin(self, asked: list[Shown]) -> None:
        """Dim a map that is not of this net; of a slow net show what it says of the new face."""
        with self.view.hold_sync():
            self.view.names = [one.name for one in asked]
            for number, one in enumerate(asked):
                before = self._shown.get(number)
                if before is None:
                    continue
                same_net = before.state.net is one.state.net
                if same_net and before.state.image is one.state.image:
                    continue
                self.view.busy = self.view.busy or not same_net
                if not self._pace.soon(one.model, one.state):
                    self.view.busy = True
                    setattr(self.view, ("frame", "beside")[number], answer(one.state))
            if len(asked) < len(self._shown):
                del self._shown[1]
                self.view.beside = {}

    def _show(self, asked: list[Shown], number: int, view: View) -> None:
        self._shown[number] = view
        data = explorer_data(view)
        if number:
            self.view.beside = data
        else:
            self.view.frame = data
            self.view.layout.display = None
            if isinstance(self.source, FacePicker):
                self.source.paint(view.state.image, view.heat, view.signed)
        words = [asked[0].described]
        for k, shown in sorted(self._shown.items()):
            found = verdict(asked[k].truth, shown.omap.classes, shown.omap.clean)
            words.append(f"beside it, {found}" if k else found)
        self.known.value = said("; ".join(words))

    def _note_times(self, asked: list[Shown]) -> None:
        """Write into the lists of nets how long their maps take here, once that is known."""
        changed = [
            self.nets.took(one.model, self._pace.seconds[one.model])
            for one in asked
            if (one.state.method, one.state.window, one.state.stride) == USUAL
        ]
        if any(changed):
            self._retitle()

    def _stop(self, button: ui.Button) -> None:
        self._latest.stop()
        self._counting = False
        self._say("Stopped. What is shown is coarse, or belongs to the settings before.")

    def _fail(self, error: Exception) -> None:
        words = str(error) if isinstance(error, FerError) else f"{type(error).__name__}: {error}"
        self._shown.clear()
        self.view.layout.display = "none"  # the last picture would pass for the answer
        self.known.value = ""
        self.message.value = f'<div role="alert"><b>Not drawn:</b> {escape(words)}</div>'

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        """Return the widget, and a still figure for pages that can show no widgets."""
        forms = super()._repr_mimebundle_(**kwargs)
        if not self._shown:
            return forms, {}
        figure = explorer_figure(self._shown[0])
        still, metadata = bundle(figure, figure.alt)
        return {**forms, "image/png": still["image/png"]}, metadata


@spoken
def occlusion_explorer(faces: FaceSet, models: Models = None) -> Explorer:
    """Return a widget that shows where a network looks, on faces to choose or to upload.

    An upload is taken for a photograph: the most accurate of the nets that have learned from
    photographs answers, and the one of before stays beside it.

    Args:
        faces: the faces to choose from.
        models: nets by the name to show; or names of pretrained ones; None takes all of those,
            first the ones that have learned such faces.

    Raises:
        FerError: no faces, no models, or what is none.
    """
    check_faces(faces)
    if len(faces) == 0:
        raise FerError("there are no faces to explore.")
    return Explorer(FacePicker(faces), Nets(models, kind_of(faces.name)))


@spoken
def face_explorer(models: Models = None, expression: str = "happy") -> Explorer:
    """Return a widget with a drawn face: move its action units, prediction and map follow.

    Args:
        models: as for `occlusion_explorer`.
        expression: what the face shows first, an entry of `action_units.PROTOTYPES`.

    Raises:
        FerError: no models, or no such expression.
    """
    from faces3d.action_units import PROTOTYPES
    from fer_utils.widgets.face_sliders import FaceSliders  # loads the renderer

    if isinstance(models, str) and (named := same_word(models, PROTOTYPES)):
        models, expression = None, named
    expression = same_word(expression, PROTOTYPES) or choice("expression", expression, PROTOTYPES)
    return Explorer(FaceSliders(expression), Nets(models, DRAWN))
