"""Where the face comes from: one of a data set, or an upload."""

from html import escape

import ipywidgets as ui
import numpy as np
import traitlets

from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.widgets.controls import WIDTH, columns, dropdown, slider
from fer_utils.widgets.uploads import NoFace, read_upload

EVERYONE = "all"


class FacePicker(ui.VBox):
    """Chooses a face of a data set, or takes an uploaded one.

    Attributes:
        image: what is chosen, uint8 (C, H, W); observe it.
        place: which face of the data set that is; None for an upload.
        label, face: which face of the data set; moving one leaves an upload.
        upload, middle: a picture file, and whether its middle will do where no face is found.
        message: what became of the upload.
    """

    image = traitlets.Instance(np.ndarray)

    def __init__(self, faces: FaceSet):
        """Lay out the controls and choose the first face."""
        self.faces = faces
        self._which = np.arange(len(faces))
        self._upload: tuple[bytes, str] | None = None
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
        self.message = ui.HTML()
        which, upload = [self.label, self.face], [self.upload, self.middle]
        super().__init__([columns(which, upload, [self.message])])
        self.label.observe(self._filter, "value")
        self.face.observe(self._pick, "value")
        self.upload.observe(self._receive, "value")
        self.middle.observe(self._read, "value")
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
        self.place = int(self._which[self.face.value])
        self.image = self.faces.images[self.place]

    def _receive(self, change: dict) -> None:
        if not self.upload.value:  # emptied below
            return
        file = self.upload.value[0]
        self._upload = bytes(file["content"]), str(file["name"])
        self.upload.value = ()  # so that the same file can be chosen again, and is not kept
        self._read()

    def _read(self, change: dict | None = None) -> None:
        """Take the face of the upload, or say why there is none; the old one then stays."""
        if self._upload is None:
            return
        try:
            picture, done = read_upload(*self._upload, middle=self.middle.value)
        except NoFace as error:
            self._say("alert", str(error))
        except FerError as error:
            self._upload = None
            self._say("alert", str(error))
        except Exception as error:  # a widget has nowhere to put a traceback
            self._upload = None
            self._say("alert", f"the upload cannot be used: {type(error).__name__}: {error}")
        else:
            self._say("status", done)
            self.place, self.image = None, picture

    def _say(self, role: str, words: str) -> None:
        start = "<b>Not taken:</b> " if role == "alert" else ""
        self.message.value = f'<div role="{role}">{start}{escape(words)}</div>'
