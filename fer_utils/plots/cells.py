"""The faces behind a cell of a confusion matrix, and what their taggers said of them."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation
from fer_utils.plots.grids import draw_face
from fer_utils.plots.maps import percent
from fer_utils.plots.picture import INK, PAPER, Picture, new, styled
from fer_utils.plots.scores import SEQUENTIAL

# Told apart by the colour-blind, and in grey by their places: label left, answer right.
FOR_LABEL, FOR_ANSWER, FOR_OTHER = "#0072b2", "#d55e00", "#c4c4c4"
COLUMNS, MOST = 4, 8


@dataclass(frozen=True)
class Card:
    """What is said of one face.

    Attributes:
        votes: how many taggers chose the label, something else, and what was answered; three
            zeros where there are no votes. Where label and answer are one, they count once.
        said: all votes in words, the most frequent first.
        answer: what was answered, and how sure.
    """

    votes: tuple[int, int, int]
    said: str
    answer: str


def in_cell(evaluation: Evaluation, label: str, said: str) -> np.ndarray:
    """Return the indices of the faces in a cell of the matrix, the surest answer first.

    Raises:
        FerError: a name that is no class.
    """
    found = evaluation.mistakes(label, said)
    sure = evaluation.probabilities[found, evaluation.classes.index(said)]
    return found[np.argsort(-sure, kind="stable")]


def card(evaluation: Evaluation, faces: FaceSet, i: int, who: str = "net") -> Card:
    """Return what the taggers and the net say of face `i`; `who` is the net's name."""
    label = evaluation.classes[evaluation.labels[i]]
    said = evaluation.classes[evaluation.predictions[i]]
    answer = f"{who}: {said} {percent(evaluation.probabilities[i].max())}"
    if faces.votes is None:
        return Card((0, 0, 0), "", answer)
    votes = faces.votes[i].astype(int)
    by_name = dict(zip(faces.vote_names, votes.tolist(), strict=True))
    for_label = by_name.get(label, 0)
    for_answer = by_name.get(said, 0) if said != label else 0
    order = np.argsort(-votes, kind="stable")
    words = ", ".join(f"{faces.vote_names[v]} {votes[v]}" for v in order if votes[v])
    return Card((for_label, int(votes.sum()) - for_label - for_answer, for_answer), words, answer)


def meanings(label: str, said: str) -> list[tuple[str, str]]:
    """Return the colours of a row of votes, and what they mean, from left to right."""
    other = (FOR_OTHER, "votes for anything else")
    if label == said:
        return [(FOR_LABEL, f"votes for {label}"), other]
    about_label = (FOR_LABEL, f"votes for the label, {label}")
    return [about_label, other, (FOR_ANSWER, f"votes for the answer, {said}")]


def check_same(evaluation: Evaluation, faces: FaceSet) -> None:
    """Raise a FerError unless the evaluation is of these faces."""
    if len(evaluation.labels) != len(faces):
        raise FerError(
            f"the evaluation is of {len(evaluation.labels)} faces, {faces.name} here has "
            f"{len(faces)}: give the faces that were evaluated."
        )


@styled
def cell(
    evaluation: Evaluation, faces: FaceSet, label: str, said: str, who: str = "net"
) -> Picture:
    """Draw the confusion matrix, a frame around one cell, and up to eight faces of that cell.

    Under each face stands a row of its votes: for the label, for anything else, for the answer.

    Args:
        evaluation: from `evaluate.evaluate`.
        faces: the faces that were evaluated, in the same order.
        label: row of the cell.
        said: column of the cell.
        who: whose answers they are.

    Raises:
        FerError: a name that is no class, or other faces than those of the evaluation.
    """
    check_same(evaluation, faces)
    found = in_cell(evaluation, label, said)
    figure = new(10, 4.4)
    left, right = figure.subplots(1, 2, width_ratios=(4.6, 5.4))
    _draw_matrix(left, evaluation, label, said)
    _draw_faces(right, evaluation, faces, found[:MOST], who)
    shown = "" if len(found) <= MOST else f"; the {MOST} surest answers"
    right.set_title(f"{_number(len(found))} labelled {label}, answered {said}{shown}", loc="left")
    if faces.votes is not None and len(found):
        keys = [Patch(color=color, label=words) for color, words in meanings(label, said)]
        figure.legend(handles=keys, loc="outside lower right", ncols=3, handlelength=1)
    figure.alt = (
        f"A confusion matrix in numbers of faces, and beside it {min(len(found), MOST)} of "
        f"{_number(len(found))} in one cell, labelled {label} and answered {said}, with "
        f"{_votes(faces)}."
    )
    return figure


def _number(count: int) -> str:
    return "1 face" if count == 1 else f"{count:,} faces"


def _votes(faces: FaceSet) -> str:
    return "the net's answer" if faces.votes is None else "the votes of their taggers"


def _draw_matrix(axes: Axes, evaluation: Evaluation, label: str, said: str) -> None:
    names, count = evaluation.classes, evaluation.confusion()
    share = evaluation.confusion("true")
    axes.imshow(share, cmap=SEQUENTIAL, vmin=0, vmax=1.15)
    for (row, column), value in np.ndenumerate(count):
        color = PAPER if share[row, column] > 0.6 else INK
        axes.text(column, row, f"{value:,}", ha="center", va="center", color=color, size=9)
    place = names.index(said) - 0.5, names.index(label) - 0.5
    axes.add_patch(Rectangle(place, 1, 1, fill=False, ec=FOR_ANSWER, lw=2.5, clip_on=False))
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="answered", ylabel="labelled")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_anchor("NW")


def _draw_faces(
    axes: Axes, evaluation: Evaluation, faces: FaceSet, found: np.ndarray, who: str
) -> None:
    rows, high = MOST // COLUMNS, 1.46  # a face, its votes, two lines
    axes.axis("off")
    for place, i in enumerate(found):
        row, column = divmod(place, COLUMNS)
        draw_face(axes, faces.images[i], (column, row * high))
        about = card(evaluation, faces, int(i), who)
        _draw_votes(axes, about.votes, (column + 0.03, row * high + 1.03))
        first_two = ", ".join(about.said.split(", ")[:2])
        text = f"{first_two}\n{about.answer}" if first_two else about.answer
        axes.text(column + 0.5, row * high + 1.14, text, ha="center", va="top", size=7)
    axes.set(xlim=(0, COLUMNS), ylim=(rows * high, 0), aspect="equal", anchor="NW")


def _draw_votes(axes: Axes, votes: tuple[int, int, int], corner: tuple[float, float]) -> None:
    """Draw a small box for every vote, on a line as wide as a face."""
    colors = [FOR_LABEL] * votes[0] + [FOR_OTHER] * votes[1] + [FOR_ANSWER] * votes[2]
    for k, color in enumerate(colors):
        wide = 0.94 / len(colors)
        place = corner[0] + k * wide, corner[1]
        axes.add_patch(Rectangle(place, wide * 0.86, 0.08, color=color, lw=0))
