"""What an explorer is made of, how it is laid out, and which net suits which faces."""

from typing import TYPE_CHECKING

import ipywidgets as ui

from fer_utils.saliency import FILLS, METHODS
from fer_utils.widgets.controls import WIDTH, dropdown, line, said, slider
from fer_utils.widgets.face_picker import FacePicker
from fer_utils.widgets.judging import ANSWERS
from fer_utils.widgets.nets import Nets
from fer_utils.widgets.pointer import PointerView
from fer_utils.widgets.views import OCCLUSION, ExplorerState

if TYPE_CHECKING:
    from fer_utils.widgets.face_sliders import FaceSliders

PREDICTED = "predicted"
NOTHING, THIS_FACE = "nothing", "the face as it is now"
EVERY = ANSWERS[0]


class Controls(ui.VBox):
    """The controls of an explorer, face and map beside them, and lines for words.

    On a laptop (1000 x 700) all of it is in view at once, and no message moves what is below it.
    """

    def __init__(self, source: "FacePicker | FaceSliders", nets: Nets):
        """Lay them out."""
        self.source, self.nets = source, nets
        largest = min(source.image.shape[-2:]) // 2
        titles = self._titles()
        self.model = dropdown(
            "model", titles, "What it learned from, how often it is right, how long a map takes."
        )
        self.beside = dropdown(
            "beside it",
            [(NOTHING, NOTHING), (THIS_FACE, THIS_FACE), *titles],
            "A second net on the same face; or this face, to be seen beside the next one.",
        )
        self.answers = dropdown("answers", list(ANSWERS), "Only faces that the net answers so.")
        self.method = dropdown("map by", _methods(), "How the map is made: see notebook 08.")
        self.target = dropdown("map of", [PREDICTED], "Whose probability the map is about.")
        self.fill = dropdown("painted", list(FILLS), "What the square shows.")
        self.window = slider(
            "square (px)", 2, largest, min(8, largest), tooltip="Its side, in pixels of the face."
        )
        self.stride = slider(
            "stride (px)", 1, self.window.value, 2, tooltip="From one square to the next."
        )
        self.settings = [self.method, self.target, self.fill, self.window, self.stride]
        self.stop = ui.Button(
            description="Stop", icon="stop", layout={"flex": "0 0 80px", "display": "none"}
        )
        self.view = PointerView()
        self.learned, self.known, self.message = line(2), line(2), line(2)
        self._kind = source.kind
        self._before: dict[str | None, tuple[str, str]] = {}  # by kind of faces: the nets of then
        super().__init__(self._rows())

    def _rows(self) -> list[ui.Widget]:
        """Return the rows: nets, what is known, face and map beside the controls."""
        for wide in (self.model, self.beside):
            wide.layout.flex, wide.layout.width, wide.style.description_width = (
                "1 1 370px",
                WIDTH,
                "5em",
            )
        self.learned.layout.flex, self.message.layout.flex = "1 1 0", "0 1 auto"
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "0 12px"}
        left = [self.view] + ([self.source.photo] if isinstance(self.source, FacePicker) else [])
        body = [
            ui.VBox(left, layout={"flex": "4 1 280px", "min_width": "0", "overflow": "hidden"}),
            ui.VBox(
                self.source.panel(self.answers, self.settings),
                layout={"flex": "1 1 236px", "max_width": "280px"},
            ).add_class("fer-controls"),
        ]
        return [
            ui.Box([self.model, self.beside], layout=wrap),
            ui.HBox([self.learned, self.message, self.stop]),
            self.known,
            ui.Box(body, layout=wrap),
        ]

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

    def _of_model(self) -> None:
        """Bring up to date what depends on the net; the map of the one before is dimmed at once."""
        self.view.busy = bool(self.view.frame)
        about, kind = self.nets.about(self.model.value), self.source.kind
        strange = "" if None in (kind, about.kind) or kind == about.kind else kind
        never = f"It has never seen {strange}: its answer is a guess. " if strange else ""
        self.learned.value = said(never + about.learned)
        names = getattr(self.nets[self.model.value], "classes", ())
        chosen = self.target.value
        self.target.options = (PREDICTED, *names)
        self.target.value = chosen if chosen in names else PREDICTED

    def _suit(self) -> None:
        """Choose a net that has learned faces of the kind that has come.

        Where there were such faces before, the nets are those of then. With an upload the net of
        before stays beside the new one.
        """
        kind, now = self.source.kind, self.model.value
        self._before[self._kind], self._kind = (now, self.beside.value), kind
        best = self.nets.best(kind)
        if kind in self._before:
            self.model.value, self.beside.value = self._before[kind]
        elif best is not None and self.nets.about(now).kind not in (None, kind):
            self.model.value = best
            if self.source.truth is None:
                self.beside.value = now
        self._of_model()

    def _titles(self) -> list[tuple[str, str]]:
        return [(self.nets.title(name), name) for name in self.nets]

    def _retitle(self) -> None:
        """Write anew what stands in the lists of nets, without choosing anything.

        To set `options` would choose the first of them, and ask for its map.
        """
        titles = [title for title, _ in self._titles()]
        self.model.set_trait("_options_labels", tuple(titles))
        self.beside.set_trait("_options_labels", (NOTHING, THIS_FACE, *titles))

    def _say(self, words: str) -> None:
        self.message.value = said(words)


def _methods() -> list[tuple[str, str]]:
    """Return (title, name) of every method of `saliency.attribute`, occlusion first."""
    names = sorted(METHODS, key=lambda name: name != OCCLUSION)
    return [(METHODS[name].title, name) for name in names]
