"""All engines give captum's numbers; the choice between them, its self-check and its fallback."""

import contextlib
import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import Occlusion
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fer_utils import models, saliency
from fer_utils.errors import FerError
from fer_utils.saliency._engines import Unsupported, batched, delta, dispatch, fused, gpu
from fer_utils.saliency._engines.fused.nets import FusedNet
from fer_utils.saliency.windows import OcclusionProblem, Windows


class Residual(nn.Module):
    """What a block gives, and its input beside it (through a 1x1 convolution or as it is)."""

    def __init__(self, block, beside):
        super().__init__()
        self.block, self.beside = block, beside

    def forward(self, x):
        return self.beside(x) + self.block(x)


class CeilPool(nn.Module):
    """Overlapping pooling as in mini-Xception, in its functional form."""

    def forward(self, x):
        height, width = x.shape[-2:]
        return F.max_pool2d(x, 3, stride=2, padding=(height % 2, width % 2), ceil_mode=True)


def layer(draw, width):
    """Return a random layer for maps of so many channels, and how many it gives."""
    kind = draw(st.sampled_from(["conv", "depthwise", "residual", "norm", "max", "average", "act"]))
    out = draw(st.sampled_from([2, 4]))
    kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, kernel // 2))
    if kind == "conv":
        dilation = draw(st.integers(1, 2))
        return nn.Conv2d(width, out, kernel, stride, dilation * padding, dilation), out
    if kind == "depthwise":
        separable = nn.Conv2d(width, width, (3, kernel), stride, (1, padding), groups=width)
        return nn.Sequential(separable, nn.Conv2d(width, out, 1, bias=False)), out
    if kind == "residual":
        same = nn.Conv2d(width, width, 3, padding=1)
        if draw(st.booleans()):
            return Residual(
                nn.Sequential(same, nn.BatchNorm2d(width), nn.ReLU6()), nn.Identity()
            ), width
        block = nn.Sequential(nn.ReLU(), same, nn.ReLU(), nn.Conv2d(width, out, 3, padding=1))
        block.append(CeilPool())
        return Residual(block, nn.Conv2d(width, out, 1, stride=2)), out
    if kind == "norm":
        return nn.BatchNorm2d(width), width
    options = {"padding": padding, "ceil_mode": draw(st.booleans())}
    if kind == "max":
        return nn.MaxPool2d(kernel, stride, **options), width
    if kind == "average":
        counted = draw(st.booleans())
        return nn.AvgPool2d(kernel, stride, count_include_pad=counted, **options), width
    return draw(st.sampled_from([nn.ReLU(inplace=True), nn.LeakyReLU(0.2), nn.Tanh()])), width


@st.composite
def cases(draw):
    """Return a random net with three scores, a picture, a window and its strides."""
    torch.manual_seed(draw(st.integers(0, 9999)))
    size = (draw(st.integers(14, 24)), draw(st.integers(14, 24)))
    picture = torch.rand(1, draw(st.integers(1, 2)), *size)
    net, width = nn.Sequential(), picture.shape[1]
    for _ in range(draw(st.integers(1, 6))):
        part, out = layer(draw, width)
        with torch.no_grad():
            try:
                shape = copy.deepcopy(net).append(part).eval()(picture).shape
            except RuntimeError:  # the kernel is larger than the map, or pads too much
                continue
        if min(shape[-2:]) > 1:
            net.append(part)
            width = out
    if draw(st.booleans()):
        net.append(nn.AdaptiveAvgPool2d(1))
    net.append(nn.Flatten())
    net.append(nn.Linear(net.eval()(picture).shape[1], 3))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    window = tuple(draw(st.integers(2, side // 2)) for side in size)
    stride = tuple(draw(st.integers(2, 5)) for _ in size)
    stride = tuple(min(pair) for pair in zip(stride, window, strict=True))
    return net.eval(), picture, window, stride


@settings(max_examples=15, deadline=None, derandomize=True)
@given(cases())
def test_all_engines_give_captums_map(case):
    net, picture, window, stride = case
    baseline = torch.rand(1, 1, 1, 1)
    windows = Windows(tuple(picture.shape[-2:]), window, stride)
    problem = OcclusionProblem(picture, baseline, windows)
    channels = picture.shape[1]
    expected = Occlusion(net).attribute(
        picture, (channels, *window), (1, *stride), baseline, target=1, perturbations_per_eval=64
    )
    found = {"batched": batched.prepare(net).outputs(problem)}
    for name, module in (("delta", delta), ("fused", fused)):
        try:
            prepared = module.prepare(net, tuple(picture.shape[1:]))
        except Unsupported:
            assert name != "delta"
            continue
        found[name] = prepared.outputs(problem)
    for name, (clean, covered) in found.items():
        drop = (clean - covered.reshape(len(windows), 3))[:, 1].reshape(windows.counts)
        heat = windows.spread(drop).expand_as(expected)
        scale = max(expected.abs().max().item(), clean.abs().max().item())
        assert (heat - expected).abs().max() <= 1e-5 * scale, name


# The choice


def small(size=16, **options):
    """A net that every engine takes, and a picture for it."""
    net = models.create("mini_xception", seed=0, input_size=size, **options).eval()
    return net, torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0))


def wrong(module, monkeypatch, error):
    """Make an engine give scores that are off by so much at every window."""
    prepare = module.prepare

    class Wrong:
        by_copy, tolerance = True, 1e-5

        def __init__(self, *arguments):
            self.right = prepare(*arguments)

        def is_cheaper(self, windows, wanted):
            return True

        def outputs(self, *arguments):
            clean, covered = self.right.outputs(*arguments)
            return clean, covered + error

    monkeypatch.setattr(module, "prepare", Wrong)


@pytest.mark.parametrize("name", ["batched", "delta", "fused"])
def test_an_engine_can_be_named(name):
    net, picture = small()
    found = saliency.occlusion(net, picture, window=8, stride=4, engine=name)
    assert found.engine == name
    other = saliency.occlusion(net, picture, window=8, stride=4, engine="batched")
    np.testing.assert_allclose(found.probabilities, other.probabilities, atol=1e-6)


def test_auto_takes_fused_for_mini_xception_and_batched_where_nothing_can_be_spared():
    net, picture = small()
    assert saliency.occlusion(net, picture, window=8, stride=4).engine == "fused"
    resized = torch.rand(1, 1, 24, 24)
    assert saliency.occlusion(net, resized, window=12, stride=6).engine == "batched"
    assert saliency.occlusion(net, picture, window=8, stride=4, chunk=5).engine == "batched"


def test_auto_takes_delta_where_boxes_are_small():
    layers = [nn.Conv2d(1, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2)).eval()
    found = saliency.occlusion(net, torch.rand(1, 1, 64, 64), window=8, stride=8)
    assert found.engine == "delta"


@pytest.mark.parametrize("name", ["delta", "fused"])
def test_an_engine_that_does_not_suit_is_refused_with_the_reason(name):
    class Branching(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)).repeat(1, 2) if x.sum() > 0 else x.flatten(1)[:, :2]

    with pytest.raises(FerError, match=f"engine='{name}' does not suit this net: .*"):
        saliency.occlusion(Branching(), torch.rand(1, 1, 9, 9), window=3, engine=name)
    found = saliency.occlusion(Branching(), torch.rand(1, 1, 9, 9), window=3)
    assert found.engine == "batched"


def test_an_unknown_engine_is_refused():
    with pytest.raises(FerError, match="auto, batched, delta, fused"):
        saliency.occlusion(*small(), engine="warp")


@pytest.mark.parametrize("module", [delta, fused])
def test_an_engine_that_is_wrong_is_found_out(module, monkeypatch):
    net, picture = small()
    name = module.__name__.rpartition(".")[2]
    expected = saliency.occlusion(net, picture, stride=4, engine="batched").probabilities
    error = torch.tensor([0.01, 0, 0, 0, 0, 0, 0])
    wrong(module, monkeypatch, error)
    with pytest.warns(UserWarning, match=f"engine '{name}' disagrees"):
        found = saliency.occlusion(net, picture, stride=4, engine=name)
    assert found.engine == "batched"
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)


def test_rounding_is_no_disagreement():
    net, picture = small()
    windows = Windows((16, 16), (8, 8), (4, 4))
    problem = OcclusionProblem(picture, torch.zeros(1), windows)
    clean, covered = batched.prepare(net).outputs(problem)
    check = dispatch.Check(net, problem, np.arange(len(windows)))
    change = (covered - clean).abs().max()
    assert check.disagreement(clean, covered + 1e-6 * change) is None
    assert check.disagreement(clean, covered + 1e-3 * change) > 1e-5


def test_the_check_may_ask_with_channels_last():
    net, picture = small()
    seen = []
    net.register_forward_pre_hook(lambda net, given: seen.append(given[0]))
    windows = Windows((16, 16), (8, 8), (4, 4))
    problem = OcclusionProblem(picture, torch.zeros(1), windows)
    for last in (False, True):
        dispatch.Check(net, problem, np.arange(len(windows))).ask(channels_last=last)
    assert torch.equal(*seen)
    assert [pictures.stride()[1:] for pictures in seen] == [(256, 16, 1), (1, 16, 1)]


def test_a_function_that_views_its_maps_is_asked_with_channels_first(monkeypatch):
    net, picture = models.pretrained("mini_xception_facs3d"), torch.rand(1, 1, 48, 48)
    expected = saliency.occlusion(net, picture, stride=8, engine="fused")
    pooled = torch.nn.functional.max_pool2d

    def flat(maps, *given, **options):
        return pooled(maps.view(-1).view(maps.shape), *given, **options)

    monkeypatch.setattr(torch.nn.functional, "max_pool2d", flat)
    found = saliency.occlusion(net, picture, stride=8, engine="fused")
    np.testing.assert_array_equal(found.heat(), expected.heat())


def test_a_picture_like_its_cover_gives_a_flat_map():
    net, picture = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in saliency.ENGINES:
            found = saliency.occlusion(net, picture * 0, stride=4, engine=name)
            assert np.abs(found.drop()).max() < 1e-6


@pytest.mark.parametrize("name", ["batched", "delta", "fused"])
def test_some_positions_in_any_order(name):
    net, picture = small(inputs="gray+sobel+laplacian")
    windows = Windows((16, 16), (5, 4), (3, 2))
    some = np.array([30, 2, 7, 8, 3, 34, 0])
    problem = OcclusionProblem(picture, torch.full((1, 1, 1, 1), 0.3), windows)
    _, clean, covered = dispatch.run(net, problem, name)
    _, again, few = dispatch.run(net, problem, name, positions=some)
    torch.testing.assert_close(again, clean, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(few, covered[some], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", ["delta", "fused"])
def test_progress_and_cancel(name):
    net, picture = small()
    calls = []
    arguments = {"window": 4, "stride": 1, "engine": name}
    saliency.occlusion(net, picture, progress=lambda *seen: calls.append(seen), **arguments)
    assert calls[0] == (0, 169)
    assert calls[-1] == (169, 169)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    with pytest.raises(saliency.Cancelled, match="of 169"):
        saliency.occlusion(net, picture, progress=lambda done, total: done == 0, **arguments)


@pytest.mark.parametrize("name", ["delta", "fused"])
def test_a_changed_net_or_picture_gives_a_new_map(name):
    net, picture = small()
    first = saliency.occlusion(net, picture, stride=4, engine=name)
    with torch.no_grad():
        net.trunk.head.weight.mul_(2)
    changed = saliency.occlusion(net, picture, stride=4, engine=name)
    other = saliency.occlusion(net, picture.flip(-1), stride=4, engine=name)
    for found in (changed, other):
        assert np.abs(found.clean - first.clean).max() > 1e-4
    assert np.abs(changed.clean - other.clean).max() > 1e-5


def test_captums_form_uses_the_fast_engines(monkeypatch):
    net, picture = small()
    used = []
    outputs = FusedNet.outputs
    monkeypatch.setattr(FusedNet, "outputs", lambda *a, **k: used.append(1) or outputs(*a, **k))
    found = saliency.Occlusion(net).attribute(picture, (1, 6, 5), (1, 3, 4), 0.5, target=2)
    expected = Occlusion(net).attribute(picture, (1, 6, 5), (1, 3, 4), 0.5, target=2)
    assert used
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


# Coarse maps first


def test_coarse_to_fine_ends_with_the_map_and_computes_no_position_twice():
    net, picture = small()
    calls = []
    arguments = {"window": 6, "stride": (2, 1), "engine": "batched"}
    maps = list(
        saliency.coarse_to_fine(net, picture, progress=lambda *c: calls.append(c), **arguments)
    )
    assert [m.stride for m in maps] == [(4, 2), (2, 1)]
    whole = saliency.occlusion(net, picture, **arguments)
    np.testing.assert_allclose(maps[-1].probabilities, whole.probabilities, atol=1e-6)
    coarse = saliency.occlusion(net, picture, window=6, stride=(4, 2), engine="batched")
    np.testing.assert_allclose(maps[0].probabilities, coarse.probabilities, atol=1e-6)
    corners = {(y, x) for m in maps for y in m.windows.starts(0) for x in m.windows.starts(1)}
    assert calls[-1] == (len(corners), len(corners))


@pytest.mark.parametrize(
    ("window", "stride", "strides"),
    [(8, 1, [8, 4, 2, 1]), (8, 2, [8, 4, 2]), (5, 1, [4, 2, 1]), (8, 3, [6, 3]), (16, 16, [16])],
)
def test_strides_of_coarse_to_fine(window, stride, strides):
    net, picture = small()
    found = [
        m.stride[0] for m in saliency.coarse_to_fine(net, picture, window=window, stride=stride)
    ]
    assert found == strides


def test_coarse_to_fine_can_be_cancelled():
    maps = saliency.coarse_to_fine(*small(), stride=1, progress=lambda done, total: done < 5)
    with pytest.raises(saliency.Cancelled):
        list(maps)


# The GPU's part that needs no GPU


def test_a_batch_takes_half_of_the_free_memory():
    assert gpu.fitting(free=1000, each=100) == 5
    assert gpu.fitting(free=1000, each=900) == 1
    assert gpu.fitting(free=10**12, each=1) == gpu.MOST


def test_tf32_is_off_only_inside(monkeypatch):
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    if not hasattr(matmul, "fp32_precision"):
        pytest.skip("this torch has no fp32_precision")
    before = matmul.fp32_precision, conv.fp32_precision
    try:
        matmul.fp32_precision = conv.fp32_precision = "tf32"
        with gpu.full_precision(torch.device("cpu")):
            assert matmul.fp32_precision == "tf32"
        with pytest.raises(KeyError), gpu.full_precision(torch.device("cuda")):
            assert (matmul.fp32_precision, conv.fp32_precision) == ("ieee", "ieee")
            raise KeyError
        assert (matmul.fp32_precision, conv.fp32_precision) == ("tf32", "tf32")
    finally:
        matmul.fp32_precision, conv.fp32_precision = before


class Plain(nn.Module):
    """Reads its plain attributes, as people's own nets do; every value may be changed."""

    scale = 1.0

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.head, self.act = nn.Linear(4, 3), nn.ReLU()
        self.t, self.wide, self.powers, self.options = 1.0, False, (1, 1), {"shift": [0.0]}
        self.gain, self.other, self.how = torch.ones(1), [nn.Identity()], None

    def forward(self, x):
        y = self.act(self.norm(self.conv(x)) + self.options["shift"][0])
        y = self.other[0](y * self.gain) ** self.powers[1] * self.scale
        y = y.mean((2, 3)) if self.how is None else self.how(y)
        return self.head(y) * (5 * self.t if self.wide else self.t)


def zeroed(module, args, output):
    return torch.zeros_like(output)


def unhooked(net):
    net.hook.remove()


def replaced(module):
    old = module.forward
    module.forward = lambda x: 3 * old(x) - 1


CHANGES = {
    "hook": lambda net: net.conv.register_forward_hook(zeroed),
    "pre-hook": lambda net: net.head.register_forward_pre_hook(lambda m, args: (9 * args[0],)),
    "hook on top": lambda net: net.register_forward_hook(lambda m, args, out: out.flip(1)),
    "hook removed": unhooked,
    "forward": lambda net: replaced(net.conv),
    "forward on top": replaced,
    "float": lambda net: setattr(net, "t", 9.0),
    "bool": lambda net: setattr(net, "wide", True),
    "tuple": lambda net: setattr(net, "powers", (1, 3)),
    "inside a dict": lambda net: net.options["shift"].__setitem__(0, 2.0),
    "tensor": lambda net: net.gain.fill_(7),
    "module in a list": lambda net: net.other.__setitem__(0, nn.Conv2d(4, 4, 1)),
    "function": lambda net: setattr(net, "how", lambda y: y.amax((2, 3))),
    "setting of a layer": lambda net: setattr(net.norm, "eps", 5.0),
    "layer": lambda net: setattr(net, "act", nn.Tanh()),
    "shared layer": lambda net: setattr(net, "act", net.norm),
    "class": lambda net: setattr(type(net), "scale", 4.0),
}


@pytest.mark.parametrize("engine", ["auto", "batched", "delta"])
@pytest.mark.parametrize("change", CHANGES)
def test_no_change_of_a_net_is_missed(change, engine, monkeypatch):
    monkeypatch.setattr(Plain, "scale", 1.0)
    net, image = Plain().eval(), torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(1))
    if change != "module in a list":  # nothing that could not be compared
        net.other = nn.ModuleList(net.other)
    if change == "hook removed":
        net.hook = net.conv.register_forward_hook(zeroed)
    assert_changed_map(net, image, CHANGES[change], engine)


@pytest.mark.parametrize("engine", ["auto", "fused", "delta", "batched"])
@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.trunk.head.register_forward_hook(lambda m, args, out: out.flip(1)),
        lambda net: replaced(net.trunk.head),
        replaced,
        lambda net: setattr(net.trunk.stem[0][1], "eps", 0.5),
        lambda net: setattr(net.trunk.blocks[0], "rectified", True),
    ],
)
def test_no_change_of_a_net_of_the_kit_is_missed(change, engine):
    net = models.pretrained("mini_xception_facs3d").eval()
    image = torch.rand(1, 48, 48, generator=torch.Generator().manual_seed(1))
    assert_changed_map(net, image, change, engine)


def assert_changed_map(net, image, change, engine):
    """Compare the map after a change with a plain loop; an engine may refuse the changed net."""
    square = {"window": 12, "stride": 12} if len(image[0]) > 12 else {"window": 6, "stride": 6}
    with contextlib.suppress(FerError):
        saliency.occlusion(net, image, engine=engine, **square)
        saliency.occlusion(net, image, engine=engine, **square)
    with torch.no_grad():
        before = net(image[None])
        change(net)
        changed = net(image[None])
    assert not torch.allclose(before, changed, atol=1e-3)
    try:
        found = saliency.occlusion(net, image, engine=engine, **square)
    except FerError as reason:
        assert engine in ("delta", "fused")
        assert "does not suit" in str(reason)
        return
    rows, columns = found.probabilities.shape[:2]
    for row, column in np.ndindex(rows, columns):
        with torch.no_grad():
            expected = net(found.cover(image, row, column)[None]).softmax(1)[0].numpy()
        np.testing.assert_allclose(found.probabilities[row, column], expected, atol=1e-4)
    np.testing.assert_allclose(found.clean, changed.softmax(1)[0].numpy(), atol=1e-4)
