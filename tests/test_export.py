"""A net as ONNX answers as in torch, alone and in a batch, and without torch; or a sentence."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import nn

from fer_utils import data, models
from fer_utils.__main__ import main
from fer_utils.detect import answers
from fer_utils.errors import FerError
from fer_utils.models.answers import as_pictures

written = sys.modules["fer_utils.models.export"]
PAGE = Path(__file__).resolve().parents[1] / "docs" / "running_without_torch.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
NAME = "mini_xception_facs3d"


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 7, 3)

    def forward(self, pictures):
        return self.conv(pictures).relu().mean((2, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with net.onnx, as the command writes it, and a face."""
    folder = tmp_path_factory.mktemp("export")
    assert main(["export", NAME, "--out", str(folder / "net.onnx")]) == 0
    Image.fromarray(data.load("facs3d", split="test").images[0, 0]).save(folder / "face.png")
    return folder


def probabilities_of(net, images):
    with torch.no_grad():
        return net(as_pictures(torch.tensor(images))).softmax(1).numpy()


def test_file_is_one_and_says_what_it_takes(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["face.png", "net.onnx"]
    model = onnx.load(folder / "net.onnx")
    onnx.checker.check_model(model)
    assert [one.version for one in model.opset_import if not one.domain] == [models.OPSET]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param and [one.dim_value for one in shape[1:]] == [1, 48, 48]
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about.keys() == written.METADATA.keys()
    assert json.loads(about["classes"]) == list(models.load(NAME).classes)
    assert (about["size"], about["channels"], about["range"]) == ("48", "1", "0..1")


def test_answers_are_those_of_torch_alone_and_in_a_batch(folder):
    images = data.load("facs3d", split="test").images[:9]
    wanted = probabilities_of(models.load(NAME), images)
    session = written.session(folder / "net.onnx")
    faces = images.astype(np.float32) / 255
    together = session.run(["probabilities"], {"faces": faces})[0]
    alone = [session.run(["probabilities"], {"faces": face[None]})[0][0] for face in faces]
    assert np.abs(together - wanted).max() < 1e-5 and np.abs(alone - wanted).max() < 1e-5


def test_live_pictures_are_asked_through_the_file(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path))
    net = models.load(NAME)
    kept = tmp_path / "onnx" / f"{answers._digest(net)}.onnx"
    kept.parent.mkdir()
    kept.write_bytes((folder / "net.onnx").read_bytes())
    quick, slow = answers.Answers(net), answers.Answers(net, "torch")
    assert (quick.engine, slow.engine) == ("onnxruntime", "torch")
    faces = data.load("facs3d", split="test").images[:3]
    assert np.abs(quick(faces) - slow(faces)).max() < 1e-5
    net.trunk.head.bias.data[0] += 1
    assert answers._digest(net) != kept.stem  # another net, another file


def test_the_page_runs_where_there_is_no_torch(folder):
    """The first snippet of docs/running_without_torch.md, word for word."""
    block = "import sys\nfor name in ('torch', 'fer_utils'):\n    sys.modules[name] = None\n"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", block + SNIPPETS[0]],
        cwd=folder, env=clean, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    net = models.load(NAME)
    wanted = probabilities_of(net, data.load("facs3d", split="test").images[:1])[0]
    assert done.stdout.split() == [net.classes[wanted.argmax()], f"{wanted.max():.3f}"]


def test_opencv_reads_it(folder):
    net = cv2.dnn.readNetFromONNX(str(folder / "net.onnx"))
    images = data.load("facs3d", split="test").images[:3]
    net.setInput(images.astype(np.float32) / 255)
    wanted = probabilities_of(models.load(NAME), images)
    assert np.abs(net.forward("probabilities") - wanted).max() < 1e-5
    assert 'readNetFromONNX("net.onnx")' in SNIPPETS[1]


def test_a_transformer_and_faces_of_another_kind(tmp_path):
    """Deep-Emotion's grid_sample; RGB, 0..255 and another size, which torch resizes as well."""
    net = models.create("deep_emotion", seed=0).eval()
    with torch.no_grad():  # it starts at the identity, where nothing would be sampled between
        net.trunk.transformer.localisation[-1].bias.add_(torch.tensor([-0.2, 0.1, 0.1, 0, -0.3, 0]))
    path = models.export(net, tmp_path / "net.onnx", size=64, color=True, uint8=True)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), np.uint8)
    given = written.session(path).run(["probabilities"], {"faces": images})[0]
    assert np.abs(given - probabilities_of(net, images)).max() < 1e-5
    assert "resized to 48 x 48" in onnx.load(path).metadata_props[5].value


def test_what_answers_otherwise_is_not_written(folder, tmp_path, monkeypatch):
    net = models.load(NAME)
    net.trunk.head.bias.data[0] += 1e-3
    content = (folder / "net.onnx").read_bytes()
    monkeypatch.setattr(written, "_written", lambda *_: content)
    with pytest.raises(FerError, match="otherwise in ONNX than in torch .by .*nothing was written"):
        models.export(net, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_difference_is_that_of_numbers():
    zeros, large = np.zeros((2, 3)), np.full((2, 3), 100.0)
    assert written._difference([zeros], [zeros + 0.5]) == 0.5
    assert written._difference([large + 1], [large]) == 0.01
    assert not written._difference([large * np.nan], [large]) <= 1


class OfThree(nn.Module):
    """Works for three pictures alone."""

    def forward(self, pictures):
        return pictures.reshape(3, -1)[:, :7]


@pytest.mark.parametrize(
    "net, name, words",
    [
        (models.wrap(OfThree(), 7, size=16, channels=1), "a.onnx", "any number of faces"),
        (models.wrap(Tiny(), 7), "a.onnx", "pictures of any size"),
        (Tiny(), "a.onnx", "models.wrap"),
        (models.wrap(Tiny(), 7, size=16), "a.pt", "ends in .onnx"),
        (models.wrap(Tiny(), 7, size=16), "no/a.onnx", "there is no folder"),
    ],
    ids=["own", "size", "no FaceNet", "suffix", "folder"],
)
def test_sentences(tmp_path, net, name, words):
    with pytest.raises(FerError, match=words) as found:
        models.export(net.eval(), tmp_path / name)
    assert len(str(found.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_extra(tmp_path, monkeypatch, missing, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["export", NAME, "--out", str(tmp_path / "a.onnx")]) == 2
    said = capsys.readouterr().err
    assert f"({missing})" in said and '".[onnx]"' in said and len(said.splitlines()) == 1
    assert main(["export", "nothing", "--out", str(tmp_path / "a.onnx")]) == 2
    assert "no weights called 'nothing'" in capsys.readouterr().err
