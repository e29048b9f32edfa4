"""A camera in the notebook: the page takes the pictures, the kernel names the faces in them.

Pictures come and answers go as messages with buffers. No synced trait holds one, for the state of
widgets is saved with the notebook; nothing is written to a file. The page sends one picture at a
time, the newest when the last answer is there (webcam.js), so that a slow kernel is asked less
often, not later and later.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import anywidget
import ipywidgets as ui
import numpy as np
import traitlets

from fer_utils import saliency
from fer_utils._arguments import shown, spoken
from fer_utils.detect import DETECTORS, Box, Detector
from fer_utils.detect.boxes import rgb, square
from fer_utils.detect.live import COLORS, Live
from fer_utils.detect.track import Face
from fer_utils.errors import FerError
from fer_utils.models import pretrained_names
from fer_utils.pictures import opened
from fer_utils.plots.maps import veil
from fer_utils.widgets.controls import columns, dropdown
from fer_utils.widgets.nets import Models, Nets
from fer_utils.widgets.photo import jpeg
from fer_utils.widgets.source import Source

HERE = Path(__file__).parent
MOST_BYTES = 1_000_000  # of a picture that the page sends; one of 320 x 240 has 5,000
LONGEST = 1280  # pixels of its longer side
SENT = 640  # pixels of the longer side of a picture for the page, where Python has the source
#: Of a face of 48 pixels: the square that covers it, and its steps.
WINDOW, STRIDE, FACE = 8, 4, 48
#: Seconds that pass from picture to picture at most: one that took long does not make strangers of
#: the faces in it.
STEP = 0.5
REST = 1.5  # between two maps, so many times the seconds that one takes
#: Chosen first: small nets, which answer quickly.
FIRST, FIRST_DRAWN = "mini_xception_ferplus", "mini_xception_facs3d"

Find = Callable[[np.ndarray], list[Box]]


class CameraView(anywidget.AnyWidget):
    """The part in the page: the video, the last answer over it, and the probabilities.

    Attributes:
        classes: names of the net's outputs.
        source: what Python takes pictures from; empty where the page does.
    """

    _esm = HERE / "webcam.js"
    _css = HERE / "webcam.css"
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    source = traitlets.Unicode().tag(sync=True)


class Camera(ui.VBox):
    """Faces before the camera; each control is an attribute, so code can move it too.

    Attributes:
        model, detector: what answers and what finds the faces.
        map: whether what an answer rests on is painted over a face.
        view: video, boxes and probabilities.
        source: what Python takes pictures from; None where the page does.
        live: finds, answers and follows the faces; None where net or detector cannot be had.
    """

    def __init__(self, nets: Nets, detectors: dict[str, str | Find], source: Source | None):
        """Lay out the controls; a net of None is read when chosen."""
        self.nets, self.detectors, self.source = nets, detectors, source
        self.live: Live | None = None
        self._fault = ""
        self._mapped: int | None = None  # whose map is in the page
        self._rests = 0.0  # until when no map is made
        self._time = self._before = 0.0
        self.model = dropdown("model", list(nets))
        self.detector = dropdown("detector", list(detectors))
        self.map = ui.Checkbox(description="map: what the answer rests on", indent=False)
        self.view = CameraView(source=source.name if source else "")
        super().__init__([columns([self.model], [self.detector], [self.map]), self.view])

    def load(self) -> None:
        """Load the net and the detector that are chosen.

        Raises:
            FerError: one of them cannot be had.
        """
        name = self.model.value
        self.live = Live(self.nets[name], self.detectors[self.detector.value])
        self.view.classes = list(self.live.classes)
        self._mapped = None

    def listen(self) -> None:
        """Follow the controls and the page."""
        for control in (self.model, self.detector):
            control.observe(self._choose, "value")
        self.view.on_msg(self._receive)

    def close(self) -> None:
        """Take the widget off the page; the camera goes off with it."""
        if self.source:
            self.source.close()
        self.view.close()
        super().close()

    def _choose(self, change: dict) -> None:
        self.live, self._fault = None, ""
        try:
            self.load()
        except Exception as error:  # a widget has nowhere to put a traceback
            self._fault = _words(error)
        self.view.send({"said": self._fault})

    def _receive(self, view: Any, content: Any, buffers: Any) -> None:
        """Answer a picture of the page, or, where Python has the source, send the next one."""
        began = perf_counter()
        content = content if isinstance(content, dict) else {}
        if content.get("stop"):
            if self.source:
                self.source.close()
            return
        number = content.get("frame")
        reply: dict[str, Any] = {"frame": number if isinstance(number, int) else -1, "faces": []}
        sent: list[bytes] = []
        try:
            if self.source is None:
                picture = received(buffers)
            else:
                picture = self.source()
                sent.append(jpeg(picture, SENT))
            reply["picture"] = bool(sent)
            reply["size"] = [picture.shape[1], picture.shape[0]]
            if self.live is None:
                raise FerError(self._fault)
            now = monotonic()
            self._time, self._before = self._time + min(now - self._before, STEP), now
            faces = self.live(picture, self._time)
            reply["faces"] = [_face(face, picture.shape) for face in faces]
            sent += self._map(self.live, picture, faces) if self.map.value else []
            reply["mapped"] = self._mapped if self.map.value else None
        except Exception as error:  # a widget has nowhere to put a traceback
            reply["said"] = _words(error)
        reply["ms"] = 1000 * (perf_counter() - began)
        self.view.send(reply, sent)

    def _map(self, live: Live, picture: np.ndarray, faces: list[Face]) -> list[bytes]:
        """Return a map to send, RGBA; none where there is no face, or the last one was just made.

        One face has a map: the one that had it before, else the largest.
        """
        same = next((face for face in faces if face.id == self._mapped), None)
        if not faces or (same and monotonic() < self._rests):
            return []
        face, began = same or faces[0], monotonic()
        cut = live.answers.cut(picture, [face.box])[0]
        size = [max(1, part * cut.shape[-1] // FACE) for part in (WINDOW, STRIDE)]
        omap = saliency.occlusion(live.answers.net, cut, window=size[0], stride=size[1])
        heat = omap.heat(live.classes[int(face.smoothed.argmax())])
        self._mapped = face.id
        self._rests = monotonic() + REST * (monotonic() - began)
        return [(veil(heat) * 255).round().astype(np.uint8).tobytes()]


def received(buffers: Any) -> np.ndarray:
    """Return the picture that a page has sent, uint8 RGB (H, W, 3).

    Raises:
        FerError: not one buffer, too large, or no picture.
    """
    if not isinstance(buffers, list | tuple) or len(buffers) != 1:
        raise FerError("the page sent no picture: reload it and run this cell again.")
    content = bytes(buffers[0])
    if len(content) > MOST_BYTES:
        raise FerError(
            f"a picture of {len(content):,} bytes came from the page; {MOST_BYTES:,} are the most."
        )
    with opened(BytesIO(content), "what the page sent") as picture:
        if max(picture.size) > LONGEST:
            width, height = picture.size
            raise FerError(
                f"a picture of {width} x {height} pixels came from the page; {LONGEST} a side are "
                "the most."
            )
        return rgb(picture)


def _face(face: Face, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return a face for the page."""
    box = face.box
    return {
        "id": face.id,
        "box": [box.x, box.y, box.width, box.height],
        "square": list(square(box, shape[:2])),
        "shares": [round(float(share), 4) for share in face.smoothed],
        "color": ", ".join(str(part) for part in COLORS[face.id % len(COLORS)]),
    }


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, FerError) else f"{type(error).__name__}: {error}"


@spoken
def camera(
    models: Models = None,
    detector: str | Detector | Find = "haar",
    *,
    source: str | Path | int | None = None,
) -> Camera:
    """Return a widget that finds the faces before the camera and names their expressions.

    The page asks for the camera when Start is pressed, and releases it at Stop. What it sees goes
    to the kernel, picture by picture, and is kept nowhere.

    Args:
        models: nets by the name to show, or one net; or names of pretrained ones; None takes all
            of those.
        detector: an entry of `detect.DETECTORS`, or what finds boxes in uint8 RGB (H, W, 3), as
            `detect.detector` returns it. The others can be chosen in the page.
        source: where the browser gives no camera: the number of a camera of the machine on which
            Python runs (0), a film, or "drawn" for people that the kit draws.

    Raises:
        FerError: no models, no such detector or source, or one that is not installed; the message
            says how to get it.
    """
    if models is None:
        first = FIRST_DRAWN if source == "drawn" else FIRST
        models = sorted(pretrained_names(), key=lambda name: name != first)
    nets = Nets(models)
    given = detector if isinstance(detector, str) else _name(detector)
    finders: dict[str, Any] = {} if isinstance(detector, str) else {given: detector}
    # a net in a file has no name that could be chosen
    finders |= {name: name for name in DETECTORS if name != "yunet"} | {given: detector}
    made = Camera(nets, finders, None if source is None else Source(source))
    made.detector.value = given
    made.load()
    made.listen()
    return made


def _name(detector: Any) -> str:
    if not callable(detector):
        raise FerError(f"detector={shown(detector)}: name one, or give what finds boxes.")
    if not isinstance(detector, Detector):
        return getattr(detector, "__name__", type(detector).__name__)
    about = ", ".join(f"{key}={value}" for key, value in detector.options.items())
    return f"{detector.name} ({about})" if about else f"{detector.name} as given"
