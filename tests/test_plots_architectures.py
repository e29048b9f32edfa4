import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.patches import Rectangle

from fer_utils import FerError, models, plots
from fer_utils.plots.architectures import boxes


def meta(name, **options):
    with torch.device("meta"):
        return models.create(name, **options)


def drawn(figure, row=0):
    return [patch for patch in figure.axes[row].patches if isinstance(patch, Rectangle)]


def test_a_box_for_every_layer_with_weights_in_the_order_of_computation():
    found = boxes(meta("mini_xception"))
    assert len(found) == 2 + 4 * 5 + 1
    module = [box for box in found if box.group == "blocks.1"]
    assert [box.kind for box in module] == ["depthwise", "1x1", "depthwise", "1x1", "1x1"]
    assert [box.shape for box in module][:2] == [(16, 22, 22), (32, 22, 22)]
    assert [box.shortcut for box in module] == [False] * 4 + [True]
    assert (found[0].group, found[0].kind, found[-1].group) == ("stem", "convolution", "head")


def test_the_transformer_comes_first_and_its_last_layer_gives_six_numbers():
    found = boxes(meta("deep_emotion"))
    assert [box.group for box in found] == ["transformer"] * 4 + ["features"] * 4 + ["head"] * 2
    assert (found[3].kind, found[3].shape, found[3].side) == ("fully connected", (6,), 1)


def test_a_large_net_is_summed_up_block_by_block():
    found = boxes(meta("inception_resnet_v2"))
    groups = [box.group for box in found]
    assert [groups.count(name) for name in ("blocks35", "blocks17", "blocks8")] == [10, 20, 10]
    shapes = {box.group: box.shape for box in found}
    assert shapes["mixed_5b"] == (320, 25, 25)  # all branches together
    assert shapes["blocks8"] == (2080, 5, 5)


def test_boxes_are_as_high_as_maps_and_as_wide_as_the_root_of_their_channels():
    figure = plots.architectures([meta("vgg13"), meta("light_vgg")])
    assert len(figure.axes) == 2
    first, third = drawn(figure)[0], drawn(figure)[2]  # 64 channels at 64, 128 at 32
    assert first.get_height() == pytest.approx(1)
    assert third.get_height() == pytest.approx(0.5)
    assert third.get_width() / first.get_width() == pytest.approx(2**0.5)


def test_the_description_holds_counts_and_shapes():
    figure = plots.architectures(meta("deep_emotion"))
    assert "66,877 parameters" in figure.alt
    assert "features 10 at 18, head 7 at 1" in figure.alt


@pytest.mark.parametrize("name", models.names())
def test_every_architecture_fits_its_row(name):
    figure = plots.architectures(meta(name))
    figure.draw_without_rendering()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert width <= 10
    assert box.x0 > -0.02 and box.x1 < width + 0.02
    assert box.y0 > -0.02 and box.y1 < height + 0.02
    assert plt.get_fignums() == []


def test_parallel_streams_are_not_one_row():
    with pytest.raises(FerError, match="parallel"):
        plots.architectures(meta("vgg13", inputs="gray+sobel", fusion="parallel"))


def test_titles_must_match():
    with pytest.raises(FerError, match="2 titles"):
        plots.architectures(meta("deep_emotion"), ["a", "b"])
