"""Dividing faces by subject, at random and as a paper did."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_utils import data
from fer_utils.data import FaceSet
from fer_utils.errors import FerError
from tests import layouts

PARTS = ("train", "valid", "test")


def faces(labels, subjects=None, columns=None):
    count = len(labels)
    return FaceSet(
        name="mine",
        images=np.zeros((count, 1, 2, 2), np.uint8),
        labels=np.asarray(labels, np.int64),
        classes=("sad", "happy", "neutral"),
        split=np.full(count, "train"),
        subjects=None if subjects is None else np.asarray(subjects),
        rows=np.arange(count),
        columns=columns or {},
    )


def people(divided):
    return [set(divided.subjects[divided.split == part].tolist()) for part in PARTS]


def test_nobody_is_on_two_sides_and_classes_stay_balanced():
    whole = data.load("facs3d")
    divided = data.split(whole)
    train, valid, test = people(divided)
    assert not (train & valid or train & test or valid & test)
    assert train | valid | test == set(whole.subjects.tolist())
    for name, count in whole.counts().items():
        for part, share in zip(PARTS, (0.7, 0.1, 0.2), strict=True):
            assert abs(divided.where(part).counts()[name] - share * count) < 0.01 * count + 2
    np.testing.assert_array_equal(divided.labels, whole.labels)
    np.testing.assert_array_equal(divided.images, whole.images)


def test_the_seed_decides():
    random = np.random.default_rng(0)
    mine = faces(random.integers(0, 3, 300), random.integers(0, 40, 300))
    first = data.split(mine, seed=3)
    np.testing.assert_array_equal(data.split(mine, seed=3).split, first.split)
    assert (data.split(mine, seed=4).split != first.split).any()
    named = replace(mine, subjects=np.char.zfill(mine.subjects.astype("<U3"), 3))
    np.testing.assert_array_equal(data.split(named, seed=3).split, first.split)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(3, 30),
    st.integers(1, 6),
    st.sampled_from([(0.7, 0.1, 0.2), (0.34, 0.33, 0.33), (0.8, 0, 0.2), (0.01, 0.01, 0.98)]),
    st.integers(0, 5),
)
def test_any_people_fill_every_part(persons, each, shares, seed):
    random = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(persons), random.integers(1, each + 1, persons))
    divided = data.split(faces(random.integers(0, 3, len(subjects)), subjects), shares=shares)
    groups = people(divided)
    assert sum(map(len, groups)) == len(set.union(*groups)) == persons
    assert [bool(group) for group in groups] == [share > 0 for share in shares]


def test_equal_people_are_divided_exactly():
    subjects = np.repeat(np.arange(70), 6)
    divided = data.split(faces(np.tile([0, 0, 1, 1, 2, 2], 70), subjects))
    assert [len(group) for group in people(divided)] == [49, 7, 14]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 400), st.integers(0, 9))
def test_random_keeps_shares_of_the_whole_and_of_every_class(count, seed):
    labels = np.random.default_rng(seed).choice(3, count, p=[0.1, 0.3, 0.6])
    divided = data.split(faces(labels), by="random", seed=seed)
    for part, share in zip(PARTS, (0.7, 0.1, 0.2), strict=True):
        assert abs((divided.split == part).sum() - share * count) <= 1
        for label in range(3):
            here = ((divided.split == part) & (labels == label)).sum()
            assert abs(here - share * (labels == label).sum()) <= 2


def test_random_draws_anew_for_every_seed():
    mine = faces(np.arange(300) % 3)
    first = data.split(mine, by="random", seed=1)
    np.testing.assert_array_equal(data.split(mine, by="random", seed=1).split, first.split)
    assert (data.split(mine, by="random", seed=2).split != first.split).mean() > 0.2


def test_random_warns_where_people_are_on_both_sides():
    mine = faces(np.arange(300) % 3, np.arange(300) % 10)
    with pytest.warns(UserWarning, match="10 of 10 people are on both sides") as caught:
        data.split(mine, by="random")
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.split(mine, by="subject")
        data.split(faces(np.arange(30) % 3), by="random")  # nobody knows
        data.split(faces(np.arange(30) % 3, np.arange(30)), by="random")  # one picture each


def test_a_papers_split_leaves_out_what_the_paper_did_not_use():
    column = np.array(["test", "", "train", "valid", "train"])
    divided = data.split(faces([0, 1, 2, 0, 1], columns={"paper_split": column}), by="paper")
    assert divided.split.tolist() == ["test", "train", "valid", "train"]
    assert divided.rows.tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "person"}, "by='person' is not a way to split.*'paper'"),
        ({"by": "subject"}, "does not say who is shown"),
        ({"by": "paper"}, "mine: no paper's split is known"),
        ({"by": "random", "shares": (0.5, 0.5)}, "three numbers"),
        ({"by": "random", "shares": (0.7, 0.2, 0.2)}, "sum to 1"),
        ({"by": "random", "shares": (1.2, -0.1, -0.1)}, "from 0 to 1"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(FerError, match=message):
        data.split(faces([0, 1, 2]), **options)


def test_too_few_people():
    mine = faces([0, 1, 2, 0], [1, 1, 2, 2])
    with pytest.raises(FerError, match="2 people, who cannot be divided into 3 parts"):
        data.split(mine)
    assert {len(group) for group in people(data.split(mine, shares=(0.5, 0, 0.5)))} == {0, 1}


def test_ckplus_as_it_is_distributed(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    whole = data.load("ckplus", layouts.ckplus48(tmp_path), progress=False)
    assert len(whole) == 981 and len(whole.classes) == 7 and "neutral" not in whole.classes
    divided = data.split(whole)
    train, valid, test = people(divided)
    assert len(train) + len(valid) + len(test) == len(train | valid | test) == 118
    sequences = divided.columns["sequence"]
    trained = set(sequences[divided.split == "train"].tolist())
    assert not trained & set(sequences[divided.split == "test"].tolist())
    for name, count in whole.counts().items():
        assert abs(divided.where("test").counts()[name] - 0.2 * count) < 0.06 * count
    paper = data.split(whole, by="paper")
    assert [int((paper.split == part).sum()) for part in PARTS] == [687, 98, 196]
    with pytest.warns(UserWarning, match="people are on both sides"):
        data.split(whole, by="random")
