"""The occlusion explorer, driven by setting its controls."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fer_utils import plots, saliency, widgets
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError

CLASSES = ("angry", "happy")


class Bright(nn.Module):
    classes = CLASSES

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, pictures):
        mean = pictures[..., self.part, :].mean((1, 2, 3))
        return torch.stack([1 - mean, 3 * mean], 1)


class Broken(nn.Module):
    def forward(self, pictures):
        raise RuntimeError("<out of order>")


NETS = {"upper": Bright(slice(0, 8)), "lower": Bright(slice(8, 16)), "broken": Broken()}


def faces():
    images = np.random.default_rng(0).integers(60, 256, (5, 1, 16, 16), np.uint8)
    return FaceSet("toy", images, np.array([0, 1, 1, 0, 1]), CLASSES, np.array(["test"] * 5))


@pytest.fixture
def explorer():
    return widgets.occlusion_explorer(faces(), NETS)


def pixels(explorer):
    return np.asarray(Image.open(BytesIO(explorer.picture.value)).convert("L"))


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("model", "lower"),
        ("label", "happy"),
        ("face", 3),
        ("window", 5),
        ("stride", 5),
        ("fill", "noise"),
        ("target", "angry"),
    ],
)
def test_every_control_redraws(explorer, control, value):
    before = explorer.picture.value
    getattr(explorer, control).value = value
    assert explorer.picture.value != before
    assert pixels(explorer).std() > 5
    assert 'role="status"' in explorer.message.value
    assert "square" in explorer.message.value


def test_picture_is_that_of_the_state(explorer):
    explorer.window.value, explorer.fill.value, explorer.face.value = 6, "mean", 2
    state = explorer.state
    assert explorer.picture.value == widgets.occlusion_picture(state)
    omap = saliency.occlusion(NETS["upper"], faces().images[2], window=6, stride=2, fill="mean")
    assert explorer.picture.value == plots.png(plots.occlusion(faces().images[2], omap))
    assert plots.occlusion(faces().images[2], omap).alt in explorer.message.value


def test_one_movement_draws_once(explorer, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        widgets, "occlusion_figure", lambda state: drawn.append(state) or plots.Picture()
    )
    explorer.stride.value = 6
    explorer.window.value = 4  # moves the stride as well
    explorer.face.value = 4
    explorer.label.value = "angry"  # moves the face as well
    assert [state.stride for state in drawn] == [6, 4, 4, 4]


def test_stride_never_leaves_gaps(explorer):
    explorer.window.value, explorer.stride.value = 7, 7
    explorer.window.value = 3
    assert (explorer.stride.value, explorer.stride.max) == (3, 3)
    assert 'role="status"' in explorer.message.value


def test_class_filter_keeps_faces_of_that_class(explorer):
    explorer.label.value = "happy"
    assert explorer.face.max == 2
    for position, index in enumerate((1, 2, 4)):
        explorer.face.value = position
        np.testing.assert_array_equal(explorer.state.image, faces().images[index])
    explorer.label.value = "all"
    assert explorer.face.max == 4


def test_errors_are_shown_and_the_old_figure_is_not(explorer):
    explorer.model.value = "broken"
    assert 'role="alert"' in explorer.message.value
    assert "RuntimeError: &lt;out of order&gt;" in explorer.message.value
    assert explorer.picture.layout.display == "none"
    explorer.model.value = "lower"
    assert 'role="status"' in explorer.message.value
    assert explorer.picture.layout.display is None


def test_pretrained_models_are_read_when_chosen(monkeypatch):
    read = []
    monkeypatch.setattr(widgets, "pretrained_names", lambda: ["upper", "lower"])
    monkeypatch.setattr(widgets, "pretrained", lambda name: read.append(name) or NETS[name])
    explorer = widgets.occlusion_explorer(faces())
    assert read == ["upper"]
    explorer.model.value = "lower"
    explorer.model.value = "upper"
    assert read == ["upper", "lower"]


def test_controls_are_labelled(explorer):
    controls = ("model", "label", "face", "target", "window", "stride", "fill")
    assert all(getattr(explorer, name).description for name in controls)


def test_nothing_to_explore():
    with pytest.raises(FerError, match="no faces"):
        widgets.occlusion_explorer(faces().take([]), NETS)
    with pytest.raises(FerError, match="no models"):
        widgets.occlusion_explorer(faces(), {})
