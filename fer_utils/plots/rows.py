"""Charts with one row per thing: a line, dots or marks for each name, from top to bottom.

Also `read_table`, for the tables beside the figures of `figures/`.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from fer_utils._arguments import check_path, shown
from fer_utils.errors import FerError
from fer_utils.plots.picture import BAND, DARK, FAINT, INK, LIGHT, PAPER, RULE, Picture, new, styled

if TYPE_CHECKING:
    from fer_utils.evaluate import Accuracy

SPREAD = 0.26  # of a row, to either side: how far the dots of its runs part
DRAWS = 2000  # of the bootstrap

# of `claims`
WRAP = 40  # characters of a row's name on one line
LINE, APART = 0.17, 0.085  # inches: a line of text, and a mark from the middle of its row
MARGIN = 1.0  # points of per cent on both sides of a table's numbers
OURS = "our runs, mean; line: least to best"
MARKS: dict[str, dict[str, Any]] = {
    "published": {"marker": "D", "color": INK, "mfc": PAPER, "label": "published"},
    "ours": {"marker": "o", "color": DARK, "label": OURS},
}


def read_table(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a csv file, as text by column; lines that begin with # are left out.

    Raises:
        FerError: there is no such file, or it is no text.
    """
    path = check_path("path", path)
    if not path.is_file():
        raise FerError(f"there is no table {path}.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise FerError(f"{path} is no table: it holds other things than text.") from None
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@styled
def accuracies(rows: Mapping[str, "Accuracy"], reference: str = "") -> Picture:
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
    for row, accuracy in enumerate(rows.values()):
        axes.plot([100 * accuracy.low, 100 * accuracy.high], [row, row], color=DARK, lw=2)
        axes.plot(100 * accuracy.value, row, "o", color=DARK, ms=6, mec="white", mew=0.8)
        percentage, counts = f"{100 * accuracy.value:.1f} %", _counts(accuracy)
        axes.text(1, row, percentage, transform=beside[0], va="center")
        axes.text(1, row, counts, transform=beside[1], va="center", color=FAINT)
    _name_rows(axes, rows, axis="x", color=RULE, lw=0.6)
    axes.set(xlabel="accuracy, per cent, with 95 % interval")
    words = "; ".join(
        f"{name} {100 * accuracy.value:.1f} ({100 * accuracy.low:.1f} to "
        f"{100 * accuracy.high:.1f}, {_counts(accuracy)})"
        for name, accuracy in rows.items()
    )
    band = f" A grey band is the interval of {reference}." if reference else ""
    figure.alt = f"Accuracies in per cent with 95 % intervals. {words}.{band}"
    return figure


def _counts(accuracy: "Accuracy") -> str:
    return f"{accuracy.correct:,} of {accuracy.n:,}"


def _name_rows(axes: Axes, names: Mapping[str, object], **grid: Any) -> None:
    """Name the rows 0, 1, ... from top to bottom, behind them a faint grid."""
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    _bare(axes, **grid)


def _bare(axes: Axes, **grid: Any) -> None:
    axes.tick_params(axis="y", length=0)
    axes.grid(**grid)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)


def _beside(axes: Axes, text: str, row: float, **options: Any) -> None:
    """Write a note behind the mean of a row, however narrow the axes are."""
    right = axes.get_yaxis_transform()
    options |= {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(text, (1.02, row), xycoords=right, xytext=(50, 0), **options)


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
        offsets = np.linspace(-SPREAD, SPREAD, len(runs)) if len(runs) > 1 else np.zeros(1)
        axes.plot(runs, row + offsets, "o", color=DARK, ms=4.5, alpha=0.85)
        axes.plot([mean, mean], [row - 0.4, row + 0.4], color=INK, lw=2)
        axes.text(1.02, row, f"{mean:.1f}", transform=right, va="center")
        _beside(axes, notes.get(name, ""), row)
    axes.text(1.02, -0.9, "mean", transform=right, va="center", color=FAINT)
    _beside(axes, notes_label, -0.9, color=FAINT)
    if band is not None:
        if not isinstance(band, tuple | list) or len(band) != 2:
            raise FerError(f"band={shown(band)}: expected two numbers, from and to.")
        axes.axvspan(*band, color=BAND, lw=0, zorder=0, label=band_label)
        figure.legend(loc="outside lower center")
    _name_rows(axes, scores, axis="y", color=RULE, lw=0.6)
    axes.set(xlabel=xlabel)
    means = "; ".join(f"{name} {np.mean(runs):.1f}" for name, runs in scores.items())
    figure.alt = f"A dot for every run, {xlabel}. Means: {means}."
    return figure


@styled
def intervals(
    rows: Mapping[str, Sequence[float]], label: str, chance: float | None = None
) -> Picture:
    """Draw a row for each name: the score of every face, their mean, and a 95 % interval of it.

    The interval is the bootstrap's: 2,000 times as many faces are drawn from these faces, with
    repeats, and averaged; 95 % of the means lie inside. Scores that are nan are left out.

    Args:
        rows: the scores of the faces, by name; drawn from top to bottom.
        label: of the axis: what is scored.
        chance: a score to compare with, drawn as a dashed line.

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
    if chance is not None:
        axes.axvline(chance, color=INK, lw=1, ls=(0, (4, 3)), zorder=0)
    for row, values in enumerate(known.values()):
        shaken = row + random.uniform(-0.22, 0.22, len(values))
        axes.plot(values, shaken, "o", color=LIGHT, ms=3.5, mew=0, alpha=0.8)
        means = random.choice(values, (DRAWS, len(values))).mean(1)
        axes.plot(np.percentile(means, (2.5, 97.5)), (row, row), color=INK, lw=2)
        axes.plot(values.mean(), row, "D", color=INK, ms=6, mec="white", mew=0.8)
    _name_rows(axes, known, axis="x", color=FAINT, alpha=0.25, lw=0.8)
    axes.set(xlabel=label)
    words = ", ".join(f"{name} {values.mean():.2f}" for name, values in known.items())
    line = "" if chance is None else f"; a dashed line at {chance:.2f}"
    figure.alt = f"Dots: {label}, a row each, with the mean of the faces. {words}{line}."
    return figure


@styled
def claims(rows: Sequence[Mapping[str, str]]) -> Picture:
    """Draw a row for every published share that has runs of ours, a panel for every table.

    The published value is an open diamond, the mean of our runs a filled dot below it; lines go
    from the least to the best run, where there are several. To the right stands what the
    comparison is worth; below, how many published numbers have no run, and why. Every panel has
    its own scale.

    Args:
        rows: of claims.csv, as text by column.

    Raises:
        FerError: no row has runs.
    """
    tables: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        if row["ours"]:
            paper, table, _ = row["key"].split(":", 2)
            tables.setdefault(f"{paper}, {table}, {row['metric']}", []).append(row)
    if not tables:
        raise FerError("no published number has a run yet: there is nothing to draw.")
    heights = [0.75 + sum(map(_height, drawn)) for drawn in tables.values()]
    figure = new(10, 0.8 + sum(heights))
    panels = figure.subplots(len(tables), squeeze=False, height_ratios=heights)[:, 0]
    for axes, (name, drawn) in zip(panels, tables.items(), strict=True):
        _panel(axes, drawn)
        axes.set_title(name, loc="left", fontweight="bold")
    handles, labels = panels[0].get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    figure.legend(by_label.values(), by_label, ncols=2, loc="outside upper center")
    figure.supxlabel(_rest(rows), fontsize=9)
    words = "; ".join(_words(row) for drawn in tables.values() for row in drawn)
    figure.alt = f"Published value and mean of our runs, in per cent. {words}. {_rest(rows)}."
    return figure


def _panel(axes: Axes, rows: Sequence[Mapping[str, str]]) -> None:
    right = axes.get_yaxis_transform()
    top, middles = 0.0, []
    for row in rows:
        middle = top + _height(row) / 2
        _mark(axes, row, "published", middle - APART)
        _mark(axes, row, "ours", middle + APART)
        axes.text(1.02, middle - APART, row["status"], transform=right, va="center")
        axes.text(1.02, middle + APART, _how(row), transform=right, va="center", color=FAINT)
        top += _height(row)
        axes.axhline(top, color=RULE, lw=0.6)
        middles.append(middle)
    low, high = axes.get_xlim()
    axes.set(xlim=(low - MARGIN, high + MARGIN), ylim=(top, 0), xlabel="per cent")
    axes.set_yticks(middles, [_name(row) for row in rows])
    _bare(axes, axis="x", color=RULE, lw=0.6)


def _name(row: Mapping[str, str]) -> str:
    return fill(row["key"].split(":", 2)[2], WRAP)


def _height(row: Mapping[str, str]) -> float:
    return LINE * max(2, 1 + _name(row).count("\n")) + 0.12


def _mark(axes: Axes, row: Mapping[str, str], which: str, height: float) -> None:
    """Draw a value with its least and best: open and grey-lined if published, filled if ours."""
    names = (
        ("published_low", "published_high") if which == "published" else ("ours_min", "ours_max")
    )
    if all(row[name] for name in names):
        ends, color = [_percent(row, name) for name in names], MARKS[which]["color"]
        axes.plot(ends, [height, height], color=color, lw=1.6)
    axes.plot(_percent(row, which), height, ls="none", ms=6, **MARKS[which])


def _percent(row: Mapping[str, str], column: str) -> float:
    return float(row[column]) * (100 if row["unit"] == "" else 1)


def _how(row: Mapping[str, str]) -> str:
    runs, epochs = (_several(row[name], name[:-1]) for name in ("runs", "epochs"))
    return f"{runs}, {epochs}, {row['split']} n = {int(row['n']):,}"


def _several(number: str, thing: str) -> str:
    return f"{number} {thing}{'' if number == '1' else 's'}"


def _rest(rows: Sequence[Mapping[str, str]]) -> str:
    """Say how many published numbers have no run, by status."""
    counts = Counter(row["status"] for row in rows if not row["ours"])
    if not counts:
        return "every published number has a run"
    return "without a run: " + ", ".join(f"{n} {status}" for status, n in counts.most_common())


def _words(row: Mapping[str, str]) -> str:
    values = f"{_percent(row, 'published'):.2f} published, {_percent(row, 'ours'):.2f} ours"
    return f"{row['key']}: {values} ({_how(row)}), {row['status']}"
