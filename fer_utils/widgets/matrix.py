"""A confusion matrix to click: the faces behind each cell, and what their taggers said."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import anywidget
import ipywidgets as ui
import numpy as np
import traitlets

from fer_utils import plots
from fer_utils._arguments import shown, spoken
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, check_faces
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.picture import bundle
from fer_utils.plots.scores import SEQUENTIAL, caption, check_same, in_cell, meanings
from fer_utils.widgets.controls import columns, dropdown, line, slider

HERE = Path(__file__).parent
PER_PAGE = 12
NUMBERS = {"faces": None, "% of each row": "true", "% of each column": "pred"}


class MatrixView(anywidget.AnyWidget):
    """The part in the page: the matrix, and the faces of the chosen cell.

    Attributes:
        matrix: what to draw, from `matrix_data`.
        shown: the faces, from `faces_data`.
        cell: row and column that are chosen; the page sets it when a cell is clicked.
    """

    _esm = HERE / "matrix.js"
    _css = HERE / "matrix.css"
    matrix = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)
    cell = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(sync=True)


def matrix_data(evaluation: Evaluation, normalize: str | None = None) -> dict:
    """Return what the page needs to draw a matrix: names, texts, colours, numbers of faces."""
    count = evaluation.confusion()
    share = count if normalize is None else evaluation.confusion(normalize)
    # the root of the share: mistakes are few, and are what one looks for here
    dark = np.sqrt(evaluation.confusion(normalize or "true")) / 1.15
    rgb = (SEQUENTIAL(dark)[..., :3] * 255).round().astype(int)
    texts = [[f"{n:,}" if normalize is None else f"{100 * n:.0f}" for n in row] for row in share]
    return {
        "classes": list(evaluation.classes),
        "texts": texts,
        "unit": "" if normalize is None else "%",
        "count": count.tolist(),
        "fill": [["rgb({}, {}, {})".format(*pixel) for pixel in row] for row in rgb.tolist()],
        "light": (dark > 0.5).tolist(),  # the text, where the field is dark
    }


def faces_data(
    evaluation: Evaluation, faces: FaceSet, cell: tuple[int, int], page: int = 1, by: str = "net"
) -> dict:
    """Return a page of the faces in a cell: pixels, RGBA uint8 (n, H, W, 4), and a card for each.

    Args:
        evaluation: from `evaluate.evaluate`.
        faces: the faces that were evaluated, in the same order.
        cell: row (label) and column (answer).
        page: from 1; `PER_PAGE` faces each, the surest answers first.
        by: whose answers they are.
    """
    true, predicted = (evaluation.classes[k] for k in cell)
    indices = in_cell(evaluation, true, predicted)
    here = indices[PER_PAGE * (page - 1) : PER_PAGE * page]
    pixels = [to_pixels(image) for image in faces.images[here]]
    opaque = [np.dstack([p, np.full(p.shape[:2], 255, np.uint8)]) for p in pixels]
    cards = [caption(evaluation, faces, int(i), by) for i in here]
    legend = [] if faces.votes is None else [list(pair) for pair in meanings(true, predicted)]
    return {
        "title": _title(len(indices), true, predicted, len(here)),
        "size": list(faces.images.shape[-2:]),
        "pixels": b"".join(p.tobytes() for p in opaque),
        "cards": [{"votes": list(c.votes), "said": c.choices, "answer": c.answer} for c in cards],
        "legend": legend,
    }


def _title(count: int, true: str, predicted: str, here: int) -> str:
    many = "no face" if count == 0 else "1 face" if count == 1 else f"{count:,} faces"
    shown = f", {here} of them here" if here < count else ""
    order = "; the surest answers first" if count > 1 else ""
    return f"{many} labelled {true} and answered {predicted}{shown}{order}"


class ConfusionExplorer(ui.VBox):
    """A confusion matrix whose cells open; each control is an attribute, so code can move it too.

    Attributes:
        who: whose answers are counted.
        numbers: what stands in the cells, a key of `NUMBERS`.
        label, answer: the chosen cell, for those who would rather not click.
        page: which of its faces are shown.
        view: matrix and faces.
        message: what went wrong.
    """

    def __init__(self, faces: FaceSet, evaluations: Mapping[str, Evaluation]):
        """Lay out the controls, and open the most frequent mistake."""
        self.faces, self.evaluations = faces, dict(evaluations)
        self._busy = False
        classes = list(next(iter(self.evaluations.values())).classes)
        self.who = dropdown("answers of", list(self.evaluations), "Whose answers are counted.")
        self.numbers = dropdown("in the cells", list(NUMBERS), "Counts, or shares.")
        self.label = dropdown("labelled", classes, "The row of the chosen cell.")
        self.answer = dropdown("answered", classes, "Its column.")
        self.page = slider("page", 1, 1, 1, tooltip=f"{PER_PAGE} faces each.")
        self.view = MatrixView()
        self.message = line()
        if len(self.evaluations) == 1:
            self.who.layout.display = "none"
        parts = [self.label, self.answer], [self.numbers, self.page], [self.who]
        super().__init__([columns(*parts), self.view, self.message])
        self.view.cell = _worst(self.evaluation)
        self._update({"owner": self.view})
        for control in (self.who, self.numbers, self.label, self.answer, self.page):
            control.observe(self._update, "value")
        self.view.observe(self._update, "cell")

    @property
    def evaluation(self) -> Evaluation:
        """The one that is shown."""
        return self.evaluations[self.who.value]

    def _update(self, change: Mapping) -> None:
        """Draw what the controls say, after one of them has moved."""
        if self._busy:  # a control moved because another one did
            return
        self._busy = True
        try:
            self._adjust(change["owner"])
            self._draw()
            self.message.value = ""
        except Exception as error:  # a widget has nowhere to put a traceback
            self.message.value = f'<div role="alert"><b>Not drawn:</b> {escape(str(error))}</div>'
        finally:
            self._busy = False

    def _adjust(self, moved: ui.Widget) -> None:
        """Bring the other controls up to date."""
        if moved is self.view:
            self.label.index, self.answer.index = self.view.cell
        self.view.cell = (self.label.index, self.answer.index)
        if moved is not self.page and moved is not self.numbers:
            count = int(self.evaluation.confusion()[self.view.cell])
            self.page.value, self.page.max = 1, max(1, -(-count // PER_PAGE))
            self.page.disabled = self.page.max == 1

    def _draw(self) -> None:
        self.view.matrix = matrix_data(self.evaluation, NUMBERS[self.numbers.value])
        self.view.shown = faces_data(
            self.evaluation, self.faces, self.view.cell, self.page.value, self.who.value
        )

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        """Return the widget, and a still figure for pages that can show no widgets."""
        forms = super()._repr_mimebundle_(**kwargs)
        chosen = self.label.value, self.answer.value
        figure = plots.cell(self.evaluation, self.faces, *chosen, self.who.value)
        still, metadata = bundle(figure, figure.alt)
        return {**forms, "image/png": still["image/png"]}, metadata


@spoken
def confusion_explorer(
    faces: FaceSet, evaluations: Evaluation | Mapping[str, Evaluation]
) -> ConfusionExplorer:
    """Return a widget: choose a cell of the confusion matrix, see its faces with their votes.

    A cell is chosen with the pointer, with the arrow keys, or in two lists.

    Args:
        faces: the faces that were evaluated, in the same order.
        evaluations: one from `evaluate.evaluate`, or several of the same faces by a short name
            (a net, another net, the taggers themselves).

    Raises:
        FerError: no faces, or an evaluation of other faces or other classes.
    """
    if isinstance(evaluations, Evaluation):
        evaluations = {"net": evaluations}
    check_faces(faces)
    if not isinstance(evaluations, Mapping):
        raise FerError(
            f"evaluations={shown(evaluations)}: give evaluate.evaluate(net, faces), or several by "
            "name."
        )
    if len(faces) == 0 or not evaluations:
        raise FerError("there is nothing to explore: give some faces and their evaluation.")
    for evaluation in evaluations.values():
        check_same(evaluation, faces)
    if len({tuple(evaluation.classes) for evaluation in evaluations.values()}) > 1:
        raise FerError("the evaluations must have the same classes, to be seen in one matrix.")
    return ConfusionExplorer(faces, evaluations)


def _worst(evaluation: Evaluation) -> tuple[int, int]:
    """Return row and column of the most frequent mistake."""
    wrong = evaluation.confusion()
    np.fill_diagonal(wrong, 0)
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    return int(row), int(column)
