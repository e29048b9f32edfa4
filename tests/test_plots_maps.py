"""Maps over faces: one overlay for all of them, and several on one scale."""

import numpy as np
import pytest

from fer_utils import plots, saliency
from fer_utils.detect import Box
from fer_utils.errors import FerError
from fer_utils.plots.maps import DARKEST, SIGNED, UNSIGNED, color_scale, overlay, placed, veil
from fer_utils.widgets.views import colored


def spot(y, x, value=1.0, size=(12, 12)):
    heat = np.zeros(size)
    heat[y, x] = value
    return heat


FACE = np.full((12, 12), 255, np.uint8)


def drawn(figure):
    """The pictures in the panels, without the colour bar."""
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_where_a_map_is_zero_the_pale_gray_face_is_seen():
    face = np.array([[0, 51], [255, 102]], np.uint8)
    for signed in (True, False):
        drawn = overlay(face, np.zeros((2, 2)), signed)
        assert drawn.shape == (2, 2, 3) and np.ptp(drawn, -1).max() < 0.02  # no colour
        expected = DARKEST + (1 - DARKEST) * face / 255
        np.testing.assert_allclose(drawn.mean(-1), expected, atol=0.035)  # both maps begin near 1


@pytest.mark.parametrize(("signed", "colors"), [(True, SIGNED), (False, UNSIGNED)])
def test_the_largest_value_has_the_full_color(signed, colors):
    heat = spot(2, 3, 0.7)
    np.testing.assert_allclose(overlay(FACE, heat, signed)[2, 3], colors(1.0)[:3])
    dark = overlay(np.zeros((12, 12), np.uint8), heat, signed)
    np.testing.assert_allclose(dark[2, 3], DARKEST * np.array(colors(1.0)[:3]))
    shared = overlay(FACE, heat, signed, color_scale(heat, 2 * heat, signed=signed))
    assert shared[2, 3].min() > overlay(FACE, heat, signed)[2, 3].min()  # paler on a larger scale


def test_signs_differ_in_color_and_not_in_strength():
    heat = spot(1, 1) - spot(9, 9)
    drawn = overlay(FACE, heat)
    red, blue = drawn[1, 1], drawn[9, 9]
    assert red[0] > 2 * red[2] and blue[2] > 2 * blue[0]
    np.testing.assert_allclose(blue, SIGNED(0.0)[:3])


def test_a_map_lies_only_over_a_face_of_its_size():
    with pytest.raises(FerError, match=r"a map of \(5, 12\) does not fit a face of \(12, 12\)"):
        overlay(FACE, np.zeros((5, 12)))


def test_every_map_over_a_face_is_the_overlay():
    face = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    heat = spot(2, 2) - 0.4 * spot(8, 8)
    unsigned = np.abs(heat).astype(np.float32)
    found = saliency.Attribution(unsigned, False, "gradient", 0, ("a", "b"), np.array([0.6, 0.4]))
    for drawn, expected in (
        (plots.saliency(face, heat).axes[1], overlay(face, heat)),
        (plots.heats([face], [heat], ["a"]).axes[0], overlay(face, heat)),
        (plots.attribution(face, found).axes[1], overlay(face, unsigned, signed=False)),
        (plots.attributions(face, [found]).axes[1], overlay(face, unsigned, signed=False)),
    ):
        np.testing.assert_array_equal(drawn.images[0].get_array(), expected)
    in_page = colored(face, heat, True)[0]
    np.testing.assert_array_equal(in_page, (255 * overlay(face, heat)).round())
    there = veil(heat)  # over film, which is not paled
    np.testing.assert_array_equal(there[..., :3], overlay(FACE, heat))
    assert there[2, 2, 3] > there[8, 8, 3] > there[0, 0, 3] == 0


def test_maps_of_a_photograph_lie_in_their_squares_on_one_scale():
    photo = np.random.default_rng(0).integers(0, 256, (1, 40, 60), np.uint8)
    strong, weak = np.full((12, 12), 0.8), np.full((12, 12), -0.2)
    maps = [(strong, (2, 4, 20)), (weak, (30, 10, 24))]
    boxes, shares = [Box(2, 4, 20, 20), Box(30, 10, 24, 24)], np.array([[0.9, 0.1]] * 2)
    figure = plots.photographs([photo], [boxes], [shares], ("a", "b"), maps=[maps])
    shown = np.asarray(figure.axes[0].images[0].get_array())
    expected = np.zeros((40, 60), np.float32)
    expected[4:24, 2:22], expected[10:34, 30:54] = 0.8, -0.2
    np.testing.assert_allclose(shown, overlay(photo, expected), atol=1e-6)
    assert any("drop in probability" in axes.get_xlabel() for axes in figure.axes)
    overlapping = placed([(weak, (0, 0, 12)), (strong, (6, 0, 12))], (12, 18))
    np.testing.assert_allclose(overlapping[0], [-0.2] * 6 + [0.8] * 12, atol=1e-6)
    with pytest.raises(FerError, match=r"a square at \(30, 20\) of 24 leaves a picture"):
        plots.photographs([photo], [boxes], [shares], ("a", "b"), maps=[[(strong, (30, 20, 24))]])


def test_the_scale_says_in_what_a_map_is_measured():
    def words(figure):
        return [axes.get_ylabel() for axes in figure.axes]

    heat = np.abs(spot(2, 2)).astype(np.float32)
    found = saliency.Attribution(heat, False, "gradient", 0, ("a", "b"), np.array([0.6, 0.4]))
    unit = saliency.METHODS["gradient"].unit
    assert unit in words(plots.saliency(FACE, found))
    assert unit in words(plots.attributions(FACE, [found, found], shared=True))
    assert "drop in probability" in words(plots.heats([FACE], [heat], ["a"]))
    assert not any(words(plots.saliency(FACE, heat)))  # of an array nobody knows


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
