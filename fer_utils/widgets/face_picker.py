"""Where the face comes from: one of a data set, or an upload."""

from contextlib import redirect_stdout, suppress
from io import StringIO

import ipywidgets as ui
import numpy as np
import traitlets

from fer_utils import data
from fer_utils.data import catalog
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.widgets.controls import WIDTH, columns, dropdown, line, said, slider
from fer_utils.widgets.nets import PHOTOGRAPHS, kind_of
from fer_utils.widgets.photo import PhotoView
from fer_utils.widgets.uploads import Uploaded, look_at

EVERYONE = "all"


class FacePicker(ui.VBox):
    """Chooses a face of a data set, or takes an uploaded one.

    Attributes:
        image: what is chosen, uint8 (C, H, W); observe it.
        place: which face of the data set that is; None for an upload.
        dataset: the data sets that are on this machine; another one takes the place of `faces`.
        label, face: which face of the data set; moving one leaves an upload.
        upload: a picture file; `back`: a button that leaves it.
        middle: whether the middle of it will do, offered where no face is found.
        photo: the uploaded picture with its faces; `photo.chosen` is which one is taken.
        message: what became of the upload.
    """

    image = traitlets.Instance(np.ndarray)

    def __init__(self, faces: FaceSet):
        """Lay out the controls and choose the first face."""
        self.faces = faces
        self._which = np.arange(len(faces))
        self._kept: np.ndarray | None = None
        self._upload: Uploaded | None = None
        self.place: int | None = None
        others = [(name, name) for name in datasets_here() if name != faces.name]
        given = f"{faces.name} ({len(faces):,} faces)", faces.name
        self.dataset = dropdown(
            "data set", [given, *others], "Those that are found on this machine."
        )
        self._given = faces
        self.label = dropdown("expression", [EVERYONE], "Only faces with this label.")
        self.face = slider("face", 0, 0, 0, tooltip="Which of these faces, from 0.")
        self.upload = ui.FileUpload(
            accept="image/*",
            multiple=False,
            description="Upload a face",
            tooltip="A picture file of 8 MB at most; it goes to this notebook's kernel only.",
            layout=ui.Layout(width=WIDTH),
        )
        self.back = ui.Button(description="back to the data set", layout=ui.Layout(width=WIDTH))
        self.middle = ui.Checkbox(description="no face found? take the middle", indent=False)
        self.message, self.photo = line(4), PhotoView()
        upload = [self.upload, self.back, self.middle]
        super().__init__([columns([self.label, self.face], upload, [self.message]), self.photo])
        self.dataset.observe(self._open, "value")
        self.label.observe(self._filter, "value")
        self.face.observe(self._pick, "value")
        self.upload.observe(self._receive, "value")
        self.middle.observe(self._take, "value")
        self.photo.observe(self._take, "chosen")
        self.back.on_click(lambda _: self._pick())
        self._use(faces)

    @property
    def kind(self) -> str | None:
        """What the face is, see `nets.kind_of`; an upload is taken for a photograph."""
        return PHOTOGRAPHS if self.place is None else kind_of(self.faces.name)

    @property
    def truth(self) -> str | None:
        """The label of the face; None for an upload."""
        return None if self.place is None else self.faces.classes[self.faces.labels[self.place]]

    @property
    def described(self) -> str:
        """The face in words: which one, its label, and what its taggers said."""
        if self.place is None:
            return "your picture: nobody has labelled it"
        which = f"face {self.place} of {len(self.faces):,}, labelled {self.truth}"
        if self.faces.votes is None:
            return which
        votes = self.faces.votes[self.place].astype(int)
        order = np.argsort(-votes, kind="stable")
        counted = ", ".join(f"{votes[i]} {self.faces.vote_names[i]}" for i in order if votes[i])
        return f"{which}; taggers: {counted}"

    def panel(self, answers: ui.Widget, settings: list[ui.Widget]) -> list[ui.Widget]:
        """Return all controls in one column, with a filter by a net's answers among them."""
        picking = [
            self.dataset,
            self.label,
            answers,
            self.face,
            self.upload,
            self.back,
            self.middle,
        ]
        return [*picking, *settings, self.message]

    def keep(self, kept: np.ndarray | None) -> bool:
        """Offer only some of the faces, bool (n,), whatever their label; None offers all.

        Returns:
            whether others are offered now than before: then one of them is chosen.
        """
        before = self._kept
        if kept is before or not (kept is None or before is None or (kept != before).any()):
            return False
        self._kept = kept
        self._filter()
        return True

    def _use(self, faces: FaceSet) -> None:
        self.faces, self._kept = faces, None
        present = [name for name, count in faces.counts().items() if count]
        self.label.unobserve(self._filter, "value")
        self.label.options = [EVERYONE, *present]
        self.label.observe(self._filter, "value")
        self._filter()

    def _open(self, change: dict) -> None:
        """Load another data set: its test faces, of those whose test is a last look others."""
        name = change["new"]
        self._say("status", f"loading {name} ...")
        try:
            faces = self._given if name == self._given.name else held_out(name)
        except Exception as error:  # a widget has nowhere to put a traceback
            self._say("alert", str(error))
            self.dataset.unobserve(self._open, "value")
            self.dataset.value = change["old"]
            self.dataset.observe(self._open, "value")
        else:
            self._use(faces)

    def _filter(self, change: dict | None = None) -> None:
        """Keep the faces of the chosen expression, of those that `keep` has left."""
        keep = np.ones(len(self.faces), bool) if self._kept is None else self._kept.copy()
        if self.label.value != EVERYONE:
            keep &= self.faces.labels == self.faces.class_index(self.label.value)
        which = np.flatnonzero(keep)
        if not len(which):
            self._say("alert", "no face is left: choose another expression, or all answers.")
            return
        self.face.unobserve(self._pick, "value")  # one movement chooses one face
        self._which, self.face.value, self.face.max = which, 0, len(which) - 1
        self.face.observe(self._pick, "value")
        self._pick()

    def _pick(self, change: dict | None = None) -> None:
        self._upload, self.message.value, self.middle.value = None, "", False
        self._offer(back=False)
        self.photo.show(None)
        self.place = int(self._which[self.face.value])
        self.image = self.faces.images[self.place]

    def _receive(self, change: dict) -> None:
        if not self.upload.value:  # emptied below
            return
        file = self.upload.value[0]
        self.upload.value = ()  # so that the same file can be chosen again, and is not kept
        try:
            found = look_at(bytes(file["content"]), str(file["name"]))
        except FerError as error:
            self._say("alert", str(error))
        except Exception as error:  # a widget has nowhere to put a traceback
            self._say("alert", f"the upload cannot be used: {type(error).__name__}: {error}")
        else:
            self._upload = None  # what is chosen in the one before does not matter any more
            self.photo.show(found)
            self._upload = found
            self._take()

    def _take(self, change: dict | None = None) -> None:
        """Take the chosen face of the upload, or say why there is none; the old one then stays."""
        found = self._upload
        if found is None:
            return
        number = self.photo.chosen if found.boxes else None
        if number is None and not self.middle.value:
            self._offer(middle=True)
            self._say("alert", str(found.nobody()))
            return
        several = len(found.boxes) > 1
        others = "to take another one, click it or use the arrow keys" if several else ""
        self._say("status", found.said(number, others))
        self.place = None
        self._offer(back=True)
        self.image = found.middle() if number is None else found.face(number)

    def _offer(self, *, back: bool = False, middle: bool = False) -> None:
        """Show what may be done about an upload; one place for both, so that nothing moves."""
        self.middle.layout.display = None if middle else "none"
        self.back.layout.display = "none" if middle else None
        self.back.disabled = not back

    def paint(self, image: np.ndarray, heat: np.ndarray, signed: bool) -> None:
        """Paint a map over the chosen face of the uploaded photograph, where it is that image's."""
        if self._upload is not None and image is self.image:
            self.photo.paint(heat, signed)

    def _say(self, role: str, words: str) -> None:
        self.message.value = said(f"Not taken: {words}" if role == "alert" else words, role)


def datasets_here() -> list[str]:
    """Return the names of the data sets that are found on this machine."""
    found = []
    for name in data.names():
        with suppress(FerError):
            data.check(name)
            found.append(name)
    return found


def held_out(name: str) -> FaceSet:
    """Return faces of a data set to look at: not to learn from, and none kept for a last look.

    The test faces where the kit draws them, else the validation faces; all where there are none.

    Raises:
        FerError: the data set cannot be loaded.
    """
    with redirect_stdout(StringIO()):  # how many a label rule keeps: nobody asked
        faces = data.load(name, progress=False)
    part = faces.where(split="test" if catalog.CARDS[name].embedded else "valid")
    return part if len(part) else faces
