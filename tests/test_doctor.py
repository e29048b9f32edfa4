"""The check-up of a data set, on small sets with known faults."""

import os

import numpy as np
import pytest
from PIL import Image

from fer_utils import data
from fer_utils.data import FaceSet
from fer_utils.data import _duplicates as duplicates
from fer_utils.errors import FerError
from tests import layouts

NOISE = np.random.default_rng(0).integers(0, 256, (40, 48, 48), np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))


def examine(name, root=None, **options):
    report = data.doctor(name, root, progress=False, **options)
    assert max(map(len, str(report).splitlines())) <= 100
    return report


def counts(report):
    return {finding.kind: finding.count for finding in report.findings if finding.count}


def write_csv(folder, faces, labels, usage, more=()):
    folder.mkdir()
    rows = [
        f"{label},{' '.join(map(str, face.ravel().tolist()))},{use}"
        for face, label, use in zip(faces, labels, usage, strict=True)
    ]
    text = "\n".join(["emotion,pixels,Usage", *rows, *more])
    (folder / "fer2013.csv").write_text(text + "\n")
    return folder


def test_fer2013_with_every_fault(tmp_path):
    faces = NOISE[:12].copy()
    faces[3] = faces[9] = 0  # black, in train and in valid
    faces[5] = faces[1]  # a copy with another label
    faces[10] = faces[2]  # valid copies train
    faces[11] = faces[1]  # test copies train, twice there
    faces[8] = np.clip(faces[0] * 0.5 + 40, 0, 255)  # darker: a near copy in valid
    labels = [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 2, 3]
    usage = ["Training"] * 8 + ["PublicTest"] * 3 + ["PrivateTest"]
    pixels = " ".join(["7"] * 48 * 48)
    bad = [f"9,{pixels},Training", "3,1 2 3,Training", "3,abc", f"3,{pixels},Testing"]
    root = write_csv(tmp_path / "fer2013", faces, labels, usage, bad)
    before = (root / "fer2013.csv").read_bytes()
    report = examine("fer2013", root)
    assert report.pictures == 12 and report.size == (48, 48)
    assert any(finding.count for finding in report.findings)
    assert report.counts["train", "all"] == 8 and report.expected["train", "all"] == 28_709
    assert counts(report) == {
        "counts": 35_887 - 12,
        "labels": 2,
        "size": 1,
        "unreadable": 1,
        "flat": 2,
        "exact": 4,
        "disagree": 2,  # 1, 5, 11 and the two black ones
        "valid in train": 2,
        "test in train": 1,
        "near": 2,
        "near disagree": 2,
        "near across": 1,
    }
    assert report.finding("flat").groups == ((3,), (9,))
    assert report.finding("exact").groups == ((1, 5, 11), (2, 10), (3, 9))
    assert report.finding("valid in train").groups == ((9, 3), (10, 2))
    assert report.finding("near across").groups == ((8, 0),)
    text = str(report)
    assert "flat pictures: one value in every pixel (2 of them black; train 1, valid 1)" in text
    assert "valid pictures that are exact copies of a train picture (1 of them flat)" in text
    assert "row 10 (fear, valid) = row 2 (fear, train)" in text
    assert "fer2013.csv, line 14: the label is '9', expected 0 to 6" in text
    assert sorted(os.listdir(root)) == ["fer2013.csv"]
    assert (root / "fer2013.csv").read_bytes() == before


def test_fer2013_without_a_part_says_which(tmp_path):
    root = write_csv(tmp_path / "fer2013", NOISE[:3], [0, 1, 2], ["Training"] * 3)
    finding = examine("fer2013", root).finding("counts")
    assert finding.examples[1:] == ("valid: 0 of 3,589", "test: 0 of 3,589")
    (root / "fer2013.csv").rename(root / "train.csv")
    report = examine("fer2013", root)
    assert report.form == "train.csv" and 'the card\'s form "train.csv"' in str(report)
    assert report.finding("counts").count == 28_709 - 3


def test_kaggles_folders_have_counts_of_their_own(tmp_path):
    for number, part in enumerate(("train", "test")):
        folder = tmp_path / "fer2013" / part / "angry"
        folder.mkdir(parents=True)
        Image.fromarray(NOISE[number]).save(folder / "a.png")
    report = examine("fer2013", tmp_path / "fer2013")
    assert report.form == "train/" and report.expected["test", "angry"] == 958


def test_a_whole_data_set_is_well(tmp_path):
    report = examine("ckplus", layouts.ckplus48(tmp_path))
    assert report.pictures == 981 and report.counts["all", "subjects"] == 118
    assert not {"counts", "unreadable", "labels", "size", "flat"} & set(counts(report))
    assert "subjects" in str(report)


def test_files_are_examined_at_their_full_size(tmp_path):
    root = tmp_path / "jaffe"
    names = [f"KA.AN{number}.{number}.tiff" for number in range(1, 9)]
    for number, name in enumerate(names):
        layouts.save(root / name, "angry", number, (256, 256))
    (root / names[0]).write_bytes(b"")
    (root / names[1]).write_bytes((root / names[1]).read_bytes()[:200])
    Image.fromarray(NOISE[0]).save(root / names[2])
    (root / names[4]).write_bytes((root / names[3]).read_bytes())
    Image.new("RGB", (256, 256), (9, 9, 9)).save(root / names[5])
    report = examine("jaffe", root)
    found = counts(report)
    assert found["unreadable"] == 2 and found["exact"] == 1 and found["flat"] == 1
    assert report.size == (256, 256) and report.pictures == 6
    assert report.finding("size").examples[0] == f"{names[2]}: 48x48"
    unreadable = report.finding("unreadable").examples
    assert unreadable[0].startswith(f"{names[0]}: ") and unreadable[1].startswith(f"{names[1]}: ")
    assert "(0 of them black; train 1)" in report.finding("flat").title
    assert report.finding("people").examples == ("subjects: 1 of 10",)


def test_a_picture_in_colour_equals_its_grey_copy(tmp_path):
    for name, mode in (("a", "L"), ("b", "RGB")):
        (tmp_path / "happy").mkdir(exist_ok=True)
        Image.fromarray(NOISE[0]).convert(mode).save(tmp_path / "happy" / f"{name}.png")
    assert counts(examine("folder", tmp_path)) == {"exact": 1}


def test_a_layout_that_cannot_be_understood_is_reported(tmp_path):
    root = tmp_path / "fer2013"
    for part, word in (("train", "happy"), ("train", "grumpy"), ("test", "happy")):
        (root / part / word).mkdir(parents=True)
        Image.fromarray(NOISE[0]).save(root / part / word / "a.png")
    (root / "train" / "happy" / "b.png").write_bytes(b"no picture")
    (root / "train" / "loop").symlink_to(root)
    report = examine("fer2013", root)
    trouble = report.finding("not opened")
    assert "unknown class folder" in trouble.title and "grumpy" in trouble.title
    assert report.pictures == 3 and report.finding("exact").count == 2
    assert report.finding("unreadable").count == 1
    labels = report.finding("labels")
    assert labels.examples == ("train/grumpy/a.png: its folder's name is no expression",)
    assert report.counts["all", "not known"] == 1 and report.counts["all", "happy"] == 2


@pytest.mark.parametrize("name", ["fer2013", "rafdb", "sfew", "kdef", "amfed", "folder"])
def test_an_empty_folder_and_strange_files_are_no_crash(name, tmp_path):
    report = examine(name, tmp_path)
    assert report.pictures == 0 and report.finding("not opened").count == 1
    (tmp_path / "EmoLabel").mkdir()
    (tmp_path / "EmoLabel" / "list_patition_label.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "fer2013.csv").write_bytes(b"\x00\xff,\n")
    (tmp_path / "Train").symlink_to(tmp_path)
    (tmp_path / "AU Labels").write_bytes(b"")
    assert any(finding.count for finding in examine(name, tmp_path).findings)


def test_videos_are_examined_as_they_are_read(tmp_path):
    report = examine("amfed", layouts.amfed(tmp_path))
    assert report.pictures == report.counts["all", "all"] > 0
    assert "which states none" in report.finding("counts").title


def test_a_csv_form_is_compared_with_its_own_counts(tmp_path):
    report = examine("ckplus", layouts.ckextended(tmp_path / "ckplus"))
    assert report.form == "ckextended.csv" and report.expected["all", "neutral"] == 593
    assert "not opened" not in counts(report)


def test_a_face_set_from_memory():
    faces = FaceSet(
        name="mine",
        images=NOISE[[0, 1, 0], None],
        labels=np.array([0, 1, 1]),
        classes=("sad", "happy"),
        split=np.array(["train", "train", "test"]),
        subjects=np.array(["a", "b", "a"]),
    )
    report = examine(faces)
    assert counts(report) == {"exact": 1, "disagree": 1, "test in train": 1}
    assert report.expected == {} and report.counts["all", "subjects"] == 2
    assert report.finding("test in train").examples == ("row 2 (happy, test) = row 0 (sad, train)",)


def test_the_embedded_faces_are_as_their_card_says():
    report = examine("facs3d")
    assert report.finding("counts").count == report.finding("exact").count == 0
    assert report.finding("near").count <= 20


def test_mistakes_of_the_caller_are_raised(tmp_path):
    with pytest.raises(FerError, match="no data set 'fer2031'.*'fer2013'"):
        data.doctor("fer2031", tmp_path)
    with pytest.raises(FerError, match="does not exist"):
        data.doctor("jaffe", tmp_path / "nowhere")
    with pytest.raises(FerError, match="near=95: expected a number above 0"):
        data.doctor("facs3d", near=95)
    with pytest.raises(FerError, match="no finding 'nearly'; looked for: counts"):
        examine("facs3d").finding("nearly")


# Copies


def thumbnails(faces):
    return np.stack([duplicates.thumbnail(face[None]) for face in faces])


def test_near_copies_equal_those_of_every_pair():
    random = np.random.default_rng(1)
    faces = NOISE[:20].astype(np.float64)
    faces = np.concatenate([faces, faces[:10] + random.normal(0, 30, (10, 48, 48))])
    small = thumbnails(np.clip(faces, 0, 255).astype(np.uint8))
    split = random.choice(["train", "valid", "test"], len(small))
    found = duplicates.twins(small, split, least=0.8, progress=False)
    matrix = np.corrcoef(small.reshape(len(small), -1).astype(np.float64))
    np.fill_diagonal(matrix, -1)
    assert found.pairs == (matrix >= 0.8).sum() // 2 > 5
    best = np.where(matrix.max(axis=1) >= 0.8, matrix.argmax(axis=1), -1)
    np.testing.assert_array_equal(found.nearest, best)
    matrix[split[:, None] == split[None]] = -1
    best = np.where(matrix.max(axis=1) >= 0.8, matrix.argmax(axis=1), -1)
    np.testing.assert_array_equal(found.elsewhere, best)
    assert (best >= 0).any() and (best != found.nearest).any()


def test_blocks_meet(monkeypatch):
    small = thumbnails(NOISE)
    small[33] = small[2] // 2 + 10
    whole = duplicates.twins(small, np.full(40, "train"), progress=False)
    assert whole.nearest[2] == 33 and whole.nearest[33] == 2 and whole.pairs == 1
    monkeypatch.setattr(duplicates, "_BLOCK", 7)
    parts = duplicates.twins(small, np.full(40, "train"), progress=False)
    np.testing.assert_array_equal(parts.nearest, whole.nearest)
    assert (whole.elsewhere == -1).all()


def test_brightness_contrast_and_a_mark_leave_a_near_copy():
    face = layouts.faces().images[0, 0]
    brighter = np.clip(face * 0.7 + 60, 0, 255).astype(np.uint8)
    marked = face.copy()
    marked[43:46, 4:20] = 200
    other = layouts.faces().images[1, 0]
    found = duplicates.twins(
        thumbnails([face, brighter, other, marked]), np.full(4, "train"), progress=False
    )
    assert found.nearest[:3].tolist() == [1, 0, -1] and found.nearest[3] in (0, 1)


def test_flat_pictures_are_near_to_nothing():
    flat = np.zeros((3, 16, 16), np.uint8)
    flat[1:] = 9
    assert duplicates.twins(flat, np.full(3, "train"), progress=False).pairs == 0


def test_digests_tell_shape_and_pixels():
    wide, tall = NOISE[0].reshape(1, 24, 96), NOISE[0].reshape(1, 96, 24)
    assert duplicates.digest(wide) != duplicates.digest(tall)
    assert duplicates.digest(NOISE[:1]) != duplicates.digest(NOISE[1:2])
    assert duplicates.digest(NOISE[:1]) == duplicates.digest(np.repeat(NOISE[:1], 3, axis=0))
    groups = duplicates.exact(np.array([5, 3, 5, 1, 3, 5], np.uint64))
    assert [group.tolist() for group in groups] == [[0, 2, 5], [1, 4]]
