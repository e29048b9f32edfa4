"""The commands `bench training` and `bench architectures`. No test asks how fast anything is."""

import csv

import numpy as np
import pytest
import torch

from fer_lab.bench import architectures, cyclegan, plain_loop, training
from fer_lab.bench.shared import Result
from fer_utils import data, evaluate, models, train
from fer_utils.__main__ import main
from fer_utils.data import _load
from fer_utils.train.augment import Augmentation

CASE = training.Case("mini_xception", 48, 128)


def test_table_has_medians_and_the_ratio():
    rows = [
        Result(CASE, "plain PyTorch loop", [100.0, 300.0, 200.0]),
        Result(CASE, "ours", [500.0, 400.0, 900.0]),
    ]
    said = [line.split()[-5:] for line in training.BENCH.table(rows).splitlines()[2:4]]
    assert said[0] == ["200", "100", "300", "143.54", "1.00"]
    assert said[1] == ["500", "400", "900", "57.42", "2.50"]


def test_bench_cyclegan_compares_the_same_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cyclegan, "UNTIMED", 0)
    file = tmp_path / "times.csv"
    words = ["bench", "cyclegan", "--generator", "resnet", "--steps", "1", "--repeats", "1"]
    assert main([*words, "--device", "cpu", "--csv", str(file)]) == 0
    rows = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    plain, ours = list(csv.DictReader(rows))
    assert float(plain["times_as_fast_as_plain"]) == 1 and float(ours["slowest"]) > 0
    assert 0 < float(ours["largest_difference_of_a_loss"]) <= cyclegan.TOLERANCE
    monkeypatch.setattr(cyclegan, "plain", lambda net: net.apply(lambda part: part.eval()))
    assert main([*words, "--device", "cpu"]) == 2  # another training: it is not compared
    assert "nothing compares" in capsys.readouterr().err


def test_the_peer_changes_pictures_as_the_recipe_says():
    """A dot, moved by torchvision: as far as by our augmentation, and mirrored half the time."""
    torch.manual_seed(0)
    images = np.zeros((1, 1, 40, 40), np.uint8)
    images[..., 18:22, 8:12] = 255
    faces = data.load("facs3d", progress=False).take([0])
    faces = type(faces)("dot", images, faces.labels, faces.classes, faces.split)
    how = Augmentation(shift=0.1, flip=True)
    drawn = plain_loop.Pictures(faces, plain_loop.transforms(how))
    pictures = torch.stack([drawn[0][0] for _ in range(100)])
    assert pictures.shape == (100, 1, 40, 40) and pictures.max() == 1
    columns = torch.arange(40) + 0.5
    centre = (pictures.sum((1, 2)) * columns).sum(1) / pictures.sum((1, 2, 3))
    left = centre[centre < 20] - 10
    assert 3 < left.abs().max() <= 4.01 and 25 < len(left) < 75
    assert drawn[0][1] == faces.labels[0]


def test_shear_is_given_to_the_peer_in_degrees():
    affine = plain_loop.transforms(Augmentation(rotation=20, skew=0.05)).transforms[0]
    assert affine.shear == pytest.approx([-2.862, 2.862, -2.862, 2.862], abs=1e-3)
    assert affine.degrees == [-20, 20]


@pytest.fixture
def no_fer2013(monkeypatch, tmp_path):
    monkeypatch.setattr(_load, "places", lambda name: [tmp_path / name])


def test_without_fer2013_the_drawn_faces_are_repeated_to_as_many(no_fer2013):
    faces = training.training_faces()
    assert (faces.name, len(faces)) == ("facs3d", training.FACES)


def test_bench_training(no_fer2013, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(training, "FACES", 100)
    words = ["bench", "training", "--model", "mini_xception", "--size", "16", "--batch", "8"]
    words += ["--device", "cpu", "--steps", "1", "--repeats", "2", "--workers", "0"]
    assert main([*words, "--csv", str(tmp_path / "bench.csv")]) == 0
    said = capsys.readouterr().out
    assert "mini_xception, 16 x 16, batch 8" in said and "100 faces of facs3d" in said
    lines = (tmp_path / "bench.csv").read_text().splitlines()
    made = "made by: python -m fer_utils bench training --model mini_xception --size 16 --batch 8"
    assert any(made in line for line in lines)
    plain, ours = csv.DictReader(line for line in lines if not line.startswith("#"))
    assert (plain["contender"], ours["contender"]) == ("plain PyTorch loop", "ours")
    speeds = [float(row["median_pictures_per_second"]) for row in (plain, ours)]
    assert float(ours["times_as_fast_as_plain"]) == pytest.approx(speeds[1] / speeds[0], abs=0.006)
    assert float(ours["epoch_seconds"]) == pytest.approx(100 / speeds[1], abs=0.006)


def test_both_learn(no_fer2013):
    """What is timed is a training: the weights change, and the loss is that of the recipe."""
    faces = training.training_faces().take(slice(0, 64))
    case, device = training.Case("mini_xception", 16, 8), torch.device("cpu")
    ours = training.OurSteps(case, faces, device, "float32", False)
    net = case.make_net(faces.classes)
    plain = plain_loop.PlainLoop(net, case.make_recipe(), faces, device, 0)
    for contender, net in ((ours, ours.training.net), (plain, plain.net)):
        before = net.trunk.head.weight.clone()
        assert contender(1) > 0
        assert not torch.equal(before, net.trunk.head.weight)
    assert plain.l2 == 0.01 and len(plain.penalized) == 23


def test_nothing_to_measure_is_refused(capsys):
    assert main(["bench", "training", "--steps", "0"]) == 2
    assert "'0' is not a whole number from 1" in capsys.readouterr().err


def test_bench_architectures(no_fer2013, capsys, tmp_path):
    words = ["bench", "architectures", "--model", "mini_xception", "light_vgg", "--size", "32"]
    words += ["--faces", "9", "--epochs", "2", "--repeats", "2", "--device", "cpu"]
    assert main([*words, "--csv", str(tmp_path / "bench.csv")]) == 0
    said = capsys.readouterr().out
    assert "2 epochs of 9 faces of facs3d, each by its paper's recipe" in said
    lines = (tmp_path / "bench.csv").read_text().splitlines()
    made = "made by: python -m fer_utils bench architectures --model mini_xception light_vgg --size"
    assert any(made in line for line in lines)
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    nets = ["mini_xception", "light_vgg"]
    assert [(row["precision"], row["model"]) for row in rows] == [
        (precision, net) for precision in ("float32", "bfloat16") for net in nets
    ]
    for row in rows:
        assert (row["device"], row["size"], row["batch"]) == ("cpu", "32", "9")
        assert float(row["slowest"]) <= float(row["trained_per_second"]) <= float(row["fastest"])
        assert float(row["answered_per_second"]) > 0 and float(row["first_seconds"]) > 0


def test_every_architecture_is_measured_unless_some_are_named(no_fer2013, monkeypatch, capsys):
    asked = []
    case = architectures.Case("cpu", "bfloat16")

    def measure(model, faces, device, args):
        """Stand in for hours of training."""
        assert len(faces) == 2048 and set(faces.labels) == set(range(7))
        asked.append(model)
        epoch = {"valid_accuracy": 0.5, "valid_loss": 1.0, "seconds": 4.0}
        course = train.History([epoch, epoch | {"seconds": 2.0}])
        row = train.Measured(course, evaluate.Accuracy(4, 8), 8, 500, "")
        return [Result(case, model, [4.0], architectures.Costs(48, 8, [row], 16.0))]

    monkeypatch.setattr(architectures, "measure", measure)
    assert main(["bench", "architectures", "--device", "cpu"]) == 0
    assert asked == models.names() and len(asked) == 10
    said = capsys.readouterr().out.splitlines()
    line = next(line for line in said if line.startswith("vgg_face"))
    assert line.split()[1:] == ["48", "8", "4", "4", "4", "16", "4.00", "2.00", "500"]


@pytest.mark.parametrize("words", [["--epochs", "1"], ["--faces", "6"], ["--repeats", "0"]])
def test_what_cannot_be_measured_is_refused(no_fer2013, words, capsys):
    assert main(["bench", "architectures", *words]) == 2
    assert words[0] in capsys.readouterr().err
