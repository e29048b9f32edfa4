"""Files are written whole or not at all."""

import errno
import os

import pytest

from fer_utils import files
from fer_utils.errors import FerError


def test_text_and_bytes(tmp_path):
    assert files.write(tmp_path / "a.txt", "é\n").read_bytes() == b"\xc3\xa9\n"
    assert files.write(str(tmp_path / "a.txt"), b"new").read_bytes() == b"new"
    assert files.write(tmp_path / "a.txt", os.fsdecode(b"\xff")).read_bytes() == b"\\udcff"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_an_interruption_leaves_the_old_file(tmp_path, monkeypatch):
    target = files.write(tmp_path / "a.txt", "old")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        files.write(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.fixture
def full_disk(monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", fail)
    monkeypatch.setattr(files.os, "replace", fail)


@pytest.mark.parametrize(
    "work", [files.write, files.check_writable, files.make_folder, files.check_folder]
)
def test_a_full_disk_is_one_sentence(tmp_path, full_disk, work):
    words = [tmp_path / "a.txt", *(["text"] if work is files.write else [])]
    with pytest.raises(FerError, match=r"a\.txt cannot be written \(no space left on device\)"):
        work(*words)
    assert not (tmp_path / "a.txt").is_file()


def test_places_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    for place in (files.make_folder, files.check_folder):
        for path in (tmp_path / "file", tmp_path / "file" / "a" / "b"):
            with pytest.raises(FerError, match="file is a file, not a folder"):
                place(path)
    for place in (files.check_writable, lambda path: files.write(path, "")):
        with pytest.raises(FerError, match="file is a file, not a folder"):
            place(tmp_path / "file" / "a.txt")
        with pytest.raises(FerError, match="no folder .*nowhere to write a.txt in"):
            place(tmp_path / "nowhere" / "a.txt")
        with pytest.raises(FerError, match="is a folder: give the name of a file"):
            place(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folders_are_made_when_they_are_needed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.check_folder("a/b")
    assert not list(tmp_path.iterdir())
    assert files.make_folder("a/b").is_dir()
    files.check_writable("a/b/c.txt")
    assert not list((tmp_path / "a" / "b").iterdir())


@pytest.mark.parametrize("value", [{"a": [1.5, None], "b": {"é": True}}, [1, {"a": 2}], "text"])
def test_json_is_read_back_and_its_checksum_notices_a_change(tmp_path, value):
    path = files.write_json(tmp_path / "a.json", value)
    assert files.read_json(path) == value
    text = path.read_text()
    for old, new in (("1", "2"), ("text", "texts"), ("a", "b"), ("\n}", "\n")):
        if old in text:
            path.write_text(text.replace(old, new, 1))
            with pytest.raises(FerError, match="is damaged .*: delete it"):
                files.read_json(path)


def test_json_from_before_checksums_is_read_and_an_empty_file_is_damaged(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1}]')
    assert files.read_json(tmp_path / "a.json") == [{"a": 1}]
    (tmp_path / "a.json").write_text("")
    with pytest.raises(files.DamagedError, match="is damaged"):
        files.read_json(tmp_path / "a.json")
