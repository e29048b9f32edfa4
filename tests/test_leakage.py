"""The leakage lesson: its arms differ in who is on both sides and in nothing else."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from fer_lab.experiments import leakage as script
from fer_lab.experiments.leakage import ARMS, EXPERIMENT, SEEDS, Arm, divided, known
from fer_utils import data
from fer_utils.emotions import FER7


@pytest.fixture(scope="module")
def clips():
    """Ten people of the drawn set, without their pictures."""
    each = 7 * script.TAKES * script.FRAMES
    number = np.arange(10 * each)
    return data.FaceSet(
        name="clips",
        images=np.zeros((len(number), 1, 1, 1), np.uint8),
        labels=number // (script.TAKES * script.FRAMES) % 7,
        classes=FER7,
        split=np.full(len(number), "train"),
        subjects=number // each,
        columns={"clip": number // script.FRAMES},
    )


def per_class(faces):
    return {s: np.bincount(faces.labels[faces.split == s]).tolist() for s in data.SPLITS}


def test_drawn_clips_are_what_they_are_said_to_be(clips):
    drawn = script.draw_clips(people=1, progress=False)
    alike = clips.take(slice(0, len(drawn)))
    assert (drawn.labels == alike.labels).all()
    assert (drawn.subjects == alike.subjects).all()
    assert (drawn.columns["clip"] == alike.columns["clip"]).all()
    assert len({image.tobytes() for image in drawn.images}) == len(drawn)
    frames = drawn.images.reshape(-1, script.FRAMES, 48 * 48).astype(float)
    within = np.abs(frames[:, 0] - frames[:, 1]).mean()
    across = np.abs(frames[:-1, 0] - frames[1:, 0]).mean()
    assert across > 1.5 * within  # frames of one clip are neighbours


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", script.EPOCHS)
def test_arms_have_equally_many_faces_of_every_class(name, seed, clips):
    faces = clips if name == "clips" else script.faces_of(name)
    ways = [arm.split for arm in ARMS if arm.faces == name]
    balances = [per_class(divided(faces, way, seed)) for way in ways]
    assert all(balance == balances[0] for balance in balances)
    assert all(min(counts) > 0 for counts in balances[0].values())


def test_who_is_on_both_sides(clips):
    clip = clips.columns["clip"]
    by_person = divided(clips, "person", 0)
    assert known(by_person, clips.subjects) == known(by_person, clip) == 0
    people = [set(clips.subjects[by_person.split == split]) for split in data.SPLITS]
    assert sum(map(len, people)) == len(set.union(*people)) == 10
    by_clip = divided(clips, "clip", 0)
    assert known(by_clip, clips.subjects) == 1
    assert known(by_clip, clip) == 0
    at_random = divided(clips, "picture", 0)
    assert known(at_random, clip) > 0.8


def test_seeds_test_other_people(clips):
    tested = [set(clips.subjects[divided(clips, "person", s).split == "test"]) for s in SEEDS]
    assert all(len(people) == 2 for people in tested)
    assert len(set.union(*tested)) == 2 * len(SEEDS)


def test_known_counts_shares_by_hand(clips):
    split = np.array(["train", "train", "test", "test", "test", "valid"])
    six = replace(clips.take(slice(0, 6)), split=split)
    assert known(six, np.array([1, 2, 2, 3, 1, 3])) == pytest.approx(2 / 3)


@pytest.fixture(scope="module")
def table():
    lines = EXPERIMENT.table.read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_table_has_every_arm_and_seed_with_its_command(table):
    there = [(Arm(row["faces"], row["split"]), int(row["seed"])) for row in table]
    assert there == [(arm, seed) for arm in ARMS for seed in SEEDS]
    for row in table:
        assert row["command"] == f"{EXPERIMENT.command} --seeds {row['seed']}"
        assert 0 < int(row["correct"]) <= int(row["n"])


def test_table_tells_true_sizes(table):
    for row in table:
        if row["faces"] == "facs3d":
            faces = divided(script.faces_of("facs3d"), row["split"], int(row["seed"]))
            assert int(row["train"]) == (faces.split == "train").sum()
            assert int(row["n"]) == (faces.split == "test").sum()
            assert float(row["person_known"]) == (row["split"] == "picture")
