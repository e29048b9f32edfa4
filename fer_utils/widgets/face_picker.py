"""Where the face comes from: one of a data set, or an upload."""

from html import escape

import ipywidgets as ui
import numpy as np
import traitlets

from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.widgets.controls import WIDTH, columns, dropdown, slider
from fer_utils.widgets.photo import PhotoView
from fer_utils.widgets.uploads import Uploaded, look_at

EVERYONE = "all"


class FacePicker(ui.VBox):
    """Chooses a face of a data set, or takes an uploaded one.

    Attributes:
        image: what is chosen, uint8 (C, H, W); observe it.
        place: which face of the data set that is; None for an upload.
        label, face: which face of the data set; moving one leaves an upload.
        upload, middle: a picture file, and whether its middle will do where no face is found.
        photo: the uploaded picture with its faces; `photo.chosen` is which one is taken.
        message: what became of the upload.
    """

    image = traitlets.Instance(np.ndarray)

    def __init__(self, faces: FaceSet):
        """Lay out the controls and choose the first face."""
        self.faces = faces
        self._which = np.arange(len(faces))
        self._upload: Uploaded | None = None
        self.place: int | None = None
        present = [name for name, count in faces.counts().items() if count]
        self.label = dropdown("expression", [EVERYONE, *present])
        self.face = slider("face", 0, len(faces) - 1, 0)
        self.upload = ui.FileUpload(
            accept="image/*",
            multiple=False,
            description="Upload a face",
            tooltip="A picture file of 8 MB at most; it goes to this notebook's kernel only.",
            layout=ui.Layout(width=WIDTH),
        )
        self.middle = ui.Checkbox(description="no face found? take the middle", indent=False)
        self.message, self.photo = ui.HTML(), PhotoView()
        which, upload = [self.label, self.face], [self.upload, self.middle]
        super().__init__([columns(which, upload, [self.message]), self.photo])
        self.label.observe(self._filter, "value")
        self.face.observe(self._pick, "value")
        self.upload.observe(self._receive, "value")
        self.middle.observe(self._take, "value")
        self.photo.observe(self._take, "chosen")
        self._pick()

    def _filter(self, change: dict) -> None:
        """Keep the faces of the chosen expression."""
        keep = np.ones(len(self.faces), bool)
        if self.label.value != EVERYONE:
            keep = self.faces.labels == self.faces.class_index(self.label.value)
        which = np.flatnonzero(keep)
        self.face.unobserve(self._pick, "value")  # one movement chooses one face
        self._which, self.face.value, self.face.max = which, 0, len(which) - 1
        self.face.observe(self._pick, "value")
        self._pick()

    def _pick(self, change: dict | None = None) -> None:
        self._upload, self.message.value = None, ""
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
            self._say("alert", str(found.nobody()))
            return
        several = len(found.boxes) > 1
        others = "to take another one, click it or use the arrow keys" if several else ""
        self._say("status", found.said(number, others))
        self.place = None
        self.image = found.middle() if number is None else found.face(number)

    def paint(self, image: np.ndarray, heat: np.ndarray, signed: bool) -> None:
        """Paint a map over the chosen face of the uploaded photograph, where it is that image's."""
        if self._upload is not None and image is self.image:
            self.photo.paint(heat, signed)

    def _say(self, role: str, words: str) -> None:
        start = "<b>Not taken:</b> " if role == "alert" else ""
        self.message.value = f'<div role="{role}">{start}{escape(words)}</div>'
