"""Repeated runs as dots: what varies from seed to seed, before anybody compares means."""

from collections.abc import Mapping, Sequence

import numpy as np

from fer_utils.errors import FerError
from fer_utils.plots.picture import FAINT, INK, Picture, new, styled

DOT, BAND, RULE = "#20457c", "#ececec", "#dddddd"
SPREAD = 0.26  # of a row, to either side: how far the dots of its runs part


@styled
def dots(
    scores: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    band: tuple[float, float] | None = None,
    band_label: str = "",
    notes: Mapping[str, str] | None = None,
    notes_label: str = "",
) -> Picture:
    """Draw a row for every name: one dot per run, a bar at their mean, the mean as a number.

    Within a row the first run is the highest dot, so that seeds can be followed down the figure.

    Args:
        scores: names, in the order of the rows, to the scores of their runs.
        xlabel: what the scores are, with their unit.
        band: from where to where a grey band lies behind all rows.
        band_label: what the band means.
        notes: a short text for some of the names, written to the right of the mean.
        notes_label: what the notes are.

    Raises:
        FerError: no names, or a name without scores.
    """
    if not scores or not all(len(runs) for runs in scores.values()):
        raise FerError("dots() needs a name or more, and one score or more for each of them.")
    notes = notes or {}
    figure = new(9, 0.3 * len(scores) + 1.3)
    axes = figure.subplots()
    right = axes.get_yaxis_transform()
    for row, (name, runs) in enumerate(scores.items()):
        mean = float(np.mean(runs))
        axes.plot(runs, row + _offsets(len(runs)), "o", color=DOT, ms=4.5, alpha=0.85)
        axes.plot([mean, mean], [row - 0.4, row + 0.4], color=INK, lw=2)
        axes.text(1.02, row, f"{mean:.1f}", transform=right, va="center")
        axes.text(1.11, row, notes.get(name, ""), transform=right, va="center")
    axes.text(1.02, -0.9, "mean", transform=right, va="center", color=FAINT)
    axes.text(1.11, -0.9, notes_label, transform=right, va="center", color=FAINT)
    if band is not None:
        axes.axvspan(*band, color=BAND, lw=0, zorder=0, label=band_label)
        figure.legend(loc="outside lower center")
    axes.set(ylim=(len(scores) - 0.4, -0.6), xlabel=xlabel)
    axes.set_yticks(range(len(scores)), list(scores))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    means = "; ".join(f"{name} {np.mean(runs):.1f}" for name, runs in scores.items())
    figure.alt = f"A dot for every run, {xlabel}. Means: {means}."
    return figure


def _offsets(number: int) -> np.ndarray:
    return np.linspace(-SPREAD, SPREAD, number) if number > 1 else np.zeros(1)
