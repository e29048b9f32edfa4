"""Training: it learns, it resumes to the same numbers, and it stops sensibly."""

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fer_utils import models, train
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER8, FERPLUS_VOTES
from fer_utils.errors import FerError
from fer_utils.evaluate import evaluate
from fer_utils.train import loop, optim
from fer_utils.train.augment import Augmentation, draw_mix
from fer_utils.train.loop import Run
from fer_utils.train.recipes import Recipe
from fer_utils.train.step import Step, TrainingData, make_targets

CLASSES = ("lying", "standing")


def stripes(count: int, seed: int, split: str = "train") -> FaceSet:
    """Noise under lying or standing stripes: easy to learn for a net of convolutions."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.integers(0, 120, (count, 1, 16, 16)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        bright = np.arange(16) % 4 < 2
        image += 80 * (bright if label else bright[:, None]).astype(np.uint8)
    return FaceSet("stripes", images, labels, CLASSES, np.full(count, split))


def small_net(seed: int = 0):
    return models.create("mini_xception", input_size=16, classes=CLASSES, seed=seed)


QUICK = Recipe("test", learning_rate=3e-3, batch=16, epochs=4, augmentation=Augmentation(shift=0.1))
EVERYTHING = {
    "schedule": "one_cycle",
    "average": 0.9,
    "label_smoothing": 0.1,
    "l2": 1e-4,
    "optimizer": "adamw",
}


#: Names of which there is no device on any machine.
DEVICES = ("gpu", "", "cuda:99", "meta", "cpu0")


def weights(net) -> torch.Tensor:
    return torch.cat([p.flatten() for p in net.state_dict().values()])


def run(net, how=QUICK, **options):
    options = {"progress": False, "device": "cpu", **options}
    return train.fit(net, stripes(64, 0), stripes(32, 1, "valid"), how, **options)


def test_it_learns_and_ends_with_the_best_epoch():
    net = small_net()
    history = run(net, dataclasses.replace(QUICK, batch=8), epochs=6)
    assert history.best["valid_accuracy"] > 0.9
    assert history.best["train_loss"] < history.epochs[0]["train_loss"]
    assert not net.training
    found = evaluate(net, stripes(32, 1))
    assert found.accuracy.value == pytest.approx(history.best["valid_accuracy"])
    assert history.stopped == "all 6 epochs done"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        *(({"epochs": n}, f"epochs={n!r}: expected a whole number") for n in (0, -1, 1.5, "2")),
        *(({"seed": n}, f"seed={n}: expected a whole number") for n in (-1, 2**32, None)),
        *(({"device": name}, f"no device '{name}' here; there is: cpu") for name in DEVICES),
        ({"how": "one_cycel"}, "no recipe called 'one_cycel'. Did you mean 'one_cycle'"),
        ({"how": None}, "no recipe called None"),
        ({"how": {"batch": 2}}, "no recipe called"),
        ({"out": __file__}, "is a file, not a folder"),
        ({"out": ""}, "out='': give a file's or folder's path"),
    ],
    ids=str,
)
def test_fit_refuses_what_it_could_not_do_before_it_begins(wrong, message):
    net = small_net()
    with pytest.raises(FerError, match=message):
        run(net, **wrong)
    assert torch.equal(weights(net), weights(small_net()))


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_that_is_not_there_is_refused_by_evaluate(name):
    with pytest.raises(FerError, match=f"no device '{name}' here; there is: cpu"):
        evaluate(small_net(), stripes(4, 0), device=name)


def test_a_recipe_is_taken_by_its_name():
    by_name, itself = small_net(), small_net()
    run(by_name, "one_cycle", epochs=1), run(itself, train.recipe("one_cycle"), epochs=1)
    assert torch.equal(weights(by_name), weights(itself))


def test_the_default_type_of_numbers_outside_does_not_matter():
    """Nets, what trains them and what asks them are float32; so are the same first weights."""
    expected = small_net()
    try:
        torch.set_default_dtype(torch.float64)
        net = small_net()
        assert torch.equal(weights(net), weights(expected))
        how = dataclasses.replace(QUICK, augmentation=CHANGED, **EVERYTHING)
        history = run(net, how, epochs=1)
        assert torch.get_default_dtype() == torch.float64
        accuracy = evaluate(net, stripes(32, 1, "valid")).accuracy.value
    finally:
        torch.set_default_dtype(torch.float32)
    assert accuracy == pytest.approx(history.best["valid_accuracy"])


def test_the_same_seed_gives_the_same_weights():
    first, again, other = small_net(), small_net(), small_net()
    run(first, seed=1), run(again, seed=1), run(other, seed=2)
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


def freeze_all_but_the_head(net):
    net.requires_grad_(False)
    net.trunk.head.requires_grad_(True)
    return net


def script_accuracies(monkeypatch, *accuracies):
    """Let the validation accuracy of each epoch be as written here."""

    def validate(self):
        return 1.0, accuracies[len(self.history.epochs)]

    monkeypatch.setattr(Run, "validate", validate)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        EVERYTHING,
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.8, "dampening": 0.8, "nesterov": False},
        {"betas": (0.5, 0.99), "epsilon": 1e-7},
        {"schedule": "exponential", "decay": 0.5},
        {"schedule": "steps", "steps": ((1, 0.5), (3, 0.2))},
        {"augmentation": Augmentation(5, 0.1, 0.1, True, 0.5, 0.05, blur=1.0, noise=0.1)},
        {"mixup": 0.4},
        {"late": 3, "mixup": 0.4},
        {"distil": 0.7},
        {"balance": "weights", "label_smoothing": 0.1},
        {"balance": "sampler", "average": 0.9},
        {"balance": "augment", "schedule": "one_cycle"},
    ],
    ids=str,
)
def test_an_interrupted_run_resumes_to_the_same_numbers(changes, tmp_path, monkeypatch):
    cut_and_resume(changes, tmp_path, monkeypatch)


def test_a_run_on_a_plateau_resumes_to_the_same_numbers(tmp_path, monkeypatch):
    script_accuracies(monkeypatch, 0.5, 0.5, 0.5, 0.5)  # the cut is after one bad epoch of two
    changes = {"schedule": "plateau", "plateau": 2, "decay": 0.1}
    history = cut_and_resume(changes, tmp_path, monkeypatch)
    rates = [row["learning_rate"] for row in history.epochs]
    assert rates == pytest.approx([3e-3, 3e-3, 3e-3, 3e-4])


def test_a_frozen_net_resumes_to_the_same_numbers(tmp_path, monkeypatch):
    cut_and_resume({"average": 0.9}, tmp_path, monkeypatch, prepare=freeze_all_but_the_head)
    with pytest.raises(FerError, match="another run"):
        run(small_net(), dataclasses.replace(QUICK, average=0.9), out=tmp_path / "cut")


OLD_STATE = (
    *("identity", "net", "average", "best", "said", "optimiser", "scheduler", "generator", "torch"),
    *("cuda", "epochs"),
)


def give_old_names(folder):
    """Rewrite a state as it was before its keys were called as they are today."""
    state = torch.load(folder / "last.pt", weights_only=True)
    identity = json.loads(state.pop("identity"))
    identity["recipe"]["optimiser"] = identity["recipe"].pop("optimizer")
    old = {"identity": json.dumps(identity, sort_keys=True), **state}
    old["said"], old["optimiser"] = old.pop("soft_targets"), old.pop("optimizer")
    assert sorted(old) == sorted(OLD_STATE)
    torch.save(old, folder / "last.pt")


@pytest.mark.parametrize("changes", [{"distil": 0.7}, EVERYTHING], ids=str)
def test_a_run_written_under_old_names_resumes_to_the_same_numbers(changes, tmp_path, monkeypatch):
    cut_and_resume(changes, tmp_path, monkeypatch, between=give_old_names)


def cut_and_resume(
    changes, tmp_path, monkeypatch, prepare=lambda net: net, between=lambda folder: None
):
    how = dataclasses.replace(QUICK, **changes)
    straight = prepare(small_net())
    expected = run(straight, how, out=tmp_path / "straight")

    stopped = prepare(small_net())
    start_epoch = Run.start_epoch

    def interrupt_third(self, epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        start_epoch(self, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "start_epoch", interrupt_third)
        history = run(stopped, how, out=tmp_path / "cut")
    assert history.stopped == "interrupted after 2 of 4 epochs"
    assert len(history.epochs) == 2
    between(tmp_path / "cut")

    resumed = prepare(small_net(seed=9))  # its own first weights must not matter
    history = run(resumed, how, out=tmp_path / "cut")
    assert torch.equal(weights(straight), weights(resumed))
    for a, b in zip(expected.epochs, history.epochs, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
    names = sorted(p.name for p in (tmp_path / "cut").iterdir())
    assert names == [".lock", "best.safetensors", "history.json", "last.pt"]
    assert len(json.loads((tmp_path / "cut" / "history.json").read_text())["epochs"]) == 4
    return history


def test_early_stopping_keeps_the_best_epoch_and_says_so(tmp_path, monkeypatch):
    script_accuracies(monkeypatch, 0.5, 0.7, 0.7, 0.6, 0.9)
    how = dataclasses.replace(QUICK, patience=2)
    net = small_net()
    history = run(net, how, epochs=5, out=tmp_path)
    reason = "early, after 4 of 5 epochs: no higher validation accuracy in the last 2"
    assert history.stopped == reason
    assert history.best_epoch == 2
    again = small_net(seed=9)  # a run that stopped early goes no further when resumed
    history = run(again, how, epochs=5, out=tmp_path)
    assert (len(history.epochs), history.stopped) == (4, reason)
    assert torch.equal(weights(net), weights(again))


def test_early_stopping_waits_its_patience_out(monkeypatch):
    script_accuracies(monkeypatch, 0.5, 0.5, 0.6, 0.6, 0.7)
    history = run(small_net(), dataclasses.replace(QUICK, patience=2), epochs=5)
    assert history.stopped == "all 5 epochs done"


def test_what_is_frozen_stays_to_the_bit_and_the_rest_learns():
    net = freeze_all_but_the_head(small_net())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    run(net, dataclasses.replace(QUICK, weight_decay=0.1, optimizer="adamw", average=0.9))
    changed = {key for key, old in before.items() if not torch.equal(old, net.state_dict()[key])}
    assert changed == {"trunk.head.weight", "trunk.head.bias"}


def test_batch_norms_train_unless_their_whole_part_is_frozen():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            # as in Keras's InceptionResNetV2: a norm without parameters of its own
            self.base = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, affine=False))
            self.head = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))

    net = Net()
    optim.train_mode(net)
    assert net.base[1].training and net.head[0].training
    net.base.requires_grad_(False)
    optim.train_mode(net)
    assert not net.base[1].training and net.head[0].training
    net.head[0].requires_grad_(False)
    optim.train_mode(net)
    assert not net.head[0].training and net.head.training


def test_a_net_that_is_frozen_as_a_whole_cannot_learn():
    net = small_net()
    net.requires_grad_(False)
    with pytest.raises(FerError, match="frozen"):
        run(net)


def test_a_run_begun_before_a_setting_was_invented_goes_on(tmp_path):
    run(small_net(), epochs=2, out=tmp_path)
    path = tmp_path / "last.pt"
    kept = torch.load(path, weights_only=True)
    identity = json.loads(kept["identity"])
    del identity["recipe"]["distil"], identity["recipe"]["augmentation"]["noise"]
    del identity["recipe"]["balance"]
    identity["faces"] = ["for some days", "more stood there"]
    torch.save({**kept, "identity": json.dumps(identity)}, path)
    assert run(small_net(), epochs=2, out=tmp_path).best is not None
    identity["recipe"]["augmentation"]["shift"] = 0.3
    torch.save({**kept, "identity": json.dumps(identity)}, path)
    with pytest.raises(FerError, match="another run"):
        run(small_net(), epochs=2, out=tmp_path)


def test_as_many_other_faces_of_the_same_data_set_are_another_run(tmp_path):
    """Another division by subject, say, whose people all show the same expressions."""
    known = dataclasses.replace(stripes(72, 0), rows=np.arange(72))
    first, other = (known.take(slice(start, start + 64)) for start in (0, 8))
    options = {"progress": False, "device": "cpu", "epochs": 1, "out": tmp_path}
    train.fit(small_net(), first, stripes(32, 1, "valid"), QUICK, **options)
    with pytest.raises(FerError, match="another run"):
        train.fit(small_net(), other, stripes(32, 1, "valid"), QUICK, **options)


def test_a_run_goes_on_to_more_epochs_unless_its_recipe_looks_ahead(tmp_path):
    changed = dataclasses.replace(QUICK, schedule="exponential", decay=0.9)
    whole, longer = small_net(), small_net()
    history = run(whole, changed, epochs=4)
    run(small_net(), changed, epochs=2, out=tmp_path)
    assert len(run(longer, changed, epochs=4, out=tmp_path).epochs) == 4
    assert torch.equal(weights(whole), weights(longer))
    assert history.stopped == "all 4 epochs done"
    with pytest.raises(FerError, match=r"another run \(epochs 4 there, 3 asked\)"):
        run(small_net(), changed, epochs=3, out=tmp_path)
    for name, ahead in (("cycle", {"schedule": "one_cycle"}), ("distil", {"distil": 0.5})):
        how = dataclasses.replace(QUICK, **ahead)
        run(small_net(), how, epochs=1, out=tmp_path / name)
        with pytest.raises(FerError, match=r"another run \(epochs 1 there, 2 asked\)"):
            run(small_net(), how, epochs=2, out=tmp_path / name)


def test_a_folder_with_another_run_is_not_written_over(tmp_path):
    run(small_net(), out=tmp_path)
    with pytest.raises(FerError, match="another run"):
        run(small_net(), out=tmp_path, seed=3)
    history = run(small_net(), out=tmp_path, seed=3, resume=False)
    assert history.stopped == "all 4 epochs done"


def test_a_loss_that_is_no_number_stops_and_keeps_the_best(monkeypatch):
    net = small_net()
    step = Step.__call__
    steps = []

    def poisoned(self, *batch):
        step(self, *batch)
        steps.append(batch)
        if len(steps) == 10:
            self.loss_sum *= float("nan")

    monkeypatch.setattr(Step, "__call__", poisoned)
    history = run(net)  # 4 steps an epoch: the tenth is in epoch 3
    assert "epoch 3" in history.stopped and "lower learning rate" in history.stopped
    assert len(history.epochs) == 2
    assert torch.isfinite(weights(net)).all()
    found = evaluate(net, stripes(32, 1))
    assert found.accuracy.value == pytest.approx(history.best["valid_accuracy"])


def test_a_real_divergence_is_noticed():
    net = small_net()
    history = run(net, dataclasses.replace(QUICK, learning_rate=1e30, optimizer="sgd"))
    assert "NaN or infinite" in history.stopped
    assert torch.isfinite(weights(net)).all()
    if not history.epochs:
        with pytest.raises(FerError, match="no epoch"):
            _ = history.best


def test_l2_pulls_on_the_weights_the_paper_names():
    deep = models.create("deep_emotion", seed=0)
    shapes = [tuple(w.shape) for w in optim.penalized_weights(deep, "last two linear layers")]
    assert shapes == [(50, 810), (7, 50)]
    assert len(optim.penalized_weights(small_net(), "convolutions")) == 23
    assert len(optim.penalized_weights(freeze_all_but_the_head(small_net()), "convolutions")) == 1
    free, held = small_net(), small_net()
    run(free)
    run(held, dataclasses.replace(QUICK, l2=1.0))
    assert held.trunk.head.weight.norm() < 0.9 * free.trunk.head.weight.norm()


def test_l2_is_added_to_the_loss_as_minaee_writes_it():
    """L = cross-entropy + lambda * ||w||^2: one plain SGD step worked out by hand."""

    class Two(nn.Module):
        classes = CLASSES

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 2)
            nn.init.constant_(self.layer.weight, 0.5)
            nn.init.zeros_(self.layer.bias)

        def forward(self, pictures):
            return self.layer(torch.zeros(len(pictures), 1))  # the picture has no say

    net = Two()
    how = Recipe("test", "sgd", 0.1, batch=64, epochs=1, l2=0.3, l2_on="last two linear layers")
    run(net, how)
    # gradient 2 * lambda * w = 0.3; Nesterov's first step is (1 + 0.9) times as long
    assert net.layer.weight.flatten().tolist() == pytest.approx([0.5 - 0.1 * 1.9 * 0.3] * 2)


def test_batch_norm_starts_as_a_plain_average_and_ends_with_its_own_momentum():
    norm = nn.BatchNorm2d(1, momentum=0.01)
    norms = [(norm, norm.momentum)]
    for step, value in enumerate((2.0, 4.0, 9.0)):
        optim.warm_up_batch_norm(norms, step)
        norm(torch.full((2, 1, 4, 4), value))
    assert norm.running_mean.item() == pytest.approx(5.0)
    optim.warm_up_batch_norm(norms, 1000)
    assert norm.momentum == 0.01


def test_the_moving_average_by_hand():
    """It starts as the first weights; step n keeps min(decay, (1 + n) / (10 + n)) of it."""
    net = nn.Linear(1, 1, bias=False)
    average = optim.MovingAverage(net, 0.5)

    def take_in(value: float) -> float:
        nn.init.constant_(net.weight, value)
        average.update()
        return average.net.weight.item()

    assert take_in(1.0) == 1.0
    assert take_in(2.0) == pytest.approx(2 / 11 * 1.0 + 9 / 11 * 2.0)
    before = average.net.weight.item()
    average.steps = 1000
    assert take_in(0.0) == pytest.approx(0.5 * before)
    again = optim.MovingAverage(net, 0.5)
    again.load_state_dict(average.state_dict())
    assert (again.steps, again.net.weight.item()) == (1001, average.net.weight.item())


@pytest.mark.parametrize(
    ("learn", "check", "says"),
    [
        (stripes(0, 0), stripes(8, 1), "training split is empty"),
        (stripes(8, 0), stripes(0, 1), "validation split is empty"),
        (stripes(8, 0).where(label="lying"), stripes(8, 1), "class standing"),
    ],
)
def test_splits_one_cannot_train_on(learn, check, says):
    with pytest.raises(FerError, match=says):
        train.fit(small_net(), learn, check, QUICK, progress=False)


def test_bfloat16_learns_too_keeps_float32_weights_and_is_another_run(tmp_path):
    how = dataclasses.replace(QUICK, batch=8)
    net, half = small_net(), small_net()
    run(net, how, epochs=6)
    history = run(half, how, epochs=6, precision="bfloat16", out=tmp_path)
    assert history.best["valid_accuracy"] > 0.9
    assert {p.dtype for p in half.parameters()} == {torch.float32}
    assert not torch.equal(weights(net), weights(half))  # it did compute in fewer digits
    with pytest.raises(FerError, match="another run"):
        run(small_net(), how, epochs=6, out=tmp_path)


def test_an_unknown_precision_is_refused():
    with pytest.raises(FerError, match="float32, bfloat16"):
        run(small_net(), precision="float8")


def test_an_average_of_weights_gets_batch_statistics_of_its_own():
    how = dataclasses.replace(QUICK, batch=8, average=0.99)
    net = small_net()
    history = run(net, how, epochs=6)
    assert history.best["valid_accuracy"] > 0.9
    norm = optim.batch_norms(net)[0]
    seen = []
    hook = norm.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    evaluate(net, stripes(64, 0))
    hook.remove()
    expected = torch.cat(seen).mean((0, 2, 3))
    assert torch.allclose(norm.running_mean, expected, atol=1e-5)
    assert norm.momentum is not None


def test_frozen_batch_norms_are_not_measured_anew():
    net = small_net()
    norms = optim.batch_norms(net)
    for parameter in norms[0].parameters():
        parameter.requires_grad_(False)
    before = [norm.running_mean.clone() for norm in norms[:2]]
    optim.measure_batch_norm(net, torch.from_numpy(stripes(32, 0).images.copy()), 8)
    assert torch.equal(norms[0].running_mean, before[0])
    assert not torch.equal(norms[1].running_mean, before[1])


def voted(count: int, votes: np.ndarray) -> FaceSet:
    """Stripes that taggers have voted on; labels are always happy."""
    faces = stripes(count, 0)
    happy = np.full(count, FER8.index("happy"))
    return FaceSet(
        *("voted", faces.images, happy, FER8, faces.split), votes=votes, vote_names=FERPLUS_VOTES
    )


def test_votes_are_learned_as_shares_and_a_face_without_any_by_its_label():
    votes = np.zeros((2, 10), np.uint8)
    votes[0, [FERPLUS_VOTES.index("sad"), FERPLUS_VOTES.index("fear")]] = (6, 2)
    faces, net = voted(2, votes), nn.Module()
    net.classes = FER8
    labels = torch.from_numpy(faces.labels.copy())
    shares = make_targets(net, faces, labels, Recipe("test", votes="argmax"))
    expected = torch.zeros(2, 8)
    expected[0, FER8.index("sad")], expected[0, FER8.index("fear")] = 0.75, 0.25
    expected[1, FER8.index("happy")] = 1
    assert torch.allclose(shares, expected)
    assert make_targets(net, faces, labels, Recipe("test")) is labels
    hot = make_targets(net, faces, labels, Recipe("test", mixup=0.2))
    assert hot.argmax(1).tolist() == labels.tolist() and hot.sum() == 2


def test_a_net_that_learns_votes_ends_in_their_distribution(monkeypatch):
    monkeypatch.setattr(loop, "check_splits", lambda *splits: None)  # one class is enough here
    votes = np.zeros((32, 10), np.uint8)
    votes[:, [FERPLUS_VOTES.index("sad"), FERPLUS_VOTES.index("fear")]] = (6, 2)

    class Constant(nn.Module):
        """Says the same of every face."""

        classes = FER8

        def __init__(self):
            super().__init__()
            self.logits = nn.Parameter(torch.zeros(8))

        def forward(self, pictures):
            return self.logits.expand(len(pictures), 8)

    net, faces = Constant(), voted(32, votes)
    how = Recipe("test", learning_rate=0.2, batch=8, epochs=20, votes="argmax")
    history = train.fit(net, faces, faces, how, progress=False, device="cpu")
    shares = net.logits.softmax(0)
    # the first epoch is the best by its labels, which say happy: the last one is looked at
    assert history.epochs[-1]["train_loss"] == pytest.approx(0.5623, abs=0.02)  # their entropy
    assert shares[FER8.index("sad")] > 0.3


def test_votes_need_votes_and_the_classes_of_the_votes():
    how = dataclasses.replace(QUICK, votes="argmax")
    with pytest.raises(FerError, match="has no votes"):
        run(small_net(), how)
    seven = models.create("mini_xception", input_size=16, classes=CLASSES)
    faces = dataclasses.replace(
        stripes(4, 0), votes=np.ones((4, 10), np.uint8), vote_names=FERPLUS_VOTES
    )
    with pytest.raises(FerError, match="relabel the faces first"):
        train.fit(seven, faces, faces, how, progress=False)


def test_late_leaves_dropout_augmentation_and_mixup_out_of_just_the_first_epochs(monkeypatch):
    seen = []

    class Net(nn.Module):
        classes = CLASSES

        def __init__(self):
            super().__init__()
            self.drop, self.layer = nn.Dropout(0.5), nn.Linear(256, 2)

        def forward(self, pictures):
            if self.training:
                known = torch.isin(pictures * 255, torch.arange(256.0)).all().item()
                seen.append((self.drop.training, not known))
            return self.layer(self.drop(pictures.flatten(1)))

    shifted = Augmentation(shift=0.3)
    run(Net(), dataclasses.replace(QUICK, late=2, augmentation=shifted, batch=32))
    assert seen == [(False, False)] * 4 + [(True, True)] * 4
    seen.clear()
    mixed = dataclasses.replace(QUICK, late=3, augmentation=Augmentation(), batch=32, mixup=1.0)
    run(Net(), mixed)
    assert seen == [(False, False)] * 6 + [(True, True)] * 2


def test_distil_trusts_the_net_more_from_epoch_to_epoch():
    net = nn.Linear(4, 2)
    net.classes = CLASSES
    images = torch.randint(0, 256, (3, 1, 2, 2), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 1])
    hot = torch.nn.functional.one_hot(labels).float()
    flat = nn.Sequential(nn.Flatten(), net)
    recipe = Recipe("test", distil=0.8)
    step = Step(flat, TrainingData(images, labels, hot), recipe, torch.Generator())
    rows = torch.tensor([2, 0])
    logits = flat(images[rows].float() / 255).detach()
    for epoch, expected in ((1, hot[rows]), (2, torch.lerp(hot[rows], logits.softmax(1), 0.4))):
        step.start_epoch(epoch / 4)
        step(rows, None, False, False)
        loss = torch.nn.functional.cross_entropy(logits, expected).item()
        assert step.loss_sum.item() / 2 == pytest.approx(loss, rel=1e-5)
    assert torch.allclose(step.soft_targets[rows], logits.softmax(1))
    assert torch.equal(step.soft_targets[1], hot[1])  # not seen yet: its label stands


class Constants(TorchDispatchMode):
    """Counts what is made of Python's or numpy's numbers: a GPU gets each by a copy, and waits."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += operation is torch.ops.aten.lift_fresh.default
        return operation(*args, **(kwargs or {}))


CHANGED = Augmentation(5, 0.1, 0.1, True, 0.5, 0.05, blur=1.0, noise=0.1)


EDGES = {"inputs": "gray+sobel+laplacian", "fusion": "parallel", "stl": True}


@pytest.mark.parametrize(
    ("architecture", "options", "mixup"),
    [
        ("mini_xception", EDGES, 0.0),
        ("mini_xception", EDGES, 0.4),  # pairs are mixed before any network sees them
        ("deep_emotion", {"inputs": "gray+sobel"}, 0.0),
        ("small_resnet", {}, 0.0),
        ("vgg16_gap", {"input_size": 32}, 0.0),
        ("vgg_face", {"input_size": 32}, 0.0),
        ("inception_resnet_v2", {"input_size": 75, "inputs": "gray+laplacian"}, 0.0),
    ],
)
def test_a_step_copies_no_constants_to_the_device(architecture, options, mixup):
    """They would make a GPU wait at every step, and a step that waits has no CUDA graph."""
    net = models.create(architecture, classes=CLASSES, seed=0, **options).train()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    labels, rows = torch.tensor([0, 1]), torch.tensor([1, 0])
    shares = nn.functional.one_hot(labels).float()
    recipe = Recipe(
        *("test",),
        augmentation=CHANGED,
        l2=0.1,
        label_smoothing=0.1,
        distil=0.5 * (not mixup),
        balance="weights",
    )
    step = Step(net, TrainingData(images, labels, shares), recipe, torch.Generator())
    mix = draw_mix(2, mixup, images.device) if mixup else None
    with Constants() as constants:
        torch.tensor(1.0)
        assert constants.count == 1  # it does see them
        step(rows, mix, True, False)
    assert constants.count == 1


def test_on_epoch_sees_the_history_when_the_files_are_written(tmp_path):
    seen = []

    def look(history):
        written = json.loads((tmp_path / "history.json").read_text())["epochs"]
        seen.append((len(history.epochs), written == history.epochs))

    run(small_net(), epochs=2, out=tmp_path, on_epoch=look)
    assert seen == [(1, True), (2, True)]


KILLED = """
import os, signal, sys
from fer_utils.train.step import Step
from tests.test_train import HARD, run, small_net

step, steps = Step.__call__, []

def fatal(self, *batch):
    step(self, *batch)
    steps.append(batch)
    if len(steps) == 10:  # in the middle of epoch 3
        os.kill(os.getpid(), signal.SIGKILL)

Step.__call__ = fatal
run(small_net(), HARD, out=sys.argv[1])
"""
HARD = dataclasses.replace(QUICK, **EVERYTHING, mixup=0.4, late=1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path):
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    root = Path(__file__).resolve().parents[1]
    assert subprocess.run(words, cwd=root).returncode == -signal.SIGKILL
    assert len(json.loads((tmp_path / "history.json").read_text())["epochs"]) == 2
    straight, resumed = small_net(), small_net(seed=9)
    expected = run(straight, HARD)
    history = run(resumed, HARD, out=tmp_path)
    assert torch.equal(weights(straight), weights(resumed))
    assert history.best["valid_loss"] == expected.best["valid_loss"]
    assert len(history.epochs) == 4


def zeroed(content):
    """64 bytes of a weight: torch itself reads such a file without a word."""
    place = len(content) // 2
    return content[:place] + bytes(64) + content[place + 64 :]


DAMAGES = {
    "empty": lambda content: b"",
    "text": lambda content: b"hello" * 100,
    "cut off": lambda content: content[:1000],
    "64 zeros": zeroed,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_told_and_the_run_begins_again(tmp_path, capsys, damage):
    net = small_net()
    run(net, epochs=2, out=tmp_path)
    state = tmp_path / "last.pt"
    state.write_bytes(DAMAGES[damage](state.read_bytes()))
    again = small_net()
    run(again, epochs=2, out=tmp_path)
    assert capsys.readouterr().out == f"{state} is damaged: the run begins again.\n"
    assert torch.equal(weights(net), weights(again))
    state.write_bytes(DAMAGES[damage](state.read_bytes()))
    with pytest.raises(FerError, match=r"another run \(seed 0 there, 5 asked\)"):
        run(small_net(), epochs=2, seed=5, out=tmp_path)  # history.json knows whose it was


def test_a_missing_state_is_told_and_another_run_is_refused(tmp_path, capsys):
    run(small_net(), epochs=2, out=tmp_path)
    (tmp_path / "last.pt").unlink()
    with pytest.raises(FerError, match=r"another run \(seed 0 there, 5 asked\)"):
        run(small_net(), epochs=2, seed=5, out=tmp_path)
    assert capsys.readouterr().out == ""
    run(small_net(), epochs=2, out=tmp_path)
    assert capsys.readouterr().out == f"{tmp_path / 'last.pt'} is missing: the run begins again.\n"


@pytest.mark.parametrize("name", ["history.json", "best.safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_are_written_again_from_the_state(tmp_path, name, damage):
    run(small_net(), epochs=2, out=tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    run(small_net(seed=9), epochs=2, out=tmp_path)
    assert path.read_bytes() == whole


def changed_faces(faces, what):
    """Two labels or one pixel of the faces are others; name and number stay."""
    labels, images = faces.labels.copy(), faces.images.copy()
    if what == "labels":
        labels[:2] = labels[1::-1]
    else:
        images[5, 0, 3, 3] ^= 1
    return dataclasses.replace(faces, labels=labels, images=images)


@pytest.mark.parametrize("part", ["train", "valid"])
@pytest.mark.parametrize("what", ["labels", "pixels"])
def test_other_faces_of_the_same_name_and_number_are_another_run(tmp_path, part, what):
    run(small_net(), epochs=1, out=tmp_path)
    faces = {"train": stripes(64, 0), "valid": stripes(32, 1, "valid")}
    faces[part] = changed_faces(faces[part], what)
    with pytest.raises(FerError, match=rf"another run \(other {what} of the {part} faces\)"):
        train.fit(small_net(), *faces.values(), QUICK, epochs=1, out=tmp_path, device="cpu")


def test_a_run_from_before_faces_were_known_goes_on_and_says_so(tmp_path, capsys):
    run(small_net(), epochs=1, out=tmp_path)
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    identity = json.loads(state["identity"])
    identity |= {part: identity[part][:2] for part in ("train", "valid")}
    torch.save({**state, "identity": json.dumps(identity)}, tmp_path / "last.pt")
    run(small_net(), epochs=1, out=tmp_path)
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path} is from before") and said.count("\n") == 1
    identity["train"] = ["stripes", 65]
    torch.save({**state, "identity": json.dumps(identity)}, tmp_path / "last.pt")
    with pytest.raises(FerError, match="another run"):
        run(small_net(), epochs=1, out=tmp_path)


def test_a_net_of_other_layers_is_another_run(tmp_path):
    def wrapped(*more):
        layers = nn.Sequential(nn.Flatten(), nn.Linear(256, 2), *more)
        return models.wrap(layers, CLASSES, channels=1)

    run(wrapped(), epochs=1, out=tmp_path)
    with pytest.raises(FerError, match="holds another run"):
        run(wrapped(nn.ReLU()), epochs=1, out=tmp_path)
