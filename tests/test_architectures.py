"""Whether every architecture learns: the arms, their starts, and the table made from the runs."""

import csv
from itertools import combinations

import numpy as np
import pytest
import torch

from fer_lab.experiments import architectures
from fer_lab.experiments.architectures import ARMS, EXPERIMENT, FACES, SEEDS, Arm, start_from_data
from fer_utils import data, models, train
from fer_utils.train.augment import Augmentation


@pytest.fixture(scope="module")
def pictures():
    """A few faces (N, 1, H, W)."""
    return data.load("facs3d", progress=False).take(slice(0, 24)).pictures()


def three_of_each(faces):
    """A few faces, all classes among them."""
    return faces.take(np.concatenate([np.flatnonzero(faces.labels == k)[:3] for k in range(7)]))


def test_every_network_has_an_arm_but_vgg13():
    assert {arm.net for arm in ARMS} == set(models.names()) - {"vgg13"}
    settings = [EXPERIMENT.settings(arm) for arm in ARMS]
    assert all(one != other for one, other in combinations(settings, 2))


@pytest.mark.parametrize("name", ["vgg16_gap", "vgg_face"])
def test_a_start_from_data_lets_the_head_tell_faces_apart(pictures, name):
    net = models.create(name, input_size=32, seed=0)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.no_grad():
        alike = net.eval()(pictures).std(0).mean()
    start_from_data(net.train(), pictures)
    assert net.training and not any(part._forward_hooks for part in net.modules())
    with torch.no_grad():
        features = net.eval().trunk.base(net.prepare(pictures))
        flat = net.trunk.head[0](features)
        hidden = net.trunk.head[1](flat)
        assert net(pictures).std(0).mean() > 20 * alike
    assert features.std().item() == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(hidden.mean(0), torch.zeros(hidden.shape[1]), atol=1e-3, rtol=0)
    torch.testing.assert_close(hidden.std(0), torch.ones(hidden.shape[1]), atol=1e-2, rtol=0)
    # one factor for all convolutions; the last layer is left alone
    after = net.state_dict()
    weights = [key for key in before if "base" in key and "weight" in key]
    factor = after[weights[0]].norm() / before[weights[0]].norm()
    for key in weights:
        torch.testing.assert_close(after[key], before[key] * factor)
    *_, weight, bias = before
    assert torch.equal(after[weight], before[weight]) and torch.equal(after[bias], before[bias])


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_base_stays_as_it_began(monkeypatch, frozen):
    faces = data.load("facs3d", progress=False)
    few = {split: three_of_each(faces.where(split=split)) for split in data.SPLITS}
    monkeypatch.setattr(architectures, "faces", lambda: few)
    arm = Arm("vgg16_gap, here", 1, 32, from_data=True, frozen=frozen)
    assert (arm.recipe.augmentation == Augmentation()) == frozen
    seen = {}

    def fit(learner, parts, recipe, **options):
        """Train for real, and keep what was trained."""
        seen["before"] = {key: value.clone() for key, value in learner.state_dict().items()}
        seen["learner"] = learner
        options |= {"device": "cpu", "progress": False}
        return train.fit(learner, parts["train"], parts["valid"], recipe, **options)

    row = architectures.run(arm, 0, fit)
    assert (row["n"], row["size"], row["epochs"], row["device"]) == (21, 32, 1, "cpu")
    after = seen["learner"].state_dict()
    assert any("base" in key for key in after) != frozen
    assert any(not torch.equal(after[key], value) for key, value in seen["before"].items())


def test_committed_table_has_every_arm():
    lines = EXPERIMENT.table.read_text().splitlines()
    about = [line for line in lines if line.startswith("#")]
    assert f"{FACES} training faces" in about[0]
    assert f"made by: {EXPERIMENT.command} " in about[-1]
    rows = list(csv.DictReader(lines[len(about) :]))
    there = [(row["arm"], int(row["seed"]), int(row["epochs"])) for row in rows]
    assert there == [(arm.name, seed, arm.epochs) for arm in ARMS for seed in SEEDS]
    for arm, row in zip(ARMS, rows, strict=True):
        curve = [float(value) for value in row["valid_accuracy"].split()]
        best = [number for number, value in enumerate(curve, 1) if value == max(curve)]
        assert len(curve) == arm.epochs and int(row["best_epoch"]) in best
        assert all(word in row["recipe"] for word in arm.changes.split())
        assert ("start=data" in row["recipe"]) == arm.from_data
        assert ("base=frozen" in row["recipe"]) == arm.frozen
