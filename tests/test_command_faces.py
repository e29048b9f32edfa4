"""Every data set from the command line: trained for an epoch, scored on faces it never saw."""

import json
import shutil
import threading

import numpy as np
import pytest

from fer_utils import __main__, data
from fer_utils.commands import _faces
from fer_utils.commands import evaluate as evaluate_command
from fer_utils.commands import train as train_command
from fer_utils.data import catalog
from fer_utils.locks import LOCK, InUseError, hold
from tests import layouts, small_fer2013


def fer_utils(*words: object) -> int:
    return __main__.main([str(word) for word in words])


def keep(folder, *words):
    """Delete the pictures in whose names one of the words does not occur."""
    for path in folder.rglob("*.*"):
        if path.is_file() and not all(word in path.name for word in words):
            path.unlink()
    return folder


def more_videos(folder):
    """Copy a labelled video three times, so that four people are filmed."""
    for number in range(3):
        for name in ("AU Labels/0bebd5c1-ea42-label.csv", "Videos - FLV (labeled)/{}.flv"):
            source = folder / name.format("0bebd5c1-ea42")
            shutil.copy(source, source.with_name(source.name.replace("ea42", f"copy{number}")))
    return folder


#: Lays a small copy out; what is typed besides; who divides it.
SETS = {
    "facs3d": (None, "", "published"),
    "fer2013": (lambda root: small_fer2013.write(root, (32, 16, 16)), "", "published"),
    "ferplus": (lambda root: small_fer2013.write(root, (32, 16, 16)), "", "published"),
    "ckplus": (
        lambda root: layouts.ckplus48(root, dict.fromkeys(layouts.CK_SEQUENCES, 2), 7),
        "--split-by subject",
        "subject",
    ),
    "jaffe": (
        lambda root: layouts.jaffe(root, dict.fromkeys(layouts.JAFFE_PICTURES, 5)),
        "--split-by subject --balance weights",
        "subject",
    ),
    "kdef": (lambda root: keep(layouts.kdef(root, 3), "S.JPG"), "--split-by paper", "paper"),
    "ferg": (lambda root: layouts.ferg(root, 1), "--color --balance augment", "subject"),
    "rafdb": (lambda root: layouts.rafdb(root, 28, 7), "", "published"),
    "rafd": (lambda root: keep(layouts.rafd(root), "090", "frontal"), "", "subject"),
    "sfew": (lambda root: layouts.sfew(root, 3), "--split-by random --split-seed 1", "random"),
    "amfed": (lambda root: more_videos(layouts.amfed(root)), "--split-by subject", "subject"),
    "folder": (layouts.photos, "--balance sampler --shares 0.5 0.25 0.25", "random"),
}
NET = ["--input-size", "16", "--epochs", "1", "--set", "batch=8", "--device", "cpu"]


@pytest.fixture(autouse=True)
def few_faces(tmp_path, monkeypatch):
    """No more than 200 faces, and a cache of one's own."""
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    load = data.load

    def thin(name, root=None, **options):
        faces = load(name, root, **options)
        return faces.take(np.arange(0, len(faces), max(1, len(faces) // 200)))

    monkeypatch.setattr(data, "load", thin)


@pytest.mark.parametrize("name", data.names())
def test_every_data_set_is_trained_and_scored(name, tmp_path, capsys):
    lay_out, words, division = SETS[name]
    root = ["--root", lay_out(tmp_path / "set")] if lay_out else []
    if catalog.get(name).scan:
        words = f"--crop haar --size 32 {words}"
    out = tmp_path / "run"
    assert fer_utils("train", "--data", name, *root, *words.split(), *NET, "--out", out) == 0
    said = capsys.readouterr().out
    card = json.loads((out / "model.json").read_text())
    about = card["faces"]
    assert (about["data"], about["split_by"]) == (name, division)
    learned = sum(about["counts"].values())
    assert all(about["counts"].values()) and learned > 4
    assert str(tmp_path) not in json.dumps(card)
    line = next(line for line in said.splitlines() if line.startswith(f"{name} "))
    assert f"train {about['counts']['train']:,}" in line
    assert ("nobody on more than one side" in line) >= (division == "subject")

    # nothing is asked: all but the folder is taken from the card
    weights = out / "model.safetensors"
    assert fer_utils("evaluate", "--model", weights, *root, "--test") == 0
    again = capsys.readouterr().out
    assert line in again.splitlines()
    assert f"as on the model's card: --data {name}" in again
    scored = about["counts"]["test"]
    left_out = sum(
        int(word.split()[0])
        for text in again.splitlines()
        if text.startswith("left out, for")
        for word in text.split(": ")[1].split(", ")
    )
    assert f"on {name}, test split, {scored - left_out} faces" in again
    assert "the test split is for one score" in again.splitlines()[0]


@pytest.fixture
def jaffe(tmp_path):
    """Six people with seven expressions each."""
    pictures = dict.fromkeys(layouts.JAFFE_PICTURES, 6)
    return ["--data", "jaffe", "--root", layouts.jaffe(tmp_path / "set", pictures)]


def test_nobody_is_scored_who_was_learned_from(jaffe, tmp_path, monkeypatch, capsys):
    seen = {}
    fit, evaluate = train_command.train.fit, evaluate_command.evaluate

    def watched_fit(net, learn, valid, *more, **options):
        seen["train"], seen["valid"] = learn, valid
        return fit(net, learn, valid, *more, **options)

    def watched(net, faces, **options):
        seen["scored"] = faces
        return evaluate(net, faces, **options)

    monkeypatch.setattr(train_command.train, "fit", watched_fit)
    monkeypatch.setattr(evaluate_command, "evaluate", watched)
    words = ["--split-by", "subject", "--shares", 0.5, 0.2, 0.3, "--split-seed", 4, "--size", 24]
    assert fer_utils("train", *jaffe, *words, *NET, "--out", tmp_path / "run") == 0
    model = ["evaluate", "--model", tmp_path / "run" / "model.safetensors", *jaffe]
    for more, split in (
        (["--split-by", "subject", "--test"], "test"),
        (["--split", "valid"], "valid"),
        (["--split", "valid", *words], "valid"),
    ):
        assert fer_utils(*model, *more) == 0
        people = set(seen["scored"].subjects) & set(seen["train"].subjects)
        assert not people and set(seen["scored"].split) == {split}
        assert seen["scored"].images.shape[-1] == 24
        if split == "valid":
            assert seen["scored"].rows.tolist() == seen["valid"].rows.tolist()
    capsys.readouterr()
    for more in (["--split-by", "random"], ["--split-seed", 0], ["--shares", 0.5, 0.3, 0.2]):
        assert fer_utils(*model, *more) == 2
        error = capsys.readouterr().err
        assert f"with {more[0]} it would be scored on faces that it learned from" in error
        assert error.count("\n") == 1
    assert fer_utils(*model, "--size", 32) == 0  # another form is no other division
    assert seen["scored"].images.shape[-1] == 32
    assert "not as in training: --size 32\n" in capsys.readouterr().out
    assert fer_utils(*model, "--size", 24) == 0
    assert "not as in training" not in capsys.readouterr().out


def test_other_faces_in_the_folder_are_noticed(jaffe, tmp_path, capsys):
    assert fer_utils("train", *jaffe, *NET, "--out", tmp_path / "run") == 0
    next(jaffe[-1].glob("UY.*"), next(jaffe[-1].glob("KA.*"))).unlink()
    model = ["evaluate", "--model", tmp_path / "run" / "model.safetensors", *jaffe]
    assert fer_utils(*model, "--test") == 2
    assert "holds other faces than those the net was trained on" in capsys.readouterr().err


def test_as_many_other_faces_are_noticed(jaffe, tmp_path, capsys):
    words = ["--split-by", "random", "--size", 24]
    assert fer_utils("train", *jaffe, *words, *NET, "--out", tmp_path / "run") == 0
    model = ["evaluate", "--model", tmp_path / "run" / "model.safetensors", *jaffe]
    files = sorted(jaffe[-1].glob("KA.*"))
    content = [path.read_bytes() for path in files]
    for path in files:  # another person looks like this
        path.write_bytes(content[files.index(path) - 1])
    assert fer_utils(*model) == 2
    assert "holds other faces than those the net was trained on" in capsys.readouterr().err
    assert fer_utils(*model, "--size", 32) == 0  # pixels of another size tell nothing
    for path, old in zip(files, content, strict=True):
        path.write_bytes(old)
    assert fer_utils(*model) == 0
    card = tmp_path / "run" / "model.json"
    said = json.loads(card.read_text())
    said["faces"]["digest"]["labels"] = "another"
    card.write_text(json.dumps(said))
    assert fer_utils(*model, "--size", 32) == 2
    card.write_text(json.dumps({**said, "faces": {**said["faces"], "split_by": "foo"}}))
    capsys.readouterr()
    assert fer_utils(*model) == 2
    assert "split_by='foo' is not known" in capsys.readouterr().err
    del said["faces"]["digest"]
    card.write_text(json.dumps(said))
    assert fer_utils(*model) == 0


@pytest.mark.parametrize("more", ["--split-by random", "--shares 0.5 0.2 0.3", "--split-seed 1"])
@pytest.mark.parametrize("name", [[], ["--data", "facs3d"]])
def test_nobody_is_scored_whom_a_net_of_the_kit_has_seen(name, more, capsys):
    model = ["evaluate", "--model", "mini_xception_facs3d", *name, "--test"]
    assert fer_utils(*model, *more.split()) == 2
    error = capsys.readouterr().err
    assert f"trained on another division of facs3d: with {more.split()[0]} it would" in error
    other = ["evaluate", "--model", "mini_xception_fer2013", *name, *more.split()]
    published = more.startswith("--shares")  # which facs3d's own division has
    assert fer_utils(*other) == (2 if published else 0)
    assert "trained on" not in capsys.readouterr().err


def test_the_same_faces_under_another_name_are_known(tmp_path, capsys):
    root = ["--root", small_fer2013.write(tmp_path / "set", (32, 16, 16))]
    words = ["--data", "fer2013", "--split-by", "random", *root, *NET]
    assert fer_utils("train", *words, "--out", tmp_path / "run") == 0
    assert fer_utils("evaluate", "--model", tmp_path / "run", "--data", "ferplus", *root) == 2
    assert "score it with --data fer2013" in capsys.readouterr().err
    model = ["evaluate", "--model", "mini_xception_ferplus", "--data", "ferplus", *root]
    assert fer_utils(*model, "--split-by", "random") == 2
    assert "trained on another division of fer2013" in capsys.readouterr().err
    assert fer_utils(*model) == 0


def test_who_is_shown_is_asked_before_pictures_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "load", None)
    root = ["--data", "folder", "--root", layouts.photos(tmp_path / "set")]
    assert fer_utils("train", *root, *NET, "--split-by", "subject", "--out", tmp_path / "b") == 2
    assert "folder does not say who is shown" in capsys.readouterr().err


def test_fewer_people_than_parts_are_divided_at_random(tmp_path, capsys):
    root = ["--data", "jaffe", "--root", keep(layouts.jaffe(tmp_path / "set"), "KA")]
    assert fer_utils("train", *root, *NET, "--size", 24, "--out", tmp_path / "run") == 0
    assert "jaffe divided at random" in capsys.readouterr().out
    assert fer_utils("train", *root, *NET, "--split-by", "subject", "--out", tmp_path / "b") == 2
    assert "shows 1 people, who cannot be divided" in capsys.readouterr().err


def test_the_folder_of_a_run_is_its_own_until_the_net_is_written(tmp_path, monkeypatch):
    score, found = train_command.evaluate, []

    def begin_another():
        with pytest.raises(InUseError), hold(tmp_path / LOCK):
            pass
        found.append("in use")

    def evaluate(*words):
        thread = threading.Thread(target=begin_another)
        thread.start()
        thread.join()
        return score(*words)

    monkeypatch.setattr(train_command, "evaluate", evaluate)
    assert fer_utils("train", *NET, "--out", tmp_path) == 0
    assert found == ["in use"]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_run_that_begins_again_is_not_scored_as_the_one_before(damaged, tmp_path, monkeypatch):
    words = ["train", *NET, "--out", tmp_path]
    assert fer_utils(*words) == 0
    assert fer_utils(*words) == 0 and (tmp_path / "model.json").is_file()  # nothing to do

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command.train.loop.Run, "scores", interrupted)
    if damaged:
        (tmp_path / "last.pt").write_bytes(b"")
    assert fer_utils(*words, *([] if damaged else ["--restart"])) == 130
    assert not list(tmp_path.glob("model.*"))


def test_another_data_set_is_divided_by_itself(jaffe, tmp_path, capsys):
    """And a card from before cards knew their faces is as good as another data set's."""
    assert fer_utils("evaluate", "--model", "mini_xception_facs3d", *jaffe, "--size", 48) == 0
    said = capsys.readouterr().out
    assert "card" not in said and "jaffe divided by subject (70 / 10 / 20 %, seed 0)" in said


def test_an_expression_that_only_others_show_is_left_out(tmp_path, capsys):
    """Nobody in the training faces is sad: the net has no such output, and two faces are left."""
    faces = data.load("facs3d")
    sad = faces.class_index("sad")
    labels = np.where(faces.labels == sad, 0, faces.labels)
    labels[np.flatnonzero(faces.split == "valid")[:2]] = sad
    labels[np.flatnonzero(faces.split == "test")[:3]] = sad
    faces = type(faces)(faces.name, faces.images, labels, faces.classes, faces.split)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda *args, **options: faces)
        assert fer_utils("train", *NET, "--out", tmp_path) == 0
        said = capsys.readouterr().out
        assert "left out, for no training face shows that expression: 2 sad, 3" not in said
        assert "left out, for no training face shows that expression: 5 sad" in said
        card = json.loads((tmp_path / "model.json").read_text())
        assert "sad" not in card["net"]["classes"] and len(card["net"]["classes"]) == 6
        assert fer_utils("evaluate", "--model", tmp_path / "model.safetensors") == 0
        assert "expression: 3 sad" in capsys.readouterr().out
        only = type(faces)(faces.name, faces.images, labels * 0, faces.classes, faces.split)
        patch.setattr(data, "load", lambda *args, **options: only)
        assert fer_utils("train", *NET, "--out", tmp_path) == 2
        assert "only show angry; a net has to tell two apart" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--data facs3d --crop haar", "facs3d is 48x48 and grey as it is published: leave out"),
        ("--data facs3d --color", "facs3d is 48x48 and grey"),
        ("--data facs3d --size 64", "facs3d is 48x48 and grey"),
        ("--data facs3d --split-by paper", "facs3d: no paper's split is known here"),
        ("--data facs3d --shares 0.5 0.2 0.3", "the division of facs3d has its own shares"),
        ("--data facs3d --split-by random --shares 0.5 0.2 0.2", "that sum to 1"),
        ("--data facs3d --relabel majority --balance sampler --set votes=argmax", "votes give it"),
        ("--data facs3d --recipe mazen2021 --balance augment", "needs an augmentation"),
        ("--set batch=16", "batch is given twice, the second time as '16'"),
        ("--set balance=weights --balance sampler", "balance is given twice"),
        ("--data folder --split-by subject", "does not say who is shown"),
        ("--data folder --split-by paper --shares 0.5 0.2 0.3", "the paper's division has its own"),
        ("--data sfew --split-by paper", "sfew: no paper's split is known here"),
        ("--data facs3d --split-by subject --shares 1 0 0", "the validation split is empty"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(words, says, tmp_path, capsys):
    words = words.split()
    lay_out = {"folder": layouts.photos, "sfew": layouts.sfew}.get(words[1])
    words += ["--root", lay_out(tmp_path / "set")] if lay_out else []
    assert fer_utils("train", *NET, *words, "--out", tmp_path / "run") == 2
    *bars, error = capsys.readouterr().err.splitlines()
    assert says in error and not any("fer_utils train" in bar for bar in bars)
    assert ". " not in error


def test_a_split_that_is_not_there_is_one_sentence(tmp_path, capsys):
    root = ["--data", "sfew", "--root", layouts.sfew(tmp_path / "set"), "--size", 32]
    assert fer_utils("train", *root, *NET, "--out", tmp_path / "run") == 0
    model = ["--model", tmp_path / "run" / "model.safetensors", *root]
    assert fer_utils("evaluate", *model, "--split", "valid") == 0
    capsys.readouterr()
    assert fer_utils("evaluate", *model, "--test") == 2
    assert "sfew has no test faces in this division" in capsys.readouterr().err


def test_what_is_taken_from_a_card_is_said_as_it_would_be_typed(capsys):
    trained = {
        **dict.fromkeys(("relabel", "crop", "size")),
        **{"data": "kdef", "split_by": "subject", "shares": [0.7, 0.1, 0.2]},
        **{"split_seed": 0, "color": True},
    }
    asked = {**dict.fromkeys(trained), "size": 48}
    found = _faces._as_trained(asked, trained)
    assert found == {**trained, "size": 48}
    assert capsys.readouterr().out == (
        "as on the model's card: --data kdef --split-by subject --shares 0.7 0.1 0.2 "
        "--split-seed 0 --color\nnot as in training: --size 48\n"
    )
