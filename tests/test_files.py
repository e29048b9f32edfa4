"""Files are written whole or not at all."""

import pytest

from fer_utils import files


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
