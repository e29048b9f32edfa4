"""The recipes of this kit with one part changed: the arms, and the tables made from the runs."""

import csv
import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from fer_lab.experiment import ArmRun, by_split
from fer_lab.experiments import deep_parts, recipe_parts
from fer_lab.experiments.recipe_parts import right
from fer_lab.run import do
from fer_utils import data, models, train
from tests import small_fer2013

STUDY, EXPERIMENT = recipe_parts.STUDY, recipe_parts.EXPERIMENT
ARMS, EPOCHS, SEEDS = STUDY.arms, STUDY.epochs, STUDY.seeds
STUDIES = (STUDY, deep_parts.STUDY)
of_each = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
HITS = np.random.default_rng(0).random((len(ARMS), 13)) < 0.6


def runs():
    return [
        {
            "arm": arm.name,
            "seed": 0,
            "correct": int(hits.sum()),
            "n": 13,
            "right": np.packbits(hits).tobytes().hex(),
            "best_epoch": 2,
            "valid_accuracy": [0.1, 0.5],
            "train_accuracy": [0.2, 0.6],
        }
        for arm, hits in zip(ARMS, HITS, strict=True)
    ]


def test_whole_recipe_is_the_kit_s_but_shorter():
    assert STUDY.recipe_of(ARMS[0]) == replace(train.recipe("small_resnet"), epochs=EPOCHS)


def test_whole_recipe_of_the_deep_net_is_that_of_its_card():
    study, command = deep_parts.STUDY, models.card("small_resnet_fer2013")["command"]
    assert f"--variant {study.variant} --recipe small_resnet --set {study.changes} " in command
    assert f"--epochs {study.epochs} --precision {recipe_parts.PRECISION} " in command


@of_each
def test_every_other_arm_differs_from_it_in_what_it_says(study):
    whole = study.recipe_of(study.arms[0]).as_dict()
    for arm in study.arms[1:]:
        found = study.recipe_of(arm).as_dict()
        pictures = {"augmentation"} if arm.pictures != {} else set()
        assert {key for key in whole if whole[key] != found[key]} == set(arm.change) | pictures
        old, new = whole["augmentation"], found["augmentation"]
        if arm.pictures is not None:
            assert {key for key in old if old[key] != new[key]} == set(arm.pictures)
    settings = [study.settings(arm) for arm in study.arms]
    assert all(one != other for one, other in combinations(settings, 2))
    assert settings[0][0].epochs == study.epochs


@of_each
def test_a_run_trains_the_net_it_names(study, monkeypatch, tmp_path):
    """On a few faces of noise, for an epoch."""
    faces = by_split(data.load("fer2013", small_fer2013.write(tmp_path)))
    monkeypatch.setattr(recipe_parts, "parts", lambda name: faces)
    monkeypatch.setattr("fer_lab.experiment.ROOT", tmp_path)
    create, built = models.create, []
    monkeypatch.setattr(
        models, "create", lambda *words, **o: built.append(o) or create(*words, **o)
    )
    run = ArmRun(replace(study, epochs=1).experiment, 0, 2)
    row = do(run)
    assert [(options["variant"], options["seed"]) for options in built] == [(study.variant, 2)]
    assert row["n"] == len(faces["valid"]) == 16 and right(row).sum() == row["correct"]
    assert json.loads(row["settings"])[0]["epochs"] == 1
    assert run.finished() == row and run.file.parent == tmp_path / "runs" / study.name


def test_faces_gained_and_lost_are_counted_one_by_one():
    rows = runs()
    assert all((right(row) == hits).all() for row, hits in zip(rows, HITS, strict=True))
    assert STUDY.exchanged(rows[0], rows) == (0, 0)
    gained, lost = STUDY.exchanged(rows[3], rows)
    assert gained == sum(bool(a and not b) for a, b in zip(HITS[3], HITS[0], strict=True))
    assert gained - lost == rows[3]["correct"] - rows[0]["correct"]


def test_table_and_figure_are_made_from_the_runs():
    rows = runs()
    found = [line for line in STUDY.table_of(rows).splitlines() if not line.startswith("#")]
    assert found[1] == f"whole recipe,0,{HITS[0].sum()},13,2,0,0,0.6000,0.1000 0.5000"
    labels = [label.get_text() for label in STUDY.figure_of(rows).axes[0].get_yticklabels()]
    assert labels == [arm.name for arm in ARMS]


def test_committed_table_has_every_arm_and_seed():
    lines = EXPERIMENT.table.read_text().splitlines()
    about = [line for line in lines if line.startswith("#")]
    assert f"{EPOCHS} epochs" in about[0] and f"made by: {EXPERIMENT.command}" in about[-1]
    table = list(csv.DictReader(lines[len(about) :]))
    there = [(row["arm"], int(row["seed"])) for row in table]
    assert there == [(arm.name, seed) for arm in ARMS for seed in SEEDS]
    for row in table:
        curve = [float(value) for value in row["valid_accuracy"].split()]
        assert len(curve) == EPOCHS and curve.index(max(curve)) == int(row["best_epoch"]) - 1
        assert abs(int(row["correct"]) / int(row["n"]) - max(curve)) < 1e-3
        assert int(row["n"]) == 3589
    wholes = {row["seed"]: int(row["correct"]) for row in table if row["arm"] == ARMS[0].name}
    for row in table:
        change = int(row["gained"]) - int(row["lost"])
        assert change == int(row["correct"]) - wholes[row["seed"]]
