"""The recipe with one part left out: the arms are what they are said to be, the table is theirs."""

import csv
from dataclasses import replace

import pytest
import torch

from fer_lab.experiments.training_parts import (
    ARMS,
    EPOCHS,
    EXPERIMENT,
    PAPER,
    RECIPE,
    SEEDS,
    build,
    figure_of,
    recipe_of,
    table_of,
)
from fer_utils import models
from fer_utils.emotions import FER7
from fer_utils.train.augment import Augmentation

ALL, NO_AUGMENTATION, NO_DECAY, NO_NORMALISATION = ARMS
FACES = torch.rand(4, 1, 48, 48, generator=torch.Generator().manual_seed(0))


def test_whole_recipe_is_the_paper_s_but_shorter():
    assert replace(recipe_of(ALL), epochs=PAPER.epochs, decay=PAPER.decay) == PAPER
    last = PAPER.learning_rate * PAPER.decay ** (PAPER.epochs - 1)
    ours = RECIPE.learning_rate * RECIPE.decay ** (EPOCHS - 1)
    assert ours == pytest.approx(last, rel=0.01)


def test_every_arm_leaves_out_one_part():
    assert recipe_of(NO_AUGMENTATION) == replace(RECIPE, augmentation=Augmentation())
    assert recipe_of(NO_DECAY) == replace(RECIPE, schedule="constant", decay=1.0)
    assert recipe_of(NO_NORMALISATION) == RECIPE


def test_pictures_enter_in_the_range_of_the_arm():
    black_and_white = torch.stack([torch.zeros(1, 48, 48), torch.ones(1, 48, 48)])
    for arm in ARMS:
        prepared = build(arm, FER7, 0).prepare(black_and_white)
        assert (prepared.min().item(), prepared.max().item()) == arm.pictures
    assert NO_NORMALISATION.pictures == (0, 255)


def test_a_seed_starts_all_arms_at_the_paper_s_network():
    paper = models.create("mini_xception", seed=3, variant="alessi2019")
    for arm in ARMS:
        net = build(arm, FER7, 3)
        theirs = paper.state_dict()
        assert all(torch.equal(value, theirs[key]) for key, value in net.state_dict().items())
    whole = build(ALL, FER7, 3).eval()
    with torch.no_grad():
        assert torch.equal(whole(FACES), paper.eval()(FACES))


def test_table_and_figure_are_made_from_the_runs():
    counts = {"correct": 50, "n": 100, "train_correct": 8, "train_n": 10, "best_epoch": 2}
    rows = [{"arm": arm.name, "seed": 0, **counts, "valid_accuracy": [0.1, 0.5]} for arm in ARMS]
    found = [line for line in table_of(rows).splitlines() if not line.startswith("#")]
    assert found[1] == "all three parts,0,50,100,8,10,2,0.1000 0.5000" and len(found) == 5
    labels = [label.get_text() for label in figure_of(rows).axes[0].get_yticklabels()]
    assert labels == [arm.name for arm in ARMS]


def test_committed_table_has_every_arm_and_seed():
    lines = EXPERIMENT.table.read_text().splitlines()
    about = [line for line in lines if line.startswith("#")]
    assert f"{EPOCHS} epochs and decay {RECIPE.decay}" in about[0]
    assert f"made by: {EXPERIMENT.command}" in about[-1]
    table = list(csv.DictReader(lines[len(about) :]))
    there = [(row["arm"], int(row["seed"])) for row in table]
    assert there == [(arm.name, seed) for arm in ARMS for seed in SEEDS]
    for row in table:
        curve = [float(value) for value in row["valid_accuracy"].split()]
        assert len(curve) == EPOCHS and curve.index(max(curve)) == int(row["best_epoch"]) - 1
        assert 0 < int(row["correct"]) <= int(row["n"]) == 909
