"""The experiments on cleaning, relabelling and balancing: what differs between their arms."""

import csv
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fer_lab.experiments import balancing, balancing_fer2013, cleaning, exam, exam_fer2013
from fer_utils import data, train
from fer_utils.emotions import FER7, FERPLUS_VOTES
from fer_utils.evaluate import Evaluation
from fer_utils.train import History

EPOCH = {"epoch": 1, "valid_accuracy": 0.5, "valid_loss": 1.0, "seconds": 1.0}
EPOCH |= {"train_loss": 0.25, "train_accuracy": 0.75}
DONE = History([EPOCH], "all 1 epochs")


def test_disgust_is_as_rare_as_in_fer2013():
    whole = data.load("facs3d")
    for seed in balancing.SEEDS:
        faces = balancing.rare_disgust(seed)
        counts = faces["train"].counts()
        assert counts["disgust"] / len(faces["train"]) == pytest.approx(436 / 28_709, abs=1e-4)
        assert counts["happy"] == whole.where(split="train").counts()["happy"]
        assert len(faces["test"]) == len(whole.where(split="test"))


def test_arms_differ_in_what_is_learned_and_are_scored_on_the_same_faces(monkeypatch):
    pair = SimpleNamespace(apply=lambda images, to: 255 - images)
    room = SimpleNamespace(load=lambda name: pair)
    monkeypatch.setitem(sys.modules, "fer_utils.translate", room)
    seen = []

    def fit(net, faces, recipe, **options):
        seen.append((faces["train"].counts(), recipe.balance))
        assert not faces["valid"].generated.any() and not faces["test"].generated.any()
        return DONE

    tested = data.load("facs3d", split="test").take(np.arange(0, 909, 9))
    faces = {**balancing.rare_disgust(0), "test": tested}
    study = replace(balancing.STUDY, faces_of=lambda seed: faces)
    rows = []
    for arm in balancing.EXPERIMENT.arms:
        row = study.run(arm, 0, fit)
        rows.append({"arm": arm.name, "seed": 0, **row})
    assert [balance for _, balance in seen] == ["none", "oversample", "weights", "none"]
    original, filled = seen[0][0], seen[3][0]
    assert {**original, "disgust": filled["disgust"]} == filled
    assert filled["disgust"] == original["disgust"] + original["neutral"]
    assert [row["n"] for row in rows] == [101] * 4
    assert rows[0]["rare"] == tested.counts()["disgust"] > 0
    assert [row["generated"] for row in rows] == [0, 0, 0, original["neutral"]]
    text = balancing.STUDY.table_of(rows)
    lines = list(csv.DictReader(line for line in text.splitlines() if line[0] != "#"))
    assert len(lines) == 4 and sum(map(int, lines[0]["confusion"].split())) == 101
    curves = [lines[0][name] for name in balancing.CURVES]
    assert curves == ["0.2500", "0.7500", "1.0000", "0.5000"]
    longer = [{**rows[0], "train_loss": [0.5, 0.25]}]
    assert ",0.5000 0.2500," in balancing.STUDY.table_of(longer)
    assert balancing.STUDY.figure_of(rows).alt


def test_fer2013_is_scored_on_public_test_alone(monkeypatch):
    faces = data.load("facs3d")
    by = {split: faces.where(split=split) for split in data.SPLITS}
    monkeypatch.setattr(balancing_fer2013, "parts", lambda name: by)
    balancing_fer2013.tenths.cache_clear()
    found = balancing_fer2013.public(1)
    balancing_fer2013.tenths.cache_clear()
    assert found["test"] is by["valid"]
    assert len(found["train"]) + len(found["valid"]) == len(by["train"])
    assert not set(found["train"].subjects) & set(found["valid"].subjects)


# The exams


def answers(said, classes=FER7):
    shares = np.full((len(said), len(classes)), 0.05, np.float32)
    shares[np.arange(len(said)), said] = 1 - 0.05 * (len(classes) - 1)
    return shares


def test_exams_by_hand():
    truth = np.array([0, 0, 1, 1, 2, 2])
    came = np.array([0, 1, 1, 1, 2, 0])  # the second and the last are wrong
    result = Evaluation(answers([0, 0, 1, 2, 2, 1]), came, FER7)
    relabeller = answers([0, 0, 1, 2, 2, 1])
    found = exam.exams(result, relabeller, truth)
    assert found["as they came"] == [3, 6]
    # the net agrees with itself; of three labels changed one is mended, one was right
    assert found["distribution"] == [6, 6, 3, 1, 1]
    assert found["true labels"] == [4, 6]
    assert found["doubted left out"][1] == 6 - found["confident"][2]
    assert "true labels" not in exam.exams(result, relabeller)


def test_a_known_share_of_labels_is_wrong():
    whole = data.load("facs3d", split="test")
    faces = exam.spoiled(whole, 0)
    wrong = faces.labels != whole.labels
    assert wrong.sum() == round(exam.WRONG * len(whole))
    assert (exam.spoiled(whole, 0).labels == faces.labels).all()
    assert len(np.unique((faces.labels - whole.labels)[wrong] % 7)) == 6


def test_every_arm_sits_the_same_exams(monkeypatch):
    whole = data.load("facs3d").take(np.arange(0, 6981, 7))
    monkeypatch.setattr(data, "load", lambda *words, **options: whole)
    truth = answers(whole.labels)
    monkeypatch.setattr(
        train, "out_of_fold", lambda faces, *a, **k: Evaluation(truth, faces.labels, FER7)
    )
    learned = {}

    def fit(net, faces, recipe, **options):
        learned[len(learned)] = faces["train"].labels
        return DONE

    rows = [{"arm": arm.name, "seed": 0, **exam.run(arm, 0, fit)} for arm in exam.EXPERIMENT.arms]
    right = whole.where(split="train").labels
    assert 0.8 < (learned[0] == right).mean() < 0.9 and (learned[1] == right).all()
    for row in rows:
        changed, mended, harmed = row["exams"]["distribution"][2:]
        assert changed == mended > 0 == harmed
        assert row["exams"]["distribution"][:2] == row["exams"]["true labels"]
    text = exam.table_of(rows)
    assert text.count("\n") == 5 + 2 * 5 and exam.figure_of(rows).alt


@pytest.fixture
def voted(monkeypatch):
    """Faces of facs3d for FER2013's: the first is no face, the second nobody can tell."""
    faces = data.load("facs3d", split="valid").take(np.arange(40))
    votes = np.zeros((40, len(FERPLUS_VOTES)), np.uint8)
    for row, label in enumerate(faces.labels):
        votes[row, FERPLUS_VOTES.index(FER7[label])] = 10
    votes[0], votes[1] = 0, 0
    votes[0, FERPLUS_VOTES.index("NF")] = 10
    votes[1, [FERPLUS_VOTES.index("NF"), FERPLUS_VOTES.index("unknown")]] = 5
    images = faces.images.copy()
    images[0] = 0
    faces = replace(faces, votes=votes, vote_names=FERPLUS_VOTES, images=images)
    for module in (cleaning, exam_fer2013):
        monkeypatch.setattr(module, "parts", lambda name: {"train": faces, "valid": faces})
    return faces


def test_rules_against_votes(voted):
    row = {"arm": "train", "seed": 0, **cleaning.run(cleaning.ARMS[0], 0, None)}
    assert row["said"] == {"not_a_face": 1, "unusable": 2}
    assert row["found"]["black"] == [1, 1, 1] and row["found"]["flat"] == [0, 0, 0]
    text = cleaning.table_of([row, {**row, "arm": "valid"}])
    lines = list(csv.DictReader(line for line in text.splitlines() if line[0] != "#"))
    black = next(line for line in lines if line["reason"] == "black")
    assert (black["precision"], black["recall"]) == ("1.0000", "1.0000")
    assert cleaning.figure_of([row]).alt


def test_the_exam_of_public_test(voted, monkeypatch):
    exam_fer2013.good_pictures.cache_clear()
    said = {"scored": answers(voted.labels), "other": answers((voted.labels + 1) % 7)}
    monkeypatch.setattr(exam_fer2013.models, "load", lambda name: name)
    monkeypatch.setattr(
        exam_fer2013,
        "evaluate",
        lambda net, faces: Evaluation(
            said["other" if "xception" in net else "scored"], faces.labels, FER7
        ),
    )
    rows = [
        {"arm": arm.name, "seed": 0, **exam_fer2013.run(arm, 0, None)} for arm in exam_fer2013.ARMS
    ]
    exam_fer2013.good_pictures.cache_clear()
    other, own = rows
    assert own["exams"]["distribution"] == [40, 40, 0]
    assert other["exams"]["distribution"] == [0, 40, 40]
    assert other["verdicts"]["distribution"] == [0, 38, 0, 2]
    assert own["exams"]["ten people's majority"] == [38, 38]
    assert own["exams"]["cleaned, as they came"][1] < 40
    assert exam_fer2013.table_of(rows).count("\n") == 6 + 2 * len(own["exams"])
    assert exam_fer2013.figure_of(rows).alt


def test_each_experiment_is_found_by_its_command():
    for module in (balancing, balancing_fer2013, cleaning, exam, exam_fer2013):
        name = Path(module.__file__).stem
        assert module.EXPERIMENT.command == f"python -m fer_lab.experiments.{name}"
        for run in module.EXPERIMENT.runs((0,)):
            assert run.config()
    # runs from before curves were kept are done again
    assert list(balancing.CURVES) in balancing.EXPERIMENT.runs((0,))[0].config()
