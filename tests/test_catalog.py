"""The cards of the data sets, where they are looked for, and the command that shows them."""

import argparse

import pytest

from fer_utils import data
from fer_utils.commands import data as command
from fer_utils.data.catalog import CARDS
from fer_utils.errors import FerError

ALL = ("facs3d", "fer2013", "ferplus", "ckplus", "jaffe", "kdef", "ferg", "rafdb", "rafd", "sfew")


@pytest.fixture(autouse=True)
def only_here(tmp_path, monkeypatch):
    """Look for data sets in one empty folder only."""
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path / "mine"))
    monkeypatch.setattr(data, "places", lambda name: [tmp_path / "mine" / name])


def show(capsys, *arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(arguments)) == 0
    return capsys.readouterr().out


def test_every_data_set_of_the_papers_has_a_full_card():
    assert tuple(CARDS) == (*ALL, "amfed")
    for name, card in CARDS.items():
        assert card.name == name
        texts = (card.title, card.citation, card.licence, card.get, card.layout, card.counts)
        assert all(len(text) > 10 for text in texts)
    papers = {paper for card in CARDS.values() for paper in card.papers}
    assert papers == {"pandey2019", "alessi2019", "minaee2019", "mazen2021", "borgalli2022"}


def test_what_the_cards_call_open_is_what_load_knows():
    assert {n for n, card in CARDS.items() if card.opened == "yes"} == set(data.names())


def test_table_names_all_and_fits_100_columns(capsys):
    text = show(capsys)
    lines = text[: text.index("Looked in")].splitlines()
    assert max(map(len, lines)) <= 100
    rows = {line.split()[0]: line for line in lines if line[:1].isalpha()}
    assert set(rows) == {"name", *CARDS}
    assert rows["facs3d"][10:18] == "built in"
    assert all(rows[name][10:18].strip() == "no" for name in CARDS if name != "facs3d")


def test_table_says_what_was_found(capsys, tmp_path):
    folder = tmp_path / "mine" / "fer2013"
    folder.mkdir(parents=True)
    assert "fer2013   no" in show(capsys)
    (folder / "fer2013.csv").touch()
    text = show(capsys)
    assert "fer2013   yes" in text
    assert "ferplus   no" in text
    assert str(folder / "fer2013.csv") in text
    (folder / "fer2013new.csv").touch()
    assert "ferplus   yes" in show(capsys)


def test_one_card_says_where_it_looked(capsys, tmp_path):
    text = show(capsys, "jaffe")
    assert text.startswith("jaffe: JAFFE: ten Japanese women")
    for part in ("Lyons", "213 pictures", "KA.AN1.39.tiff", "not yet", "Zenodo"):
        assert part in text
    assert str(tmp_path / "mine" / "jaffe") in text.replace("\n" + " " * 15, "")


def test_command_refuses_unknown_names(capsys):
    with pytest.raises(FerError, match="no data set 'fer2031'.*'fer2013'"):
        show(capsys, "fer2031")


def test_load_refuses_what_it_does_not_know():
    with pytest.raises(FerError, match="There is no data set 'fer2014'. Did you mean 'fer2013'"):
        data.load("fer2014")
    with pytest.raises(FerError, match="jaffe is in the catalogue.*not yet"):
        data.load("jaffe")
    with pytest.raises(FerError, match='ferplus is in the catalogue.*rule="majority"'):
        data.load("ferplus")


def test_missing_data_set_says_where_it_looked_and_how_to_get_it(tmp_path):
    with pytest.raises(FerError) as error:
        data.load("fer2013")
    assert str(tmp_path / "mine" / "fer2013") in str(error.value)
    assert "Kaggle" in str(error.value)


def test_embedded_data_set_takes_no_folder(tmp_path):
    with pytest.raises(FerError, match="facs3d comes with the kit"):
        data.load("facs3d", tmp_path)


def test_places_in_their_order(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    found = data.places("fer2013")
    assert found[:2] == [tmp_path / "mine" / "fer2013", tmp_path / "data" / "fer2013"]
    assert found[-1].parts[-2:] == ("fer_utils_data", "fer2013")
    monkeypatch.delenv("FER_UTILS_DATA")
    assert data.places("fer2013") == found[1:]
