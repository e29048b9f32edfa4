import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, Rectangle

from fer_utils import FerError, plots


def parts(figure, kind):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, kind)]


def corners(arrow):
    return np.asarray(arrow._path_original.vertices).tolist()


def test_a_box_for_every_text_and_arrows_that_join_them():
    figure = plots.blocks(["in"], [["a", "b"], ["c"]], "add", ["out"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(texts) == ["a", "add", "b", "c", "in", "out"]
    assert len(parts(figure, Rectangle)) == 6
    # in-a, a-b, b-add, in-c, c-add, add-out
    assert len(parts(figure, FancyArrowPatch)) == 6


def test_an_empty_path_is_one_arrow_around():
    figure = plots.blocks(["in"], [["a"], []], "warp", ["out"])
    arrows = [corners(arrow) for arrow in parts(figure, FancyArrowPatch)]
    around = [points for points in arrows if len(points) == 4]
    assert len(around) == 1
    assert [point[0] for point in around[0]] == [0, 0, 2, 2]


def test_the_middle_of_three_paths_is_straight():
    figure = plots.blocks(["in"], [["a"], ["b"], ["c"]], "add", [])
    arrows = [corners(arrow) for arrow in parts(figure, FancyArrowPatch)]
    assert sum(len(points) == 2 for points in arrows) == 2


def test_alt_text_names_every_box_on_one_line():
    figure = plots.blocks(["in"], [["a\n3x3"], []], "warp", ["out"])
    assert figure.alt == (
        "Boxes and arrows from left to right: in; parallel paths: a 3x3; nothing; joined by warp,"
        " out."
    )


@pytest.mark.parametrize(("before", "paths"), [([], [["a"]]), (["in"], [[], []])])
def test_nothing_to_draw(before, paths):
    with pytest.raises(FerError, match="needs a box"):
        plots.blocks(before, paths, "add", ["out"])
