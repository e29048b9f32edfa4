import numpy as np
import pytest
from matplotlib.patches import Rectangle

from fer_utils import FerError, plots
from fer_utils.plots.grids import FULL

COUNTS = {
    "posed": {"angry": 10, "happy": 10, "sad": 0, "contempt": 20},
    "found": {"angry": 1, "happy": 96, "sad": 3},
}


def bars(figure):
    drawn = (patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle))
    return {(bar.get_x(), round(bar.get_y() + bar.get_height() / 2)): bar for bar in drawn}


def test_bars_are_shares_on_one_scale():
    drawn = bars(plots.balance(COUNTS))
    widths = {place: bar.get_width() for place, bar in drawn.items()}
    largest = widths[1, 1]  # happy of found
    assert largest == pytest.approx(FULL)
    shares = {(0, 0): 0.25, (1, 0): 0.25, (3, 0): 0.5, (0, 1): 0.01, (1, 1): 0.96, (2, 1): 0.03}
    assert widths == pytest.approx({k: v / 0.96 * FULL for k, v in shares.items()})


def test_an_even_share_is_of_the_classes_that_are_there():
    figure = plots.balance(COUNTS)
    ticks = {(int(line.get_xdata()[0]), round(np.mean(line.get_ydata()))): line.get_xdata()[0] % 1
             for line in figure.axes[0].lines}  # fmt: skip
    assert ticks[0, 0] == pytest.approx(FULL / 0.96 / 3)  # no face of posed is sad
    assert ticks[0, 1] == pytest.approx(FULL / 0.96 / 3)
    assert len(ticks) == 6


def test_counted_sets_are_dark_and_explained():
    drawn = bars(plots.balance(COUNTS, counted=["found"]))
    assert drawn[0, 0].get_facecolor() != drawn[0, 1].get_facecolor()
    keys = {"found": {"counted here", "as its card states"}, "": {"as its card states"}}
    for counted, words in keys.items():
        legend = plots.balance(COUNTS, counted=[counted]).legends[0]
        assert {text.get_text() for text in legend.get_texts()} == words | {"an even share"}
    both = plots.balance(COUNTS, counted=list(COUNTS)).legends[0].get_texts()
    assert "as its card states" not in {text.get_text() for text in both}


def test_numbers_names_and_columns():
    figure = plots.balance(COUNTS)
    words = [text.get_text() for text in figure.axes[0].texts]
    for word in ("angry", "contempt", "1.0 %", "96 %", "25 %", "none", "40", "100"):
        assert word in words
    assert "fear" not in words
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["posed", "found"]
    assert "found: angry 1.0 %, happy 96 %, sad 3.0 %" in figure.alt


@pytest.mark.parametrize(
    ("counts", "word"),
    [({}, "no faces"), ({"none": {"happy": 0}}, "'none'"), ({"odd": {"joyous": 3}}, "joyous")],
)
def test_what_cannot_be_compared_is_refused(counts, word):
    with pytest.raises(FerError, match=word):
        plots.balance(counts)
