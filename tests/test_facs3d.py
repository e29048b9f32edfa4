"""The embedded data set: what the packed file holds, and that it can be drawn again."""

import numpy as np
import pytest

from faces3d import dataset, identity
from fer_utils import data
from fer_utils.data.datasets import facs3d
from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES
from fer_utils.errors import FerError


@pytest.fixture(scope="module")
def faces():
    return data.load("facs3d")


def test_sizes_and_classes(faces):
    assert faces.classes == FER7
    assert faces.images.shape[1:] == (1, 48, 48)
    counts = {split: len(faces.where(split=split)) for split in data.SPLITS}
    assert counts["train"] >= 5000
    assert counts["valid"] >= 700
    assert counts["test"] >= 800
    assert facs3d.PACKED.stat().st_size < 8e6


def test_imbalance_is_that_of_fer2013(faces):
    counts = faces.counts()
    assert min(counts, key=counts.get) == "disgust"
    assert max(counts, key=counts.get) == "happy"
    for split in data.SPLITS:
        assert min(faces.where(split=split).counts().values()) >= 15


def test_nobody_is_in_two_splits(faces):
    people = [set(faces.where(split=split).subjects.tolist()) for split in data.SPLITS]
    assert not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
    assert len(set.union(*people)) > 400


def test_no_face_is_there_twice(faces):
    assert len({image.tobytes() for image in faces.images}) == len(faces)


def test_ten_taggers_vote(faces):
    assert faces.vote_names == FERPLUS_VOTES
    assert (faces.votes.sum(1) == 10).all()
    named = np.array(FERPLUS_VOTES)[faces.votes.argmax(1)]
    agree = (named == np.array(faces.classes)[faces.labels]).mean()
    assert 0.75 < agree < 0.98  # mostly clear, but ambiguity is wanted


def test_truth_is_known_for_the_test_split_only(faces):
    assert np.array_equal(faces.truth, faces.split == "test")
    assert (faces.regions[~faces.truth] == 255).all()
    assert not faces.twins[~faces.truth].any()
    assert (faces.regions[faces.truth] < len(faces.region_names)).all()


def test_twins_differ_where_the_expression_is(faces):
    test = faces.where(split="test", label="surprise")
    change = np.abs(test.images[:, 0].astype(int) - test.twins[:, 0])
    mouth = test.regions == faces.region_names.index("mouth")
    hair = test.regions == faces.region_names.index("hair")
    assert change[mouth].mean() > 5 * change[hair].mean()


def test_contempt_on_request(faces):
    eight = data.load("facs3d", contempt=True)
    assert eight.classes == FER8
    assert len(eight.where(label="contempt")) > 100
    kept = eight.labels < len(FER7)
    assert np.array_equal(eight.images[kept], faces.images)
    assert np.array_equal(eight.rows[kept], faces.rows)


def test_one_split(faces):
    valid = data.load("facs3d", split="valid")
    assert np.array_equal(valid.images, faces.where(split="valid").images)


def test_relabelling_by_votes(faces):
    assert 0.5 * len(faces) < len(faces.relabel("majority")) < len(faces)


def test_bad_split_damaged_and_missing_file(tmp_path):
    with pytest.raises(FerError, match="tset"):
        facs3d.load("tset")
    damaged = bytearray(facs3d.PACKED.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "facs3d.npz").write_bytes(damaged)
    with pytest.raises(FerError, match="damaged"):
        facs3d.load(path=tmp_path / "facs3d.npz")
    with pytest.raises(FerError, match="missing"):
        facs3d.load(path=tmp_path / "none.npz")


@pytest.mark.parametrize("count", [1, 64, 100])
def test_sheets_keep_every_pixel(count):
    tiles = np.random.default_rng(0).integers(0, 256, (count, 48, 48), dtype=np.uint8)
    assert np.array_equal(facs3d._tiles(dataset._sheet(tiles), count), tiles)


def test_packing_is_repeatable(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "SUBJECTS", {"train": 1, "valid": 1, "test": 1})
    monkeypatch.setattr(dataset, "PER_SUBJECT", 1)
    first = dataset.pack(tmp_path / "a.npz", 0, progress=False)
    again = dataset.pack(tmp_path / "b.npz", 0, progress=False)
    other = dataset.pack(tmp_path / "c.npz", 1, progress=False)
    assert first == again != other
    monkeypatch.setattr(facs3d, "SHA256", first)
    small = facs3d.load(contempt=True, path=tmp_path / "a.npz")
    assert len(small) == 3
    assert small.truth.tolist() == [False, False, True]


def test_a_packed_face_can_be_drawn_again(faces):
    """Another instruction set may round a few grey levels differently, no more."""
    test = faces.where(split="test").take(slice(0, 3))
    for i in range(len(test)):
        number = int(test.rows[i]) % dataset.PER_SUBJECT
        row = dataset._face(int(test.subjects[i]), number, 0, twin=True)
        assert row["labels"] == test.labels[i]
        assert np.array_equal(row["votes"], test.votes[i])
        for found, stored in ((row["images"], test.images), (row["twins"], test.twins)):
            assert np.abs(found.astype(int) - stored[i, 0]).mean() < 0.5
        assert (row["regions"] == test.regions[i]).mean() > 0.99


def test_a_face_is_drawn_with_another_trait_and_nothing_else(faces):
    row = int(faces.where(split="test").rows[0])
    same = dataset.redraw(row).astype(int)
    assert np.abs(same - faces.where(split="test").images[0, 0]).mean() < 0.5
    changed = {
        "thick": dataset.redraw(row, glasses="thick"),
        "dark": dataset.redraw(row, melanin=0.95),
        "old": dataset.redraw(row, age=0.9),
    }
    away = {name: np.abs(picture.astype(int) - same) for name, picture in changed.items()}
    assert identity.traits(row // dataset.PER_SUBJECT).glasses == "none"
    by_row = away["thick"].sum(axis=1)
    assert away["thick"].max() > 30 and by_row[12:32].sum() > 0.95 * by_row.sum()
    assert changed["dark"].mean() < same.mean() - 5
    assert 0 < (away["old"] > 8).mean() < 0.6
    assert np.array_equal(dataset.redraw(row), same)  # the person itself is not changed


def test_traits_are_those_of_the_person_and_changes_are_checked():
    assert identity.traits(7).age == identity.person(7).traits.age
    for changes, word in [
        ({"aeg": 0.5}, "Did you mean 'age'"),
        ({"melanin": 2}, "melanin=2"),
        ({"glasses": "round"}, "choose one of none, thin, thick"),
    ]:
        with pytest.raises(FerError, match=word):
            dataset.redraw(0, **changes)
    with pytest.raises(FerError, match="row=7176"):
        dataset.redraw(7176)
