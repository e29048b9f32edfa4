"""Training from a file that does not fit into memory: the same numbers, and no more memory."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fer_utils import train
from fer_utils.train import stream
from fer_utils.train.loop import whole_batches
from fer_utils.train.optim import batch_norms
from fer_utils.train.stream import Streamed, batches
from tests.test_train import EVERYTHING, QUICK, small_net, stripes, weights
from tests.test_training import on_gpu

SETTINGS = [{}, {**EVERYTHING, "mixup": 0.4, "late": 1}, {"distil": 0.7}]


def mapped(faces, folder):
    """Return the faces with their pictures in a file, mapped into memory."""
    file = folder / f"{faces.split[0]}.npy"
    np.save(file, faces.images)
    return dataclasses.replace(faces, images=np.load(file, mmap_mode="r"))


def trained(folder, changes=None, **options):
    """Train on 56 mapped faces, three batches of 16 and one of 8; return weights and epochs."""
    net = small_net()
    recipe = dataclasses.replace(QUICK, **(changes or {}))
    learn, choose = mapped(stripes(56, 0), folder), mapped(stripes(32, 1, "valid"), folder)
    options = {"device": "cpu", "progress": False, **options}
    history = train.fit(net, learn, choose, recipe, **options)
    return weights(net), [{**row, "seconds": 0} for row in history.epochs]


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_streamed_faces_give_the_same_weights_to_the_bit(changes, tmp_path, capsys):
    plain = trained(tmp_path, changes)
    streamed = trained(tmp_path, changes, stream=True)
    assert torch.equal(plain[0], streamed[0])
    assert plain[1] == streamed[1]
    assert capsys.readouterr().out == ""  # it was asked for


def test_a_streamed_run_goes_on_with_all_faces_in_memory(tmp_path):
    trained(tmp_path, stream=True, out=tmp_path / "run")
    again = trained(tmp_path, out=tmp_path / "run")
    assert torch.equal(again[0], trained(tmp_path)[0])


@on_gpu
@pytest.mark.parametrize("graphs", [False, True])
def test_streamed_faces_give_the_same_weights_on_a_gpu(graphs, tmp_path, monkeypatch):
    """Up to rounding, and batch norm has warmed up: a graph finds the batch where it looks."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr("fer_utils.train.loop.warm_up_steps", lambda norms: 2)
    calm = {"optimizer": "sgd", "learning_rate": 0.01}
    plain, streamed = (
        trained(tmp_path, calm, device="cuda", graphs=graphs, stream=s) for s in (False, True)
    )
    assert (plain[0] - streamed[0]).norm() < 1e-2 * plain[0].norm()


def test_each_batch_is_the_one_that_was_asked_for():
    array = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    order = torch.tensor([7, 2, 9, 0, 4, 1, 3])
    streamed = Streamed(array, 3, torch.device("cpu"))
    found = [
        (rows.tolist(), streamed[rows].flatten().tolist()) for rows in batches(streamed, order, 3)
    ]
    assert found == [(rows, rows) for rows in ([7, 2, 9], [0, 4, 1], [3])]
    assert [rows.tolist() for rows in batches(torch.empty(10), order, 3)] == [r for r, _ in found]


def test_what_cannot_be_read_ends_the_training_in_its_own_words():
    class Broken:
        shape, dtype = (4, 1, 1, 1), np.dtype(np.uint8)

        def __len__(self):
            return 4

        def __array__(self, *args, **kwargs):
            raise OSError("the disk is gone")

    streamed = Streamed(Broken(), 2, torch.device("cpu"))
    with pytest.raises(OSError, match="the disk is gone"):
        list(streamed.batches(torch.arange(4), 2))


def test_what_is_too_large_for_the_memory_is_streamed_and_said_so(tmp_path, monkeypatch, capsys):
    used = []
    init = Streamed.__init__
    monkeypatch.setattr(Streamed, "__init__", lambda *a: (used.append(a), init(*a))[1])
    size = (56 + 32) * 16 * 16
    monkeypatch.setattr(stream, "physical_memory", lambda: size * 4)
    trained(tmp_path, {"epochs": 1})
    assert not used and capsys.readouterr().out == ""
    monkeypatch.setattr(stream, "physical_memory", lambda: size * 4 - 1)
    trained(tmp_path, {"epochs": 1})
    assert len(used) == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "more than 25%" in said and "batch by batch" in said
    trained(tmp_path, {"epochs": 1}, stream=False)
    assert len(used) == 1
    in_memory = stripes(56, 0)
    assert stream.must_stream(in_memory, in_memory, torch.device("cpu")) == ""


def test_a_gpu_takes_half_of_what_is_free(monkeypatch):
    faces = stripes(50, 0)  # needs no file: what is on the GPU is a copy
    for free, says in ((2 * 2 * faces.images.nbytes, False), (2 * faces.images.nbytes, True)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10**12))
        reason = stream.must_stream(faces, faces, torch.device("cuda"))
        assert bool(reason) == says
    assert "50%" in reason and "GPU memory that is free" in reason


LARGE = """
import sys
import numpy as np, torch
from fer_utils import train
from fer_utils.data.faceset import FaceSet

def peak():  # megabytes, mapped files among them
    words = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(words["VmHWM"].split()[0]) / 1024

def faces(file, split):
    images = np.load(file, mmap_mode="r")
    labels = np.arange(len(images)) % 2
    return FaceSet("zeros", images, labels, ("a", "b"), np.full(len(images), split))

class Net(torch.nn.Sequential):
    classes = ("a", "b")

net = Net(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1, 2))
recipe = train.Recipe("test", batch=64, epochs=1)
small, large = (faces(file, "train") for file in sys.argv[1:])
options = {"stream": True, "device": "cpu", "progress": False}
train.fit(net, small, small, recipe, **options)
before = peak()
train.fit(net, large, large, recipe, **options)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_set(tmp_path):
    files = []
    for count in (1024, 16_384):  # of 128x128: 17 and 268 MB; zeros take no room on disk
        files.append(str(tmp_path / f"{count}.npy"))
        np.lib.format.open_memmap(files[-1], "w+", np.uint8, (count, 1, 128, 128))
    done = subprocess.run(
        [sys.executable, "-c", LARGE, *files], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 100  # the large set alone would be 268, and twice that to validate


def test_tests_for_a_gpu_are_as_many_as_the_readme_says(capsys):
    root = Path(__file__).parents[1]
    found = re.search(
        r"pytest -m gpu ([^`]+)` runs the (\d+) tests", (root / "README.md").read_text()
    )
    files = [str(root / name) for name in found[1].split()]
    words = ["-m", "gpu", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    assert pytest.main(words) == 0
    assert f"\n{found[2]}/" in capsys.readouterr().out
    marks = [file.name for file in root.glob("tests/*.py") if "@on_gpu" in file.read_text()]
    assert sorted(f"tests/{name}" for name in marks) == sorted(found[1].split())


def test_pictures_that_fill_up_the_last_batch_are_not_scored():
    images = torch.from_numpy(stripes(7, 0).images.copy())
    filled = whole_batches(images, 3)
    assert len(filled) == 9 and torch.equal(filled[:7], images)
    assert torch.equal(filled[8], images[6])
    assert len(whole_batches(images[:2], 3)) == 2  # a single batch has no other size beside it
    assert len(whole_batches(images[:6], 3)) == 6


def test_running_statistics_of_streamed_faces_are_measured_from_the_file(tmp_path):
    net, other = small_net(), small_net()
    faces = mapped(stripes(56, 0), tmp_path)
    train.optim.measure_batch_norm(net, torch.from_numpy(np.array(faces.images)), 16)
    train.optim.measure_batch_norm(other, faces.images, 16)
    pairs = zip(batch_norms(net), batch_norms(other), strict=True)
    assert all(torch.equal(a.running_var, b.running_var) for a, b in pairs)
