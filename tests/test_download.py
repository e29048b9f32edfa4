"""Fetching through a downloader library; a stand-in takes the library's place."""

import argparse
import hashlib
import inspect
import sys
import types
from pathlib import Path

import pytest

from fer_utils import data
from fer_utils.commands import data as command
from fer_utils.data import _download as downloading
from fer_utils.data._download import download
from fer_utils.data.catalog import CARDS
from fer_utils.errors import FerError

FILE = "icml_face_data.csv"
CONTENT = b"emotion, Usage, pixels\n"


@pytest.fixture
def kagglehub(tmp_path, monkeypatch):
    """The library's one function, which keeps what it fetches in a folder of its own."""
    module = types.ModuleType("kagglehub")
    module.calls = []

    def competition_download(handle, path=None, *, force_download=False, output_dir=None):
        module.calls.append((handle, path))
        kept = tmp_path / "library" / path
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(CONTENT)
        return str(kept)

    module.competition_download = competition_download
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return module


@pytest.fixture
def right_md5(monkeypatch):
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(CARDS["fer2013"].download.md5, FILE, md5)


@pytest.mark.usefixtures("right_md5")
def test_the_file_lands_where_load_looks(kagglehub, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path / "mine"))
    assert download("fer2013") == tmp_path / "mine" / "fer2013" == data.find("fer2013")
    assert [path.name for path in (tmp_path / "mine" / "fer2013").iterdir()] == [FILE]
    assert (tmp_path / "mine" / "fer2013" / FILE).read_bytes() == CONTENT
    handle = "challenges-in-representation-learning-facial-expression-recognition-challenge"
    assert kagglehub.calls == [(handle, FILE)]
    download("fer2013")  # it is there: the library is not asked again
    assert len(kagglehub.calls) == 1


@pytest.mark.usefixtures("right_md5")
def test_a_library_may_return_the_folder(kagglehub, tmp_path):
    fetch = kagglehub.competition_download
    kagglehub.competition_download = lambda *a, **k: str(Path(fetch(*a, **k)).parent)
    assert (download("fer2013", tmp_path / "here") / FILE).is_file()
    kagglehub.competition_download = lambda *a, **k: str(tmp_path)
    with pytest.raises(FerError, match=f"but no {FILE} is in"):
        download("fer2013", tmp_path / "there")


@pytest.mark.usefixtures("kagglehub")
def test_another_file_than_the_published_one_is_refused(tmp_path):
    with pytest.raises(FerError, match="the published file has b114b9e04e6949e5fe8b6a98b3892b1d"):
        download("fer2013", tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_nothing_is_written_over(kagglehub, tmp_path):
    (tmp_path / FILE).write_text("mine")
    with pytest.raises(FerError, match="is there already and is not the published file"):
        download("fer2013", tmp_path)
    assert (tmp_path / FILE).read_text() == "mine" and not kagglehub.calls


def test_what_the_library_says_is_passed_on(kagglehub, tmp_path):
    def refuse(*_, **__):
        raise RuntimeError("403 Client Error.\n\nmore")

    kagglehub.competition_download = refuse
    with pytest.raises(FerError, match="It says: 403 Client Error. What it needs: Make a free"):
        download("fer2013", tmp_path)


def test_without_the_library(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(FerError, match=r'kagglehub: python -m pip install .*"\.\[download\]"'):
        download("fer2013", tmp_path)


def test_the_library_has_the_function_that_is_called():
    """The stand-in above is called as the real library is."""
    kagglehub = pytest.importorskip("kagglehub")
    for card in CARDS.values():
        if card.download:
            function = getattr(kagglehub, f"{card.download.kind}_download")
            inspect.signature(function).bind(card.download.handle, path=FILE)


def test_data_sets_that_no_library_fetches():
    with pytest.raises(FerError, match="jaffe cannot be fetched by a library.*Zenodo"):
        download("jaffe")
    with pytest.raises(FerError, match="no data set 'fer2031'"):
        download("fer2031")


@pytest.mark.usefixtures("kagglehub", "right_md5")
def test_the_command_says_the_licence_first(capsys, tmp_path):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    arguments = ["fer2013", "--download", "--root", str(tmp_path / "here")]
    assert command.run(parser.parse_args(arguments)) == 0
    said = capsys.readouterr().out
    assert said.startswith("Licence: No licence was published") and "Do not pass it on" in said
    assert said.endswith(f"fer2013 lies in {tmp_path / 'here'}\n")


def test_a_full_disk_is_a_sentence(kagglehub, right_md5, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloading.shutil, "copyfile", full)
    with pytest.raises(FerError, match="cannot be written: .*No space left"):
        download("fer2013", tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []
