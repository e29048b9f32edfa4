"""FER2013 in all its forms, damaged files and the cache. The faces are noise made here."""

import csv
import os
import re
import shlex
import shutil

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from fer_utils import data
from fer_utils.data import _cache as cache
from fer_utils.data.datasets import _fer2013_csv as fer2013_csv
from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES
from fer_utils.errors import FerError
from fer_utils.papers import forensics

USAGE = ["Training"] * 4 + ["PublicTest"] * 2 + ["PrivateTest"]
LABELS = [0, 6, 3, 3, 1, 2, 5]
FACES = np.random.default_rng(0).integers(0, 256, (7, 48, 48), np.uint8)
FACES[2] = 0  # FER2013 has all-black pictures; they are rows like any other

# One row of votes per face; the fourth is not a face and has, as published, no name.
VOTES = np.zeros((7, 10), np.int64)
VOTES[range(7), [4, 0, 1, 9, 5, 6, 7]] = 10
NAMES = ["fer0000000.png", "fer0000001.png", "fer0000002.png", "", "a.png", "b.png", "c.png"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "fer2013"
    folder.mkdir()
    return folder


def pixels(face):
    return " ".join(map(str, face.ravel().tolist()))


def csv_rows():
    return [f"{n},{pixels(f)},{u}" for n, f, u in zip(LABELS, FACES, USAGE, strict=True)]


def write_csv(root, rows=None, header="emotion,pixels,Usage", name="fer2013.csv", end="\n"):
    lines = [header, *(csv_rows() if rows is None else rows)]
    (root / name).write_bytes((end.join(lines) + end).encode())


def write_votes(root, usage=USAGE, votes=VOTES):
    with (root / "fer2013new.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        names = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
        writer.writerow(["Usage", "Image name", *names.split(",")])
        for use, name, row in zip(usage, NAMES, votes, strict=False):
            writer.writerow([use, name, *row])


def load(root, **options):
    return data.load("fer2013", root, progress=False, **options)


def check(faces, rows=range(7)):
    rows = list(rows)
    np.testing.assert_array_equal(faces.images[:, 0], FACES[rows])
    assert faces.labels.tolist() == [LABELS[row] for row in rows]
    assert faces.classes == FER7
    words = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
    assert faces.split.tolist() == [words[USAGE[row]] for row in rows]


# The forms


def test_fer2013_csv(root, capsys):
    write_csv(root)
    faces = load(root)
    check(faces)
    assert faces.rows.tolist() == list(range(7))
    assert faces.votes is None
    assert capsys.readouterr().out == ""
    check(load(root / "fer2013.csv"))


def test_icml_face_data_csv(root):
    rows = zip(LABELS, FACES, USAGE, strict=True)
    rows = [f"{label}, {use}, {pixels(face)}" for label, face, use in rows]
    write_csv(root, rows, "emotion, Usage, pixels", "icml_face_data.csv", end="\r\n")
    check(load(root))


def test_train_csv_leaves_test_csv_out_and_says_so(root, capsys):
    rows = [f'{label},"{pixels(face)}"' for label, face in zip(LABELS, FACES, strict=True)][:4]
    write_csv(root, rows, "emotion,pixels", "train.csv", end="\r\n")
    write_csv(root, [f'"{pixels(FACES[4])}"'], "pixels", "test.csv")
    faces = load(root)
    check(faces, range(4))
    assert "test.csv: every row" in faces.left_out[0]
    assert "1 left out; the first: test.csv" in capsys.readouterr().out
    write_csv(root)
    check(load(root))


def test_kaggle_folders(root):
    for row, (label, face) in enumerate(zip(LABELS, FACES, strict=True)):
        folder = root / ("train" if row < 4 else "test") / FER7[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face).save(folder / f"{row}.png")
    (root / "train" / ".DS_Store").write_bytes(b"clutter")
    faces = load(root)
    assert faces.rows.tolist() == [
        "test/disgust/4.png", "test/fear/5.png", "test/surprise/6.png", "train/angry/0.png",
        "train/happy/2.png", "train/happy/3.png", "train/neutral/1.png",
    ]  # fmt: skip
    order = [4, 5, 6, 0, 2, 3, 1]
    np.testing.assert_array_equal(faces.images[:, 0], FACES[order])
    assert faces.labels.tolist() == [LABELS[row] for row in order]
    assert faces.split.tolist() == ["test"] * 3 + ["train"] * 4
    assert repr(load(root)) == repr(faces)


@pytest.mark.parametrize("box", [True, False], ids=["with face box", "as generated"])
def test_ferplus_folders(root, box, capsys):
    ferplus_folders(root, box)
    faces = load(root)
    assert faces.classes == FER8
    assert [FER8[label] for label in faces.labels] == [
        "angry", "neutral", "happy", "disgust", "fear", "contempt",
    ]  # fmt: skip
    np.testing.assert_array_equal(faces.images[:, 0], FACES[[0, 1, 2, 4, 5, 6]])
    assert faces.split.tolist() == ["train"] * 3 + ["valid"] * 2 + ["test"]
    assert faces.rows[3] == "FER2013Valid/a.png"
    assert "rule majority: kept train 3 of 3" in capsys.readouterr().out
    assert load(root, rule="argmax").label_rule == "argmax"


def ferplus_folders(root, box=True):
    folders = {"Training": "Train", "PublicTest": "Valid", "PrivateTest": "Test"}
    for use, name, face, votes in zip(USAGE, NAMES, FACES, VOTES, strict=True):
        if name:
            folder = root / f"FER2013{folders[use]}"
            folder.mkdir(exist_ok=True)
            Image.fromarray(face).save(folder / name)
            with (folder / "label.csv").open("a", newline="") as file:
                csv.writer(file).writerow([name, *(["(0, 0, 48, 48)"] if box else []), *votes])


def test_a_repeated_name_keeps_the_last_line_whose_picture_it_is(root, capsys):
    ferplus_folders(root)
    with (root / "FER2013Train" / "label.csv").open("a", newline="") as file:
        csv.writer(file).writerow(["fer0000001.png", "(0, 0, 48, 48)", *VOTES[4]])
    faces = load(root)
    assert [FER8[label] for label in faces.where(split="train").labels] == [
        "angry", "happy", "disgust",
    ]  # fmt: skip
    assert faces.left_out == ("FER2013Train/label.csv, line 2: fer0000001.png comes again later",)


# Votes


def test_votes_are_joined_by_row(root, capsys):
    write_csv(root)
    write_votes(root)
    faces = load(root)
    assert faces.vote_names == FERPLUS_VOTES
    np.testing.assert_array_equal(faces.votes, VOTES)
    check(faces)
    majority = load(root, rule="majority")
    assert [FER8[label] for label in majority.labels] == [
        "angry", "neutral", "happy", "disgust", "fear", "contempt",
    ]  # fmt: skip
    assert "kept train 3 of 4, valid 2 of 2, test 1 of 1" in capsys.readouterr().out


def test_votes_skip_the_rows_left_out(root):
    rows = csv_rows()
    rows[1] = "9" + rows[1]
    write_csv(root, rows)
    write_votes(root)
    np.testing.assert_array_equal(load(root, on_error="report").votes, VOTES[[0, 2, 3, 4, 5, 6]])


def test_more_votes_are_fine_where_whole_splits_are_missing(root):
    write_csv(root, csv_rows()[:6])
    write_votes(root)
    np.testing.assert_array_equal(load(root).votes, VOTES[:6])


@pytest.mark.parametrize("faces", [3, 5])
def test_votes_for_another_number_of_faces_are_refused(root, faces):
    write_csv(root, csv_rows()[:faces])
    write_votes(root)
    with pytest.raises(FerError, match=f"votes for 7 faces.*has {faces}"):
        load(root)


def test_too_few_votes_are_refused(root):
    write_csv(root)
    write_votes(root, USAGE[:6])
    with pytest.raises(FerError, match="votes for 6 faces.*has 7"):
        load(root)


def test_votes_in_another_order_are_refused(root):
    write_csv(root)
    write_votes(root, USAGE[:3] + ["PublicTest", "Training"] + USAGE[5:])
    with pytest.raises(FerError, match=r"row 3 \(line 5\) is a valid face.*a train face"):
        load(root)


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (0, "Usage,Image name,neutral", "line 1: expected the columns"),
        (2, "Training,x.png,1,2,3", "line 3: expected one of"),
        (2, "Test,x.png,10,0,0,0,0,0,0,0,0,0", "line 3: expected one of"),
        (3, "Training,x.png,11,0,0,0,0,0,0,0,0,0", "line 4: expected votes from 0 to 10.*'11'"),
        (3, "Training,x.png,a,0,0,0,0,0,0,0,0,0", "line 4: expected votes from 0 to 10.*'a'"),
    ],
)
def test_damaged_votes_are_named(root, line, text, message):
    write_csv(root)
    write_votes(root)
    path = root / "fer2013new.csv"
    lines = path.read_text().splitlines()
    lines[line] = text
    path.write_text("\n".join(lines))
    with pytest.raises(FerError, match=f"fer2013new.csv, {message}"):
        load(root)


def test_empty_votes_file(root):
    write_csv(root)
    (root / "fer2013new.csv").touch()
    with pytest.raises(FerError, match="fer2013new.csv is empty"):
        load(root)


# Saved again by a spreadsheet, or still packed

SAVED_AGAIN = {
    "empty lines at both ends": lambda text: f"\n\n{text}\n\n".encode(),
    "lines of commas at the end": lambda text: f"{text},,,\n,,,\n".encode(),
    "a comma behind every line": lambda text: text.replace("\n", ",\n").encode(),
    "a byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "Latin-1": lambda text: text.replace("a.png", "ä.png").encode("latin-1"),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "Excel's line for the separator": lambda text: f"sep=;\n{text.replace(',', ';')}".encode(),
    "tabulators": lambda text: text.replace(",", "\t").encode(),
    "quotes": lambda text: re.sub(r"[^,\n]+", r'"\g<0>"', text).encode(),
    "an old Mac's line ends": lambda text: text.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("again", SAVED_AGAIN.values(), ids=SAVED_AGAIN.keys())
@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013new.csv"])
def test_a_spreadsheet_may_have_saved_it(root, again, name):
    write_csv(root)
    write_votes(root)
    text = (root / name).read_bytes().decode().replace("\r\n", "\n")
    (root / name).write_bytes(again(text))
    faces = load(root)
    check(faces)
    np.testing.assert_array_equal(faces.votes, VOTES)


@pytest.mark.parametrize("again", SAVED_AGAIN.values(), ids=SAVED_AGAIN.keys())
def test_a_spreadsheet_may_have_saved_label_csv(root, again, capsys):
    ferplus_folders(root, box=False)
    before = load(root)
    for table in root.glob("*/label.csv"):
        picture = table.with_name("ä.png")
        if table.with_name("a.png").exists():
            shutil.copy(table.with_name("a.png"), picture)
        table.write_bytes(again(table.read_bytes().decode().replace("\r\n", "\n")))
    faces = load(root)
    np.testing.assert_array_equal(faces.votes, before.votes)
    np.testing.assert_array_equal(faces.images, before.images)


def test_a_comma_inside_quotes_ends_no_field(root):
    rows = [f'"a face, perhaps",{row}' for row in csv_rows()]
    write_csv(root, rows, header="note,emotion,pixels,Usage")
    check(load(root))


def test_a_quote_or_a_line_without_end_is_named(root):
    write_csv(root)
    write_votes(root)
    whole = (root / "fer2013new.csv").read_text()
    (root / "fer2013new.csv").write_text(whole + "x" * 200_000)
    with pytest.raises(FerError, match="fer2013new.csv, line 9: longer than 100,000 characters"):
        load(root)
    row = whole.splitlines()[-1] + "\n"
    (root / "fer2013new.csv").write_text(f'{whole}Training,"{row * 4000}')
    with pytest.raises(FerError, match=r"fer2013new.csv, line \d+: field larger than"):
        load(root)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("archive.zip", "python -m zipfile -e"),
        ("fer2013.tar.gz", "tar -xf"),
        ("fer2013.csv.gz", "python -m gzip -d"),
    ],
)
def test_an_archive_says_how_to_unpack_it(root, name, command):
    (root / name).write_bytes(b"\x1f\x8b" + bytes(range(99)))
    for place in (root, root / name):
        with pytest.raises(
            FerError, match=rf"{name} (is )?still packed. Unpack it there"
        ) as caught:
            load(place)
        assert f"({command} {root / name}" in str(caught.value)


def test_the_command_that_unpacks_is_one_command_whatever_the_name(root):
    (root / "a;echo x$(echo y).zip").write_bytes(b"PK")
    with pytest.raises(FerError) as caught:
        load(root)
    command = str(caught.value).partition("there (")[2].rpartition("), and")[0]
    assert shlex.split(command)[4:] == [str(root / "a;echo x$(echo y).zip"), str(root)]


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_byte_order_mark_is_told(root, coding):
    write_csv(root)
    path = root / "fer2013.csv"
    path.write_bytes(path.read_text().encode(coding))
    with pytest.raises(FerError, match="UTF-16 without a byte order mark"):
        load(root)


def test_an_archive_or_a_spreadsheet_under_a_tables_name(root):
    for name in ("fer2013.csv", "fer2013new.csv"):
        write_csv(root)
        write_votes(root)
        (root / name).write_bytes(b"PK\x03\x04" + bytes(range(99)))
        with pytest.raises(FerError, match=f"{name} is no text but an archive, or a spreadsheet"):
            load(root)


# Damaged csv files


def damaged(kind):
    label, face, use = csv_rows()[2].split(",")
    values = face.split()
    return {
        "cut off": f"{label},{face[:500]}",
        "cut off in Usage": f"{label},{face},Trai",
        "2303 pixels": f"{label},{' '.join(values[1:])},{use}",
        "2305 pixels": f"{label},{face} 0,{use}",
        "label of 7": f"7,{face},{use}",
        "no label": f",{face},{use}",
        "pixel of 256": f"{label},{' '.join(values[:9] + ['256'] + values[10:])},{use}",
        "word": f"{label},{' '.join(values[:9] + ['1x'] + values[10:])},{use}",
        "negative": f"{label},{' '.join(['-1'] + values[1:])},{use}",
        "fraction": f"{label},{' '.join(values[:-1] + ['1.0'])},{use}",
        "no pixels": f"{label},,{use}",
        "wrong Usage": f"{label},{face},Test",
        "extra field": f"{label},{face},{use},1",
        "empty line": "",
        "endless": f"{label},{face},{use}" + "x" * 250_000,
    }[kind]


MESSAGES = {
    "cut off": "found 2 fields, expected 3; the row may be cut off",
    "cut off in Usage": "Usage is 'Trai', expected Training, PublicTest, PrivateTest",
    "2303 pixels": r"found 2,303 pixels, expected 2,304 \(48x48\)",
    "2305 pixels": "found 2,305 pixels, expected 2,304",
    "label of 7": "the label is '7', expected 0 to 6",
    "no label": "the label is '', expected 0 to 6",
    "pixel of 256": "pixel 10 is '256', expected a whole number from 0 to 255",
    "word": "pixel 10 is '1x', expected",
    "negative": "pixel 1 is '-1', expected",
    "fraction": "pixel 2304 is '1.0', expected",
    "no pixels": "found 0 pixels, expected 2,304",
    "wrong Usage": "Usage is 'Test', expected Training",
    "extra field": "found 4 fields, expected 3",
    "empty line": "found 1 field, expected 3",
    "endless": "the row is longer than",
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_damaged_row_is_named_or_reported(root, kind, capsys):
    rows = csv_rows()
    rows[2] = damaged(kind)
    write_csv(root, rows)
    with pytest.raises(FerError, match=f"fer2013.csv, line 4: {MESSAGES[kind]}"):
        load(root)
    faces = load(root, on_error="report")
    check(faces, [0, 1, 3, 4, 5, 6])
    assert faces.rows.tolist() == [0, 1, 3, 4, 5, 6]
    assert len(faces.left_out) == 1
    assert faces.left_out[0].startswith("fer2013.csv, line 4: ")
    assert "fer2013: 1 left out; the first: fer2013.csv, line 4" in capsys.readouterr().out
    assert load(root, on_error="report").left_out == faces.left_out  # from the cache
    with pytest.raises(FerError, match="line 4"):
        load(root)


def test_blank_lines_at_the_end_are_no_rows(root):
    write_csv(root, [*csv_rows(), "", " "])
    check(load(root))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("emotion,Usage", "column 'pixels' is missing"),
        ("label,pixels,Usage", "column 'emotion' is missing"),
        ("emotion,pixels", "column 'usage' is missing"),
    ],
)
def test_a_missing_column(root, header, message):
    write_csv(root, header=header)
    with pytest.raises(FerError, match=f"fer2013.csv, line 1: the {message}.*found '{header}'"):
        load(root)


def test_a_file_without_header(root):
    rows = csv_rows()
    write_csv(root, rows[1:], header=rows[0])
    with pytest.raises(FerError, match="line 1: the column 'emotion' is missing"):
        load(root)


def test_an_empty_file_and_only_a_header(root):
    (root / "fer2013.csv").touch()
    with pytest.raises(FerError, match="fer2013.csv is empty"):
        load(root)
    write_csv(root, [])
    with pytest.raises(FerError, match="fer2013.csv: it has only a header"):
        load(root)


def test_nothing_readable_is_an_error_even_when_reporting(root):
    write_csv(root, ["7,1 2,Training"] * 3)
    with pytest.raises(FerError, match="none of its 3 rows.*The first: fer2013.csv, line 2"):
        load(root, on_error="report")


def test_unknown_on_error(root):
    write_csv(root)
    with pytest.raises(FerError, match='must be "raise" or "report", not \'ignore\''):
        load(root, on_error="ignore")


# Damaged or wrong folders


def kaggle(root):
    folder = root / "train" / "angry"
    folder.mkdir(parents=True)
    for row in (0, 1):
        Image.fromarray(FACES[row]).save(folder / f"{row}.png")
    return folder


def test_unreadable_picture(root, capsys):
    folder = kaggle(root)
    (folder / "0.png").write_bytes(b"not a picture")
    with pytest.raises(FerError, match="angry/0.png: not a readable picture"):
        load(root)
    faces = load(root, on_error="report")
    np.testing.assert_array_equal(faces.images[:, 0], FACES[[1]])
    assert faces.left_out == ("train/angry/0.png: not a readable picture",)


def test_cut_off_picture(root):
    folder = kaggle(root)
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FerError, match="angry/1.png: not a readable picture"):
        load(root)


def test_picture_of_another_size(root):
    Image.new("L", (64, 32)).save(kaggle(root) / "2.png")
    with pytest.raises(FerError, match="2.png: the picture is 64x32, expected 48x48"):
        load(root)


@pytest.mark.parametrize("name", ["anrgy", "contempt"])
def test_unknown_class_folder(root, name):
    kaggle(root)
    shutil.copytree(root / "train" / "angry", root / "train" / name)
    with pytest.raises(FerError, match=f"train/{name}: unknown class folder; expected angry"):
        load(root)


def test_folder_without_pictures(root):
    kaggle(root)
    (root / "train" / "happy").mkdir()
    with pytest.raises(FerError, match="train/happy holds no pictures"):
        load(root)


def test_empty_folder(root):
    with pytest.raises(FerError, match="No FER2013 in .*expected fer2013.csv.*found nothing"):
        load(root)


def test_root_that_does_not_exist(tmp_path):
    with pytest.raises(FerError, match="nowhere does not exist"):
        load(tmp_path / "nowhere")


def test_parent_folder_given_instead(root):
    write_csv(root)
    with pytest.raises(FerError, match=f"one folder further down: give {root} instead of"):
        load(root.parent)


def test_ferplus_folder_without_labels_or_with_a_missing_picture(root):
    ferplus_folders(root)
    (root / "FER2013Train" / "fer0000001.png").unlink()
    with pytest.raises(FerError, match="label.csv, line 2: the picture fer0000001.png is missing"):
        load(root)
    (root / "FER2013Train" / "label.csv").unlink()
    with pytest.raises(FerError, match="label.csv is missing"):
        load(root)


def test_ferplus_names_cannot_leave_the_folder(root):
    ferplus_folders(root)
    (root / "FER2013Train" / "label.csv").write_text("../x.png,10,0,0,0,0,0,0,0,0,0\n")
    with pytest.raises(FerError, match="line 1: expected a file name and 10 votes"):
        load(root)


# The cache


def test_second_read_comes_from_the_cache(root, monkeypatch):
    write_csv(root)
    write_votes(root)
    load(root)

    def refuse(*args, **kwargs):
        raise AssertionError("read again")

    monkeypatch.setattr(fer2013_csv, "read", refuse)
    check(load(root))
    np.testing.assert_array_equal(load(root).votes, VOTES)


def test_a_changed_file_is_read_again(root):
    write_csv(root)
    check(load(root))
    path = root / "fer2013.csv"
    rows = csv_rows()
    rows[0] = "4" + rows[0][1:]  # same size
    write_csv(root, rows)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    assert load(root).labels[0] == 4


def test_changed_votes_are_read_again(root):
    write_csv(root)
    assert load(root).votes is None
    write_votes(root)
    assert load(root).votes is not None


def cache_file():
    return next(cache.folder().glob("fer2013-*.npz"))


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_cache_with_one_wrong_byte_is_not_trusted(root, place):
    write_csv(root)
    check(load(root))
    content = bytearray(cache_file().read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    cache_file().write_bytes(bytes(content))
    check(load(root))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and so on", None])
def test_a_broken_or_cut_off_cache_is_made_again(root, content):
    write_csv(root)
    check(load(root))
    whole = cache_file().read_bytes()
    cache_file().write_bytes(whole[: len(whole) // 2] if content is None else content)
    check(load(root))
    assert cache_file().stat().st_size == len(whole)


def test_objects_in_a_cache_are_never_unpickled(root):
    write_csv(root)
    load(root)
    with np.load(cache_file()) as kept:
        arrays = dict(kept)
    np.savez(cache_file(), **(arrays | {"images": np.array([print], object)}))
    check(load(root))


def test_no_cache_where_it_is_not_wanted_or_cannot_be_written(root, tmp_path, monkeypatch):
    write_csv(root)
    load(root, cache=False)
    assert not cache.folder().exists()
    (tmp_path / "file").touch()
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "file" / "cache"))
    check(load(root))


# Splits


def test_load_one_split(root):
    write_csv(root)
    check(load(root, split="valid"), [4, 5])
    write_csv(root, csv_rows()[:6])
    with pytest.raises(FerError, match="no test faces in .*train 4, valid 2"):
        load(root, split="test")
    with pytest.raises(FerError, match="'dev' is not a split"):
        load(root, split="dev")


# Any pixels, any text


@given(arrays(np.uint8, st.integers(1, 50)))
def test_parse_gives_back_what_was_written(values):
    text = np.frombuffer(" ".join(map(str, values)).encode(), np.uint8)
    out = np.empty(len(values), np.uint8)
    parse = fer2013_csv.compiled_parse()
    assert parse(text, out)
    np.testing.assert_array_equal(out, values)
    assert not parse(text, np.empty(len(values) + 1, np.uint8))
    assert not parse(text, np.empty(len(values) - 1, np.uint8))


@given(st.text(alphabet="0123456789  -.x\t", max_size=12), st.integers(0, 4))
@example("256", 1)
@example("0255 007", 2)
@example("99999999999999999999999", 1)
def test_parse_accepts_exactly_whole_numbers_up_to_255(text, count):
    words = [word for word in text.split(" ") if word]
    right = len(words) == count and all(w.isdigit() and int(w) <= 255 for w in words)
    out = np.empty(count, np.uint8)
    parse = fer2013_csv.compiled_parse()
    assert parse(np.frombuffer(text.encode(), np.uint8), out) == right
    if right:
        assert out.tolist() == [int(word) for word in words]


# The published files


#: Computed with the data reader of Microsoft's FERPlus repository from fer2013new.csv.
KEPT = {
    "majority": {"train": 25060, "valid": 3199},
    "probability": {"train": 27956, "valid": 3505},
    "multi_target": {"train": 27671, "valid": 3472},
    "argmax": {"train": 28389, "valid": 3553},
}


@pytest.fixture(scope="module")
def published():
    try:
        place = data.find("fer2013")
    except FerError as missing:
        pytest.skip(f"FER2013 is not on this machine: {missing}")
    faces = data.load("fer2013", place, progress=False, cache=False)
    if faces.votes is None:
        pytest.skip(f"FER2013 in {place} has no fer2013new.csv beside it")
    return faces


def test_published_numbers_of_faces(published):
    counts = {"train": 28709, "valid": 3589, "test": 3589}
    for split in np.unique(published.split):
        assert len(published.where(split=split)) == counts[split]
    train = published.where(split="train")
    assert train.counts() == dict(zip(FER7, (3995, 436, 4097, 7215, 4830, 3171, 4965), strict=True))
    assert round(train.images.mean() / 255, 4) == 0.5077
    assert round(train.images.std() / 255, 4) == 0.2550
    assert (published.images.max(axis=(1, 2, 3)) == 0).sum() == 12


@pytest.mark.parametrize("rule", KEPT)
def test_rules_keep_the_published_numbers(published, rule):
    kept = published.relabel(rule)
    assert {split: len(kept.where(split=split)) for split in KEPT[rule]} == KEPT[rule]


def test_ferplus_own_folders_give_the_row_sums_of_minaee2019_and_the_sizes_that_papers_quote():
    try:
        faces = data.load("fer2013", votes="label.csv", progress=False)
    except FerError as missing:
        pytest.skip(f"FER2013 with FERPlus's folders is not on this machine: {missing}")
    test = faces.where(split="test")
    exactly = forensics.row_sums_match(
        forensics.MATRICES["fer2013"].row_sums, test.votes, test.vote_names
    )
    assert "plain argmax, only votes for these classes" in exactly and len(test) == 3573
    kept = faces.relabel("majority")
    sizes = {split: len(kept.where(split=split)) for split in ("train", "valid", "test")}
    assert sizes == {"train": 25_045, "valid": 3_191, "test": 3_137}


def test_ferplus_own_label_files_are_read_by_name_beside_the_votes(root):
    """The third name comes twice, so its votes are the later row's."""
    write_csv(root)
    write_votes(root)
    text = (root / "fer2013new.csv").read_text()
    lines = text.splitlines()
    lines[4] = lines[4].replace("Training,,", f"Training,{NAMES[2]},")
    (root / "fer2013new.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(FerError, match="needs fer2013new.csv and FERPlus's folders"):
        data.load("fer2013", root, votes="label.csv")
    for folder, of in {"FER2013Train": NAMES[:3], "FER2013Valid": NAMES[4:6]}.items():
        place = root / "FERPlus" / "data" / folder
        place.mkdir(parents=True)
        rows = [f'{name},"(0, 0, 48, 48)",0,{n},0,0,0,0,0,0,0,0' for n, name in enumerate(of, 3)]
        (place / "label.csv").write_text("\n".join(rows) + "\n")
    test = root / "FERPlus" / "data" / "FER2013Test"
    test.mkdir()
    (test / "label.csv").write_text(f'{NAMES[6]},"(0, 0, 48, 48)",1,0,0,0,0,0,0,0,0,0\n')
    faces = data.load("fer2013", root, votes="label.csv", progress=False)
    assert faces.rows.tolist() == [0, 1, 3, 4, 5, 6]
    assert faces.votes[:, 1].tolist() == [3, 4, 5, 3, 4, 0] and faces.votes[5, 0] == 1
    assert faces.labels.tolist() == [LABELS[row] for row in faces.rows]
    voted = data.load("ferplus", root, votes="label.csv", progress=False)
    assert len(voted) == 5  # one vote for the last face is an outlier
    (test / "label.csv").write_text('x.png,"(0, 0, 48, 48)",1,0,0,0,0,0,0,0,0,0\n')
    with pytest.raises(FerError, match="has no test face x.png"):
        data.load("fer2013", root, votes="label.csv", progress=False)
    with pytest.raises(FerError, match="votes='labels' is not possible"):
        data.load("fer2013", root, votes="labels")
