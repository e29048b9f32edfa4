"""A network from elsewhere, wrapped in one line, goes wherever the kit's own go."""

import copy
from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import data, evaluate, models, saliency, train, widgets
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.models.answers import class_index

PICTURES = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def faces():
    test = data.load("facs3d").where(split="test")
    return test.take([int(np.flatnonzero(test.labels == k % 7)[k // 7]) for k in range(8)])


def plain(channels=1, outputs=7):
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(64, outputs),
    )  # fmt: skip


class Mean3(nn.Module):
    """Makes its own grey of RGB."""

    def forward(self, pictures):
        assert pictures.shape[1] == 3
        return pictures.mean(1, keepdim=True)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "resnet18"])
def test_a_torchvision_network_goes_through_evaluate_and_saliency(faces, name):
    torch.manual_seed(0)
    theirs = getattr(models.torchvision().models, name)(num_classes=7)
    net = models.wrap(theirs, FER7, size=64, mean=0.5, std=(0.5, 0.5, 0.25))
    found = evaluate.evaluate(net, faces)
    assert found.probabilities.shape == (8, 7) and found.classes == FER7 and found.accuracy.n == 8

    face = faces.images[0]
    omap = saliency.occlusion(net, face, window=24, stride=24)
    assert omap.probabilities.shape == (2, 2, 7)
    np.testing.assert_allclose(omap.clean, found.probabilities[0], atol=1e-5)
    result = saliency.attribute(net, face, "gradient", target="happy")
    assert result.map.shape == (48, 48) and np.abs(result.map).max() > 0


def test_pictures_are_resized_converted_and_normalised_as_the_network_wants_them():
    seen = []
    net = models.wrap(plain(3), FER7, size=32, mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    net.trunk.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    gray = PICTURES[:, :1]
    net(gray)
    assert seen[0].shape == (2, 3, 32, 32)
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 1.0, 2.0])
    again = seen[0] * std.view(3, 1, 1) + mean.view(3, 1, 1)
    assert torch.allclose(again[:, 0], again[:, 2], atol=1e-6)  # grey three times over

    untouched = models.wrap(plain(3), FER7)
    assert torch.equal(untouched.prepare(PICTURES), PICTURES)
    own = nn.Sequential(Mean3(), plain(1))
    assert models.wrap(own, FER7, channels=3)(PICTURES).shape == (2, 7)
    assert models.wrap(plain(3), 7).classes == FER7
    looks_at_gray = models.wrap(plain(1), FER7).prepare(PICTURES)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert torch.allclose(looks_at_gray, (PICTURES * weights).sum(1, keepdim=True), atol=1e-6)


def test_it_is_trained_in_place(faces, tmp_path):
    theirs = plain()
    before = copy.deepcopy(theirs.state_dict())
    net = models.wrap(theirs, FER7)
    train.fit(net, faces, faces, train.RECIPES["small_resnet"], epochs=1)
    assert any(not torch.equal(before[key], value) for key, value in theirs.state_dict().items())


def test_every_engine_that_takes_it_gives_the_plain_net_s_map(faces):
    net = models.wrap(plain().eval(), FER7)
    maps = [
        saliency.occlusion(net, faces.images[1], window=12, stride=12, engine=engine).probabilities
        for engine in ("batched", "delta")
    ]
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-5)


def test_mode_is_the_network_s_own():
    assert models.wrap(plain().train(), FER7).training
    assert not models.wrap(plain().eval(), FER7).training
    half_frozen = plain().train()
    half_frozen[0].eval()
    models.wrap(half_frozen, FER7)
    assert not half_frozen[0].training and half_frozen[1].training


def test_describe_counts_a_wrapped_network_whose_size_is_known():
    assert models.describe(models.wrap(plain(), FER7, size=48))["output"].iloc[-1] == "7"
    with pytest.raises(FerError, match="any size"):
        models.describe(models.wrap(plain(), FER7))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((plain, FER7), "takes a torch.nn.Module, not a function"),
        ((plain(), "happy"), "names of the outputs"),
        ((plain(), ("happy",)), "two or more"),
        ((plain(), ("happy", "happy")), "two or more"),
    ],
)
def test_what_is_no_network_or_no_names_is_refused(arguments, message):
    with pytest.raises(FerError, match=message):
        models.wrap(*arguments)


def test_numbers_that_do_not_fit_are_refused():
    for wrong in ({"channels": 2}, {"mean": (0.5, 0.5)}, {"std": 0.0}):
        with pytest.raises(FerError, match="channels=|mean="):
            models.wrap(plain(), FER7, **wrong)


Auxiliary = namedtuple("Auxiliary", "logits aux")


class TwoHeads(nn.Module):
    def forward(self, pictures):
        scores = pictures.mean((2, 3)).repeat(1, 7)
        return Auxiliary(scores, scores)


@pytest.mark.parametrize(
    "net, message",
    [
        (TwoHeads(), "gives a Auxiliary; wanted is one tensor of logits"),
        (plain(outputs=1), r"output of shape \(8, 1\)"),
        (plain(outputs=6), "6 scores for its 7 classes"),
        (nn.Sequential(plain(), nn.Threshold(1e9, float("nan"))), "not finite"),
    ],
)
def test_answers_that_are_no_scores_are_one_sentence(faces, net, message):
    with pytest.raises(FerError, match=message) as refused:
        evaluate.evaluate(models.wrap(net, FER7), faces)
    assert "\n" not in str(refused.value)


def test_a_network_without_parameters_is_evaluated_where_it_is(faces):
    class Mean(nn.Module):
        def forward(self, pictures):
            return pictures.mean((1, 2, 3))[:, None] * torch.arange(7.0)

    assert evaluate.evaluate(models.wrap(Mean(), FER7), faces).accuracy.n == 8


def test_what_only_the_kit_s_own_networks_can_is_refused(tmp_path):
    net = models.wrap(plain(), FER7)
    with pytest.raises(FerError, match="network from elsewhere.*torch.save"):
        models.save(net, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())
    with pytest.raises(FerError, match="no part called head"):
        models.freeze_base(net)
    with pytest.raises(FerError, match="models.create"):
        models.count(net, "paper")
    assert models.replace_head(net, 8)(PICTURES).shape == (2, 8)


def test_an_explorer_shows_it(faces):
    explorer = widgets.occlusion_explorer(faces, {"theirs": models.wrap(plain(), FER7)})
    explorer.wait()
    assert "alert" not in explorer.message.value


@pytest.mark.parametrize(
    "options",
    [
        {"classes": set(FER7)},  # has no order
        {"classes": [1, 2, 3, 4, 5, 6, 7]},  # would be taken for places
        {"classes": True},
        {"classes": FER7, "std": float("nan")},
        {"classes": FER7, "size": "a"},
        {"classes": FER7, "size": 0},
    ],
)
def test_what_has_no_meaning_is_refused(options):
    with pytest.raises(FerError):
        models.wrap(nn.Sequential(nn.Flatten(), nn.LazyLinear(7)), **options)


def test_names_in_an_array_are_names():
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(7))
    wrapped = models.wrap(net, np.array(FER7), channels=1)
    assert wrapped.classes == FER7 and {type(name) for name in wrapped.classes} == {str}


@pytest.mark.parametrize("target", [7, -1, 1.5, True, [1]])
def test_a_target_is_a_name_or_a_place(target):
    with pytest.raises(FerError, match="no class of the net"):
        class_index(FER7, np.ones(7), target)
    assert class_index(FER7, np.ones(7), np.int64(3)) == 3
