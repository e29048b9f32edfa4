"""The part of an explorer that lives in the page: it follows the pointer without asking Python."""

from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__).parent


class PointerView(anywidget.AnyWidget):
    """A face, its map and the probabilities for the square under the pointer or the arrow keys.

    Attributes:
        frame: what to draw, from `views.explorer_data`, or first of all from `views.answer_data`;
            one message carries it to the page.
        beside: the same of another net or another face, under the same square; {} for none.
        names: what the two are called, where there are two.
        busy: whether a newer frame is being computed and takes long.
    """

    _esm = HERE / "pointer.js"
    _css = HERE / "pointer.css"
    frame = traitlets.Dict().tag(sync=True)
    beside = traitlets.Dict().tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
