"""Sets put together, and generated faces, which are learned from and never tested on."""

import dataclasses
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fer_utils import data, evaluate, models, train
from fer_utils.__main__ import main
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.train.balance import per_class


@pytest.fixture(scope="module")
def faces():
    """Of every class of facs3d some faces of each split."""
    whole = data.load("facs3d")
    rank = np.zeros(len(whole), int)
    for split in data.SPLITS:
        for label in range(7):
            here = np.flatnonzero((whole.split == split) & (whole.labels == label))
            rank[here] = np.arange(len(here))
    most = np.where(whole.split == "train", np.where(whole.labels == 1, 4, 12), 4)
    return whole.take(np.flatnonzero(rank < most))


@pytest.fixture(scope="module")
def filled(faces):
    return data.fill(faces, lambda images: 255 - images)


def test_a_join_keeps_what_both_know(faces):
    first = faces.where(split="train")
    second = dataclasses.replace(
        faces.where(split="test"),
        name="others",
        regions=None,
        region_names=(),
        rows=None,
        columns={"angle": np.arange(28)},
    )
    both = first.join(second)
    assert len(both) == len(first) + 28 and both.name == "facs3d + others"
    assert (both.images[: len(first)] == first.images).all()
    assert (both.labels[len(first) :] == second.labels).all()
    assert (both.regions[: len(first)] == first.regions).all() and both.rows is None
    assert (both.regions[len(first) :] == 255).all() and both.columns == {}
    assert str(both.subjects[0]).startswith("facs3d ")
    assert str(both.subjects[-1]).startswith("others ")


def test_large_sets_are_joined_in_a_file(faces, monkeypatch):
    monkeypatch.setattr("fer_utils.data._cache.MOST_IN_MEMORY", 1000)
    monkeypatch.setattr("fer_utils.data._cache.CHUNK_BYTES", 5000)
    both = faces.join(faces)
    assert (both.images == np.concatenate([faces.images] * 2)).all()
    assert isinstance(both.images.base, np.memmap) or isinstance(both.images, np.memmap)


def test_what_cannot_be_joined_gets_a_sentence(faces):
    color = dataclasses.replace(faces, images=np.repeat(faces.images, 3, 1))
    fewer = dataclasses.replace(faces, classes=(*FER7[:6], "calm"))
    for other, says in ((color, "channels and size differ"), (fewer, "classes differ")):
        with pytest.raises(FerError, match=says):
            faces.join(other)
    with pytest.raises(FerError, match="two FaceSets"):
        faces.join(faces.images)


def test_a_rare_class_is_filled_up(faces, filled):
    made = filled.take(filled.generated)
    assert filled.where(split="train").counts()["disgust"] == 12
    assert len(made) == 8 and set(made.split) == {"train"} and not made.votes.any()
    assert (made.regions == 255).all()
    sources = faces.where(split="train", label="neutral")
    same = (sources.images[None] == 255 - made.images[:, None]).all((2, 3, 4))
    at = same.argmax(1)
    assert same.any(1).all()
    assert len(set(at)) == 8 and (made.subjects == sources.subjects[at]).all()
    assert (filled.images[: len(faces)] == faces.images).all()
    assert not filled.generated[: len(faces)].any()
    assert data.fill(faces, lambda images: images, count=4).counts() == faces.counts()
    again = data.fill(filled, lambda images: 255 - images, to="fear", count=14)
    assert again.generated.sum() == 10


@pytest.mark.parametrize(
    "options, says",
    [
        ({"to": "disguts"}, "Did you mean 'disgust'"),
        ({"to": "neutral"}, "both 'neutral'"),
        ({"count": 3}, "count=3"),
        ({"count": 17}, "ask for 16 at most"),
        ({"generate": lambda images: images / 255}, "expected pictures uint8"),
        ({"generate": lambda images: images[1:]}, "expected pictures uint8"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_what_cannot_be_filled_gets_a_sentence(faces, options, says):
    with pytest.raises(FerError, match=says):
        data.fill(faces, **{"generate": lambda images: images, **options})


def test_the_mark_stays(filled):
    made = filled.where(split="train", label="disgust")
    assert made.generated.sum() == 8 and filled.take(-1).generated.all()
    assert made.join(made).generated.sum() == 16
    bare = dataclasses.replace(filled, columns={})
    assert bare.generated.sum() == 8 and "8 generated" in repr(bare)
    with pytest.raises(FerError, match="8 generated faces are not in train"):
        dataclasses.replace(bare, split=np.full(len(bare), "test"))
    with pytest.raises(FerError, match="but 8 generated"):
        dataclasses.replace(filled, generated=np.ones(8, bool))
    with pytest.raises(FerError, match="generated="):
        dataclasses.replace(filled, generated=filled.generated.astype(int))
    unmarked = dataclasses.replace(filled, generated=np.zeros(0, bool))
    assert unmarked.digest != filled.digest
    assert unmarked.digest == {k: v for k, v in filled.digest.items() if k != "generated"}
    assert "generated" not in filled.take(~filled.generated).digest
    assert filled.with_features(np.zeros((len(filled), 3), np.float32)).generated.sum() == 8


def test_generated_faces_are_never_tested_on(faces, filled):
    net = models.create("mini_xception", classes=faces.classes)
    moved = np.where(filled.generated, "valid", filled.split)
    with pytest.raises(FerError, match="8 generated faces are not in train"):
        dataclasses.replace(filled, split=moved)
    for by in ("subject", "random"):
        with pytest.raises(FerError, match="divide it first"):
            data.split(filled, by=by)
    with pytest.raises(FerError, match="nobody is scored on those"):
        evaluate.evaluate(net, filled)
    learned = filled.where(split="train")
    with pytest.raises(FerError, match="never choose the epoch"):
        train.fit(net, learned, learned, "one_cycle", epochs=1)
    assert evaluate.evaluate(net, filled.take(~filled.generated)).accuracy.n == len(faces)


def test_oversampling_repeats_without_changing():
    import torch

    labels = torch.tensor([0] * 6 + [1] * 2)
    assert [per_class(labels, name) for name in ("none", "sampler", "oversample")] == [0, 4, 6]
    assert train.Recipe("test", balance="oversample").balance == "oversample"


def test_command_fills_with_what_a_generator_makes(faces, tmp_path, monkeypatch, capsys):
    """The room `translate` is stood in for: this is about the faces that train sees."""
    pair = SimpleNamespace(classes=("neutral", "disgust"), asked=[])

    def apply(images, to):
        pair.asked.append((len(images), to))
        return 255 - images

    pair.apply = apply
    monkeypatch.setitem(sys.modules, "fer_utils.translate", SimpleNamespace(load=lambda name: pair))
    monkeypatch.setattr(data, "load", lambda *words, **options: faces)
    seen = {}
    real = train.fit

    def watched(net, learned, chosen, recipe, **options):
        seen.update(learned=learned, chosen=chosen, balance=recipe.balance)
        return real(net, learned, chosen, recipe, **options)

    monkeypatch.setattr(train, "fit", watched)
    out = ["--epochs", "1", "--input-size", "32", "--out", str(tmp_path / "run")]
    words = ["train", "--balance", "cyclegan", "--generator", "somewhere/change_facs3d", *out]
    assert main(words) == 0
    assert "8 faces of disgust made from neutral" in capsys.readouterr().out
    assert pair.asked == [(8, "disgust")] and seen["balance"] == "none"
    assert seen["learned"].generated.sum() == 8 and not seen["chosen"].generated.any()
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert "84 training faces, 8 of them generated" in card["data"]
    # evaluate finds the faces as they are loaded
    assert card["faces"]["digest"] == faces.where(split="train").digest
    assert main(["evaluate", "--model", str(tmp_path / "run"), "--split", "valid"]) == 0
    capsys.readouterr()
    for words in (["--balance", "cyclegan"], ["--generator", "change_facs3d"]):
        assert main(["train", *words, *out]) == 2
        assert "need each other" in capsys.readouterr().err
    # nobody is neutral in training: nothing could be made, and no run begins without a word
    rest = faces.take((faces.labels != faces.class_index("neutral")) | (faces.split != "train"))
    monkeypatch.setattr(data, "load", lambda *words, **options: rest)
    words = ["train", "--balance", "cyclegan", "--generator", "change_facs3d", "--out"]
    assert main([*words, str(tmp_path / "none")]) == 2
    assert "no training faces of neutral to make disgust from" in capsys.readouterr().err
