"""Engine `delta`: the arithmetic of boxes by hand, and nets of the kit against `batched`."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numba import njit
from torch import nn

from fer_utils import models
from fer_utils.saliency._engines import Cancelled, Unsupported, batched, delta
from fer_utils.saliency._engines.delta import loops, winograd
from fer_utils.saliency._engines.delta.geometry import Box
from fer_utils.saliency._engines.delta.maps import Map
from fer_utils.saliency._engines.delta.ops import Slide
from fer_utils.saliency.windows import OcclusionProblem, Windows


def test_outputs_that_a_box_touches():
    same = Slide(kernel=3, padding=1)
    assert same.touched(10, 8) == (9, 10)
    assert same.needed(9, 10) == (8, 12)
    halving = Slide(kernel=3, stride=2, padding=1)
    assert halving.touched(10, 8) == (5, 5)  # output 5 sees inputs 9 to 11, output 9 sees 17 to 19
    assert halving.touched(11, 8) == (5, 5)
    assert halving.longest(8) == 5
    assert Slide(kernel=3, dilation=2).touched(10, 1) == (6, 5)
    skipping = Slide(kernel=1, stride=4)  # inputs 5 to 7 are never seen
    assert skipping.touched(5, 2) == (1, 1)


def test_boxes_are_read_in_place_and_beyond_the_border():
    clean = Map(torch.arange(12.0).view(1, 1, 3, 4), margin=2, outside=-5.0)
    assert torch.equal(clean.whole, torch.arange(12.0).view(1, 1, 3, 4))
    even = clean.read(Box(np.array([-1, 1]), np.array([0, 2]), 2, 2))
    assert even[..., 0].tolist() == [
        [[[-5, -5], [0, 1]], [[-5, -5], [2, 3]]],
        [[[4, 5], [8, 9]], [[6, 7], [10, 11]]],
    ]
    uneven = clean.read(Box(np.array([-1, 0, 2]), np.array([0]), 1, 2))
    assert uneven[..., 0].flatten(1).tolist() == [[-5, -5], [0, 1], [8, 9]]


def test_families_share_their_place_in_every_stride():
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, 2)]
    net = nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    prepared = delta.prepare(net, (1, 64, 64))
    families = prepared._route_for(Windows((64, 64), (8, 8), (2, 2))).geometry.families
    starts = [np.array([2 * i for i in family.members]) for family in families[0]]
    assert [set(each % 4) for each in starts] == [{0}, {2}]
    lengths = [list(family.lengths.values()) for family in families[0]]
    # window 0-7 or 2-9; convolution -1-8 or 1-10, likewise ReLU; pooling -1-4 or 0-5;
    # strided convolution, whose output i sees 2i to 2i + 2: -1-2 for both, likewise ReLU
    assert lengths == [[8, 10, 10, 6, 4, 4], [8, 10, 10, 6, 4, 4]]


@pytest.mark.parametrize(
    ("stride", "shape", "margins", "filters"),
    [
        (1, (5, 48, 5, 8), (2, 2, 2, 2), 32),
        (1, (3, 32, 7, 6), (-1, 1, 2, -2), 72),
        (1, (9, 256, 4, 4), (1, 1, 1, 1), 64),
        (1, (2, 32, 1, 75), (1, 2, 1, 1), 32),  # in three pieces
        (2, (5, 48, 10, 9), (2, 1, 1, 2), 48),
        (2, (2, 56, 7, 80), (-1, 1, 0, 0), 48),
        (2, (3, 48, 1, 2), (1, 1, 1, 1), 64),
    ],
)
def test_fewer_products_give_a_convolution(stride, shape, margins, filters):
    torch.manual_seed(0)
    boxes, conv = torch.randn(shape), nn.Conv2d(shape[1], filters, 3, stride)
    assert winograd.suits(conv)
    with torch.no_grad():
        found = winograd.Winograd(conv).boxes(boxes, margins)
        expected = F.conv2d(F.pad(boxes, margins).double(), conv.weight.double(), None, stride)
        # how far the plain convolution may be off, whatever it takes for its sums
        reach = F.conv2d(F.pad(boxes, margins).abs(), conv.weight.abs(), None, stride).max()
    assert (found - expected).abs().max() <= 1e-6 * reach


def test_fewer_products_where_channels_are_many(monkeypatch):
    monkeypatch.setattr(winograd, "SIDE", 5)
    layers = [nn.Conv2d(1, 32, 3, bias=False), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=(1, 0))]
    layers += [nn.ReLU(), nn.Conv2d(64, 64, 3, 2, 1, bias=False), nn.ReLU()]
    layers += [nn.Conv2d(64, 48, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 3)).eval()
    torch.manual_seed(0)
    compare(net, torch.rand(1, 1, 24, 24), 3, 3)
    assert len(delta.prepare(net, (1, 24, 24)).net.shares) == 3


@pytest.mark.parametrize("widths", [(8,), (16, 8)])
def test_sums_of_rows_with_either_vector_width(widths, monkeypatch):
    monkeypatch.setattr(loops, "WIDTHS", widths)
    combine = loops.combine

    @njit
    def add(columns, factors, x, y):
        places = columns.ctypes.data, factors.ctypes.data, len(columns), x.ctypes.data
        combine(*places, x.shape[1], y.ctypes.data, x.shape[1])

    x, factors = np.random.default_rng(0).standard_normal((5, 152), np.float32), np.float32([2, -3])
    for floats in (8, 24, 64, 152):
        y, rows = np.full(floats, np.nan, np.float32), x[:, :floats].copy()
        add(np.array([4, 1]), factors, rows, y)
        np.testing.assert_allclose(y, factors @ rows[[4, 1]], atol=1e-5)


def compare(net, picture, window, stride):
    size = tuple(picture.shape[-2:])
    windows = Windows(size, (window, window), (stride, stride))
    baseline = torch.rand(picture.shape, generator=torch.Generator().manual_seed(1))
    problem = OcclusionProblem(picture, baseline, windows)
    clean, covered = delta.prepare(net, tuple(picture.shape[1:])).outputs(problem)
    expected, others = batched.prepare(net).outputs(problem)
    scale = (others - expected).abs().max()
    assert (clean - expected).abs().max() <= 2e-5 * expected.abs().max()
    assert (covered - others).abs().max() <= 5e-5 * scale


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("vgg13", {"input_size": 32}, (1, 24, 24)),
        ("vgg13", {"input_size": 32, "inputs": "gray+laplacian"}, (3, 32, 32)),
        (
            "bottleneck_065m",
            {"input_size": 32, "inputs": "gray+sobel+laplacian", "fusion": "parallel"},
            (1, 32, 40),
        ),
        (
            "bottleneck_065m",
            {"input_size": 32, "inputs": "gray+magnitude", "fusion": "parallel", "width": 0.5},
            (1, 32, 40),
        ),
        ("mini_xception", {"variant": "alessi2019", "inputs": "gray+sobel"}, (1, 48, 48)),
        ("light_vgg", {}, (3, 48, 48)),
    ],
)
def test_nets_of_the_kit(name, options, shape):
    net = models.create(name, seed=0, **options).eval()
    picture = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))
    compare(net, picture, 9, 7)


class Unusual(nn.Module):
    """What needs whole maps, early on, beside what does not."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.9)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        rows = x.shape[0]
        y = self.norm(torch.relu(self.drop(self.conv(x))))
        first, second = torch.split(y, [1, 3], dim=1)
        y = torch.cat((second, first), 1).add(y)
        beside = nn.functional.gelu(y)
        both = torch.cat((nn.functional.max_pool2d(y, 2), beside[..., ::2, ::2]), dim=1)
        return self.head(both.mean((2, 3)).view(rows, -1))


def test_a_net_with_unusual_operations():
    torch.manual_seed(0)
    compare(Unusual().eval(), torch.rand(1, 2, 20, 16), 5, 3)


class Writing(nn.Sequential):
    """Writes into the pictures it is given."""

    def forward(self, x):
        return super().forward(x.sub_(0.5))


class Students(nn.Module):
    """What `between` makes of maps, then a pooling with padding, and a head."""

    def __init__(self, between):
        super().__init__()
        self.conv, self.weigh = nn.Conv2d(1, 6, 3, padding=1), nn.Linear(6, 6)
        self.head, self.between = nn.Linear(6, 3), between

    def forward(self, x):
        y = self.between(self, self.conv(x))
        return self.head(F.max_pool2d(y, 3, 2, 1).mean((2, 3)))


@pytest.mark.parametrize(
    "between",
    [
        # rows go back into maps
        lambda net, y: y * torch.sigmoid(net.weigh(y.mean((2, 3))))[:, :, None, None],
        # functions that fall: what lies outside of the map would win the pooling
        lambda net, y: F.elu(y, alpha=-1.5),
        lambda net, y: F.leaky_relu(y, negative_slope=-0.5),
        lambda net, y: F.leaky_relu(y, 0.5).relu(),
        lambda net, y: F.pad(y, (1, 0, 2, 1)).clamp(min=0.1),
    ],
)
def test_nets_that_students_write(between):
    torch.manual_seed(0)
    net, picture = Students(between).eval(), torch.rand(1, 1, 20, 16)
    compare(net, picture, 5, 3)
    before = picture.clone()
    compare(Writing(net), picture, 5, 3)
    assert torch.equal(picture, before)


def test_threads_share_the_windows_and_are_given_back():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU())
    net = nn.Sequential(net, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3)).eval()
    windows, told = Windows((24, 24), (4, 4), (2, 2)), []
    problem = OcclusionProblem(torch.rand(1, 1, 24, 24), torch.zeros(1), windows)
    prepared = delta.prepare(net, (1, 24, 24))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = prepared.outputs(problem)[1]
        torch.set_num_threads(3)
        together = prepared.outputs(problem, None, lambda done, total: told.append(done))[1]
        with pytest.raises(Cancelled):
            prepared.outputs(problem, None, lambda done, total: done == 0)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    assert told == sorted(set(told))
    assert told[-1] == len(windows)


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (nn.Conv2d(1, 2, 3), "row of scores"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).double(), "float32"),
        (models.create("mini_xception", seed=0, stl=True), "torch.fx cannot trace"),
        (Students(lambda net, y: y + F.relu_(y)).eval(), "has written"),
        (Students(lambda net, y: (y, y.relu_())[0]).eval(), "has written"),
        (Students(lambda net, y: (y, y + 1)[0]).eval(), "has written"),
    ],
)
def test_nets_that_it_cannot_take(net, reason):
    for _ in range(2):  # the second time from what is kept
        with pytest.raises(Unsupported, match=reason):
            delta.prepare(net, (1, 8, 8))


def test_moving_the_square_keeps_the_clean_maps():
    net = models.create("mini_xception", seed=0, input_size=16).eval()
    picture, windows = torch.rand(1, 1, 16, 16), Windows((16, 16), (4, 4), (4, 4))
    prepared = delta.prepare(net, (1, 16, 16))
    black, white = (
        OcclusionProblem(picture, make(1), windows) for make in (torch.zeros, torch.ones)
    )
    prepared.outputs(black, np.array([3]))
    kept = prepared._clean
    assert delta.prepare(net, (1, 16, 16)) is prepared
    prepared.outputs(white, np.array([5]))
    assert prepared._clean is kept
    prepared.outputs(OcclusionProblem(picture + 0.1, torch.ones(1), windows), np.array([5]))
    assert prepared._clean is not kept
