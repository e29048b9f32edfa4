"""The part of an explorer that lives in the page: it follows the pointer without asking Python."""

from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__).parent


class PointerView(anywidget.AnyWidget):
    """A face, its map and the probabilities for the square under the pointer or the arrow keys.

    Attributes:
        frame: what to draw, from `views.explorer_data`; one message carries it to the page.
        busy: whether a newer frame is being computed and takes long.
    """

    _esm = HERE / "pointer.js"
    _css = HERE / "pointer.css"
    frame = traitlets.Dict().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
