"""Labels changed by a network's probabilities, and what ten people say of that."""

import csv
import dataclasses

import numpy as np
import pytest
import torch
from cleanlab.count import compute_confident_joint

from fer_utils import data, models, train
from fer_utils.__main__ import main
from fer_utils.commands import relabel as command
from fer_utils.data import catalog, relabel
from fer_utils.emotions import FER7, FERPLUS_VOTES
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation


def random_answers(certain, faces=400, classes=7):
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, faces)
    logits = random.normal(size=(faces, classes)) + certain * np.eye(classes)[labels]
    shares = np.exp(logits)
    return shares / shares.sum(1, keepdims=True), labels


@pytest.mark.parametrize("certain", [0.5, 2.0])
def test_confident_learning_is_cleanlabs(certain):
    shares, labels = random_answers(certain)
    joint, off = compute_confident_joint(
        labels, shares, calibrate=False, return_indices_of_off_diagonals=True
    )
    new = relabel.confident(shares, labels)
    # where two classes reach their thresholds, cleanlab takes the most probable of all, even if
    # that one does not reach its own; the paper's equation takes it from those that do
    own = np.array([shares[labels == k, k].mean() for k in range(7)])
    reached = shares >= own - 1e-6
    differs = (reached.sum(1) > 1) & ~reached[np.arange(len(labels)), shares.argmax(1)]
    assert differs.sum() < 8
    theirs = np.isin(np.arange(len(labels)), off)
    assert ((new != labels) == theirs)[~differs].all() and 10 < theirs.sum() < 300
    found = np.zeros((7, 7), int)
    sure = reached.any(1)
    np.add.at(found, (labels[sure], new[sure]), 1)
    assert np.abs(found - joint).sum() <= 2 * differs.sum()


def test_rules_by_hand():
    shares = np.array([[0.6, 0.3, 0.1], [0.2, 0.45, 0.35], [0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    labels = np.array([1, 0, 0, 1])
    assert relabel.by_distribution(shares, labels).tolist() == [0, 0, 2, 1]
    # thresholds: 0.15 for class 0, 0.4 for class 1, none for class 2, which no face is labelled
    assert relabel.confident(shares, labels).tolist() == [0, 1, 0, 0]
    unsure = np.array([[0.2, 0.2, 0.6], [0.1, 0.1, 0.8], [0.1, 0.5, 0.4]])  # thresholds 0.2, 0.3
    assert relabel.confident(unsure, np.array([0, 1, 1])).tolist() == [0, 1, 1]


@pytest.fixture
def faces():
    """Six faces labelled happy; ten people say happy, sad, sad, fear, nothing, not a face."""
    votes = np.zeros((6, len(FERPLUS_VOTES)), np.uint8)
    said = ("happy", "sad", "sad", "fear", None, "NF")
    for row, name in enumerate(said):
        if name is None:
            votes[row, :5] = 2
        else:
            votes[row, FERPLUS_VOTES.index(name)] = 10
    return data.FaceSet(
        "six",
        np.zeros((6, 1, 8, 8), np.uint8),
        np.full(6, FER7.index("happy")),
        FER7,
        np.full(6, "train"),
        votes=votes,
        vote_names=FERPLUS_VOTES,
        label_rule="published",
    )


def to_sad(keep=()):
    shares = np.zeros((6, 7))
    shares[:, FER7.index("sad")] = 1
    shares[list(keep)] = np.eye(7)[FER7.index("happy")]
    return shares


def test_people_are_the_referee(faces, capsys):
    after = faces.relabel("distribution", to_sad(keep=[2]))
    assert "changed 5 of 6 labels" in capsys.readouterr().out
    assert after.label_rule == "published + distribution" and len(after) == 6
    verdict = train.referee(faces, after)
    shares = (verdict.new, verdict.old, verdict.other, verdict.undecided)
    assert [share.correct for share in shares] == [1, 1, 1, 2]
    assert verdict.new.n == 5 and verdict.new.low < 0.2 < verdict.new.high
    assert "would have changed them the same way" in str(verdict)


@pytest.mark.parametrize(
    "probabilities, rule, says",
    [
        (None, "confident", "needs a network's probabilities"),
        (to_sad(), "majority", "no rule 'majority' for probabilities"),
        (to_sad()[:, :6], "confident", "do not fit"),
        (to_sad() * 2, "confident", "shares of 1"),
        (np.full((6, 7), np.nan), "confident", "shares of 1"),
        ([1, 2], "confident", "expected a numpy array"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(faces, probabilities, rule, says):
    with pytest.raises(FerError, match=says):
        faces.relabel(rule, probabilities)


def test_the_referee_needs_votes_and_the_same_faces(faces):
    with pytest.raises(FerError, match="no votes"):
        train.referee(*[dataclasses.replace(faces, votes=None, vote_names=())] * 2)
    with pytest.raises(FerError, match="not the same faces"):
        train.referee(faces, faces.take([0]))


# Out of fold


@pytest.fixture(scope="module")
def few():
    faces = data.load("facs3d", split="valid")
    return faces.take(np.flatnonzero(np.isin(faces.labels, [3, 5]))[:120])


def small(few):
    return dataclasses.replace(
        few, classes=("happy", "surprise"), labels=np.where(few.labels == 3, 0, 1)
    )


class Mean(torch.nn.Module):
    """A net of a few weights."""

    classes = ("happy", "surprise")

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(36, 2)

    def forward(self, pictures):
        return self.last(torch.nn.functional.avg_pool2d(pictures, 8).flatten(1))


def test_nobody_answers_for_faces_that_he_learned(few, tmp_path, monkeypatch):
    faces, seen = small(few), []
    parts = data.folds(faces, 6, progress=False)
    real = train.fit

    def watched(net, learned, chosen, recipe, **options):
        seen.append((learned, chosen))
        return real(net, learned, chosen, recipe, **options)

    monkeypatch.setattr("fer_utils.train.relabelling.fit", watched)
    options = {"folds": 3, "epochs": 1, "progress": False, "out": tmp_path}
    answers = train.out_of_fold(faces, Mean, "one_cycle", **options)
    assert answers.classes == faces.classes and (answers.labels == faces.labels).all()
    people = faces.subjects
    for fold, (learned, chosen) in enumerate(seen):
        answered = set(people[parts // 2 == fold])
        assert not answered & (set(learned.subjects) | set(chosen.subjects))
        assert not set(learned.subjects) & set(chosen.subjects)
        assert len(learned) + len(chosen) + (parts // 2 == fold).sum() == len(faces)
    assert len(seen) == 3 and (answers.probabilities.sum(1) > 0.99).all()
    # the same call finds its runs and trains nothing
    saved = (tmp_path / "fold0" / "history.json").read_text()
    again = train.out_of_fold(faces, Mean, "one_cycle", **options)
    assert (again.probabilities == answers.probabilities).all()
    assert (tmp_path / "fold0" / "history.json").read_text() == saved


def test_folds_that_are_interrupted_or_wrong(few, monkeypatch):
    faces = small(few)
    stopped = train.History(stopped="interrupted after 0 of 1 epochs")
    monkeypatch.setattr("fer_utils.train.relabelling.fit", lambda *a, **k: stopped)
    with pytest.raises(KeyboardInterrupt):
        train.out_of_fold(faces, Mean, "one_cycle", progress=False)
    people = np.unique(few.subjects, return_index=True)[1]
    for count, said in ((10, "7 folds needs two.*: ask for 5 folds at most, or"), (3, "two.*: l")):
        alone = few.take(people[:count])
        with pytest.raises(FerError, match=f"has {count} pictures or people.*{said}"):
            train.out_of_fold(alone, Mean, "one_cycle", folds=7, progress=False)
    with pytest.raises(FerError, match="make it with classes=faces.classes"):
        train.out_of_fold(few, Mean, "one_cycle", progress=False)


# Commands


def test_command_and_what_train_makes_of_it(few, tmp_path, monkeypatch, capsys):
    faces = dataclasses.replace(few, split=np.where(np.arange(120) < 90, "train", "valid"))
    monkeypatch.setattr(data, "load", lambda *words, **options: faces)
    words = ["--model", "mini_xception", "--epochs", "1", "--rule", "distribution", "--folds", "2"]
    table = tmp_path / "new.csv"
    made = []
    monkeypatch.setattr(models, "create", lambda *a, classes, **k: made.append(classes) or Mean())
    assert main(["relabel", "facs3d", *words, "--out", str(table)]) == 0
    said = capsys.readouterr().out
    assert "out of fold, the networks agree" in said and made == [("happy", "surprise")] * 2
    text = table.read_text()
    assert "relabel facs3d" in text and str(tmp_path) not in text
    assert text.splitlines()[3] == "row,old,new,probability,rule"
    assert (tmp_path / "new.runs" / "fold1").is_dir()

    names = command.named_rows(faces)
    rows = [(names[at], FER7[faces.labels[at]], "sad") for at in (0, 100)]
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows([command.COLUMNS[:3], *rows])
    changed = command.relabelled(faces, table)
    assert np.flatnonzero(changed.labels != faces.labels).tolist() == [0]  # 100 is no training face
    assert changed.labels[0] == FER7.index("sad")
    for text, says in (
        ("a,b\n1,2\n", "no table of labels"),
        ("row,old,new\n-7,happy,sad\n", "other faces"),
        (f"row,old,new\n{names[0]},happpy,sad\n", "Did you mean 'happy'"),
    ):
        table.write_text(text)
        with pytest.raises(FerError, match=says):
            command.relabelled(faces, table)
    with pytest.raises(FerError, match="cannot be read"):
        command.relabelled(faces, tmp_path / "nothing.csv")


def test_the_table_names_a_face_as_the_whole_set_does(few, tmp_path, monkeypatch):
    """Of a data set that says nowhere where its faces came from, validation faces first."""
    split = np.where(np.arange(120) < 30, "valid", "train")
    faces = dataclasses.replace(few, rows=None, split=split, name="mine")
    words = dict.fromkeys(("title", "citation", "licence", "get", "layout", "counts"), "")
    card = catalog.Card(name="mine", papers=(), **words)
    monkeypatch.setitem(
        catalog._ADDED, "mine", catalog.Dataset(card, size=48, load=lambda root: faces)
    )
    other = np.eye(2)[1 - small(few).labels[30:]]
    monkeypatch.setattr(
        train, "out_of_fold", lambda part, *a, **k: Evaluation(other, part.labels, part.classes)
    )
    table, place = tmp_path / "new.csv", ["--root", str(tmp_path)]
    assert main(["relabel", "mine", *place, "--rule", "distribution", "--out", str(table)]) == 0
    lines = list(csv.DictReader(row for row in table.read_text().splitlines() if row[0] != "#"))
    assert [int(line["row"]) for line in lines] == list(range(30, 120))
    assert [line["old"] for line in lines] == [FER7[label] for label in faces.labels[30:]]
    changed = command.relabelled(data.load("mine", tmp_path), table)
    assert np.flatnonzero(changed.labels != faces.labels).tolist() == list(range(30, 120))


def test_bad_words_get_one_sentence(tmp_path, capsys):
    for words in (
        ["nothing", "--out", str(tmp_path / "a.csv")],
        ["facs3d", "--out", str(tmp_path / "no" / "a.csv")],
        ["facs3d", "--out", str(tmp_path / "a.csv"), "--folds", "1"],
        ["facs3d", "--out", str(tmp_path / "a.csv"), "--model", "vgg99"],
    ):
        assert main(["relabel", *words]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
