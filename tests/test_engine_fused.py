"""Engine `fused`: random nets of the mini-Xception family against the plain net."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numba import njit
from torch import nn

from fer_utils import models, saliency
from fer_utils.errors import FerError
from fer_utils.inputs import INPUTS, channel_count
from fer_utils.models.facenet import FaceNet, class_names
from fer_utils.models.layers import GlobalAveragePool, SpatialTransformer, keras_batch_norm
from fer_utils.models.mini_xception import ResidualModule
from fer_utils.models.scaling import IMAGENET, SYMMETRIC
from fer_utils.saliency._engines import Cancelled, Unsupported, fused
from fer_utils.saliency._engines.fused import kernels, warp
from fer_utils.saliency._engines.fused.layers import compiled
from fer_utils.saliency._engines.threads import torch_threads
from fer_utils.saliency.windows import OcclusionProblem, Windows

BLACK = torch.zeros(1)


def make_net(
    seed=0, stem=(8, 8), modules=(16, 24), inputs="gray", size=20, classes=7, rectified=False
):
    """Return a net of the family with other widths, and batch norms that do something."""
    torch.manual_seed(seed)
    layers, last = [], channel_count(inputs)
    for width in stem:
        conv = nn.Conv2d(last, width, 3, bias=False)
        layers.append(nn.Sequential(conv, keras_batch_norm(width), nn.ReLU()))
        last = width
    blocks = []
    for width in modules:
        blocks.append(ResidualModule(last, width, rectified))
        last = width
    trunk = nn.Sequential()
    trunk.add_module("stem", nn.Sequential(*layers))
    trunk.add_module("blocks", nn.Sequential(*blocks))
    trunk.add_module("head", nn.Conv2d(last, classes, 3, padding=1))
    trunk.add_module("pool", GlobalAveragePool())
    net = FaceNet("mini_xception", trunk, class_names(classes), inputs, size)
    return alive(net)


def alive(net):
    """Give weights and batch norms values with which every layer counts."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return net.eval()


def square(size, window=5, stride=3):
    return Windows((size, size), (window, window), (stride, stride))


def by_the_net(net, picture, baseline, windows, positions=None):
    """Return what the net itself says of each occluded picture, painted one by one."""
    chosen = range(len(windows)) if positions is None else positions
    pictures = [picture]
    for position in chosen:
        painted = picture.clone()
        rows, columns = windows.box(*divmod(int(position), windows.counts[1]))
        place = (..., slice(*rows), slice(*columns))
        painted[place] = baseline.expand_as(picture)[place]
        pictures.append(painted)
    with torch.inference_mode():
        logits = net(torch.cat(pictures))
    return logits[:1], logits[1:]


def assert_same_map(net, picture, baseline, windows, positions=None):
    engine = fused.prepare(net, tuple(picture.shape[1:]))
    found = engine.outputs(OcclusionProblem(picture, baseline, windows), positions)
    expected = by_the_net(net, picture, baseline, windows, positions)
    change = (expected[1] - expected[0]).abs().max()
    assert change > 0.01
    scale = torch.maximum(change, expected[0].abs().max())
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() <= engine.tolerance * scale


# The same map as the net itself


@pytest.mark.parametrize("seed", range(16))
def test_random_nets_windows_and_fills(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(12, 42))
    net = make_net(
        seed,
        stem=[int(n) for n in random.integers(3, 26, random.integers(1, 4))],
        modules=[int(n) for n in random.choice([5, 8, 16, 24, 40, 72], random.integers(1, 5))],
        inputs=INPUTS[seed % len(INPUTS)],
        size=size,
        classes=int(random.integers(2, 20)),
        rectified=bool(random.integers(2)),
    )
    window = [int(n) for n in random.integers(1, size + 1, 2)]
    stride = [int(random.integers(1, side + 1)) for side in window]
    windows = Windows((size, size), tuple(window), tuple(stride))
    picture = torch.rand(1, int(random.choice([1, 3])), size, size)
    baseline = [BLACK, torch.rand(1), picture.mean((2, 3), keepdim=True), torch.rand_like(picture)]
    positions = random.permutation(len(windows))[:40]
    assert_same_map(net, picture, baseline[seed // 4], windows, positions)


@pytest.mark.parametrize("variant", ["arriaga", "alessi2019"])
@pytest.mark.parametrize("inputs", INPUTS)
def test_nets_of_the_zoo(inputs, variant):
    size = 33 if variant == "arriaga" else 48
    net = models.create("mini_xception", inputs=inputs, input_size=size, variant=variant, seed=1)
    picture = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0))
    assert_same_map(alive(net), picture, torch.rand_like(picture), square(size, 8, 5))


def make_cropping_net(random, classes=5):
    """Return a net with a spatial transformer that crops by what it sees, and random layers."""
    torch.manual_seed(int(random.integers(1000)))
    transformer, layers, width, side = SpatialTransformer(1), [], 1, 48
    while len(layers) < 6 or side > 20:
        kernel, filters = (int(n) for n in random.integers(1, (6, 13)))
        layers.append(nn.Conv2d(width, filters, kernel, bias=bool(random.integers(2))))
        width, side = filters, side + 1 - kernel
        if random.integers(2):
            layers.append(nn.BatchNorm2d(width))
        if random.integers(2):
            layers.append(nn.ReLU())
        if random.integers(2) and side > 8:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    end = (nn.Dropout(), nn.Flatten(), nn.Linear(width * side**2, classes))
    trunk = nn.Sequential(transformer, nn.Sequential(*layers), *end)
    net = alive(FaceNet("cropping", trunk, class_names(classes), "gray", 48))
    transformer.start_at_identity()
    # a crop that moves with the window, turned and partly beyond the border
    last = transformer.localisation[-1]
    nn.init.normal_(last.weight, std=0.03)
    last.bias.data += 0.3 * torch.randn(6)
    return net


@pytest.mark.parametrize("seed", range(6))
def test_nets_with_a_spatial_transformer(seed):
    random = np.random.default_rng(seed)
    net = make_cropping_net(random)
    window, stride = (int(n) for n in random.integers((5, 2), (40, 6)))
    windows = Windows((48, 48), (window, 9), (stride, 4))
    picture = torch.rand(1, int(random.choice([1, 3])), 48, 48)
    baseline = [BLACK, torch.rand_like(picture)][seed % 2]
    positions = random.permutation(len(windows))[:20]
    assert_same_map(net, picture, baseline, windows, positions)
    with torch.no_grad():
        crops = net.trunk[0].theta(net.prepare(torch.rand(4, 1, 48, 48)))
    assert crops.std(0).max() > 1e-3 and (crops - torch.eye(2, 3)).abs().max() > 0.1


def make_plain_net(random, size, classes=4):
    """Return a net of random 3x3 convolutions and poolings, with linear layers at the end."""
    torch.manual_seed(int(random.integers(1000)))
    colors = int(random.choice([1, 3]))
    layers, width, side = [], colors, size
    for _ in range(random.integers(1, 5)):
        filters, padding = int(random.integers(2, 40)), int(random.integers(2))
        layers.append(nn.Conv2d(width, filters, 3, padding=padding, bias=bool(random.integers(2))))
        width, side = filters, side - 2 + 2 * padding
        if random.integers(2):
            layers.append(nn.BatchNorm2d(width))
        if random.integers(2):
            layers.append(nn.ReLU())
        if random.integers(2):
            layers.append(nn.MaxPool2d(2))
            side //= 2
        if random.integers(2):
            layers.append(nn.ReLU())
    rows = [nn.Linear(width * side**2, 11, bias=bool(random.integers(2))), nn.ReLU()]
    trunk = nn.Sequential(*layers, nn.Dropout(), nn.Flatten(), *rows, nn.Linear(11, classes))
    options = {"color_channels": colors, "scaling": [SYMMETRIC, IMAGENET][colors // 3]}
    return alive(FaceNet("plain", trunk, class_names(classes), "gray", size, **options))


@pytest.mark.parametrize("seed", range(12))
def test_plain_nets_of_few_filters(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(16, 40))
    net = make_plain_net(random, size)
    window, stride = (int(n) for n in random.integers((3, 1), (size // 2, 4)))
    windows = Windows((size, size), (window, 4), (min(window, stride), 3))
    picture = torch.rand(1, int(random.choice([1, 3])), size, size)
    baseline = [BLACK, torch.rand_like(picture)][seed % 2]
    positions = random.permutation(len(windows))[:30]
    assert_same_map(net, picture, baseline, windows, positions)


def test_large_windows_of_plain_nets_are_left_to_other_engines():
    net, picture = models.create("light_vgg", input_size=48, seed=0), torch.rand(1, 1, 48, 48)
    assert_same_map(alive(net), picture, BLACK, square(48, 8, 7))
    found = [saliency.occlusion(net, picture, window=n, stride=n).engine for n in (8, 40)]
    assert found[0] == "fused" != found[1]


@pytest.mark.parametrize("data", ["facs3d", "fer2013", "ferplus"])
def test_deep_emotion(data):
    net = models.pretrained(f"deep_emotion_{data}")
    picture = torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    assert_same_map(net, picture, BLACK, square(48, 12, 9))


def test_a_trained_net_at_every_position_of_a_coarse_map():
    net = models.pretrained("mini_xception_facs3d")
    picture = torch.rand(1, 1, 48, 48)
    assert_same_map(net, picture, BLACK, Windows((48, 48), (8, 12), (4, 4)))


def test_a_window_over_the_whole_picture_and_a_single_pixel():
    net, picture = make_net(), torch.rand(1, 1, 20, 20)
    assert_same_map(net, picture, BLACK, square(20, 20, 20))
    assert_same_map(net, picture, BLACK, square(20, 1, 1))


def test_positions_are_answered_in_their_order():
    net, picture, windows = make_net(), torch.rand(1, 1, 20, 20), square(20)
    engine = fused.prepare(net, (1, 20, 20))
    _, everything = engine.outputs(OcclusionProblem(picture, BLACK, windows))
    order = np.random.default_rng(0).permutation(len(windows))
    _, some = engine.outputs(OcclusionProblem(picture, BLACK, windows), order)
    assert torch.equal(some, everything[order])
    _, none = engine.outputs(OcclusionProblem(picture, BLACK, windows), np.arange(0))
    assert none.shape == (0, 7)


def test_training_mode_is_neither_used_nor_changed():
    net, picture = make_net(), torch.rand(1, 1, 20, 20)
    expected = by_the_net(net, picture, BLACK, square(20))[1]
    before = copy.deepcopy(net.state_dict())
    found = fused.prepare(net.train(), (1, 20, 20)).outputs(
        OcclusionProblem(picture, BLACK, square(20))
    )[1]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


# From call to call


@pytest.mark.parametrize(
    "make",
    [
        lambda random: make_net(inputs="gray+sobel"),
        make_cropping_net,
        lambda random: make_plain_net(random, 20),
    ],
)
def test_calls_leave_nothing_behind(make):
    net = make(np.random.default_rng(1))
    size = net.input_size
    windows, shape = square(size, 7, 2), (1, 1, size, size)
    pictures, noise = torch.rand(2, *shape), torch.rand(shape)
    engine = fused.prepare(net, shape[1:])
    with torch_threads(2):
        first = engine.outputs(OcclusionProblem(pictures[0], BLACK, windows))
        engine.outputs(OcclusionProblem(pictures[0], noise, square(size, 3, 3)))
        other = engine.outputs(OcclusionProblem(pictures[1], BLACK, windows))
    again = engine.outputs(OcclusionProblem(pictures[0], BLACK, windows))
    for ours, changed, theirs in zip(first, other, again, strict=True):
        assert torch.equal(ours, theirs)
        assert not torch.allclose(ours, changed)


def test_a_picture_changed_in_place_is_noticed():
    net, picture = make_net(), torch.rand(1, 1, 20, 20)
    assert_same_map(net, picture, BLACK, square(20))
    picture[0, 0, 3:9] = 0.7
    assert_same_map(net, picture, BLACK, square(20))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_give_the_same_bits(threads):
    net, picture, windows = make_net(), torch.rand(1, 1, 20, 20), square(20, 4, 1)
    engine, before = fused.prepare(net, (1, 20, 20)), torch.get_num_threads()
    found = []
    try:
        for number in (1, threads):
            torch.set_num_threads(number)
            found.append(engine.outputs(OcclusionProblem(picture, torch.ones(1), windows))[1])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_a_prepared_net_is_kept_until_it_changes():
    net, picture = make_net(), torch.rand(1, 1, 20, 20)
    engine = fused.prepare(net, (1, 20, 20))
    assert fused.prepare(net, (1, 20, 20)) is engine
    net.trunk.head.bias.data[0] += 1
    assert fused.prepare(net, (1, 20, 20)) is not engine
    assert_same_map(net, picture, BLACK, square(20))
    net.trunk.stem[0][1].running_mean.numpy()[:] = 0.2
    assert_same_map(net, picture, BLACK, square(20))
    net.trunk.blocks[0].rectified = True
    assert_same_map(net, picture, BLACK, square(20))


def test_a_net_is_freed_with_what_was_prepared_for_it():
    net = make_net()
    engine = fused.prepare(net, (1, 20, 20))
    engine.outputs(OcclusionProblem(torch.rand(1, 1, 20, 20), BLACK, square(20)))
    watched = weakref.ref(net), weakref.ref(engine)
    del net, engine
    gc.collect()
    assert [one() for one in watched] == [None, None]


def test_progress_ends_at_the_total_and_may_cancel():
    net, picture, windows = make_net(), torch.rand(1, 1, 20, 20), square(20, 4, 1)
    engine, seen = fused.prepare(net, (1, 20, 20)), []
    expected = engine.outputs(
        OcclusionProblem(picture, BLACK, windows),
        progress=lambda done, total: seen.append((done, total)),
    )
    counts = [done for done, _ in seen]
    assert counts[0] == 0 and counts[-1] == len(windows) and counts == sorted(counts)
    assert {total for _, total in seen} == {len(windows)}
    assert len(counts) > 10
    calls = []
    with pytest.raises(Cancelled):
        engine.outputs(
            OcclusionProblem(picture, torch.ones(1), windows),
            progress=lambda *_: calls.append(1) or len(calls) < 4,
        )
    assert len(calls) == 4
    assert torch.equal(engine.outputs(OcclusionProblem(picture, BLACK, windows))[1], expected[1])


# What is refused


def test_reasons_for_leaving_a_net_to_other_engines():
    def reason(net, shape=(1, 20, 20)):
        with pytest.raises(Unsupported) as refused:
            fused.prepare(net, shape)
        return str(refused.value)

    assert "resizes pictures of 20x24" in reason(make_net(), (1, 20, 24))
    assert "Sequential is no FaceNet" in reason(nn.Sequential(nn.Conv2d(1, 7, 3)))
    assert "float64" in reason(make_net().double())
    assert "on meta" in reason(make_net().to("meta"))
    assert "colours" in reason(make_net(), (4, 20, 20))
    for options in ({"stl": True}, {"inputs": "gray+sobel", "fusion": "parallel"}):
        net = models.create("mini_xception", input_size=20, **options)
        assert "trunk" in reason(net)
    assert "trunk" in reason(models.create("vgg13", input_size=20))
    for change in (
        lambda net: setattr(net.trunk.transformer, "side", 32),
        lambda net: setattr(net.trunk.features[0], "stride", (2, 2)),
        lambda net: setattr(net.trunk.features[3], "ceil_mode", True),
        lambda net: net.trunk.features.insert(1, nn.Tanh()),
        lambda net: net.trunk.features.insert(2, nn.BatchNorm2d(10)),
        lambda net: net.trunk.head.append(nn.Tanh()),
        lambda net: net.trunk.transformer.localisation.pop(6),
        lambda net: net.trunk.head.pop(1),
        lambda net: net.trunk.features.insert(3, nn.BatchNorm2d(10, track_running_stats=False)),
    ):
        net = models.create("deep_emotion")
        change(net)
        assert "trunk" in reason(net, (1, 48, 48))
    for change in (
        lambda net: setattr(net.trunk.base[0], "padding", (2, 2)),
        lambda net: setattr(net.trunk.base[0], "padding_mode", "circular"),
        lambda net: net.trunk.base.insert(0, nn.MaxPool2d(2)),
        lambda net: net.trunk.base.insert(2, nn.Conv2d(3, 8, 3)),
        lambda net: net.trunk.head.insert(1, nn.ReLU()),
        lambda net: net.trunk.head.pop(0),
    ):
        net = models.create("light_vgg", input_size=20)
        change(net)
        assert "trunk" in reason(net)
    assert "derivatives" in reason(models.create("light_vgg", inputs="gray+sobel", input_size=20))
    sobel = models.create("deep_emotion", inputs="gray+sobel")
    assert "derivatives" in reason(sobel, (1, 48, 48))

    net = make_net()
    net.trunk.stem[0][0].stride = (2, 2)
    assert "stem" in reason(net)
    net = make_net()
    net.trunk.blocks[1].main[5] = nn.MaxPool2d(3, 2, 1)
    assert "residual module" in reason(net)
    net = make_net()
    net.trunk.head = nn.Conv2d(24, 7, 1)
    assert "head" in reason(net)
    net = make_net()
    net.trunk.head.weight.data[0, 0, 0, 0] = float("nan")
    assert "finite" in reason(net)
    net = make_net()
    net.trunk.blocks[0].register_forward_hook(lambda *_: None)
    assert "hooks" in reason(net)


def test_a_hook_attached_later_is_noticed():
    net = make_net()
    fused.prepare(net, (1, 20, 20))
    net.trunk.blocks[0].register_forward_hook(lambda module, args, output: 2 * output)
    with pytest.raises(Unsupported):
        fused.prepare(net, (1, 20, 20))


def test_windows_that_are_not_there():
    engine, picture = fused.prepare(make_net(), (1, 20, 20)), torch.rand(1, 1, 20, 20)
    for wrong in ([0, 36], [-1]):
        with pytest.raises(FerError, match="from 0 to 35"):
            engine.outputs(OcclusionProblem(picture, BLACK, square(20)), np.array(wrong))
    with pytest.raises(FerError, match="20x20"):
        engine.outputs(OcclusionProblem(picture, BLACK, square(24)))


# The compiled pieces


@pytest.mark.parametrize("width", [8, 16])
def test_mix_with_either_vector_width(width, monkeypatch):
    """What another processor would run, 88 = 64 + 16 + 8 channels, against a plain product."""
    monkeypatch.setattr(kernels, "TILES", kernels.ALL_TILES[width])
    mix, list_pixels = kernels.mix, kernels.list_pixels

    @njit
    def product(x, w, b, y, lists):
        sources, targets = lists[0].ctypes.data, lists[1].ctypes.data
        list_pixels(sources, x.ctypes.data, 1, len(x), 0, x.shape[1])
        list_pixels(targets, y.ctypes.data, 1, len(y), 0, y.shape[1])
        biases, floor = b.ctypes.data, np.float32(0)
        mix(sources, targets, len(x), w.ctypes.data, biases, 1, 0, len(w), len(b), floor)

    random = np.random.default_rng(0)
    for pixels in (1, 2, 3, 7, 8, 13, 23):
        x, w, b = (random.standard_normal(s, np.float32) for s in ((pixels, 5), (5, 88), 88))
        y = np.full((pixels, 88), np.nan, np.float32)
        product(x, w, b, y, np.zeros((2, pixels + kernels.SPARE_PIXELS), np.int64))
        np.testing.assert_allclose(y, np.maximum(x @ w + b, 0), atol=1e-5)


@pytest.mark.parametrize("widths", [(8,), (16, 8)])
def test_depthwise_with_either_vector_width(widths, monkeypatch):
    monkeypatch.setattr(kernels, "WIDTHS", widths)
    depthwise = kernels.depthwise

    @njit
    def convolve(x, w, y):
        high, wide, channels = y.shape
        row = x.shape[1] * channels
        depthwise(x.ctypes.data, row, w.ctypes.data, y.ctypes.data, high, wide, channels)

    for high, wide, channels in ((1, 1, 8), (4, 5, 24), (2, 4, 16)):
        x, w = torch.randn(high + 2, wide + 2, channels), torch.randn(3, 3, channels)
        y = np.zeros((high, wide, channels), np.float32)
        convolve(x.numpy(), w.numpy(), y)
        kernel = w.permute(2, 0, 1)[:, None]
        expected = F.conv2d(x.permute(2, 0, 1)[None], kernel, groups=channels)[0].permute(1, 2, 0)
        np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize(("lanes", "vectors"), [(8, (1,)), (16, (2, 1))])
def test_planes_with_either_vector_width(lanes, vectors, monkeypatch):
    monkeypatch.setattr(warp, "LANES", lanes)
    monkeypatch.setattr(warp, "VECTORS", vectors)
    monkeypatch.setattr(warp, "FILTERS", (4, 1))  # every tile takes its time to compile
    convolve = warp.convolve

    @njit
    def product(x, w, b, y, step, high, wide, kernel):
        taps = (len(x), kernel, len(b), np.float32(0))
        places = (x.ctypes.data, x.shape[1], y.ctypes.data, y.shape[1])
        convolve(*places, step, high, wide, w.ctypes.data, b.ctypes.data, taps)

    for outputs, high, wide, kernel in ((8, 1, 1, 3), (6, 3, 17, 1), (3, 2, 40, 2)):
        step, rows = wide + kernel + 20, high + kernel - 1
        x, y = torch.randn(2, rows * step + 64), torch.full((outputs, high * step + 64), np.nan)
        w, b = torch.randn(outputs, 2, kernel, kernel), torch.randn(outputs)
        weights = w.permute(1, 2, 3, 0).contiguous()
        product(*(one.numpy() for one in (x, weights, b, y)), step, high, wide, kernel)
        picture = x[:, : rows * step].view(1, 2, rows, step)
        expected = F.conv2d(picture, w, b).relu()[0, :, :, :wide]
        found = y[:, : high * step].view(outputs, high, step)[:, :, :wide]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_compiles_where_no_compiled_code_can_be_kept():
    """Numba keeps no code of a function that has no file, and says so with an error."""
    space = {}
    exec("def double(x): return 2 * x", space)
    with pytest.raises(RuntimeError, match="no locator"):
        njit(cache=True)(space["double"])
    assert compiled(space["double"])(4) == 8
