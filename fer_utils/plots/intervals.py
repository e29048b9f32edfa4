"""Scores of several things side by side: every face a dot, and how sure the mean is."""

from collections.abc import Mapping, Sequence

import numpy as np

from fer_utils.errors import FerError
from fer_utils.plots.picture import FAINT, INK, Picture, new, styled

DRAWS = 2000  # of the bootstrap
EACH = "#8fa9c9"


@styled
def intervals(
    rows: Mapping[str, Sequence[float]], label: str, blind: float | None = None
) -> Picture:
    """Draw a row for each name: the score of every face, their mean, and a 95 % interval of it.

    The interval is the bootstrap's: 2,000 times as many faces are drawn from these faces, with
    repeats, and averaged; 95 % of the means lie inside. Scores that are nan are left out.

    Args:
        rows: the scores of the faces, by name; drawn from top to bottom.
        label: of the axis: what is scored.
        blind: a score to compare with, drawn as a dashed line.

    Raises:
        FerError: no rows, or one without any score.
    """
    known = {name: np.asarray(values, float) for name, values in rows.items()}
    known = {name: values[np.isfinite(values)] for name, values in known.items()}
    empty = [name for name, values in known.items() if not len(values)]
    if empty or not known:
        raise FerError(f"no scores to draw{f' for {empty[0]!r}' if empty else ''}.")
    random = np.random.default_rng(0)
    figure = new(7.2, 0.7 + 0.29 * len(known))
    axes = figure.subplots()
    if blind is not None:
        axes.axvline(blind, color=INK, lw=1, ls=(0, (4, 3)), zorder=0)
    for row, values in enumerate(known.values()):
        shaken = row + random.uniform(-0.22, 0.22, len(values))
        axes.plot(values, shaken, "o", color=EACH, ms=3.5, mew=0, alpha=0.8)
        means = random.choice(values, (DRAWS, len(values))).mean(1)
        axes.plot(np.percentile(means, (2.5, 97.5)), (row, row), color=INK, lw=2)
        axes.plot(values.mean(), row, "D", color=INK, ms=6, mec="white", mew=0.8)
    axes.set_yticks(range(len(known)), list(known))
    axes.set(ylim=(len(known) - 0.4, -0.6), xlabel=label)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, alpha=0.25, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    said = ", ".join(f"{name} {values.mean():.2f}" for name, values in known.items())
    line = "" if blind is None else f"; a dashed line at {blind:.2f}"
    figure.alt = f"Dots: {label}, a row each, with the mean of the faces. {said}{line}."
    return figure
