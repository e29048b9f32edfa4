import pytest

from fer_utils import FerError, plots
from fer_utils.evaluate import Accuracy

ROWS = {"few faces": Accuracy(65, 70), "many faces": Accuracy(6500, 7000)}


def test_every_row_has_its_dot_its_interval_and_its_count():
    axes = plots.accuracies(ROWS).axes[0]
    lines = [line for line in axes.lines if line.get_marker() != "o"]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    for one, line, dot in zip(ROWS.values(), lines, dots, strict=True):
        assert line.get_xdata() == pytest.approx([100 * one.low, 100 * one.high])
        assert dot.get_xdata() == pytest.approx([100 * one.value])
    assert [line.get_ydata()[0] for line in lines] == [0, 1] and axes.yaxis_inverted()
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ROWS)
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert (heights["65 of 70"], heights["6,500 of 7,000"]) == (0, 1)


def test_percentages_and_counts_do_not_touch_beside_long_names():
    figure = plots.accuracies({"a name that takes " + "much " * 6 + "room": Accuracy(2502, 3573)})
    figure.draw_without_rendering()
    percentage, count = (text.get_window_extent() for text in figure.axes[0].texts)
    assert percentage.x1 + 5 < count.x0 and count.x1 <= figure.bbox.x1


def test_the_reference_lies_as_a_band_behind_all():
    axes = plots.accuracies(ROWS, reference="few faces").axes[0]
    (band,) = axes.patches
    found = (band.get_x(), band.get_x() + band.get_width())
    assert found == pytest.approx((100 * ROWS["few faces"].low, 100 * ROWS["few faces"].high))
    assert band.get_zorder() < min(line.get_zorder() for line in axes.lines)
    assert not plots.accuracies(ROWS).axes[0].patches


def test_alt_text_has_values_intervals_and_counts():
    alt = plots.accuracies(ROWS, reference="many faces").alt
    few = ROWS["few faces"]
    for part in ("92.9", f"{100 * few.low:.1f} to {100 * few.high:.1f}", "6,500 of 7,000"):
        assert part in alt
    assert alt.endswith("the interval of many faces.")
    assert "band" not in plots.accuracies(ROWS).alt


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(FerError, match="one row or more"):
        plots.accuracies({})
    with pytest.raises(FerError, match="no row 'some faces'"):
        plots.accuracies(ROWS, reference="some faces")
