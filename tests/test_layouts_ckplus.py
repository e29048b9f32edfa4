"""CK+ in its three forms."""

import os
import shutil

import numpy as np
import pytest

from fer_utils import data
from fer_utils.data.datasets import ckplus
from fer_utils.data.splits import split
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from tests import layouts

SEVEN = ("angry", "disgust", "fear", "happy", "sad", "surprise", "contempt")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All 981 names of CK+48."""
    return layouts.ckplus48(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def small(tmp_path):
    """CK+48 with one sequence of each expression."""
    return layouts.ckplus48(tmp_path, dict.fromkeys(layouts.CK_SEQUENCES, 1), people=3)


@pytest.fixture
def sequences(tmp_path):
    return layouts.ck_sequences(tmp_path / "CK+")


def test_ck48_opens_with_981_faces_of_118_people_and_seven_classes(whole):
    index = ckplus.scan(whole)
    assert len(index) == 981
    assert index.classes == SEVEN
    assert len(set(index.subjects)) == 118
    assert len(set(index.columns["sequence"])) == 327
    counts = np.bincount(index.labels, minlength=7).tolist()
    assert counts == [135, 177, 75, 207, 84, 249, 54]
    assert index.left_out == ()
    assert set(index.split) == {"train"}


def test_ck48_loads_as_faces_with_their_columns(whole):
    faces = data.load("ckplus", whole.parent, cache=False, progress=False)
    assert len(faces) == 981 and faces.classes == SEVEN
    assert faces.images.shape == (981, 1, 48, 48)
    assert len(set(faces.subjects.tolist())) == 118
    # The picture in the file is the face that was drawn for it.
    place = int(np.flatnonzero(faces.labels == SEVEN.index("contempt"))[0])
    file = whole / "contempt" / os.path.basename(str(faces.rows[place]))
    assert file.exists()
    assert file.name == (
        f"{faces.columns['sequence'][place]}_{faces.columns['frame'][place]:08}.png"
    )


def test_ck48_is_split_with_nobody_on_both_sides(whole):
    faces = split(data.load("ckplus", whole, cache=False, progress=False), by="subject")
    sides = [set(faces.where(split=part).subjects.tolist()) for part in data.SPLITS]
    assert all(sides) and len(set.union(*sides)) == 118
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_labels_subjects_and_columns_are_those_of_the_names(small):
    index = ckplus.scan(small)
    for file, label, subject, sequence, frame in zip(
        index.files, index.labels, index.subjects, *index.columns.values(), strict=True
    ):
        folder = {"anger": "angry", "sadness": "sad"}.get(file.parent.name, file.parent.name)
        assert index.classes[label] == folder
        assert file.name == f"{sequence}_{frame:08}.png"
        assert sequence.startswith(f"{subject}_")


def test_peak_is_the_last_frame_of_every_sequence(whole):
    every = ckplus.scan(whole)
    peak = ckplus.scan(whole, frames="peak")
    assert len(peak) == 327
    assert len(set(peak.columns["sequence"])) == 327
    last = {}
    for sequence, frame in zip(every.columns["sequence"], every.columns["frame"], strict=True):
        last[sequence] = max(frame, last.get(sequence, 0))
    assert dict(zip(*peak.columns.values(), strict=True)) == last


def test_minaees_split_has_its_shares_and_is_always_the_same(whole):
    split = ckplus.scan(whole).paper_split
    assert [int((split == name).sum()) for name in data.SPLITS] == [687, 98, 196]
    assert (split == ckplus.scan(whole).paper_split).all()


def test_the_papers_split_has_the_same_people_on_both_sides(whole):
    index = ckplus.scan(whole)
    people = [set(index.subjects[index.paper_split == part]) for part in ("train", "test")]
    assert people[0] & people[1]


def test_neutral_frames_are_not_in_ck48(small):
    with pytest.raises(FerError, match=r"only the last three frames.*cohn-kanade-images"):
        ckplus.scan(small, frames="neutral+peak")


def test_unknown_class_folder_is_named(small):
    (small / "boredom").mkdir()
    with pytest.raises(FerError, match=r"CK\+48/boredom: 'boredom' is not an expression"):
        ckplus.scan(small)


def test_missing_class_is_reported(small):
    shutil.rmtree(small / "contempt")
    left_out = ckplus.scan(small).left_out
    assert left_out[0] == "there is no picture of contempt: half unpacked?"
    assert left_out[1].startswith("18 pictures, the whole set has 981")


def test_stray_picture_is_named_and_left_out(small):
    shutil.copy(next((small / "happy").iterdir()), small / "happy" / "me.png")
    index = ckplus.scan(small)
    assert len(index) == 21
    assert index.left_out[0].startswith("happy/me.png: the name does not tell")


def test_one_picture_under_two_labels_is_refused(small):
    file = next((small / "happy").iterdir())
    shutil.copy(file, small / "anger" / file.name)
    with pytest.raises(FerError, match=f"anger/{file.name} and happy/{file.name}"):
        ckplus.scan(small)


def test_capitals_do_not_count(small):
    (small / "happy").rename(small / "Happy")
    (small / "anger").rename(small / "ANGER")
    for file in (small / "fear").iterdir():
        file.rename(file.with_suffix(".PNG"))
    assert len(ckplus.scan(small)) == 21


@pytest.mark.parametrize(("newline", "quote"), [("\n", ""), ("\r\n", ""), ("\n", '"')])
def test_csv_is_read_with_labels_and_published_split(tmp_path, newline, quote):
    layouts.ckextended(tmp_path, newline=newline, quote=quote)
    index = ckplus.scan(tmp_path)
    assert index.classes == FER8
    assert index.labels.tolist() == [label for label in range(8) for _ in range(3)]
    assert index.split.tolist() == ["train", "valid", "test"] * 8
    assert (index.images[21, 0] == layouts.face("contempt", 0)).all()
    assert index.subjects is None


def test_csv_file_may_have_any_name(tmp_path):
    layouts.ckextended(tmp_path, per_class=1, name="my copy.csv")
    assert len(ckplus.scan(tmp_path / "my copy.csv")) == 8


def test_csv_loads_as_faces(tmp_path):
    layouts.ckextended(tmp_path)
    faces = data.load("ckplus", tmp_path, split="test", progress=False, cache=False)
    assert len(faces) == 8


def test_csv_label_above_seven_names_the_line(tmp_path):
    layouts.ckextended(tmp_path, per_class=1)
    file = tmp_path / "ckextended.csv"
    file.write_text(file.read_text().replace("\n7,", "\n8,"))
    with pytest.raises(FerError, match="line 9: the label is '8', expected 0 to 7"):
        ckplus.scan(tmp_path)


def test_csv_does_not_tell_frames(tmp_path):
    layouts.ckextended(tmp_path, per_class=1)
    with pytest.raises(FerError, match="frames='peak' is not possible"):
        ckplus.scan(tmp_path, frames="peak")


def test_sequences_give_the_last_three_frames_of_those_with_a_label(sequences):
    index = ckplus.scan(sequences)
    assert len(index) == 12
    frames = [(s, f) for s, f in zip(*index.columns.values(), strict=True) if s == "S005_001"]
    assert frames == [("S005_001", 9), ("S005_001", 10), ("S005_001", 11)]
    words = {s: index.classes[x] for s, x in zip(index.subjects, index.labels, strict=True)}
    assert words == {"S005": "disgust", "S010": "angry", "S011": "happy"}
    assert index.classes == SEVEN
    assert "1 of 5 sequences have no label" in index.left_out


@pytest.mark.parametrize(
    ("frames", "each"), [("peak", 1), ("neutral+peak", 2), ("neutral+last3", 4)]
)
def test_frames_of_sequences(sequences, frames, each):
    index = ckplus.scan(sequences, frames=frames)
    assert len(index) == 4 * each
    neutral = index.columns["frame"] == 1
    assert neutral.sum() == (4 if frames.startswith("neutral") else 0)
    if neutral.any():
        assert index.classes == FER8
        assert {index.classes[label] for label in index.labels[neutral]} == {"neutral"}


def test_sequences_and_labels_may_lie_in_the_folders_of_their_zip_files(sequences):
    for name, inner in (
        ("extended-cohn-kanade-images", "cohn-kanade-images"),
        ("Emotion_labels", "Emotion"),
    ):
        (sequences / name).mkdir()
        (sequences / inner).rename(sequences / name / inner)
    assert len(ckplus.scan(sequences.parent)) == 12


def test_missing_labels_say_what_to_unpack(sequences):
    shutil.rmtree(sequences / "Emotion")
    with pytest.raises(FerError, match=r"not the labels.*Unpack Emotion_labels\.zip"):
        ckplus.scan(sequences)


def test_label_that_is_no_number_names_the_file(sequences):
    (sequences / "Emotion/S005/001/S005_001_00000011_emotion.txt").write_text("9.0\n")
    with pytest.raises(FerError, match=r"S005_001_00000011_emotion\.txt does not hold a label"):
        ckplus.scan(sequences)


def test_labelled_sequence_without_pictures_is_reported(sequences):
    shutil.rmtree(sequences / "cohn-kanade-images/S005")
    index = ckplus.scan(sequences)
    assert "S005_001 has a label, but no pictures: half unpacked?" in index.left_out
    assert len(index) == 9


def test_unknown_frames_name_the_nearest(small):
    with pytest.raises(FerError, match="'last2' is not possible.*'last3'"):
        ckplus.scan(small, frames="last2")


def test_something_else_says_what_was_expected(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(FerError, match=r"expected CK\+48.*found notes.txt"):
        ckplus.scan(tmp_path)
