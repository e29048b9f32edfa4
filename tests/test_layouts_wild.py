"""RAF-DB, SFEW and a folder of one's own photos."""

import shutil

import numpy as np
import pytest
from PIL import Image

from fer_utils import data
from fer_utils.data.datasets import folder, rafdb, sfew
from fer_utils.emotions import FER7, FER8
from fer_utils.errors import FerError
from tests import layouts

LIST = "EmoLabel/list_patition_label.txt"


@pytest.fixture
def raf(tmp_path):
    return layouts.rafdb(tmp_path)


@pytest.fixture
def films(tmp_path):
    return layouts.sfew(tmp_path)


@pytest.fixture
def own(tmp_path):
    return layouts.photos(tmp_path)


def test_rafdb_has_the_published_labels_and_split(raf):
    index = rafdb.scan(raf)
    assert len(index) == 21 and index.classes == FER7
    words = [index.classes[label] for label in index.labels[:7]]
    assert words == ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]
    assert index.split.tolist() == ["train"] * 14 + ["test"] * 7
    assert index.paper_split.tolist() == index.split.tolist()
    assert index.files[0] == raf / "Image/aligned/train_00001_aligned.jpg"
    assert index.files[-1] == raf / "Image/aligned/test_0007_aligned.jpg"
    assert index.subjects is None


def test_rafdb_loads_and_is_found_below_its_parent(raf):
    faces = data.load("rafdb", raf.parent, split="test", color=True, cache=False, progress=False)
    assert faces.images.shape == (7, 3, 100, 100)


def test_rafdbs_original_pictures(raf):
    (raf / "Image/aligned").rename(raf / "Image/original")
    for file in (raf / "Image/original").iterdir():
        file.rename(file.with_name(file.name.replace("_aligned", "")))
    assert len(rafdb.scan(raf, images="original")) == 21
    with pytest.raises(FerError, match="the folder Image/aligned is missing"):
        rafdb.scan(raf)


def test_rafdbs_compound_labels_are_refused_in_words(raf):
    lines = (raf / LIST).read_text().splitlines()
    lines[3] = "train_00004.jpg 9"
    (raf / LIST).write_text("\n".join(lines))
    with pytest.raises(FerError, match="line 4: the label is 9, above 7.*compound.*basic"):
        rafdb.scan(raf)


def test_rafdbs_basic_set_is_taken_where_both_are_there(raf):
    shutil.copytree(raf, raf.parent / "compound")
    (raf.parent / "compound" / LIST).write_text("train_00001.jpg 11\n")
    assert rafdb.scan(raf.parent).root == raf


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "train_00001.jpg",
            "line 1: found 'train_00001.jpg', expected a line like 'train_00001.jpg 5'",
        ),
        ("train_00001.jpg five", "line 1: found"),
        ("photo.jpg 5", "line 1: found 'photo.jpg 5'"),
        ("train_00001.jpg 0", "line 1: the label is 0, expected 1 to 7"),
        ("train_00002.jpg 1", r"line 2: train_00002\.jpg is listed a second time"),
    ],
)
def test_rafdbs_bad_lines_are_named(raf, line, message):
    lines = (raf / LIST).read_text().splitlines()
    lines[0] = line
    (raf / LIST).write_text("\n".join(lines))
    with pytest.raises(FerError, match=message):
        rafdb.scan(raf)


def test_rafdb_list_with_other_line_ends_and_a_mark_at_its_start(raf):
    text = (raf / LIST).read_text().replace("\n", "\r\n")
    (raf / LIST).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(rafdb.scan(raf)) == 21


def test_rafdb_half_unpacked(raf):
    for number in (2, 3):
        (raf / f"Image/aligned/train_{number:05}_aligned.jpg").unlink()
    shutil.copy(raf / "Image/aligned/train_00001_aligned.jpg", raf / "Image/aligned/extra.jpg")
    index = rafdb.scan(raf)
    assert len(index) == 19
    assert index.labels[1] == FER7.index("happy")  # train_00004, not train_00002
    assert index.left_out[0] == (
        "2 of the 21 pictures in list_patition_label.txt are not in Image/aligned: half unpacked? "
        "The first is train_00002_aligned.jpg"
    )
    assert "1 pictures in Image/aligned have no label" in index.left_out[1]


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("EmoLabel", r"the labels are missing; expected EmoLabel/list_patition_label\.txt"),
        ("Image", "the folder Image/aligned is missing. Unpack aligned.zip"),
        ("Image/aligned", "the folder Image/aligned is missing. Unpack aligned.zip"),
    ],
)
def test_rafdbs_missing_parts_are_named(raf, remove, message):
    shutil.rmtree(raf / remove)
    with pytest.raises(FerError, match=message):
        rafdb.scan(raf)


def test_rafdbs_packed_pictures_say_to_unpack(raf):
    shutil.rmtree(raf / "Image/aligned")
    (raf / "Image/aligned.zip").write_bytes(b"PK")
    with pytest.raises(FerError, match=r"aligned\.zip is still packed.*in the folder Image"):
        rafdb.scan(raf)


def test_rafdb_with_empty_image_folder(raf):
    for file in (raf / "Image/aligned").iterdir():
        file.unlink()
    with pytest.raises(FerError, match=r"none of the pictures.*expected train_00001_aligned\.jpg"):
        rafdb.scan(raf)


def test_rafdbs_folders_in_other_capitals(raf):
    (raf / "Image/aligned").rename(raf / "Image/Aligned")
    (raf / "Image").rename(raf / "image")
    (raf / "EmoLabel").rename(raf / "emolabel")
    assert len(rafdb.scan(raf)) == 21


def test_sfew_takes_aligned_faces_unless_frames_are_asked_for(films):
    index = sfew.scan(films)
    assert len(index) == 28 and index.classes == FER7
    assert all("Aligned" in file.parent.parent.name for file in index.files)
    frames = sfew.scan(films, faces="frames")
    assert {file.parent.parent.name for file in frames.files} == {"Train", "Val"}
    assert index.split.tolist() == ["train"] * 21 + ["valid"] * 7


def test_sfew_tells_labels_and_films(films):
    index = sfew.scan(films)
    for file, label, film in zip(index.files, index.labels, index.columns["film"], strict=True):
        assert index.classes[label] == file.parent.name.lower()
        assert file.name.startswith(f"{film}_0")
    assert set(index.columns["film"]) == {"Airheads", "AboutABoy", "Gandhi_II"}


def test_sfews_test_part_is_left_out_and_counted(films):
    assert "Test_Aligned_Faces: 7 pictures, whose labels were never published" in (
        sfew.scan(films).left_out
    )


def test_sfews_aligned_faces_inside_train(tmp_path):
    films = layouts.sfew(tmp_path, frames=False)
    for part in ("Train", "Val", "Test"):
        (films / part).mkdir()
        (films / f"{part}_Aligned_Faces").rename(films / part / f"{part}_Aligned_Faces")
    (films / "Val/Val_Aligned_Faces").rename(films / "Val/Val_Aligned_Faces_new")
    index = sfew.scan(tmp_path)
    assert len(index) == 28
    with pytest.raises(FerError, match="has no frames pictures, only aligned"):
        sfew.scan(tmp_path, faces="frames")


def test_sfew_loads(films):
    faces = data.load("sfew", films, split="valid", cache=False, progress=False)
    assert len(faces) == 7


def test_sfew_without_val_says_so(tmp_path):
    films = layouts.sfew(tmp_path, aligned=False)
    shutil.rmtree(films / "Val")
    index = sfew.scan(films)
    assert len(index) == 21
    assert "there is no valid part of the frames pictures: half unpacked?" in index.left_out


def test_sfews_unknown_expression_is_named(films):
    (films / "Train_Aligned_Faces/Fear").rename(films / "Train_Aligned_Faces/Boredom")
    with pytest.raises(FerError, match="Train_Aligned_Faces/Boredom: 'Boredom' is not an expr"):
        sfew.scan(films)


def test_borgallis_sfew_draws_179_test_pictures_of_the_training_part():
    labels, split = np.arange(1200) % 7, np.array(["train"] * 900 + ["valid"] * 300)
    drawn = sfew._borgalli(labels, split)
    assert (drawn == "test").sum() == 179
    assert (drawn[900:] == "valid").all() and (drawn[:900] != "valid").all()
    assert sfew._borgalli(labels[:100], split[:100]) is None


def test_photos_in_folders_of_any_spelling(own):
    index = folder.scan(own)
    assert index.classes == FER7
    words = [index.classes[label] for label in index.labels]
    assert sorted(words) == ["happy"] * 4 + ["sad"] * 2 + ["surprise"] * 2
    assert set(index.split) == {"train"} and index.subjects is None


def test_photos_load_with_names_of_any_alphabet(own):
    faces = data.load("folder", own, size=32, color=True, cache=False, progress=False)
    assert faces.images.shape == (8, 3, 32, 32)
    assert "Happy/Bild größer 0.jpeg" in faces.rows.tolist()


def test_photos_in_folders_of_splits(own):
    for part in ("train", "Val", "test"):
        shutil.copytree(own, own.parent / "photos" / part)
    index = folder.scan(own.parent / "photos")
    assert [int((index.split == part).sum()) for part in data.SPLITS] == [8, 8, 8]
    shutil.copytree(own / "Happy", own.parent / "photos" / "Happy")
    with pytest.raises(FerError, match="Happy lies beside"):
        folder.scan(own.parent / "photos")


def test_photos_labelled_by_their_own_names(tmp_path):
    names = ["happy_1.jpg", "Happy-2.jpg", "joy 3.png", "anna_SAD.jpg", "surprise.bmp"]
    for number, name in enumerate(names):
        layouts.save(tmp_path / name, "happy", number)
    index = folder.scan(tmp_path)
    words = {f.name: FER7[label] for f, label in zip(index.files, index.labels, strict=True)}
    assert words == dict(zip(names, ["happy", "happy", "happy", "sad", "surprise"], strict=True))


def test_contempt_makes_eight_classes(own):
    layouts.save(own / "contempt" / "a.png", "contempt", 0)
    assert folder.scan(own).classes == FER8


def test_a_folder_that_is_no_expression_is_refused(own):
    layouts.save(own / "hapy" / "a.png", "happy", 0)
    message = r"hapy: expected a folder named by an expression.*Did you mean 'happy'"
    with pytest.raises(FerError, match=message):
        folder.scan(own)


def test_a_photo_beside_the_folders_is_left_out_and_named(own):
    layouts.save(own / "a.png", "happy", 0)
    index = folder.scan(own)
    assert len(index) == 8
    assert index.left_out == ("a.png: lies beside folders such as 03-surprised; put it into one of "
                              "them",)  # fmt: skip
    shutil.copytree(own, own.parent / "photos" / "train")
    layouts.save(own.parent / "photos" / "b.png", "happy", 0)
    index = folder.scan(own.parent / "photos")
    assert [note.split(":")[0] for note in index.left_out] == ["b.png", "train/a.png"]


def test_photo_without_an_expression_in_its_name(tmp_path):
    layouts.save(tmp_path / "IMG_2041.jpg", "happy", 0)
    with pytest.raises(FerError, match=r"IMG_2041\.jpg: the name has no expression"):
        folder.scan(tmp_path)
    layouts.save(tmp_path / "happy_1.jpg", "happy", 0)
    index = folder.scan(tmp_path)
    assert [file.name for file in index.files] == ["happy_1.jpg"]
    assert index.left_out[0].startswith("IMG_2041.jpg: the name has no expression; expected happy/")


def test_no_file_stops_a_folder_of_photos(own, capsys):
    """What a phone's folder holds: each is read, or named with its reason."""
    dark = Image.new("RGB", (60, 60), (40, 40, 40))
    for name, kind in (("mpo.jpg", "MPO"), ("moving.webp", "WEBP")):
        dark.save(own / "joy" / name, kind, save_all=True, append_images=[dark.rotate(1), dark])
    dark.save(own / "joy" / "still.avif")
    (own / "joy" / "apple.heic").write_bytes(b"\0\0\0\x1cftypheic" + bytes(99))
    (own / "joy" / "cut.jpg").write_bytes((own / "joy" / "mpo.jpg").read_bytes()[:300])
    (own / "joy" / "empty.jpg").touch()
    (own / "joy" / "live.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    (own / "joy" / "named like a picture.png").mkdir()
    (own / "joy" / "line\nbreak.png").write_bytes(b"")
    faces = data.load("folder", own, progress=False)
    assert len(faces) == 8 + 2 and {"joy/mpo.jpg", "joy/still.avif"} < set(faces.rows.tolist())
    reasons = dict(note.split(": ", 1) for note in faces.left_out)
    assert set(reasons) == {
        f"joy/{name}"
        for name in ("moving.webp", "apple.heic", "cut.jpg", "empty.jpg", "live.mov",
                     r"line\nbreak.png")
    }  # fmt: skip
    assert reasons["joy/apple.heic"].startswith("the picture is a HEIC picture")
    assert reasons["joy/empty.jpg"].startswith("the file is empty")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4 and said[0].startswith("folder: 6 left out; the first: ")
    assert said[-1].strip() == "and 3 more: see left_out"
    with pytest.raises(FerError, match="Unpack the data set again, or read the other pictures"):
        data.load("folder", own, on_error="raise", progress=False)


def test_a_folder_of_which_nothing_can_be_read(own):
    for photo in own.rglob("*.jpeg"):
        photo.write_bytes(b"")
    with pytest.raises(FerError, match="holds no picture that can be used.*The first: .*empty"):
        data.load("folder", own, progress=False)


@pytest.mark.parametrize("name", ["photos.zip", "my photos.tar.gz"])
def test_photos_still_packed(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    for root in (tmp_path, tmp_path / name):
        with pytest.raises(FerError, match=r"still packed\. Unpack it there \((python|tar) "):
            data.load("folder", root, progress=False)


def test_what_is_no_photo_is_named(own):
    (own / "Happy" / "notes.txt").write_text("hello")
    (own / "angry").mkdir()
    index = folder.scan(own)
    assert set(index.left_out) == {
        "Happy/notes.txt: not a picture file",
        "angry: no photos in it",
    }


@pytest.mark.parametrize("module", [folder, rafdb, sfew])
def test_an_empty_folder(tmp_path, module):
    with pytest.raises(FerError, match="holds no photos|the folder is empty"):
        module.scan(tmp_path)


@pytest.mark.parametrize("module", [folder, rafdb, sfew])
def test_a_folder_that_is_not_there(tmp_path, module):
    with pytest.raises(FerError, match="nowhere (does not exist|is not a folder)"):
        module.scan(tmp_path / "nowhere")
