"""Published numbers beside our runs: both are drawn where both are, and the rest is counted."""

import pytest

from fer_utils import plots
from fer_utils.errors import FerError


def row(key, published, ours=("", "", ""), low="", high="", status="reproduced", **others):
    known = {"runs": "4", "epochs": "100", "split": "test", "n": "3137"} if ours[0] else {}
    return {
        "key": key,
        "metric": "accuracy",
        "unit": "%",
        "published": published,
        "published_low": low,
        "published_high": high,
        **dict(zip(("ours", "ours_min", "ours_max"), ours, strict=True)),
        **dict.fromkeys(("runs", "epochs", "split", "n"), ""),
        "status": status,
        **known,
        **others,
    }


ROWS = (
    row("pandey2019:II:VGG13", "83.56", ("83.40", "82.90", "83.90"), "82.99", "84.08"),
    row("pandey2019:I:RTNN", "83.16", status="data not available here"),
    row("p:Fig. 1:happy", "0.61", ("0.5000", "0.5000", "0.5000"), unit="", runs="1", epochs="1"),
    row("pandey2019:I:STL", "84.08", status="data not available here"),
)


def marks(axes):
    """Return {label: x} of the two marks of a panel with one row, and the lines' ends."""
    drawn = axes.lines[:-1]  # the last is the rule below the row
    known = {
        line.get_label(): list(line.get_xdata()) for line in drawn if line.get_marker() != "None"
    }
    ends = [list(line.get_xdata()) for line in drawn if line.get_marker() == "None"]
    return known, ends


def test_every_table_has_a_panel_with_published_and_ours():
    figure = plots.claims(ROWS)
    first, second = figure.axes
    known, ends = marks(first)
    assert known["published"] == [83.56] and list(known.values())[1] == [83.4]
    assert ends == [[82.99, 84.08], [82.9, 83.9]]
    assert first.get_title("left") == "pandey2019, II, accuracy"
    assert marks(second)[0]["published"] == [61] and second.get_xlabel() == "per cent"
    assert [tick.get_text() for tick in second.get_yticklabels()] == ["happy"]


def test_what_the_comparison_is_worth_is_written_and_described():
    figure = plots.claims(ROWS)
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said[:2] == ["reproduced", "4 runs, 100 epochs, test n = 3,137"]
    assert said[3] == "1 run, 1 epoch, test n = 3,137"
    assert "VGG13: 83.56 published, 83.40 ours" in figure.alt
    assert "without a run: 2 data not available here" in figure.alt


def test_published_is_open_and_ours_is_filled():
    published, ours = (
        line for line in plots.claims(ROWS).axes[1].lines if line.get_marker() in ("D", "o")
    )
    assert published.get_markerfacecolor() == "white" != ours.get_markerfacecolor()


def test_nothing_to_draw_is_an_error():
    with pytest.raises(FerError, match="no published number has a run"):
        plots.claims(ROWS[1:2])
