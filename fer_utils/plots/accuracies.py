"""Accuracies side by side, each with its Wilson interval and the number of faces behind it."""

from collections.abc import Mapping

from matplotlib.transforms import ScaledTranslation

from fer_utils.errors import FerError
from fer_utils.evaluate import Accuracy
from fer_utils.plots.picture import FAINT, Picture, new, styled

VALUE, BAND, RULE = "#20457c", "#ececec", "#dddddd"


@styled
def accuracies(rows: Mapping[str, Accuracy], reference: str = "") -> Picture:
    """Draw a row for each name: the accuracy as a dot, its 95 % interval as a line, its faces.

    Args:
        rows: accuracies by name; drawn from top to bottom.
        reference: the name of a row whose interval lies as a grey band behind all.

    Raises:
        FerError: no rows, or no row of the reference's name.
    """
    if not rows:
        raise FerError("accuracies() needs one row or more.")
    if reference and reference not in rows:
        raise FerError(f"no row {reference!r}; the rows are: {', '.join(rows)}.")
    figure = new(9, 0.29 * len(rows) + 0.9)
    axes = figure.subplots()
    beside = [  # where the percentages begin, and the counts: so many inches right of the axes
        axes.get_yaxis_transform() + ScaledTranslation(inches, 0, figure.dpi_scale_trans)
        for inches in (0.15, 0.8)
    ]
    if reference:
        known = rows[reference]
        axes.axvspan(100 * known.low, 100 * known.high, color=BAND, lw=0, zorder=0)
    for row, one in enumerate(rows.values()):
        axes.plot([100 * one.low, 100 * one.high], [row, row], color=VALUE, lw=2)
        axes.plot(100 * one.value, row, "o", color=VALUE, ms=6, mec="white", mew=0.8)
        axes.text(1, row, f"{100 * one.value:.1f} %", transform=beside[0], va="center")
        counts = f"{one.correct:,} of {one.n:,}"
        axes.text(1, row, counts, transform=beside[1], va="center", color=FAINT)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel="accuracy, per cent, with 95 % interval")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    said = "; ".join(
        f"{name} {100 * one.value:.1f} ({100 * one.low:.1f} to {100 * one.high:.1f}, "
        f"{one.correct:,} of {one.n:,})"
        for name, one in rows.items()
    )
    band = f" A grey band is the interval of {reference}." if reference else ""
    figure.alt = f"Accuracies in per cent with 95 % intervals. {said}.{band}"
    return figure
