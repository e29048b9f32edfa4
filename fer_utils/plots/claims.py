"""Published numbers beside our own runs: an open mark, and a filled one below it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill

from matplotlib.axes import Axes

from fer_utils.errors import FerError
from fer_utils.plots.picture import FAINT, INK, PAPER, Picture, new, styled

OURS, RULE = "#20457c", "#dddddd"
WRAP = 40  # characters of a row's name on one line
LINE, APART = 0.17, 0.085  # inches: a line of text, and a mark from the middle of its row
MARGIN = 1.0  # points of per cent on both sides of a table's numbers


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
            tables.setdefault(_table(row), []).append(row)
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
    said = "; ".join(_words(row) for drawn in tables.values() for row in drawn)
    figure.alt = f"Published value and mean of our runs, in per cent. {said}. {_rest(rows)}."
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
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)


def _table(row: Mapping[str, str]) -> str:
    paper, table, _ = row["key"].split(":", 2)
    return f"{paper}, {table}, {row['metric']}"


def _name(row: Mapping[str, str]) -> str:
    return fill(row["key"].split(":", 2)[2], WRAP)


def _height(row: Mapping[str, str]) -> float:
    return LINE * max(2, 1 + _name(row).count("\n")) + 0.12


def _mark(axes: Axes, row: Mapping[str, str], which: str, height: float) -> None:
    """Draw a value with its least and best: open and grey-lined if published, filled if ours."""
    published = which == "published"
    names = ("published_low", "published_high") if published else ("ours_min", "ours_max")
    color = INK if published else OURS
    if all(row[name] for name in names):
        axes.plot([_percent(row, name) for name in names], [height, height], color=color, lw=1.6)
    axes.plot(
        _percent(row, which),
        height,
        "D" if published else "o",
        ms=6,
        color=color,
        mfc=PAPER if published else color,
        label="published" if published else "our runs, mean; line: least to best",
    )


def _percent(row: Mapping[str, str], column: str) -> float:
    return float(row[column]) * (1 if row["unit"] == "%" else 100)


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
