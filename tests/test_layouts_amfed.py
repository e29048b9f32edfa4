"""AM-FED+: from action units to expressions, and moments of videos."""

import shutil

import numpy as np
import pytest

from fer_utils import data
from fer_utils.data.datasets import amfed
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from tests import layouts


@pytest.fixture
def videos(tmp_path):
    return layouts.amfed(tmp_path)


@pytest.mark.parametrize(
    ("units", "expression"),
    [
        ("", "neutral"),
        ("neutral", "neutral"),
        ("12", "happy"),
        ("6 12 25", "happy"),
        ("2 5 26", "surprise"),
        ("2 26", "surprise"),
        ("2 4 5", "fear"),
        ("9", "disgust"),
        ("10 17", "disgust"),
        ("15 17", "sad"),
        ("4 15 17", "sad"),
        ("4 5", "angry"),
        ("4 17", "angry"),
        ("L12", "contempt"),
        ("R14", "contempt"),
        ("L12 R12 12", "happy"),
        ("9 12", "several rules for expressions fit"),
        ("4", "no rule for an expression fits"),
        ("26", "no rule for an expression fits"),
    ],
)
def test_expressions_of_action_units(units, expression):
    assert amfed.expression_of(set(units.split())) == expression


def test_rules_reach_every_expression_but_neutral():
    assert {rule.expression for rule in amfed.RULES} == set(FER8) - {"neutral"}


def test_rules_alone_show_their_expression():
    for rule in amfed.RULES:
        assert amfed.expression_of(set(rule.seen)) == rule.expression


def test_moments_have_the_labels_that_hold_then(videos):
    index = amfed.scan(videos)
    found = [
        (str(video), float(moment), index.classes[label], str(units))
        for video, moment, label, units in zip(
            index.columns["video"],
            index.seconds,
            index.labels,
            index.columns["action_units"],
            strict=True,
        )
    ]
    assert found == [
        ("0bebd5c1-ea42", 0.0, "neutral", ""),
        ("0bebd5c1-ea42", 1.0, "happy", "12"),
        ("0bebd5c1-ea42", 3.0, "surprise", "2+26"),
        ("73d8-9f", 0.0, "contempt", "L12"),
        ("73d8-9f", 1.0, "contempt", "L12"),
    ]
    assert index.subjects.tolist() == index.columns["video"].tolist()
    assert index.left_out == (
        "1 moments: no rule for an expression fits",
        "1 moments: several rules for expressions fit",
    )


def test_every_half_second_and_a_higher_threshold(videos):
    assert len(amfed.scan(videos, every=0.5)) == 10
    # 50 % of the coders saw the jaw drop, 66 % the smile beside the wrinkled nose.
    index = amfed.scan(videos, threshold=70)
    words = [index.classes[label] for label in index.labels]
    assert words == ["neutral", "happy", "disgust", "contempt", "contempt"]


def test_loads_the_frames_that_the_videos_show_then(videos):
    faces = data.load("amfed", videos.parent, size=48, cache=False, progress=False)
    assert faces.images.shape == (5, 1, 48, 48)
    for place, word in enumerate(("neutral", "happy", "surprise")):
        drawn = layouts.face(word, 0).astype(int)
        # The video is compressed: close to the drawn face, and closer than another one.
        assert np.abs(faces.images[place, 0] - drawn).mean() < 6


def test_videos_without_labels_are_not_used(videos):
    assert not any(file.stem == "unlabelled" for file in amfed.scan(videos).files)


def test_labels_without_video_are_counted(videos):
    (videos / "Videos - FLV (labeled)/73d8-9f.flv").unlink()
    left_out = amfed.scan(videos).left_out
    assert "1 of 2 label files have no video; the first is 73d8-9f-label.csv" in left_out


def test_no_video_at_all(videos):
    shutil.rmtree(videos / "Videos - FLV (labeled)")
    with pytest.raises(FerError, match="there is no video for .*Unpack the videos"):
        amfed.scan(videos)


def test_no_label_files(videos):
    for file in (videos / "AU Labels").iterdir():
        file.unlink()
    with pytest.raises(FerError, match="AU Labels holds no files like ID-label.csv"):
        amfed.scan(videos)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a first line Time,AU02"),
        ("AU02,AU04\n0,0\n", "expected a first line Time,AU02"),
        ("Time,AU02\n", "and 0 rows"),
        ("Time,AU02\n0,much\n", r"row 2: found \['0', 'much'\], expected numbers"),
        ("Time,AU02\n5,0\n1,0\n", r"row 3: the time 1\.0 comes after 5\.0"),
    ],
)
def test_damaged_label_files_are_named(videos, text, message):
    (videos / "AU Labels/73d8-9f-label.csv").write_text(text)
    with pytest.raises(FerError, match=f"73d8-9f-label.csv.*{message}"):
        amfed.scan(videos)


def test_nothing_to_see(videos):
    for file in (videos / "AU Labels").iterdir():
        file.write_text("Time,AU04\n0,100\n1,100\n")
    with pytest.raises(FerError, match="no moment shows an expression. 2 moments: no rule"):
        amfed.scan(videos)


@pytest.mark.parametrize("options", [{"every": 0}, {"threshold": 0}, {"threshold": 101}])
def test_impossible_options(videos, options):
    with pytest.raises(FerError, match="are not possible"):
        amfed.scan(videos, **options)
