import numpy as np
import pytest

from fer_utils import FerError, plots

SCORES = {"plain": [90.0, 92.0, 94.0], "edges": [91.0], "wide": [95.0, 96.0]}


def rows_of(figure):
    """The lines that are rows of dots, and those that are bars, from top to bottom."""
    drawn = figure.axes[0].lines
    dotted = [line for line in drawn if line.get_marker() == "o"]
    return dotted, [line for line in drawn if line not in dotted]


def test_every_run_is_a_dot_and_every_row_has_its_mean():
    figure = plots.dots(SCORES, xlabel="accuracy, %")
    rows, bars = rows_of(figure)
    assert [list(row.get_xdata()) for row in rows] == [[90, 92, 94], [91], [95, 96]]
    assert [bar.get_xdata()[0] for bar in bars] == [92, 91, 95.5]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["plain", "edges", "wide"]


def test_first_run_is_the_highest_dot_and_rows_do_not_touch():
    figure = plots.dots(SCORES, xlabel="accuracy, %")
    heights = [row.get_ydata() for row in rows_of(figure)[0]]
    assert figure.axes[0].yaxis_inverted()
    assert list(heights[0]) == sorted(heights[0])
    assert heights[0].max() < heights[1].min() < heights[1].max() + 0.4 < heights[2].min()


def test_band_lies_behind_every_row_and_is_explained():
    figure = plots.dots(SCORES, xlabel="%", band=(89, 95), band_label="luck")
    (band,) = figure.axes[0].patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (89, 95)
    assert band.get_zorder() < min(line.get_zorder() for line in figure.axes[0].lines)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["luck"]
    assert not plots.dots(SCORES, xlabel="%").legends


def test_means_and_notes_stand_beside_their_names():
    notes = {"wide": "113,811"}
    figure = plots.dots(SCORES, xlabel="%", notes=notes, notes_label="parameters")
    # An annotation's own position is its offset in points: .xy is the row it stands at.
    rows = {
        text.get_text(): getattr(text, "xy", text.get_position())[1]
        for text in figure.axes[0].texts
    }
    assert rows["113,811"] == rows["95.5"] == 2
    assert rows["92.0"] == 0 > rows["parameters"]


def test_alt_text_has_every_mean():
    alt = plots.dots(SCORES, xlabel="accuracy, %").alt
    for part in ("accuracy, %", "plain 92.0", "edges 91.0", "wide 95.5"):
        assert part in alt


@pytest.mark.parametrize("scores", [{}, {"plain": []}, {"plain": [1.0], "edges": np.array([])}])
def test_nothing_to_draw_is_refused(scores):
    with pytest.raises(FerError, match="score"):
        plots.dots(scores, xlabel="%")
