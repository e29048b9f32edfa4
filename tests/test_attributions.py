"""Attributions: against hand-made nets whose answer is known, and that the net stays as it was."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import _torchvision, data, models, plots, saliency
from fer_utils.errors import FerError
from fer_utils.models.layers import SpatialTransformer
from fer_utils.saliency import METHODS, attribute, perturbations

CLASSES = ("angry", "happy", "sad")
IMAGE = torch.rand(1, 8, 10, generator=torch.Generator().manual_seed(1))


class Linear(nn.Module):
    """Logits are weighted sums of the pixels: every attribution can be written down."""

    classes = CLASSES

    def __init__(self, channels=1):
        super().__init__()
        weight = torch.randn(3, channels * 80, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(weight)

    def forward(self, pictures):
        return pictures.flatten(1) @ self.weight.T

    def of(self, target, channels=1):
        return self.weight[target].detach().view(channels, 8, 10).numpy()


class Small(nn.Sequential):
    """A net that every method suits."""

    classes = CLASSES

    def __init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            super().__init__(
                nn.Conv2d(1, 4, 3, padding=1),
                nn.BatchNorm2d(4),
                nn.ReLU(inplace=True),
                nn.Conv2d(4, 4, 3, padding=1),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(4, 3),
            )


def equal(found, expected, tolerance=1e-5):
    np.testing.assert_allclose(found.map, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("target", [0, 2])
def test_a_linear_net_is_its_weights(target):
    net, picture = Linear(), IMAGE[0].numpy()
    weight = net.of(target)[0]
    equal(attribute(net, IMAGE, "gradient", target), abs(weight))
    equal(attribute(net, IMAGE, "smooth_grad", target), abs(weight))
    found = attribute(net, IMAGE, "integrated_gradients", target)
    equal(found, weight * picture)
    assert abs(found.details["convergence_delta"]) < 1e-4
    gray = attribute(net, IMAGE, "integrated_gradients", target, fill=0.5)
    equal(gray, weight * (picture - 0.5))


def test_colours_are_summed_where_the_sign_counts_and_the_strongest_where_not():
    net = Linear(3)
    image = torch.rand(3, 8, 10, generator=torch.Generator().manual_seed(2))
    weight = net.of(1, 3)
    equal(attribute(net, image, "gradient", "happy"), abs(weight).max(0))
    expected = (weight * image.numpy()).sum(0)
    equal(attribute(net, image, "integrated_gradients", "happy"), expected)


@pytest.mark.parametrize("method", ["part_ablation", "shapley_parts"])
def test_a_part_is_worth_the_sum_of_its_pixels_in_a_linear_net(method):
    net = Linear()
    labels = np.full((8, 10), 7, np.uint8)
    labels[2:4, 3:6] = 2
    labels[6:] = perturbations.UNKNOWN
    found = attribute(net, IMAGE, method, "sad", parts=labels)
    product = net.of(2)[0] * IMAGE[0].numpy()
    for label, name in ((7, "part 7"), (2, "part 2"), (perturbations.UNKNOWN, "part 255")):
        worth = product[labels == label].sum()
        assert found.details["worth"][name] == pytest.approx(worth, abs=1e-4)
        equal_share = worth / (labels == label).sum()
        np.testing.assert_allclose(found.map[labels == label], equal_share, atol=1e-5)
    assert found.map.sum() == pytest.approx(product.sum(), abs=1e-4)


def test_without_parts_a_grid_is_taken():
    found = attribute(Linear(), IMAGE, "part_ablation", "sad", grid=2)
    assert list(found.details["worth"]) == ["cell 0, 0", "cell 0, 1", "cell 1, 0", "cell 1, 1"]
    product = Linear().of(2)[0] * IMAGE[0].numpy()
    assert found.details["worth"]["cell 1, 0"] == pytest.approx(product[4:, :5].sum(), abs=1e-4)


def test_grad_cam_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    found = attribute(net, IMAGE, "grad_cam", 0)
    equal(found, IMAGE[0].numpy() / 80)  # channel 0 is the picture, its weight one of 80 pixels
    equal(attribute(net, IMAGE, "grad_cam", 1), np.zeros((8, 10)))  # below 0 everywhere
    assert found.details == {"layer": "0"}


def test_grad_cam_takes_the_last_convolution_that_still_sees_places():
    assert attribute(Small(), IMAGE, "grad_cam").details["layer"] == "3"
    assert attribute(Small(), IMAGE, "grad_cam", layer="0").details["layer"] == "0"
    net = models.create("bottleneck_065m", seed=0)
    name = attribute(net, IMAGE, "grad_cam").details["layer"]
    assert name == "trunk.blocks.11.layers.6"  # the one after it is applied to the mean


def test_grad_cam_adds_parallel_streams():
    net = models.create("mini_xception", inputs="gray+laplacian", fusion="parallel", seed=0)
    found = attribute(net, IMAGE, "grad_cam", 2)
    assert found.details["layer"] == "trunk.streams.gray.head, trunk.streams.laplacian.head"


def test_grad_cam_is_warped_back_onto_the_picture():
    class Shifting(SpatialTransformer):
        def theta(self, x):  # looks 2 of 8 pixels further down
            return torch.tensor([[[1.0, 0, 0], [0, 1, 0.5]]])

    image = torch.zeros(1, 8, 10)
    image[0, 5, 3] = 1
    plain = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        plain[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    warped = nn.Sequential(Shifting(1), *plain)
    equal(attribute(warped, image, "grad_cam", 0), image[0].numpy() / 80)


def test_score_cam_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    x = IMAGE[0].double().numpy()
    mask = (x - x.min()) / np.ptp(x)  # of channel 0, the picture; that of channel 1 is 1 - mask
    first, second = np.exp([(x * mask).mean(), (x * (1 - mask)).mean()])
    found = attribute(net, IMAGE, "score_cam", 0)
    equal(found, x * (first - second) / (first + second))
    assert found.details == {"layer": "0"}
    flat = attribute(net, np.full((8, 10), 0.5), "score_cam", 0).map  # masks of 0: equal weights
    np.testing.assert_allclose(flat, 0, atol=1e-6)


def relevance(net, picture, target, gamma):
    """Return zennit's, by the gamma rule in convolutions and hardly any epsilon elsewhere."""
    _torchvision.load()  # zennit imports it
    from zennit import attribution, canonizers, composites, rules, types

    composite = composites.LayerMapComposite(
        [
            (types.Activation, rules.Pass()),
            (types.Convolution, rules.Gamma(gamma, stabilizer=1e-12)),
            (types.Linear, rules.Epsilon(1e-12)),
        ],
        canonizers=[canonizers.SequentialMergeBatchNorm()],
    )
    with attribution.Gradient(net, composite) as attributor:
        logits = net(picture).detach()
        return attributor(picture, logits * torch.eye(logits.shape[1])[[target]])[1][0].sum(0)


@pytest.mark.parametrize("gamma", [0.25, 2.0])
def test_lrp_is_zennit_s(gamma):
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 3, groups=6, padding=1, padding_mode="reflect"),  # gives values below 0
        nn.Conv2d(6, 8, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 20, 3),
    ).eval()
    for values in (*net.parameters(), net[1].running_mean):
        values.data = 0.4 * torch.randn(values.shape, generator=generator)
    net[1].running_var.uniform_(0.5, 2, generator=generator)
    picture = torch.rand(1, 3, 8, 10, generator=generator)
    found = attribute(net, picture, "lrp", 1, gamma=gamma)
    expected = relevance(copy.deepcopy(net), picture, 1, gamma).detach().numpy()
    np.testing.assert_allclose(found.map, expected, atol=1e-4 * abs(expected).max())


def test_lrp_keeps_the_sum_where_tensors_are_added():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = (nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in "ab")

        def forward(self, x):
            x = x + torch.relu(self.first(x))
            return (x + self.second(x)).mean((2, 3)) * torch.tensor([1.0, -2.0])

    torch.manual_seed(0)
    net = Residual()
    found = attribute(net, IMAGE, "lrp", 1)
    assert found.map.sum() == pytest.approx(net(IMAGE[None])[0, 1].item(), abs=1e-5)
    plain = attribute(net, IMAGE, "lrp", 1, gamma=0)
    asked = IMAGE[None].clone().requires_grad_()
    net(asked)[0, 1].backward()
    equal(plain, (asked.grad * IMAGE)[0, 0].detach().numpy())
    assert abs(plain.map - found.map).max() > 1e-4


def test_lrp_takes_the_crop_as_it_lies():
    class Turning(SpatialTransformer):
        def theta(self, x):
            shift = self.localisation(x)[:, :1, None]  # depends on the picture
            return torch.cat((torch.eye(2).expand(len(x), 2, 2), shift.expand(-1, 2, 1)), 2)

    net = nn.Sequential(Turning(1), nn.Flatten(), nn.Linear(80, 2, bias=False))
    net[0].localisation = nn.Sequential(nn.Flatten(), nn.Linear(80, 6))
    found = attribute(net, IMAGE, "lrp", 0)  # linear in the picture once the crop is fixed
    assert found.map.sum() == pytest.approx(net(IMAGE[None])[0, 0].item(), abs=1e-5)


@pytest.mark.parametrize("method", ["lime", "kernel_shap"])
def test_the_sum_over_segments_is_found_in_a_linear_net(method):
    net = Linear()
    product = net.of(2)[0] * IMAGE[0].numpy()
    found = attribute(net, IMAGE, method, "sad", grid=3, samples=400)
    down, across = (np.arange(side) * 3 // side for side in (8, 10))
    labels = down[:, None] * 3 + across
    for label, worth in enumerate(found.details["worth"].values()):
        # LIME's ridge draws every weight towards 0, by about one in a hundred for 400 samples
        tolerance = 1e-3 if method == "kernel_shap" else 0.05 * float(abs(product).sum()) / 9
        assert worth == pytest.approx(product[labels == label].sum(), abs=tolerance)
    with pytest.raises(FerError, match="4 segments are too few .* a grid of 64"):
        attribute(net, IMAGE, method, grid=2)
    assert len(attribute(net, IMAGE, method, samples=70).details["worth"]) == 64


def test_guided_backprop_by_hand():
    class Two(nn.Module):  # logit 0 is relu(2a) - relu(b): the guided gradient drops the second
        def __init__(self, rectify):
            super().__init__()
            self.rectify = rectify

        def forward(self, pictures):
            scaled = pictures.flatten(1) * torch.tensor([2.0, 1.0])
            passed = self.rectify(scaled) @ torch.tensor([[1.0], [-1.0]])
            return torch.cat((passed, 0 * passed), 1)

    image = np.array([[0.25, 0.75]], np.float32)
    equal(attribute(Two(nn.Identity()), image, "gradient", 0), [[2, 1]])
    for rectify in (nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6()):
        equal(attribute(Two(rectify), image, "guided_backprop", 0), [[2, 0]])
    for rectify, why in (
        (torch.relu, "functions"),
        (lambda x: x.relu(), "functions"),
        (nn.GELU(), "1 of its 1 rectifiers"),
        (nn.Identity(), "no nn.ReLU"),
        (nn.Sequential(nn.ReLU(), nn.LeakyReLU()), "1 of its 2 rectifiers"),
    ):
        with pytest.raises(FerError, match=why):
            attribute(Two(rectify), image, "guided_backprop", 0)


def test_guided_backprop_refuses_the_variant_that_rectifies_by_a_function():
    image = data.load("facs3d", split="test").images[0]
    attribute(models.create("mini_xception", seed=0), image, "guided_backprop")
    with pytest.raises(FerError, match="does not suit"):
        net = models.create("mini_xception", variant="alessi2019", seed=0)
        attribute(net, image, "guided_backprop")


def test_rise_finds_the_spot_that_decides():
    class Spot(nn.Module):
        def forward(self, pictures):
            score = 8 * pictures[:, 0, 2:4, 7:9].mean((1, 2))
            return torch.stack((score, 4 + 0 * score), 1)

    found = attribute(Spot(), np.ones((8, 10)), "rise", 0, masks=600, cells=4)
    assert found.map[2:4, 7:9].min() > 2 * found.map[6:, :4].max()
    row, column = np.unravel_index(found.map.argmax(), (8, 10))
    assert 1 <= row <= 4 and 6 <= column <= 9


def test_rise_says_nothing_of_a_net_that_says_nothing():
    class Constant(nn.Module):
        def forward(self, pictures):
            return torch.ones(len(pictures), 2)

    assert np.abs(attribute(Constant(), IMAGE, "rise", masks=50).map).max() < 1e-6


def test_rise_masks_are_soft_and_seen_as_often_as_asked():
    drawn = perturbations.RandomMasks(400, cells=5, keep=0.3, seed=0).draw((20, 30), chunk=150)
    masks = torch.cat(list(drawn))
    assert masks.shape == (400, 20, 30)
    assert masks.min() == 0 and masks.max() == pytest.approx(1)
    assert masks.mean() == pytest.approx(0.3, abs=0.02)


def test_occlusion_is_the_occlusion_map():
    net = Small()
    expected = saliency.occlusion(net, IMAGE, window=3, stride=1, fill="mean").heat("sad")
    found = attribute(net, IMAGE, "occlusion", "sad", window=3, stride=1, fill="mean")
    equal(found, expected, 0)


@pytest.mark.parametrize("method", METHODS)
def test_the_net_stays_as_it_was_and_the_seed_decides(method):
    net = Small().train()
    net[1].eval()  # a frozen layer
    net[0].weight.grad = torch.ones_like(net[0].weight)
    before, generator = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    with torch.inference_mode():
        first = attribute(net, IMAGE, method, "happy", seed=3)
    again = attribute(net, IMAGE, method, "happy", seed=3)
    np.testing.assert_array_equal(first.map, again.map)
    assert net.training and net[0].training and not net[1].training and net[2].inplace
    assert torch.equal(net[0].weight.grad, torch.ones_like(net[0].weight))
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    assert first.map.shape == (8, 10) and first.map.dtype == np.float32
    assert not first.map.flags.writeable
    assert first.signed or first.map.min() >= 0
    assert first.label == "happy" and first.clean.sum() == pytest.approx(1, abs=1e-5)
    assert repr(first) == f"Attribution({method} of happy, 8x10, {kind(first)})"


def kind(found):
    return "signed" if found.signed else "unsigned"


@pytest.mark.parametrize("method", ["smooth_grad", "rise", "shapley_parts"])
def test_another_seed_draws_others(method):
    maps = (
        [attribute(Small(), IMAGE, method, seed=seed, samples=4) for seed in (0, 1)]
        if (method != "rise")
        else [attribute(Small(), IMAGE, method, seed=seed, masks=40) for seed in (0, 1)]
    )
    assert not np.array_equal(maps[0].map, maps[1].map)


def test_every_net_of_the_kit_can_be_explained():
    image = data.load("facs3d", split="test").images[0]
    for name in ("deep_emotion", "bottleneck_065m", "light_vgg"):
        net = models.create(name, seed=0)
        for method in ("gradient", "guided_backprop", "grad_cam", "part_ablation"):
            assert attribute(net, image, method).map.shape == image.shape[-2:]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "integrated_gradient"}, "mean 'integrated_gradients'"),
        ({"target": "hapy"}, "mean 'happy'"),
        ({"target": 3}, "no class"),
        ({"method": "gradient", "steps": 3}, "no option 'steps'; it has: none"),
        ({"method": "rise", "cell": 3}, "has: masks, cells, keep, fill"),
        ({"method": "rise", "keep": 1}, "below 1"),
        ({"method": "rise", "cells": 0}, "cells=0: expected a whole number"),
        ({"method": "smooth_grad", "noise": -1}, "noise=-1"),
        ({"steps": 0}, "1 or more"),
        ({"fill": "pink"}, "fill='pink'"),
        ({"method": "part_ablation", "parts": np.zeros((3, 3), int)}, "do not fit"),
        ({"method": "part_ablation", "parts": np.full((8, 10), 255)}, "not known"),
        ({"method": "part_ablation", "parts": np.zeros((8, 10))}, "whole numbers"),
        ({"method": "part_ablation", "grid": 9}, "from 1 to 8"),
        ({"method": "grad_cam", "layer": "2"}, "no convolution"),
    ],
)
def test_mistakes_are_explained(options, message):
    with pytest.raises(FerError, match=message):
        attribute(Small(), IMAGE, **options)


def test_nets_that_do_not_suit_are_refused_with_the_reason():
    with pytest.raises(FerError, match="more than one position"):
        attribute(Linear(), IMAGE, "grad_cam")
    with pytest.raises(FerError, match="one score per class"):
        attribute(nn.Flatten(0), IMAGE, "gradient")
    net = Linear()
    net.weight.data[0, 0] = float("nan")
    with pytest.raises(FerError, match="not finite"):
        attribute(net, IMAGE, "gradient")


def test_one_plot_for_all_methods():
    net = Small()
    found = [attribute(net, IMAGE, method, "sad") for method in METHODS]
    for one in found:
        figure = plots.attribution(IMAGE.numpy(), one)
        assert "for sad" in figure.alt and one.title in figure.alt
        assert figure.axes[-1].get_ylabel() == METHODS[one.method].unit
    figure = plots.attributions(IMAGE.numpy(), found)
    assert len([axes for axes in figure.axes if axes.images]) == 1 + len(found)
    assert "each map on its own scale" in figure.get_suptitle()
    assert figure.alt.count("for sad") == len(found)


def test_zero_is_white_and_the_sign_decides_the_colours():
    white = np.full((8, 10), 255, np.uint8)
    values = np.zeros((8, 10), np.float32)
    values[0, 0], values[1, 1] = 1, -1
    clean = np.array([0.2, 0.5, 0.3], np.float32)
    signed = saliency.Attribution(values, True, "rise", 0, CLASSES, clean)
    drawn = plots.attribution(white, signed).axes[1].images[0].get_array()
    assert drawn[5, 5].min() > 0.96
    assert drawn[0, 0, 0] > 2 * drawn[0, 0, 2] and drawn[1, 1, 2] > 2 * drawn[1, 1, 0]
    unsigned = saliency.Attribution(abs(values), False, "gradient", 0, CLASSES, clean)
    drawn = plots.attribution(white, unsigned).axes[1].images[0].get_array()
    assert drawn[5, 5].min() > 0.96 and np.array_equal(drawn[0, 0], drawn[1, 1])
    half = saliency.Attribution(values / 2, True, "rise", 0, CLASSES, clean)
    one_scale = plots.attributions(white, [signed, half], shared=True)
    own = plots.attributions(white, [signed, half])
    first, second = (axes.images[0].get_array() for axes in one_scale.axes[1:3])
    assert not np.array_equal(first, second)
    first, second = (axes.images[0].get_array() for axes in own.axes[1:3])
    assert np.array_equal(first, second)
    with pytest.raises(FerError, match="does not fit"):
        plots.attribution(white[:5], signed)
    with pytest.raises(FerError, match="no maps"):
        plots.attributions(white, [])
    with pytest.raises(FerError, match="2 maps, but 1 titles"):
        plots.attributions(white, [signed, half], ["one"])


@pytest.fixture(scope="module")
def torchvision_net():
    """A network of another library: colour, residual, batch norms, and no names for its classes."""
    torchvision = _torchvision.load()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torchvision.models.resnet18(num_classes=3)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_of_torchvisions_is_explained(torchvision_net, method):
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(3))
    few = {"samples": 2} if method == "smooth_grad" else {"samples": 30, "grid": 3}
    options = {"rise": {"masks": 20}, "occlusion": {"stride": 5}, "smooth_grad": few}
    options = {**options, "lime": few, "kernel_shap": few}.get(method, {})
    found = attribute(torchvision_net, image, method, **options)
    assert found.classes == ("0", "1", "2") and found.map.shape == (32, 32)
    assert found.map.any() or method in (
        "grad_cam",
        "score_cam",
    )  # its ReLU may leave nothing of a random net


def test_torchvisions_network_goes_through_the_engines(torchvision_net):
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(3))
    maps = [
        saliency.occlusion(torchvision_net, image, window=8, stride=8, engine=name)
        for name in ("batched", "delta", "auto")
    ]
    for omap in maps:
        assert omap.label in ("0", "1", "2")
        np.testing.assert_allclose(omap.probabilities, maps[0].probabilities, atol=1e-5)
    with pytest.raises(FerError, match="ResNet is no FaceNet"):
        saliency.occlusion(torchvision_net, image, engine="fused")
