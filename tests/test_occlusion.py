"""Occlusion saliency: hand-made cases with known answers, and captum as the yardstick."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from torch import nn

from fer_utils import models, saliency
from fer_utils.errors import FerError
from fer_utils.saliency._engines import batched, fold, kept
from fer_utils.saliency.windows import OcclusionProblem, Windows, highest


class Corner(nn.Module):
    """Two logits: ten times the brightness of the top left quarter, and 1."""

    def forward(self, pictures):
        height, width = pictures.shape[-2:]
        corner = pictures[..., : height // 2, : width // 2].mean((1, 2, 3))
        return torch.stack([10 * corner, torch.ones_like(corner)], 1)


class Small(nn.Module):
    """A convolution, a batch norm and a head, with nothing left at its first value."""

    def __init__(self, channels=1, outputs=5, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(channels, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, outputs)
        nn.init.normal_(self.norm.weight)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)
        nn.init.normal_(self.norm.running_mean)
        self.eval()

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        ramp = torch.linspace(0.5, 1.5, y.shape[-1])
        return self.head((y * ramp).mean((2, 3)))


def white(height=12, width=12):
    return np.full((height, width), 255, np.uint8)


# The windows


def test_positions_of_a_window_that_is_cut_off():
    windows = Windows((10, 7), (4, 3), (3, 3))
    assert windows.counts == (3, 3)
    assert windows.starts(0) == [0, 3, 6]
    assert windows.starts(1) == [0, 3, 6]
    assert windows.box(2, 2) == ((6, 10), (6, 7))
    masks = windows.masks(torch.arange(len(windows)))
    assert masks.shape == (9, 10, 7)
    assert masks.sum((1, 2)).tolist() == [12, 12, 4] * 3
    assert masks[8].nonzero().tolist() == [[6, 6], [7, 6], [8, 6], [9, 6]]


def test_every_pixel_gets_the_mean_of_its_windows():
    windows = Windows((1, 4), (1, 2), (1, 1))
    values = torch.tensor([[1.0, 2.0, 6.0]])
    assert windows.spread(values).tolist() == [[1.0, 1.5, 4.0, 6.0]]


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [
        (13, 2, "does not fit"),
        (0, 1, "1 pixel or more"),
        (4, 0, "1 pixel or more"),
        (4, 5, "gaps"),
        (2.5, 1, "whole number"),
        ((4, 4, 4), 1, "rows, columns"),
    ],
)
def test_windows_that_make_no_sense_are_refused(window, stride, message):
    with pytest.raises(FerError, match=message):
        saliency.occlusion(Corner(), white(), window=window, stride=stride)


# The map


def test_only_the_corner_matters():
    found = saliency.occlusion(Corner(), white(), window=6, stride=6)
    sure, unsure = 1 / (1 + np.exp(-9)), 1 / (1 + np.exp(1))
    np.testing.assert_allclose(found.clean, [sure, 1 - sure], rtol=1e-5)
    np.testing.assert_allclose(found.drop(), [[sure - unsure, 0], [0, 0]], atol=1e-6)
    assert found.flips().tolist() == [[True, False], [False, False]]
    assert found.peak() == (0, 0)
    assert found.box(1, 1) == (6, 6, 12, 12)
    heat = found.heat()
    np.testing.assert_allclose(heat[:6, :6], sure - unsure, rtol=1e-5)
    assert np.abs(heat[6:]).max() < 1e-6
    assert np.abs(heat[:, 6:]).max() < 1e-6


def test_drop_of_another_class_has_the_other_sign():
    found = saliency.occlusion(Corner(), white(), window=6, stride=6)
    np.testing.assert_allclose(found.drop(1), -found.drop(0), atol=1e-6)
    np.testing.assert_array_equal(found.drop("1"), found.drop(1))


def test_picture_that_is_not_square():
    found = saliency.occlusion(Corner(), white(9, 20), window=(3, 5), stride=(2, 4))
    assert found.probabilities.shape == (4, 5, 2)
    assert found.size == (9, 20)
    assert found.heat().shape == (9, 20)


def test_map_is_read_only():
    found = saliency.occlusion(Corner(), white(), window=6, stride=6)
    with pytest.raises(ValueError, match="read-only"):
        found.probabilities[0] = 0


def test_same_map_from_every_form_of_a_picture():
    image = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    net = Small()
    expected = saliency.occlusion(net, image, window=4).probabilities
    color = np.broadcast_to(image[..., None], (16, 16, 3))
    forms = [image[None], image[None, None], image / 255, torch.tensor(image)]
    for form in forms:
        found = saliency.occlusion(net, form, window=4).probabilities
        np.testing.assert_allclose(found, expected, atol=1e-6)
    net = Small(channels=3)
    first, last = (saliency.occlusion(net, form) for form in (color, color.transpose(2, 0, 1)))
    np.testing.assert_array_equal(first.probabilities, last.probabilities)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((2, 1, 8, 8), np.uint8), "not one picture"),
        (np.zeros((0, 8), np.uint8), "not one picture"),
        (np.zeros((8, 8), np.int64), "int64"),
        (np.full((8, 8), 255.0), r"0, 1.*255"),
        (np.full((8, 8), np.nan), "nan"),
    ],
)
def test_what_is_no_picture_is_refused(image, message):
    with pytest.raises(FerError, match=message):
        saliency.occlusion(Corner(), image, window=4)


def test_a_net_without_classes_is_refused():
    with pytest.raises(FerError, match="one row for each"):
        saliency.occlusion(nn.Flatten(0), white())
    with pytest.raises(FerError, match="one score per class"):
        saliency.occlusion(nn.Identity(), white())
    broken = Small()
    nn.init.constant_(broken.head.bias, torch.nan)
    with pytest.raises(FerError, match="finite"):
        saliency.occlusion(broken, white(), window=4)


def test_unknown_target_is_refused():
    found = saliency.occlusion(models.create("mini_xception", seed=0), white(48, 48), stride=8)
    assert found.drop("happy").shape == found.drop(3).shape
    for target in ("smirk", 7, -1):
        with pytest.raises(FerError, match="angry, disgust"):
            found.drop(target)


# The fills


def test_fills():
    picture = torch.rand(1, 3, 8, 8)
    assert saliency.baseline(picture, "black").abs().max() == 0
    assert torch.equal(saliency.baseline(picture, 0.25), torch.full_like(picture, 0.25))
    mean = saliency.baseline(picture, "mean")
    torch.testing.assert_close(mean[0, :, 3, 5], picture.mean((0, 2, 3)))
    noise = [saliency.baseline(picture, "noise", seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], noise[2])
    assert 0 <= noise[0].min() <= noise[0].max() <= 1


def test_blur_keeps_what_is_flat_and_flattens_what_is_not():
    flat = torch.full((1, 1, 20, 20), 0.7)
    torch.testing.assert_close(saliency.baseline(flat, "blur"), flat)
    noise = torch.rand(1, 1, 40, 40)
    assert saliency.baseline(noise, "blur").std() < noise.std() / 5


def test_blur_is_scipys_gaussian():
    ndimage = pytest.importorskip("scipy.ndimage")
    picture = torch.rand(1, 1, 24, 30, dtype=torch.float64)
    found = saliency.baseline(picture, "blur", window=(4, 6))[0, 0].numpy()
    expected = ndimage.gaussian_filter(picture[0, 0].numpy(), 3, mode="nearest", radius=9)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("fill", ["grey", 2, -0.5, True, float("nan")])
def test_unknown_fills_are_refused(fill):
    with pytest.raises(FerError, match="fill="):
        saliency.occlusion(Corner(), white(), fill=fill)


# The engine


def test_progress_counts_every_window_and_can_cancel():
    calls = []
    saliency.occlusion(
        Small(), white(), window=4, chunk=10, progress=lambda *seen: calls.append(seen)
    )
    assert calls == [(0, 25), (10, 25), (20, 25), (25, 25)]
    with pytest.raises(saliency.Cancelled, match="10 of 25"):
        saliency.occlusion(
            Small(), white(), window=4, chunk=10, progress=lambda done, total: done < 10
        )


def test_chunk_does_not_change_the_map():
    maps = [saliency.occlusion(Small(), white(), window=4, chunk=c) for c in (1, 7, 1000)]
    for other in maps[1:]:
        np.testing.assert_allclose(other.probabilities, maps[0].probabilities, atol=1e-6)


def test_net_is_left_as_it_was():
    net = models.create("mini_xception", seed=0).train()
    net.trunk.head.eval()
    net(torch.rand(2, 1, 48, 48)).sum().backward()
    before, gradients = copy.deepcopy(net), [p.grad.clone() for p in net.parameters()]
    saliency.occlusion(net, white(48, 48), stride=8)
    assert [m.training for m in net.modules()] == [m.training for m in before.modules()]
    for new, old, gradient in zip(net.parameters(), before.parameters(), gradients, strict=True):
        assert torch.equal(new, old)
        assert torch.equal(new.grad, gradient)
        assert new.requires_grad
        assert new.stride() == old.stride()
    for new, old in zip(net.buffers(), before.buffers(), strict=True):
        assert torch.equal(new, old)


def test_copy_has_no_batch_norm_left_and_is_kept():
    for name in ("mini_xception", "deep_emotion", "bottleneck_065m"):
        net = models.create(name, seed=0)
        sample = torch.rand(1, 1, 48, 48)
        with fold.fast_copy(net, sample) as first, fold.fast_copy(net, sample) as second:
            assert first is second
            assert not any(isinstance(m, nn.BatchNorm2d) for m in first.modules())


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.head.weight.data.mul_(3),
        lambda net: net.norm.running_mean.numpy().fill(1),
        lambda net: setattr(net, "head", nn.Linear(6, 5)),
        lambda net: net.conv.weight.data.copy_(net.conv.weight.data.flip(-1)),
    ],
)
def test_changed_net_gets_a_new_copy(change):
    net, image = Small(), np.random.default_rng(0).random((16, 16))
    before = saliency.occlusion(net, image, window=4)
    change(net)
    after = saliency.occlusion(net, image, window=4)
    assert not np.allclose(after.clean, before.clean, atol=1e-4)
    expected = net(torch.tensor(image[None, None]).float()).softmax(1)[0].detach().numpy()
    np.testing.assert_allclose(after.clean, expected, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda weight: weight[[1, 0, *range(2, 300)]],
        lambda weight: weight.flip(1),
        lambda weight: torch.where(torch.arange(999) == 998, weight.nextafter(weight + 1), weight),
    ],
)
@pytest.mark.parametrize("far", [False, True])  # as if it were in a GPU's memory
def test_fingerprint_of_a_large_layer_sees_small_changes(change, far, monkeypatch):
    monkeypatch.setattr(kept, "_is_far", lambda tensor: far)
    net = nn.Linear(999, 300)
    before = kept.fingerprint(net)
    assert kept.fingerprint(net) == before
    net.weight.data.copy_(change(net.weight.data))
    assert kept.fingerprint(net) != before


class Shared(Small):
    """One convolution before two batch norms: it cannot be folded into both."""

    def __init__(self):
        super().__init__()
        self.other = copy.deepcopy(self.norm)
        nn.init.normal_(self.other.bias)

    def forward(self, x):
        y = self.norm(self.conv(x)) + self.other(self.conv(x))
        return self.head(y.relu().mean((2, 3)))


class Branching(Small):
    """Cannot be traced: what it does depends on the data."""

    def forward(self, x):
        return super().forward(x if x.max() > 5 else 1 - x)


class Remembering(Small):
    """Cannot be copied: it keeps a tensor with a gradient history."""

    def forward(self, x):
        self.kept = self.conv(x)
        return super().forward(x)


class Writing(Small):
    """Writes into the pictures it is given."""

    def forward(self, x):
        return super().forward(x.sub_(0.5).div_(0.25))


@pytest.mark.parametrize("kind", [Shared, Branching, Remembering, Writing])
def test_nets_that_cannot_be_folded(kind):
    net = kind().train()
    net.norm.eval()
    image = torch.rand(1, 1, 14, 14) * 0.9
    net(image.clone())
    found = saliency.occlusion(net, image, window=4, stride=4)
    assert net.training
    assert not net.norm.training
    net.eval()
    for row in range(found.probabilities.shape[0]):
        for column in range(found.probabilities.shape[1]):
            covered = image.clone()
            top, left, bottom, right = found.box(row, column)
            covered[..., top:bottom, left:right] = 0
            expected = net(covered).softmax(1)[0].detach().numpy()
            np.testing.assert_allclose(found.probabilities[row, column], expected, atol=1e-5)


def test_chunk_size_follows_the_size_the_net_works_at():
    net = models.create("mini_xception", seed=0)
    assert batched.chunk_size(net, torch.zeros(1, 48, 48)) == batched.chunk_size(
        net, torch.zeros(3, 400, 300)
    )
    assert batched.chunk_size(nn.Flatten(), torch.zeros(1, 4000, 3000)) == batched.FEWEST


# captum


def test_heat_is_captums_attribution_of_the_probability():
    net = models.create("mini_xception", seed=3).eval()
    image = torch.rand(1, 1, 48, 48)
    found = saliency.occlusion(net, image, window=9, stride=4)
    expected = Occlusion(lambda x: net(x).softmax(1)).attribute(
        image, (1, 9, 9), (1, 4, 4), target=found.prediction, perturbations_per_eval=32
    )
    np.testing.assert_allclose(found.heat(), expected[0, 0].numpy(), atol=1e-6)


def test_highest_takes_the_first_of_equals():
    values = np.array([[0.1, 0.5], [0.50005, 0.2]])
    assert highest(values) == (0, 1)
    values[1, 0] = 0.51
    assert highest(values) == (1, 0)


def test_a_net_that_gives_something_else_than_scores_is_told_so():
    class Several(Small):
        def forward(self, pictures):
            return {"scores": super().forward(pictures)}

    with pytest.raises(FerError, match="gives a dict"):
        saliency.occlusion(Several(), white())
    with pytest.raises(FerError, match="gives a dict"):
        saliency.attribute(Several(), white(), "gradient")


def test_a_position_of_several_pictures_covers_them_all():
    pictures = torch.rand(2, 3, 4, 5)
    problem = OcclusionProblem(pictures, torch.zeros(1), Windows((4, 5), (2, 2), (2, 1)))
    covered = problem.covered(torch.tensor([0, 7])).unflatten(0, (2, 2))
    assert not covered[0, :, :, :2, :2].any() and not covered[1, :, :, 2:, 3:].any()
    assert torch.equal(covered[0, :, :, 2:], pictures[:, :, 2:])
    assert torch.equal(covered[1, :, :, :, :3], pictures[..., :3])


def test_the_package_shows_its_public_names_and_loads_nothing_slow():
    """Captum, numba and SciPy come with the first call that needs them."""
    program = """if True:
        import sys
        from fer_utils import saliency
        assert dir(saliency) == sorted(saliency.__all__)
        assert dir(saliency.scores) == sorted(saliency.scores.__all__)
        assert len(saliency.METHODS) >= 9
        assert "blur" in saliency.FILLS and "delta" in saliency.ENGINES
        print(*sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    slow = (
        "captum numba llvmlite scipy sklearn seaborn pandas cv2 matplotlib torchvision ipywidgets"
    )
    assert not {*slow.split(), "torch._dynamo"} & set(done.stdout.split())
