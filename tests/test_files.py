"""Files are written whole or not at all."""

import pytest

from fer_utils import files
from fer_utils.errors import FerError


def test_text_and_bytes(tmp_path):
    assert files.write(tmp_path / "a.txt", "é\n").read_bytes() == b"\xc3\xa9\n"
    assert files.write(str(tmp_path / "a.txt"), b"new").read_bytes() == b"new"
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
