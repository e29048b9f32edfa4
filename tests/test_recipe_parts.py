"""The recipe of this kit with one part changed: the arms, and the table made from the runs."""

import csv
from dataclasses import replace
from itertools import combinations

import numpy as np

from fer_lab.experiments.recipe_parts import (
    ARMS,
    EPOCHS,
    EXPERIMENT,
    SEEDS,
    exchanged,
    figure_of,
    recipe_of,
    right,
    settings,
    table_of,
)
from fer_utils import train

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
    assert recipe_of(ARMS[0]) == replace(train.recipe("small_resnet"), epochs=EPOCHS)


def test_every_other_arm_differs_from_it_in_what_it_says():
    whole = recipe_of(ARMS[0]).as_dict()
    for arm in ARMS[1:]:
        found = recipe_of(arm).as_dict()
        assert {key for key in whole if whole[key] != found[key]} == set(arm.change)
    assert all(settings(arm) != settings(other) for arm, other in combinations(ARMS, 2))
    assert settings(ARMS[0])[0].epochs == EPOCHS


def test_faces_gained_and_lost_are_counted_one_by_one():
    rows = runs()
    assert all((right(row) == hits).all() for row, hits in zip(rows, HITS, strict=True))
    assert exchanged(rows[0], rows) == (0, 0)
    gained, lost = exchanged(rows[3], rows)
    assert gained == sum(bool(a and not b) for a, b in zip(HITS[3], HITS[0], strict=True))
    assert gained - lost == rows[3]["correct"] - rows[0]["correct"]


def test_table_and_figure_are_made_from_the_runs():
    rows = runs()
    found = [line for line in table_of(rows).splitlines() if not line.startswith("#")]
    assert found[1] == f"whole recipe,0,{HITS[0].sum()},13,2,0,0,0.6000,0.1000 0.5000"
    labels = [label.get_text() for label in figure_of(rows).axes[0].get_yticklabels()]
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
