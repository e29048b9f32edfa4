"""Rare classes: their faces count more, or come more often."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import train
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.train import parallel
from fer_utils.train.augment import Augmentation
from fer_utils.train.balance import class_weights, draw_order, per_class
from fer_utils.train.recipes import Recipe, changed
from fer_utils.train.step import Step, TrainingData
from tests.test_train import QUICK, small_net, stripes

#: 12 faces of the first class, 6 of the second, 2 of the third.
LABELS = torch.tensor([0] * 12 + [1] * 6 + [2] * 2)
CLASSES = ("happy", "sad", "disgust")


class Linear(nn.Sequential):
    """Three logits of a picture of four pixels."""

    classes = CLASSES

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(4, 3))


def one_step(net: nn.Module, recipe: Recipe, rows: torch.Tensor, targets=LABELS) -> Step:
    images = torch.arange(80, dtype=torch.uint8).view(20, 1, 2, 2)
    step = Step(net, TrainingData(images, LABELS, targets), recipe, torch.Generator())
    step(rows, None, False, False)
    return step


def test_weights_by_hand():
    assert class_weights(LABELS, 3).tolist() == pytest.approx([20 / 36, 20 / 18, 20 / 6])
    assert class_weights(LABELS, 3)[LABELS].sum().item() == pytest.approx(20)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_torchs_with_these_weights(smoothing):
    rows = torch.tensor([0, 3, 13, 19, 18])
    torch.manual_seed(0)
    net, other = Linear(), Linear()
    other.load_state_dict(net.state_dict())
    step = one_step(net, Recipe("test", balance="weights", label_smoothing=smoothing), rows)
    loss = nn.CrossEntropyLoss(torch.tensor([20 / 36, 20 / 18, 20 / 6]), label_smoothing=smoothing)
    expected = loss(other(step.data.images[rows].float() / 255), LABELS[rows])
    expected.backward()
    assert torch.allclose(net[1].weight.grad, other[1].weight.grad, rtol=1e-5)
    assert step.means(len(rows))[0] == pytest.approx(expected.item(), rel=1e-5)
    if not smoothing:  # by hand: each face's own loss, weighted
        said = other(step.data.images[rows].float() / 255).log_softmax(1)
        own = -said[range(5), LABELS[rows]].detach()
        weight = torch.tensor([20 / 36, 20 / 36, 20 / 18, 20 / 6, 20 / 6])
        assert (own * weight).sum() / weight.sum() == pytest.approx(expected.item(), rel=1e-5)


def test_parts_of_a_batch_in_two_processes_add_up_to_the_whole(monkeypatch):
    """As DistributedDataParallel averages them; the two halves have unlike weights."""
    rows, recipe = torch.tensor([0, 3, 13, 19, 18]), Recipe("test", balance="weights")
    torch.manual_seed(0)
    net = Linear()
    whole = one_step(net, recipe, rows)
    expected, loss = net[1].weight.grad.clone(), whole.loss_sum.item()
    found, losses = [], []
    monkeypatch.setattr(parallel, "averaging_gradients", lambda net: net)
    monkeypatch.setattr(parallel, "size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        losses.append(one_step(net, recipe, rows).loss_sum.item())
        found.append(net[1].weight.grad.clone())
    assert torch.allclose((found[0] + found[1]) / 2, expected, rtol=1e-5)
    assert sum(losses) == pytest.approx(loss, rel=1e-5)


def test_weights_of_shared_targets_are_torchs_too():
    """Distillation and mixup share a face's target among the classes."""
    shares = nn.functional.one_hot(LABELS, 3).float().lerp(torch.full((20, 3), 1 / 3), 0.3)
    net, rows = Linear(), torch.tensor([0, 13, 19])
    step = one_step(net, Recipe("test", balance="weights"), rows, shares)
    loss = nn.CrossEntropyLoss(class_weights(LABELS, 3))
    expected = loss(net(step.data.images[rows].float() / 255), shares[rows]).item()
    assert step.loss_sum.item() / 3 == pytest.approx(expected, rel=1e-5)


def order_of(balance: str, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return draw_order(LABELS, per_class(LABELS, balance), generator)


def test_a_sampler_gives_every_class_the_same_share():
    order = order_of("sampler")
    assert torch.bincount(LABELS[order]).tolist() == [7, 7, 7]
    times = torch.bincount(order, minlength=20)
    assert set(times[:12].tolist()) == {0, 1}  # twelve share seven places
    assert times[18:].sort().values.tolist() == [3, 4]
    assert not torch.equal(order, order_of("sampler", 1))
    assert torch.equal(order, order_of("sampler"))
    assert len(set(LABELS[order[:7]].tolist())) > 1  # shuffled, not class after class


def test_filling_up_keeps_every_face_and_copies_rare_ones():
    order = order_of("augment")
    assert torch.bincount(LABELS[order]).tolist() == [12, 12, 12]
    assert torch.bincount(order).tolist() == [1] * 12 + [2] * 6 + [6] * 2


@pytest.mark.parametrize("balance", ["none", "weights"])
def test_otherwise_every_face_comes_once_in_torchs_own_order(balance):
    expected = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(order_of(balance), expected)


@pytest.mark.parametrize(("balance", "steps"), [("none", 4), ("sampler", 4), ("augment", 6)])
def test_an_epoch_has_the_faces_that_were_promised(balance, steps, monkeypatch):
    seen = []
    step = Step.__call__
    monkeypatch.setattr(
        Step, "__call__", lambda self, rows, *more: (seen.append(rows), step(self, rows, *more))
    )
    whole = stripes(96, 0)
    faces = whole.take(np.flatnonzero((whole.labels == 0) | (np.arange(96) < 32)))  # 48 and 16
    recipe = dataclasses.replace(QUICK, balance=balance)
    options = {"epochs": 2, "device": "cpu", "progress": False}
    history = train.fit(small_net(), faces, stripes(32, 1, "valid"), recipe, **options)
    assert [len(rows) for rows in seen] == [16] * 2 * steps
    shown = faces.labels[torch.cat(seen[:steps]).numpy()]
    assert np.bincount(shown).tolist() == {"none": [48, 16], "sampler": [32, 32]}.get(
        balance, [48, 48]
    )
    assert all(0 < row["train_accuracy"] <= 1 for row in history.epochs)


@pytest.mark.parametrize("balance", ["weights", "sampler", "augment"])
def test_a_rare_class_is_found_more_often(balance):
    """Noise that shows nothing but the class frequencies: unbalanced, the rare class never wins."""
    rng = np.random.default_rng(0)
    labels = (np.arange(200) % 10 == 0).astype(int)
    images = rng.integers(0, 256, (200, 1, 2, 2), np.uint8)
    faces = FaceSet("noise", images, labels, CLASSES[:2], np.full(200, "train"))

    def shares(balance: str) -> torch.Tensor:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        net.classes = CLASSES[:2]
        noise = Augmentation(noise=0.1)
        recipe = Recipe("test", "sgd", 0.1, 20, augmentation=noise, balance=balance)
        train.fit(net, faces, faces, recipe, epochs=3, device="cpu", progress=False)
        return net(torch.from_numpy(images / np.float32(255))).softmax(1).mean(0)

    assert shares("none")[1] < 0.3
    assert 0.4 < shares(balance)[1] < 0.6


def test_what_does_not_go_together():
    with pytest.raises(FerError, match="one label for each face, votes give it several"):
        Recipe("test", balance="sampler", votes="argmax")
    with pytest.raises(FerError, match="needs an augmentation"):
        Recipe("test", balance="augment")
    with pytest.raises(FerError, match="'copies' is not one of: none, weights"):
        Recipe("test", balance="copies")
    assert changed(QUICK, ["balance=weights"]).balance == "weights"
