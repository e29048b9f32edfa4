"""How well a network does: confusion matrix, course of a training, probabilities."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation
from fer_utils.plots.maps import percent
from fer_utils.plots.picture import FAINT, Picture, new, styled
from fer_utils.train import History

SEQUENTIAL = colormaps["Blues"]
DARK, LIGHT = "#20457c", "#8fa9c9"
TITLES = {
    None: "faces",
    "true": "% of the faces of each row",
    "pred": "% of the faces of each column",
}


@styled
def confusion(evaluation: Evaluation, normalize: str | None = "true") -> Picture:
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
    text = share if normalize is None else 100 * share
    seaborn.heatmap(
        share / top,
        ax=axes,
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1.15,
        cbar=False,
        annot=text,
        fmt=",d" if normalize is None else ".0f",
    )
    for label in axes.texts[:: len(names) + 1]:  # the diagonal
        label.set_weight("bold")
    labels = [f"{name} ({n:,})" for name, n in zip(names, count.sum(1), strict=True)]
    middles = np.arange(len(names)) + 0.5
    axes.set_xticks(middles, names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(middles, labels, rotation=0)
    axes.set(xlabel="predicted", ylabel="labelled (faces)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{TITLES[normalize]}; accuracy {evaluation.accuracy.value:.1%}", loc="left")
    figure.alt = _describe_confusion(names, count)
    return figure


def _describe_confusion(names: Sequence[str], count: np.ndarray) -> str:
    faces = count.sum(1)
    recall = np.where(faces > 0, count.diagonal() / np.maximum(faces, 1), -1)
    wrong = count - np.diag(count.diagonal())
    alt = (
        f"Confusion matrix of {len(names)} classes, rows labelled, columns predicted; most "
        f"often right: {names[int(recall.argmax())]}"
    )
    if not wrong.any():
        return f"{alt}; no mistakes."
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    return f"{alt}; most frequent mistake: {names[row]} taken for {names[column]}."


@styled
def history(history: History) -> Picture:
    """Draw loss and accuracy over the epochs, for training and validation.

    Raises:
        FerError: no epoch was finished.
    """
    best = history.best_epoch
    rows = history.epochs
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
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.annotate(
                "best",
                (best, 0.02),
                xycoords=("data", "axes fraction"),
                size=9,
                color=FAINT,
                xytext=(3, 0),
                textcoords="offset points",
            )
    figure.axes[0].legend()
    figure.alt = (
        f"Two line charts over {len(rows)} epochs: loss, and accuracy, each for training "
        "(dashed) and validation (solid); a dotted line marks the best epoch."
    )
    return figure


@styled
def bars(classes: Sequence[str], probabilities: Sequence[float], title: str = "") -> Picture:
    """Draw a net's answer: a bar for the probability of each class.

    Raises:
        FerError: another number of probabilities than of classes.
    """
    values = np.asarray(probabilities, float)
    if values.shape != (len(classes),):
        raise FerError(f"{len(classes)} classes, but probabilities of shape {values.shape}.")
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
    said = ", ".join(f"{classes[i]} {percent(values[i])}" for i in order)
    figure.alt = f"Bars: probability of each class. {said}."
    return figure
