"""Engine `delta`: the arithmetic of boxes by hand, and nets of the kit against `batched`."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numba import njit
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from fer_utils import data, models, saliency
from fer_utils.saliency._engines import Cancelled, Unsupported, batched, delta, gpu
from fer_utils.saliency._engines.delta import loops, winograd
from fer_utils.saliency._engines.delta.geometry import Box
from fer_utils.saliency._engines.delta.maps import Map
from fer_utils.saliency._engines.delta.ops import Slide
from fer_utils.saliency.windows import OcclusionProblem, Windows
from tests.test_training import on_gpu


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


class Replay:
    """A CUDA graph's stand-in: torch's operations, written down once, and carried out on others.

    What Python did meanwhile is not repeated, nor can what was written down ask for a value.
    """

    made = 0

    def __init__(self, work, *inputs):
        type(self).made += 1
        with torch.inference_mode(False), torch.no_grad():
            self.inputs = [value.clone() for value in inputs]
            self.graph = make_fx(work)(*self.inputs)

    def replay(self, *inputs):
        with torch.inference_mode(False), torch.no_grad():
            for place, value in zip(self.inputs, inputs, strict=True):
                place.copy_(value)
            return self.graph(*self.inputs).clone()


@pytest.fixture
def as_on_gpu(monkeypatch):
    """What is otherwise done on a GPU, on the CPU; returns the class that counts recordings."""
    monkeypatch.setattr(gpu, "records", lambda device: True)
    monkeypatch.setattr(gpu, "free_memory", lambda device: 2**32)
    monkeypatch.setattr(gpu, "record", Replay)
    monkeypatch.setattr(Replay, "made", 0)
    return Replay


def maps_agree(net, picture, window=8, stride=8, times=1e-5):
    """Compare the map of a picture with that of engine `batched`, to `times` its largest value."""
    options = {"window": window, "stride": stride}
    found = saliency.occlusion(net, picture, engine="delta", **options)
    expected = saliency.occlusion(net, picture, engine="batched", **options).drop()
    assert found.engine == "delta"
    assert np.abs(found.drop() - expected).max() <= times * np.abs(expected).max()


@pytest.fixture(scope="module")
def face_pictures():
    """Three grey pictures, (48, 48) in [0, 1]."""
    return data.load("facs3d", split="test", progress=False).pictures()[:3]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mini_xception_facs3d", None),
        ("small_resnet_ferplus", None),
        ("vgg13", {"input_size": 32}),
        ("bottleneck_065m", {"input_size": 32, "width": 0.25}),
    ],
)
def test_recorded_launches_give_the_map_of_another_picture(name, options, as_on_gpu, face_pictures):
    net = models.load(name) if options is None else models.create(name, seed=0, **options).eval()
    pictures = face_pictures if options is None else face_pictures[:, :32, :32]
    for picture in pictures[:2]:  # the second time they are recorded
        saliency.occlusion(net, picture, engine="delta", stride=8)
    assert as_on_gpu.made == 1
    # (with random weights a map is nearly flat)
    maps_agree(net, pictures[2], times=1e-5 if options is None else 1e-3)
    assert as_on_gpu.made == 1


def test_other_windows_are_recorded_anew_and_too_many_never(as_on_gpu, monkeypatch):
    net = models.create("mini_xception", seed=0, input_size=16).eval()
    pictures = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    for stride, free, made in ((8, 2**32, 1), (7, 2**32, 2), (5, 1000, 2)):
        monkeypatch.setattr(gpu, "free_memory", lambda device, free=free: free)
        for picture in pictures:
            maps_agree(net, picture, stride=stride, times=1e-3)
        assert as_on_gpu.made == made


def test_a_map_that_cannot_be_recorded_is_computed_all_the_same(as_on_gpu, monkeypatch):
    monkeypatch.setattr(gpu, "record", lambda work, *inputs: False)
    net = models.create("mini_xception", seed=0, input_size=16).eval()
    for picture in torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)):
        maps_agree(net, picture, times=1e-3)


def test_windows_per_part_follow_the_free_memory(as_on_gpu, monkeypatch):
    from fer_utils.saliency._engines.delta.route import LARGEST_ON_GPU, LIVE, windows_per_part

    assert windows_per_part(2**20, torch.device("cpu")) == LARGEST_ON_GPU // 2**20
    monkeypatch.setattr(gpu, "free_memory", lambda device: 12 * LIVE * 4 * 2**20)
    assert windows_per_part(2**20, torch.device("cpu")) == 12 * gpu.SHARE
    monkeypatch.setattr(gpu, "free_memory", lambda device: 5)
    assert windows_per_part(2**20, torch.device("cpu")) == 1


@on_gpu
@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize(
    "name", ["mini_xception_facs3d", "small_resnet_ferplus", "bottleneck_065m_facs3d"]
)
def test_maps_on_a_gpu(name, tf32, face_pictures, monkeypatch):
    conv = torch.backends.cudnn.conv
    monkeypatch.setattr(conv, "fp32_precision", "tf32" if tf32 else "ieee")
    before = conv.fp32_precision
    net, there = models.load(name), models.load(name).to("cuda")

    def compare(picture):
        expected = saliency.occlusion(net, picture, engine="batched").drop()
        found = saliency.occlusion(there, picture, engine="delta")
        assert found.engine == "delta"
        assert np.abs(found.drop() - expected).max() <= 1e-5 * np.abs(expected).max()

    for picture in face_pictures:  # the third one's by recorded launches
        compare(picture)
    prepared = delta.prepare(there, (1, *face_pictures[0].shape[-2:]))
    assert isinstance(prepared._recorded[1], gpu.Recorded)
    with torch.no_grad():
        for each in (net, there):
            next(each.trunk.parameters()).mul_(1.5)
    compare(face_pictures[0])
    assert conv.fp32_precision == before
