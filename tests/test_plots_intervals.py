"""Dots: every score is drawn, with the mean and an interval that is sure where it can be."""

import numpy as np
import pytest

from fer_utils import plots
from fer_utils.errors import FerError


def lines(figure):
    """Return (faces, interval, mean) of each row, as x values, from top to bottom."""
    drawn = [line.get_xdata() for line in figure.axes[0].lines]
    return [drawn[i : i + 3] for i in range(0, len(drawn), 3)]


def test_every_face_the_mean_and_its_interval_are_drawn():
    figure = plots.intervals({"one": [0.2, 0.4, 0.6], "same": [0.5, 0.5, 0.5]}, "share")
    (faces, interval, mean), (_, certain, _) = lines(figure)
    assert list(faces) == [0.2, 0.4, 0.6]
    assert mean[0] == pytest.approx(0.4)
    assert interval[0] == pytest.approx(0.2) and interval[1] == pytest.approx(0.6)
    assert list(certain) == [0.5, 0.5]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["one", "same"] and figure.axes[0].get_xlabel() == "share"


def test_the_interval_narrows_with_more_faces():
    random = np.random.default_rng(0)
    few, many = (random.normal(0, 1, n) for n in (10, 1000))
    rows = lines(plots.intervals({"few": few, "many": many}, "score"))
    widths = [np.ptp(interval) for _, interval, _ in rows]
    assert widths[1] == pytest.approx(2 * 1.96 / 1000**0.5, rel=0.1)
    assert widths[0] > 5 * widths[1]


def test_the_score_by_chance_is_a_line_and_is_described():
    figure = plots.intervals({"one": [0.25, 0.75]}, "share", chance=0.1)
    assert list(figure.axes[0].lines[0].get_xdata()) == [0.1, 0.1]
    assert "one 0.50" in figure.alt and "dashed line at 0.10" in figure.alt


def test_scores_that_are_nan_are_left_out():
    ((faces, _, mean),) = lines(plots.intervals({"one": [0.25, np.nan, 0.75]}, "share"))
    assert list(faces) == [0.25, 0.75] and mean[0] == 0.5


@pytest.mark.parametrize("rows", [{}, {"one": []}, {"one": [0.1], "two": [np.nan]}])
def test_nothing_to_draw_is_an_error(rows):
    with pytest.raises(FerError, match="no scores to draw"):
        plots.intervals(rows, "share")
