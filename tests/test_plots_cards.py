import pytest
from matplotlib.patches import Rectangle

from fer_utils import FerError, data, plots
from fer_utils.plots.grids import CARD, LEFT, NUMBERS

CARDS = data.catalog.CARDS


@pytest.mark.parametrize("name", CARDS)
def test_every_card_can_be_drawn_whole(name):
    figure = plots.cards([CARDS[name]])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    words = [text.get_text() for text in axes.texts]
    for line in (CARDS[name].title, CARDS[name].opened, *CARDS[name].layout.splitlines()):
        assert line in words
    inside = axes.get_window_extent()
    for text in axes.texts:
        place = text.get_window_extent()
        assert place.x1 <= inside.x1 and place.y0 >= inside.y0, text.get_text()
    divider = axes.transData.transform((NUMBERS - 0.12, 0))[0]
    tree = [text for text in axes.texts if text.get_position()[0] == LEFT]
    assert max(text.get_window_extent().x1 for text in tree) <= divider


def frame(figure):
    """The frame of a picture, without the cards' own."""
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    return [box for box in boxes if box.get_linewidth() == 1.2 and box.get_edgecolor()[3]]


def test_frames_of_pictures_have_one_scale():
    (small,), (large,) = (frame(plots.cards([CARDS[name]])) for name in ("ckplus", "kdef"))
    assert large.get_width() / small.get_width() == pytest.approx(562 / 48)
    assert large.get_height() / small.get_height() == pytest.approx(762 / 48)


def test_cards_lie_below_each_other_and_alt_text_has_their_numbers():
    figure = plots.cards([CARDS["jaffe"], CARDS["amfed"]])
    boxes = [p for p in figure.axes[0].patches if p.get_width() == CARD]
    assert boxes[0].get_y() + boxes[0].get_height() < boxes[1].get_y()
    assert boxes[1].get_y() + boxes[1].get_height() == pytest.approx(figure.get_figheight())
    for part in (CARDS["jaffe"].title, "213 faces", "10 people", "1,044 videos"):
        assert part in figure.alt


def test_no_cards_are_refused():
    with pytest.raises(FerError, match="a card or more"):
        plots.cards([])
