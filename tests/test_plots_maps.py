import numpy as np
import pytest

from fer_utils import plots
from fer_utils.errors import FerError


def spot(y, x, value=1.0, size=(12, 12)):
    heat = np.zeros(size)
    heat[y, x] = value
    return heat


FACE = np.full((12, 12), 255, np.uint8)


def drawn(figure):
    """The pictures in the panels, without the colour bar."""
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_all_panels_share_the_scale_of_the_strongest_map():
    weak, strong = drawn(plots.heats([FACE], [spot(2, 2, 0.5), spot(2, 2, 1.0)], ["a", "b"]))
    alone, again = drawn(plots.heats([FACE], [spot(2, 2, 0.5), spot(2, 2, 0.5)], ["a", "b"]))
    assert np.allclose(alone[2, 2], strong[2, 2])  # each is the largest of its figure
    assert not np.allclose(weak[2, 2], alone[2, 2])


def test_zero_leaves_a_white_face_white_and_signs_differ():
    plus, minus = drawn(plots.heats([FACE], [spot(2, 2), spot(2, 2, -1.0)], ["+", "-"]))
    assert np.ptp(plus[8, 8]) < 0.02 and plus[8, 8].min() > 0.95
    assert plus[2, 2, 0] > plus[2, 2, 2] and minus[2, 2, 2] > minus[2, 2, 0]


def test_each_map_lies_over_its_own_face():
    dark = np.zeros((12, 12), np.uint8)
    over_white, over_black = drawn(plots.heats([FACE, dark], [spot(0, 0)] * 2, ["a", "b"]))
    assert over_white[8, 8].mean() > over_black[8, 8].mean() + 0.3


def test_the_description_names_every_map_and_its_highest_place():
    figure = plots.heats([FACE], [spot(1, 1), spot(10, 6)], ["mouth", "eye"], columns=1)
    assert figure.alt.startswith("2 maps")
    assert "mouth: highest at the upper left" in figure.alt
    assert "eye: highest in the lower centre" in figure.alt


def test_empty_panels_of_the_last_row_stay_blank():
    figure = plots.heats([FACE], [spot(0, 0)] * 3, list("abc"), columns=2)
    panels = figure.axes[:4]
    assert [bool(axes.images) for axes in panels] == [True, True, True, False]
    assert not any(axes.axison for axes in panels)


def test_maps_of_zeros_can_be_drawn():
    plots.png(plots.heats([FACE], [np.zeros((12, 12))], ["nothing"]))


@pytest.mark.parametrize(
    ("images", "maps", "titles"),
    [
        ([FACE], [], []),
        ([FACE], [spot(0, 0)], []),
        ([FACE, FACE], [spot(0, 0)] * 3, list("abc")),
        ([FACE], [spot(0, 0, size=(5, 5))], ["another size"]),
    ],
)
def test_what_does_not_fit_is_refused(images, maps, titles):
    with pytest.raises(FerError):
        plots.heats(images, maps, titles)
