"""Finding a data set's own folder and its pictures."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from fer_utils.data import _tree as tree
from fer_utils.data.datasets import jaffe
from fer_utils.errors import FerError
from tests import layouts


def touch(root, *names):
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def below(root, files):
    return [file.relative_to(root).as_posix() for file in files]


def test_walk_gives_every_file_in_order_without_clutter(tmp_path):
    touch(tmp_path, "b/2.png", "b/1.png", "a.txt", "b/c/3.png", "Thumbs.db", ".hidden/x.png")
    layouts.clutter(tmp_path / "b")
    files, notes = tree.walk(tmp_path)
    assert below(tmp_path, files) == ["a.txt", "b/1.png", "b/2.png", "b/c/3.png"]
    assert notes == []
    assert below(tmp_path, tree.pictures(tmp_path)[0]) == ["b/1.png", "b/2.png", "b/c/3.png"]


def test_a_loop_of_links_is_named_and_not_followed(tmp_path):
    touch(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    files, notes = tree.walk(tmp_path)
    assert below(tmp_path, files) == ["a/1.png", "b/2.png"]
    assert notes == [f"a/again: a link back to {tmp_path.resolve()}, not followed again"]


def test_a_second_way_to_the_same_folder_is_named(tmp_path):
    touch(tmp_path, "z/1.png")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    files, notes = tree.walk(tmp_path)
    assert below(tmp_path, files) == ["z/1.png"]
    assert notes[0].startswith("a: a link back to")


def test_a_link_to_pictures_elsewhere_is_followed(tmp_path):
    touch(tmp_path, "elsewhere/1.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    assert below(tmp_path / "root", tree.walk(tmp_path / "root")[0]) == ["link/1.png"]


def test_a_broken_link_is_named(tmp_path):
    (tmp_path / "1.png").symlink_to(tmp_path / "gone.png")
    assert tree.walk(tmp_path) == ([], ["1.png: a link that leads nowhere, or no file"])


def test_names_of_every_alphabet(tmp_path):
    touch(tmp_path, "größe/写真.png", "größe/фото 1.png")
    files, notes = tree.pictures(tmp_path)
    assert below(tmp_path, files) == ["größe/фото 1.png", "größe/写真.png"]
    assert notes == []


def test_a_name_that_is_not_text_is_named(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), b"bad\xff.png"), "wb"):
        pass
    files, notes = tree.walk(tmp_path)
    assert files == []
    assert notes[0].endswith(r"bad\xff.png: the name is not UTF-8 text; rename it")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "a"), ("A.JPG", "A"), ("KA.AN1.39.tiff", "KA.AN1.39"),
        ("KA.AN1.39.tiff.bmp", "KA.AN1.39"), ("notes.txt", "notes.txt"), ("png", "png"),
    ],
)  # fmt: skip
def test_stem(name, expected):
    assert tree.stem(Path(name)) == expected


def fits(folder):
    return (folder / "labels.txt").exists()


def test_home_is_the_folder_itself_or_one_below(tmp_path):
    touch(tmp_path, "a/b/c/labels.txt")
    inner = tmp_path / "a/b/c"
    for root in (inner, *inner.parents[:3]):
        assert tree.home(root, fits, "labels.txt") == inner
    touch(tmp_path, "deep/1/2/3/4/labels.txt")
    with pytest.raises(FerError, match="expected labels.txt; found 1"):
        tree.home(tmp_path / "deep", fits, "labels.txt")


def test_home_does_not_choose_between_two(tmp_path):
    touch(tmp_path, "a/labels.txt", "b/labels.txt")
    with pytest.raises(FerError, match="more than once: .*a and .*b"):
        tree.home(tmp_path, fits, "labels.txt")
    assert tree.home(tmp_path, fits, "labels.txt", prefer="b") == tmp_path / "b"
    assert tree.home(tmp_path, fits, "labels.txt", together=True) == tmp_path


def test_home_sees_one_folder_behind_two_names(tmp_path):
    touch(tmp_path, "a/labels.txt")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert tree.home(tmp_path, fits, "labels.txt").resolve() == tmp_path / "a"


def test_home_in_a_loop_of_links_ends(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    with pytest.raises(FerError, match="found a. Give the data set's own folder"):
        tree.home(tmp_path, fits, "labels.txt")


@pytest.mark.parametrize("name", ["jaffe.zip", "JAFFE.RAR", "jaffe.tar.gz"])
def test_home_says_what_to_unpack(tmp_path, name):
    touch(tmp_path, name)
    with pytest.raises(FerError, match=f"found {name} still packed. Unpack it there"):
        tree.home(tmp_path, fits, "labels.txt")


def test_home_of_a_file(tmp_path):
    touch(tmp_path, "a.png")
    with pytest.raises(FerError, match="a.png is a file. Give the folder"):
        tree.home(tmp_path / "a.png", fits, "labels.txt")


NAME = re.compile(r"([a-z]+)_(\d+)", re.IGNORECASE)


def test_named_takes_names_apart(tmp_path):
    touch(tmp_path, "a/Joy_1.PNG", "a/sad_02.png", "notes.txt", "odd.png")
    files, parts, left_out = tree.named(tmp_path, NAME, "joy_1.png")
    assert below(tmp_path, files) == ["a/Joy_1.PNG", "a/sad_02.png"]
    assert parts.tolist() == [["joy", "1"], ["sad", "02"]]
    assert left_out == ["odd.png: the name does not tell what it shows; expected joy_1.png"]


def test_named_refuses_doubles_and_names_without_form(tmp_path):
    touch(tmp_path, "a/joy_1.png", "b/joy_1.png")
    with pytest.raises(FerError, match="a/joy_1.png and b/joy_1.png have the name of the same"):
        tree.named(tmp_path, NAME, "joy_1.png")
    touch(tmp_path, "c/odd.png")
    with pytest.raises(FerError, match="odd.png: the name does not tell"):
        tree.named(tmp_path / "c", NAME, "joy_1.png")


def test_labels_name_the_first_unknown_word():
    files = [Path("a"), Path("b"), Path("c")]
    meaning = {"joy": "happy", "sad": "sad"}
    words = np.array(["sad", "joy", "sad"])
    assert tree.labels(files, words, meaning, ("happy", "sad")).tolist() == [1, 0, 1]
    with pytest.raises(FerError, match="^b: 'zzz' is not an expression"):
        tree.labels(files, np.array(["sad", "zzz", "aaa"]), meaning, ("happy", "sad"))


def test_a_data_set_with_a_loop_opens_and_reports_it(tmp_path):
    root = layouts.jaffe(tmp_path, {"AN": 2, "NE": 2})
    (root / "loop").symlink_to(root)
    index = jaffe.scan(root)
    assert len(index) == 4
    assert index.left_out[0].startswith("loop: a link back to")
