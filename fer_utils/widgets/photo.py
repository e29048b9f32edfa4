"""An uploaded photograph with its faces boxed: one is chosen, and the map is painted over it."""

from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from fer_utils.plots.maps import veil
from fer_utils.widgets.uploads import Uploaded

HERE = Path(__file__).parent
SHOWN = 480  # pixels of the longer side, in the page


class PhotoView(anywidget.AnyWidget):
    """A photograph in the page. It goes there as a message: no trait holds it.

    Attributes:
        chosen: which of its faces, 0 is the largest; the page sets it too.
    """

    _esm = HERE / "photo.js"
    _css = HERE / "photo.css"
    chosen = traitlets.Int(0).tag(sync=True)

    def __init__(self) -> None:
        """Wait for a photograph, out of sight."""
        super().__init__(layout={"display": "none"})
        self._photo: Uploaded | None = None
        self._map: tuple[np.ndarray, bool] | None = None
        self.on_msg(self._receive)

    @traitlets.validate("chosen")
    def _there(self, proposal: Any) -> int:
        faces = len(self._photo.boxes) if self._photo else 0
        return int(min(max(proposal["value"], 0), max(faces - 1, 0)))

    def show(self, photo: Uploaded | None) -> None:
        """Show a photograph with at least one face, its largest one chosen; None takes it away."""
        self._photo = photo if photo is not None and photo.boxes else None
        self._map, self.chosen = None, 0
        self.layout.display = None if self._photo else "none"
        self._send_photo()

    def paint(self, heat: np.ndarray, signed: bool) -> None:
        """Paint a map over the square of the chosen face."""
        self._map = heat, signed
        self._send_map()

    def _receive(self, view: Any, content: Any, buffers: Any) -> None:
        """Send everything to a page that has just come."""
        if content == {"ready": True} and self._photo:
            self._send_photo()
            self._send_map()

    def _send_photo(self) -> None:
        if self._photo is None:
            self.send({"boxes": []})
            return
        image = self._photo.image
        boxes = [[box.x, box.y, box.width, box.height] for box in self._photo.boxes]
        picture = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
        about = {"boxes": boxes, "size": [image.shape[2], image.shape[1]]}
        self.send(about, [jpeg(picture, SHOWN)])

    def _send_map(self) -> None:
        from fer_utils.detect.boxes import square

        if self._photo is None or self._map is None:
            return
        pixels = (veil(*self._map) * 255).round().astype(np.uint8)
        box = self._photo.boxes[self.chosen]
        about = {"square": list(square(box, self._photo.image.shape[1:])), "side": len(pixels)}
        self.send(about, [pixels.tobytes()])


def jpeg(picture: np.ndarray, longest: int) -> bytes:
    """Return a picture, uint8 RGB (H, W, 3), as a JPEG of so many pixels at most."""
    import cv2

    bgr, share = np.ascontiguousarray(picture[..., ::-1]), longest / max(picture.shape[:2])
    if share < 1:
        bgr = cv2.resize(bgr, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
