"""Bad pictures are listed with a reason, and nothing is deleted."""

import csv
import dataclasses

import numpy as np
import pytest

from fer_utils import data
from fer_utils.__main__ import main
from fer_utils.data import _duplicates as duplicates
from fer_utils.data import cleaning
from fer_utils.emotions import FER7, FERPLUS_VOTES
from fer_utils.errors import FerError
from tests import small_fer2013


@pytest.fixture(scope="module")
def drawn():
    return data.load("facs3d", split="test").take(np.arange(6))


def paper() -> np.ndarray:
    """A white picture with lines of writing on it."""
    picture = np.full((48, 48), 250, np.uint8)
    picture[6:44:6, 4:40:2] = 20
    return picture


def with_pictures(faces, *pictures):
    images = faces.images.copy()
    images[: len(pictures), 0] = pictures
    return dataclasses.replace(faces, images=images)


@pytest.fixture(scope="module")
def found(drawn):
    black, grey = np.zeros((48, 48), np.uint8), np.full((48, 48), 90, np.uint8)
    faces = with_pictures(drawn, black, grey, paper())
    votes = np.zeros((6, len(FERPLUS_VOTES)), np.uint8)
    votes[:, 0] = 10
    votes[3, [0, FERPLUS_VOTES.index("NF")]] = 4, 6
    votes[4, [0, FERPLUS_VOTES.index("unknown")]] = 5, 5  # half is not more than half
    faces = dataclasses.replace(
        faces, votes=votes, vote_names=FERPLUS_VOTES, rows=np.arange(100, 106)
    )
    return data.clean(faces, progress=False)


def test_each_picture_has_its_reasons(found):
    said = {why: places.tolist() for why, places in found.found.items()}
    assert said.pop("profile") == []
    assert said == {
        "black": [0],
        "flat": [1],
        "no face": [0, 1, 2],
        "text": [2],
        "not a face": [3],
        "unknown": [],
    }
    assert found.rows[:3] == [(0, "100", "black"), (0, "100", "no face"), (1, "101", "flat")]
    assert found.counts()["no face"] == 3


def test_nothing_is_deleted_until_one_asks(found):
    assert len(found.faces) == 6
    assert found.positions().tolist() == [0, 1, 2, 3]
    assert found.without().rows.tolist() == [104, 105]
    assert found.without("text").rows.tolist() == [100, 101, 103, 104, 105]
    assert found.pictures("black", "flat").rows.tolist() == [100, 101]


def test_it_shows_itself_beside_the_paper(found):
    lines = str(found).splitlines()
    assert "no face            3       3" in str(found) and "gives no counts" in lines[-1]
    assert "any of these       4       4" in str(found) and max(map(len, lines)) <= 100


def test_a_face_from_the_side_is_a_profile(drawn, monkeypatch):
    """OpenCV's own cascades decide; here a stand-in answers."""
    seen = []

    def finds(gray, cascade, hits):
        seen.append(cascade)
        return cascade == "profileface" and gray[70, 30] > 200  # in its mirror image

    monkeypatch.setattr(cleaning, "_finds", finds)
    monkeypatch.setattr(cleaning.os, "cpu_count", lambda: 1)
    half = np.zeros((48, 48), np.uint8)
    half[:, 24:] = 200
    found = data.clean(with_pictures(drawn, half).take([0]), ["profile", "no face"], progress=False)
    assert found.counts() == {"profile": 1, "no face": 0}
    assert seen == ["frontalface_alt2", "frontalface_default", "profileface", "profileface"]


def test_pictures_of_other_sizes_and_in_colour(drawn):
    large = np.repeat(np.repeat(np.repeat(drawn.images, 5, 2), 5, 3), 3, 1)
    wide = dataclasses.replace(drawn, images=large[:, :, :, 20:220], regions=None, region_names=())
    assert data.clean(wide, "no face", progress=False).counts() == {"no face": 0}


@pytest.mark.parametrize(
    "by, says",
    [
        ("texts", "Did you mean 'text'"),
        ([], "name reasons"),
        (3, "name reasons"),
        ("not a face", "no votes that say 'NF'"),
    ],
)
def test_what_cannot_be_looked_for_gets_a_sentence(drawn, by, says):
    without = dataclasses.replace(drawn, votes=None, vote_names=())
    with pytest.raises(FerError, match=says):
        data.clean(without, by)
    with pytest.raises(FerError, match="FaceSet"):
        data.clean(drawn.images)


def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path))
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    small_fer2013.write(tmp_path / "fer2013", faces=(8, 8, 0))
    place = tmp_path / "bad.csv"
    assert main(["data", "fer2013", "--clean", "--out", str(place)]) == 0
    assert "no face" in capsys.readouterr().out
    rows = list(csv.DictReader(place.read_text().splitlines()[2:]))
    assert {"position", "row", "split", "label", "reason"} == set(rows[0])
    assert sum(row["reason"] == "no face" for row in rows) == 16  # it is noise
    sheet = tmp_path / "bad.png"
    assert main(["data", "fer2013", "--clean", "--out", str(sheet)]) == 0
    assert sheet.stat().st_size > 1000
    capsys.readouterr()
    for words, says in (
        (["fer2013", "--out", str(place)], "add --clean"),
        (["fer2013", "--clean", "--out", str(tmp_path / "bad.txt")], "must end in"),
        (["--clean"], "Say which data set"),
    ):
        assert main(["data", *words]) == 2
        assert says in capsys.readouterr().err


# Folds


def test_copies_stay_in_one_fold():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 1, 16, 16), np.uint8)
    images[10] = images[0]  # exact
    images[20] = np.clip(images[0] * 0.9 + 4, 0, 255)  # near
    images[30:33] = 0  # flat pictures have no thumbnails to compare
    faces = data.FaceSet("noise", images, np.arange(60) % 7, FER7, np.full(60, "train"))
    parts = data.folds(faces, 5, progress=False)
    assert parts[0] == parts[10] == parts[20] and len(set(parts[30:33])) == 1
    assert np.bincount(parts).max() - np.bincount(parts).min() <= 4
    assert (parts == data.folds(faces, 5, progress=False)).all()
    assert (parts != data.folds(faces, 5, seed=1, progress=False)).any()
    with pytest.raises(FerError, match="cannot be dealt"):
        data.folds(faces.take([0, 10, 20, 30]), 5, progress=False)


def test_people_stay_in_one_fold_and_classes_are_spread():
    faces = data.load("facs3d", split="test")
    parts = data.folds(faces, 5, progress=False)
    sides = {who: set(parts[faces.subjects == who]) for who in np.unique(faces.subjects)}
    assert all(len(side) == 1 for side in sides.values())
    counts = np.bincount(parts)
    assert counts.min() > 0.8 * counts.max()
    singles = dataclasses.replace(faces, subjects=np.arange(len(faces)))
    parts = data.folds(singles, 5, progress=False)
    for label in range(7):
        counts = np.bincount(parts[faces.labels == label], minlength=5)
        assert counts.max() - counts.min() <= 2


def test_groups_follow_a_chain_of_near_copies():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 16, 16))
    chain = [one, one + 0.28 * other, one + 0.6 * other, random.normal(size=(16, 16))]
    thumbnails = np.stack([np.clip(128 + 25 * x, 0, 255).astype(np.uint8) for x in chain])
    flat = thumbnails.reshape(4, -1)
    assert np.corrcoef(flat)[0, 2] < duplicates.NEAR < np.corrcoef(flat)[0, 1]
    groups = duplicates.groups(thumbnails, progress=False)
    assert groups[0] == groups[1] == groups[2] != groups[3]
