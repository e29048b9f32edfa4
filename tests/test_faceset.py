"""FaceSet and the rules that turn votes into labels."""

import numpy as np
import pytest
import torch

from fer_utils.data import FaceSet, faceset, relabel
from fer_utils.data import _cache as cache
from fer_utils.data.faceset import other_faces
from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES
from fer_utils.errors import FerError


def make(n=6, **changes):
    values = {
        "name": "made",
        "images": np.arange(n * 4, dtype=np.uint8).reshape(n, 1, 2, 2),
        "labels": np.arange(n) % 3,
        "classes": ("angry", "happy", "sad"),
        "split": np.array((["train"] * 3 + ["valid"] * 2 + ["test"] * n)[:n]),
    }
    return FaceSet(**(values | changes))


def with_votes(rows):
    return make(
        len(rows),
        votes=np.array(rows, np.uint8),
        vote_names=FERPLUS_VOTES,
        labels=np.zeros(len(rows), np.int64),
        classes=FER7,
    )


def test_arrays_are_read_only_and_the_callers_own_stay_writable():
    mine = np.zeros((2, 1, 2, 2), np.uint8)
    faces = make(2, images=mine)
    with pytest.raises(ValueError, match="read-only"):
        faces.images[0] = 1
    with pytest.raises(AttributeError):
        faces.name = "other"
    mine[0] = 1


def test_where_by_split_and_class():
    faces = make()
    assert faces.where(split="valid").labels.tolist() == [0, 1]
    assert faces.where(label="sad").labels.tolist() == [2, 2]
    assert faces.where(split="train", label=2).images.ravel().tolist() == [8, 9, 10, 11]
    assert len(faces.where(split="test", label="angry")) == 0


def test_wrong_names_are_refused_with_the_nearest():
    with pytest.raises(FerError, match="made has no class 'hapy'. Did you mean 'happy'"):
        make().where(label="hapy")
    with pytest.raises(FerError, match="'vald' is not a split. Did you mean 'valid'"):
        make().where(split="vald")
    with pytest.raises(FerError, match="classes 0 to 2, not 3"):
        make().where(label=3)


def test_take_one_some_and_a_slice_carry_everything_along():
    faces = make(
        rows=np.arange(6) * 10, votes=np.eye(6, dtype=np.uint8), vote_names=tuple("abcdef")
    )
    assert faces.take(4).rows.tolist() == [40]
    some = faces.take([5, 0])
    assert some.rows.tolist() == [50, 0]
    assert some.votes.argmax(axis=1).tolist() == [5, 0]
    assert some.split.tolist() == ["test", "train"]
    assert faces.take(slice(1, 3)).labels.tolist() == [1, 2]
    assert len(faces.take([])) == 0


def test_columns_go_along_and_are_read_only():
    faces = make(columns={"angle": np.arange(6) * 45, "gaze": list("lfrlfr")})
    assert faces.take([5, 1]).columns["angle"].tolist() == [225, 45]
    assert faces.where(label="sad").columns["gaze"].tolist() == ["r", "r"]
    assert "columns angle gaze" in repr(faces)
    with pytest.raises(ValueError, match="read-only"):
        faces.columns["angle"][0] = 1
    assert make().columns == {}


def test_neighbours_are_not_copied():
    faces = make()
    for part in (
        faces.where(split="train"),
        faces.take(slice(2, 4)),
        faces.take([2, 3, 4]),
        faces.take(np.arange(6) > 3),
        faces.take(1),
    ):
        assert np.shares_memory(part.images, faces.images)
    for part in (faces.take([0, 2]), faces.take([3, 2]), faces.take([-1])):
        assert not np.shares_memory(part.images, faces.images)
    assert faces.take([-1]).images.ravel().tolist() == faces.images[5].ravel().tolist()
    assert faces.take([3, 4, 3]).labels.tolist() == [0, 1, 0]


def test_a_large_choice_lies_in_a_file(monkeypatch):
    faces = make(60)
    which = np.random.default_rng(0).permutation(60)
    monkeypatch.setattr(cache, "MOST_IN_MEMORY", 40)
    monkeypatch.setattr(cache, "CHUNK_BYTES", 30)
    part = faces.take(which)
    assert isinstance(part.images, np.memmap)
    np.testing.assert_array_equal(part.images, faces.images[which])
    few = faces.take(which[:10])
    assert not isinstance(few.images, np.memmap)
    with pytest.raises(FerError, match="made has faces 0 to 59"):
        faces.take([*which, 60])


def test_take_outside_is_refused():
    with pytest.raises(FerError, match="made has faces 0 to 5"):
        make().take(6)
    with pytest.raises(FerError, match="made has faces 0 to 5"):
        make().take(np.ones(4, bool))
    with pytest.raises(FerError, match="made has faces 0 to 5"):
        make().take([4, 5, 6])


def test_counts_table_and_repr():
    faces = make()
    assert faces.counts() == {"angry": 2, "happy": 2, "sad": 2}
    assert faces.table().T.to_dict("list") == {
        "angry": [1, 1, 0, 2],
        "happy": [1, 1, 0, 2],
        "sad": [1, 0, 1, 2],
        "all": [3, 2, 1, 6],
    }
    assert list(faces.table()) == ["train", "valid", "test", "all"]
    assert repr(faces) == "FaceSet(made: 6 faces 2x2 grey, 3 classes, train 3, valid 2, test 1)"


def test_pictures_are_floats_from_0_to_1():
    images = np.array([0, 51, 255, 102], np.uint8).reshape(1, 1, 2, 2)
    pictures = make(1, images=images).pictures()
    assert pictures.dtype == torch.float32
    assert pictures.shape == (1, 1, 2, 2)
    torch.testing.assert_close(pictures.ravel(), torch.tensor([0, 0.2, 1, 0.4]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((6, 2, 2), np.uint8)}, "images must be uint8"),
        ({"images": np.zeros((6, 1, 2, 2))}, "images must be uint8"),
        ({"labels": np.zeros(5, np.int64)}, "6 images but 5 labels"),
        ({"labels": np.full(6, 3)}, "labels must be 0 to 2"),
        ({"labels": np.full(6, -1)}, "labels must be 0 to 2"),
        ({"split": np.array(["train"] * 5 + ["dev"])}, "found 'dev'"),
        ({"votes": np.zeros((6, 3), np.uint8)}, "do not fit"),
        ({"columns": {"angle": np.zeros(5)}}, "6 images but 5 angle"),
        ({"columns": {"angle": 3}}, "6 images but a single angle"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    with pytest.raises(FerError, match=message):
        make(**change)


# Columns: neutral, happy, surprise, sad, angry, disgust, fear, contempt, unknown, NF. What each
# rule makes of a face ("" where it leaves the face out), worked out by hand.
CASES = [
    # all agree
    ([0, 10, 0, 0, 0, 0, 0, 0, 0, 0], "happy", "happy", "happy", "happy"),
    # four single votes are outliers: 6 of 6 votes are left
    ([6, 1, 0, 1, 1, 1, 0, 0, 0, 0], "neutral", "neutral", "neutral", "neutral"),
    # 5 of 10 is not more than half; the first of two equals is the label elsewhere
    ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], "", "neutral", "neutral", "neutral"),
    # 4 of 8 after two single votes: no majority; 4 + 4 come in together
    ([4, 0, 0, 4, 1, 0, 1, 0, 0, 0], "", "neutral", "neutral", "neutral"),
    # four answers come in, three at most are allowed; none but the first has 30 %
    ([4, 2, 2, 2, 0, 0, 0, 0, 0, 0], "", "", "", "neutral"),
    # 3 of 10 is just 30 %, and the two together are over half
    ([3, 3, 2, 2, 0, 0, 0, 0, 0, 0], "", "", "neutral", "neutral"),
    # "not a face" wins outright
    ([2, 0, 0, 0, 0, 0, 0, 0, 0, 8], "", "", "", ""),
    # "unknown" has most votes: it ends the probability rule alone
    ([3, 0, 0, 0, 0, 0, 0, 0, 7, 0], "", "", "", ""),
    # equal to "unknown": 4 of 8 kept is not over half for probability; multi-target keeps both
    ([4, 0, 0, 0, 1, 1, 0, 0, 4, 0], "", "", "neutral", "neutral"),
    # only single votes: nothing is left of them
    ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "", "", "", "neutral"),
    # contempt is the eighth class
    ([2, 0, 0, 0, 0, 0, 0, 7, 1, 0], "contempt", "contempt", "contempt", "contempt"),
]
RULES = ("majority", "probability", "multi_target", "argmax")


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case[0])))
@pytest.mark.parametrize("rule", RULES)
def test_rules_on_hand_made_votes(rule, case):
    votes, *expected = case
    found = relabel.labels(np.array([votes]), FERPLUS_VOTES, rule)[0]
    name = expected[RULES.index(rule)]
    assert found == (FER8.index(name) if name else -1)


def test_relabel_keeps_usable_faces_and_prints_how_many(capsys):
    faces = with_votes([case[0] for case in CASES])
    new = faces.relabel("majority")
    assert capsys.readouterr().out == (
        "made, rule majority: kept train 2 of 3, valid 0 of 2, test 1 of 6\n"
    )
    assert new.classes == FER8
    assert [new.classes[label] for label in new.labels] == ["happy", "neutral", "contempt"]
    assert new.images[:, 0, 0, 0].tolist() == [0, 4, 40]
    assert new.label_rule == "majority"


def test_cross_entropy_is_the_probability_rule():
    faces = with_votes([case[0] for case in CASES])
    same = faces.relabel("cross_entropy").labels, faces.relabel("probability").labels
    np.testing.assert_array_equal(*same)


def test_relabelling_twice_is_refused():
    once = with_votes([CASES[0][0]]).relabel("argmax")
    with pytest.raises(FerError, match="rule 'argmax', which has already left"):
        once.relabel("majority")


def test_relabel_needs_votes_and_a_known_rule():
    with pytest.raises(FerError, match="made has no votes"):
        make().relabel("majority")
    with pytest.raises(FerError, match="no rule 'majorty'.*'majority'"):
        with_votes([CASES[0][0]]).relabel("majorty")


def test_vote_distribution():
    faces = with_votes([[4, 2, 0, 0, 0, 0, 0, 2, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]])
    shares = faces.vote_distribution()
    assert shares.shape == (2, 8)
    expected = {"neutral": 0.5, "happy": 0.25, "contempt": 0.25}
    assert dict(zip(FER8, shares[0], strict=True)) == {n: expected.get(n, 0) for n in FER8}
    assert not shares[1].any()
    # of 4 + 2 + 2 votes that are not single, 8 are at least 75 %, so all three come in
    np.testing.assert_array_equal(faces.vote_distribution("probability"), shares)


def test_votes_for_seven_classes_give_seven_columns():
    votes = np.array([[0, 2, 0, 0, 0, 0, 8]], np.uint8)
    faces = make(1, votes=votes, vote_names=FER7, labels=np.zeros(1, np.int64))
    np.testing.assert_allclose(faces.vote_distribution(), [[0, 0.2, 0, 0, 0, 0, 0.8]])
    assert faces.relabel("majority").classes == FER7


# What tells faces from others


def sample(count=6, **changes):
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), np.uint8)
    votes = np.arange(2 * count, dtype=np.uint8).reshape(count, 2)
    known = {"votes": votes, "vote_names": ("x", "y"), "split": np.full(count, "train")}
    known |= {"images": images, "labels": np.arange(count) % 2, "classes": ("a", "b")}
    return FaceSet("made", **(known | changes))


@pytest.mark.parametrize(
    ("changes", "others"),
    [
        ({}, []),
        ({"images": np.zeros((6, 1, 4, 4), np.uint8)}, ["pixels"]),
        ({"labels": np.array([1, 0, 0, 1, 0, 1])}, ["labels"]),
        ({"classes": ("b", "a")}, ["labels"]),
        ({"split": np.array(["train"] * 5 + ["valid"])}, ["split"]),
        ({"votes": np.zeros((6, 2), np.uint8)}, ["votes"]),
        ({"votes": None, "vote_names": ()}, ["votes"]),
        ({"rows": np.arange(6), "left_out": ("one",)}, []),
    ],
    ids=str,
)
def test_a_digest_says_which_part_is_another(changes, others):
    there, now = sample().digest, sample(**changes).digest
    expected = [f"other {' and '.join(others)} of the train faces"] if others else []
    assert other_faces({"train": there}, {"train": now}) == expected


def test_a_digest_is_the_same_in_a_file_and_of_a_part_of_the_pixels(tmp_path, monkeypatch):
    faces = sample(200)
    np.save(tmp_path / "a.npy", faces.images)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert sample(200, images=mapped).digest == faces.digest
    monkeypatch.setattr(faceset, "_DIGEST_WHOLE", 1000)
    part = sample(200, images=mapped).digest
    assert part == sample(200).digest != faces.digest
    assert part["pixels"] != sample(200, images=255 - mapped).digest["pixels"]
    assert sample(200, images=np.load(tmp_path / "a.npy")[::-1]).digest["pixels"] != part["pixels"]
