"""Features of a frozen base, computed once: the head they give is that of the whole net."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_utils import data, evaluate, models, train
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.train.augment import Augmentation


@pytest.fixture(scope="module")
def faces():
    return data.load("facs3d", progress=False).take(slice(0, 96))


def frozen(name, **options):
    """A net that has seen something (its batch norms are no identities), its base frozen."""
    net = models.create(name, classes=FER7, seed=0, **options)
    with torch.no_grad():
        net.train()(torch.rand(64, 1, 48, 48, generator=torch.Generator().manual_seed(0)))
    return models.freeze_base(net.eval())


RECIPE = train.Recipe(source="this test", batch=32, epochs=3, l2=0.01, label_smoothing=0.1)
NETS = {
    "mini_xception": {"input_size": 32},  # convolution, then pooling, behind the base
    "small_resnet": {"input_size": 24},  # features without height and width
    "vgg_face": {"input_size": 32},  # dropout in the head
    "vgg13": {"input_size": 16},  # dropout in base and head
}


@pytest.mark.parametrize(("name", "options"), NETS.items(), ids=NETS)
def test_cached_features_give_the_head_of_the_frozen_net(faces, name, options):
    learn, valid = faces.take(slice(0, 72)), faces.take(slice(72, 96))
    whole, cached = frozen(name, **options), frozen(name, **options)
    before = {key: value.clone() for key, value in cached.state_dict().items()}
    history = train.fit(whole, learn, valid, RECIPE, progress=False)
    seen = models.features(cached, learn), models.features(cached, valid)
    again = train.fit(models.head(cached), *seen, RECIPE, progress=False)

    assert [row["train_loss"] for row in again.epochs] == pytest.approx(
        [row["train_loss"] for row in history.epochs], rel=1e-3
    )
    after = cached.state_dict()
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(after[key], value, rtol=1e-3, atol=1e-4)
        moved = not torch.equal(before[key], after[key])
        assert moved == ("head" in key), key
    # and both are one net: what the head says of the features, the net says of the faces
    of_features = evaluate.evaluate(models.head(cached), seen[1]).probabilities
    of_faces = evaluate.evaluate(cached, valid).probabilities
    np.testing.assert_allclose(of_features, of_faces, atol=1e-5)


def test_features_are_what_the_base_gives(faces):
    net = frozen("vgg_face", input_size=32).train()
    seen = models.features(net, faces, batch=40)
    assert net.training
    with torch.no_grad():
        expected = net.eval().trunk.base(net.prepare(faces.pictures()))
    np.testing.assert_allclose(seen.images, expected.numpy(), atol=1e-5)
    assert repr(seen) == "Features(facs3d: 96 faces as 512x1x1 numbers)"
    assert torch.equal(seen.pictures(), torch.tensor(seen.images))
    # all that is known of the faces but their pictures comes along
    assert np.array_equal(seen.labels, faces.labels) and seen.regions is None
    assert len(seen.where(split="valid")) == len(faces.where(split="valid"))
    with pytest.raises(FerError, match=r"float32 \(N, ...\), found uint8"):
        replace(seen, images=faces.images)


def test_what_has_no_features_is_told_so(faces):
    recipe = replace(RECIPE, augmentation=Augmentation(flip=True))
    net = frozen("small_resnet", input_size=24)
    seen = models.features(net, faces)
    with pytest.raises(FerError, match="cannot change them"):
        train.fit(models.head(net), seen, seen, recipe)
    with pytest.raises(FerError, match="is empty"):
        models.features(net, faces.take([]))
    for options in ({"stl": True}, {"inputs": "gray+sobel", "fusion": "parallel"}):
        other = models.create("mini_xception", **options)
        with pytest.raises(FerError, match="not one base with one head"):
            models.head(other)
    with pytest.raises(FerError, match="not one base with one head"):
        models.features(models.wrap(torch.nn.Sequential(torch.nn.Conv2d(1, 7, 3)), 7), faces)
