"""How well a network does: confusion matrix and the faces in its cells, training, probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from fer_utils._arguments import check_names, shown
from fer_utils.errors import FerError
from fer_utils.plots.grids import draw_face
from fer_utils.plots.picture import DARK, FAINT, INK, LIGHT, PAPER, Picture, new, percent, styled

if TYPE_CHECKING:
    from fer_utils.data.faceset import FaceSet
    from fer_utils.evaluate import Evaluation
    from fer_utils.train.history import History

SEQUENTIAL = colormaps["Blues"]
TITLES = {
    None: "faces",
    "true": "% of the faces of each row",
    "pred": "% of the faces of each column",
}

# Votes: told apart by the colour-blind, and in grey by their places: label left, answer right.
FOR_LABEL, FOR_ANSWER, FOR_OTHER = "#0072b2", "#d55e00", "#c4c4c4"
COLUMNS, MOST = 4, 8  # faces beside a matrix: in a row, and in all


@styled
def confusion(evaluation: "Evaluation", normalize: str | None = "true") -> Picture:
    """Draw the confusion matrix: a row for each label, a column for each prediction.

    Args:
        evaluation: from `evaluate.evaluate`.
        normalize: "true" (rows sum to 100 %), "pred" (columns do) or None (numbers of faces).
    """
    import seaborn  # brings pandas, a second: only who draws a matrix waits for it

    names = evaluation.classes
    count = evaluation.confusion()
    share = count if normalize is None else evaluation.confusion(normalize)
    figure = new(max(4.8, 1.9 + 0.6 * len(names)), 1.4 + 0.5 * len(names))
    axes = figure.subplots()
    top = max(float(share.max()), 1e-9)
    texts, form = (share, ",d") if normalize is None else (100 * share, ".0f")
    look = {"cmap": SEQUENTIAL, "vmin": 0, "vmax": 1.15, "cbar": False}
    seaborn.heatmap(share / top, ax=axes, annot=texts, fmt=form, **look)
    for label in axes.texts[:: len(names) + 1]:  # the diagonal
        label.set_fontweight("bold")
    # of how many faces a percentage is stands where its 100 % stand: at its row, or its column
    by_column = normalize == "pred"
    faces = count.sum(0 if by_column else 1)
    counted = [f"{name} ({n:,})" for name, n in zip(names, faces, strict=True)]
    middles = np.arange(len(names)) + 0.5
    below, beside = (counted, names) if by_column else (names, counted)
    axes.set_xticks(middles, below, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(middles, beside, rotation=0)
    words = ("predicted (faces)", "labelled") if by_column else ("predicted", "labelled (faces)")
    axes.set(xlabel=words[0], ylabel=words[1])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    accuracy = percent(evaluation.accuracy.value, 1)
    axes.set_title(f"{TITLES[normalize]}; accuracy {accuracy}", loc="left")
    figure.alt = _describe_confusion(names, count)
    return figure


def _describe_confusion(names: Sequence[str], count: np.ndarray) -> str:
    faces, right = count.sum(1), count.diagonal()
    recall = np.where(faces > 0, right / np.maximum(faces, 1), -1)
    wrong = count - np.diag(right)
    best = f"most often right: {names[int(recall.argmax())]}" if right.any() else "none is right"
    alt = f"Confusion matrix of {len(names)} classes, rows labelled, columns predicted; {best}"
    if not count.any():
        return f"{alt}, since there are no faces."
    if not wrong.any():
        return f"{alt}; no mistakes."
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    return f"{alt}; most frequent mistake: {names[int(row)]} taken for {names[int(column)]}."


@styled
def history(history: "History") -> Picture:
    """Draw loss and accuracy over the epochs, for training and validation.

    Raises:
        FerError: no epoch was finished.
    """
    best = history.best_epoch
    rows = history.epochs
    drawn = {"epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy"}
    if missing := sorted(drawn - set.intersection(*map(set, rows))):
        raise FerError(f"an epoch of the history has no {missing[0]}.")
    epochs = [row["epoch"] for row in rows]
    figure = new(9, 3.1)
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        marker = "o" if len(rows) <= 20 else ""
        train = [row[f"train_{what}"] for row in rows]
        valid = [row[f"valid_{what}"] for row in rows]
        axes.plot(epochs, train, color=LIGHT, ls="--", marker=marker, ms=4, label="training")
        axes.plot(epochs, valid, color=DARK, marker=marker, ms=4, label="validation")
        axes.axvline(best, color=FAINT, lw=1, ls=":", zorder=0)
        axes.set(xlabel="epoch", title=what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if what == "accuracy":
            axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g} %")
            at = ("data", "axes fraction")
            axes.annotate("best", (best, 0.02), (3, 0), at, "offset points", size=9, color=FAINT)
    figure.axes[0].legend()
    figure.alt = (
        f"Two line charts over {len(rows)} epochs: loss, and accuracy, each for training "
        "(dashed) and validation (solid); a dotted line marks the best epoch."
    )
    return figure


@styled
def bars(
    classes: "Mapping[str, float] | Sequence[str]",
    probabilities: Sequence[float] | None = None,
    title: str = "",
) -> Picture:
    """Draw a net's answer: a bar for the probability of each class.

    Args:
        classes: what `net.ask(face)` gives, or the names alone.
        probabilities: those of the names, where these are alone.
        title: above the bars.

    Raises:
        FerError: another number of probabilities than of classes, or numbers that are none.
    """
    if isinstance(classes, Mapping):
        probabilities, classes = list(classes.values()), list(classes)
    elif probabilities is None:
        raise FerError(
            "bars takes what net.ask(face) gives, or names and probabilities: "
            "plots.bars(net.classes, probabilities)."
        )
    check_names("classes", classes)
    try:
        values = np.asarray(probabilities, float)
    except (TypeError, ValueError):
        raise FerError(f"probabilities are numbers, not {shown(probabilities)}.") from None
    if values.shape != (len(classes),):
        raise FerError(f"{len(classes)} classes, but probabilities of shape {values.shape}.")
    if not ((values >= 0) & (values <= 1 + 1e-3)).all():
        raise FerError(
            f"probabilities lie between 0 and 1, these between {values.min():.3g} and "
            f"{values.max():.3g}: of logits take torch.softmax; plots.counts(faces) draws how many "
            "faces each class has."
        )
    figure = new(5, 0.5 + 0.3 * len(classes))
    axes = figure.subplots()
    colors = [DARK if value == values.max() else LIGHT for value in values]
    axes.barh(list(classes), values, color=colors, height=0.75)
    for row, value in enumerate(values):
        axes.text(value + 0.01, row, percent(value), va="center", size=9)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12), xticks=[], title=title)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    order = np.argsort(-values, kind="stable")
    words = ", ".join(f"{classes[i]} {percent(values[i])}" for i in order)
    figure.alt = f"Bars: probability of each class. {words}."
    return figure


@dataclass(frozen=True)
class Caption:
    """What is said of one face.

    Attributes:
        votes: how many taggers chose the label, something else, and what was predicted; three
            zeros where there are no votes. Where label and prediction are one, they count once.
        choices: all votes in words, the most frequent first.
        answer: what was predicted, by whom, and how sure.
    """

    votes: tuple[int, int, int]
    choices: str
    answer: str


def in_cell(evaluation: "Evaluation", true: str, predicted: str) -> np.ndarray:
    """Return the indices of the faces in a cell of the matrix, the surest answer first.

    Raises:
        FerError: a name that is no class.
    """
    indices = evaluation.mistakes(true, predicted)
    sure = evaluation.probabilities[indices, evaluation.classes.index(predicted)]
    return indices[np.argsort(-sure, kind="stable")]


def caption(evaluation: "Evaluation", faces: "FaceSet", i: int, by: str = "net") -> Caption:
    """Return what the taggers and the net say of face `i`; `by` is the net's name."""
    true = evaluation.classes[evaluation.labels[i]]
    predicted = evaluation.classes[evaluation.predictions[i]]
    answer = f"{by}: {predicted} {percent(evaluation.probabilities[i].max())}"
    if faces.votes is None:
        return Caption((0, 0, 0), "", answer)
    votes = faces.votes[i].astype(int)
    by_name = dict(zip(faces.vote_names, votes.tolist(), strict=True))
    for_label = by_name.get(true, 0)
    for_answer = by_name.get(predicted, 0) if predicted != true else 0
    order = np.argsort(-votes, kind="stable")
    choices = ", ".join(f"{faces.vote_names[v]} {votes[v]}" for v in order if votes[v])
    for_other = int(votes.sum()) - for_label - for_answer
    return Caption((for_label, for_other, for_answer), choices, answer)


def meanings(true: str, predicted: str) -> list[tuple[str, str]]:
    """Return the colours of a row of votes, and what they mean, from left to right."""
    other = (FOR_OTHER, "votes for anything else")
    if true == predicted:
        return [(FOR_LABEL, f"votes for {true}"), other]
    about_label = (FOR_LABEL, f"votes for the label, {true}")
    return [about_label, other, (FOR_ANSWER, f"votes for the answer, {predicted}")]


def check_same(evaluation: "Evaluation", faces: "FaceSet") -> None:
    """Raise a FerError unless the evaluation is of these faces."""
    if len(evaluation.labels) != len(faces):
        raise FerError(
            f"the evaluation is of {len(evaluation.labels)} faces, {faces.name} here has "
            f"{len(faces)}: give the faces that were evaluated."
        )


@styled
def cell(
    evaluation: "Evaluation", faces: "FaceSet", true: str, predicted: str, by: str = "net"
) -> Picture:
    """Draw the confusion matrix, a frame around one cell, and up to eight faces of that cell.

    Under each face stands a row of its votes: for the label, for anything else, for the answer.

    Args:
        evaluation: from `evaluate.evaluate`.
        faces: the faces that were evaluated, in the same order.
        true: row of the cell.
        predicted: column of the cell.
        by: whose answers they are.

    Raises:
        FerError: a name that is no class, or other faces than those of the evaluation.
    """
    check_same(evaluation, faces)
    indices = in_cell(evaluation, true, predicted)
    count = "1 face" if len(indices) == 1 else f"{len(indices):,} faces"
    figure = new(10, 4.8)
    left, right = figure.subplots(1, 2, width_ratios=(4, 6))
    _draw_matrix(left, evaluation, true, predicted)
    _draw_faces(right, evaluation, faces, indices[:MOST], by)
    shown = "" if len(indices) <= MOST else f"; the {MOST} surest answers"
    right.set_title(f"{count} labelled {true}, answered {predicted}{shown}", loc="left")
    if faces.votes is not None and len(indices):
        keys = [Patch(color=color, label=words) for color, words in meanings(true, predicted)]
        figure.legend(handles=keys, loc="outside lower right", ncols=3, handlelength=1)
    extra = "the net's answer" if faces.votes is None else "the votes of their taggers"
    figure.alt = (
        f"A confusion matrix in numbers of faces, and beside it {min(len(indices), MOST)} of "
        f"{count} in one cell, labelled {true} and answered {predicted}, with {extra}."
    )
    return figure


def _draw_matrix(axes: Axes, evaluation: "Evaluation", true: str, predicted: str) -> None:
    names, count = evaluation.classes, evaluation.confusion()
    share = evaluation.confusion("true")
    axes.imshow(share, cmap=SEQUENTIAL, vmin=0, vmax=1.15)
    for (row, column), value in np.ndenumerate(count):
        color = PAPER if share[row, column] > 0.6 else INK
        axes.text(column, row, f"{value:,}", ha="center", va="center", color=color, size=9)
    place = names.index(predicted) - 0.5, names.index(true) - 0.5
    axes.add_patch(Rectangle(place, 1, 1, fill=False, ec=FOR_ANSWER, lw=2.5, clip_on=False))
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="answered", ylabel="labelled")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_anchor("NW")


def _draw_faces(
    axes: Axes, evaluation: "Evaluation", faces: "FaceSet", indices: np.ndarray, by: str
) -> None:
    rows, high = MOST // COLUMNS, 1.46  # a face, its votes, two lines
    axes.axis("off")
    for place, i in enumerate(indices):
        row, column = divmod(place, COLUMNS)
        draw_face(axes, faces.images[i], (column, row * high))
        about = caption(evaluation, faces, int(i), by)
        _draw_votes(axes, about.votes, (column + 0.03, row * high + 1.03))
        first_two = ", ".join(about.choices.split(", ")[:2])
        text = f"{first_two}\n{about.answer}" if first_two else about.answer
        axes.text(column + 0.5, row * high + 1.14, text, ha="center", va="top", size=8)
    axes.set(xlim=(0, COLUMNS), ylim=(rows * high, 0), aspect="equal", anchor="NW")


def _draw_votes(axes: Axes, votes: tuple[int, int, int], corner: tuple[float, float]) -> None:
    """Draw a small box for every vote, on a line as wide as a face."""
    colors = [FOR_LABEL] * votes[0] + [FOR_OTHER] * votes[1] + [FOR_ANSWER] * votes[2]
    for k, color in enumerate(colors):
        wide = 0.94 / len(colors)
        place = corner[0] + k * wide, corner[1]
        axes.add_patch(Rectangle(place, wide * 0.86, 0.08, color=color, lw=0))
