"""The cards of the data sets, where they are looked for, and the command that shows them."""

import argparse

import pytest

from fer_utils import data
from fer_utils.commands import data as command
from fer_utils.data import _load
from fer_utils.data.catalog import CARDS
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from tests import layouts

ALL = ("facs3d", "fer2013", "ferplus", "ckplus", "jaffe", "kdef", "ferg", "rafdb", "rafd", "sfew")


@pytest.fixture(autouse=True)
def only_here(tmp_path, monkeypatch):
    """Look for data sets in one empty folder only."""
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path / "mine"))

    def places(name):
        return [tmp_path / "mine" / ("fer2013" if name == "ferplus" else name)]

    for module in (data, _load):
        monkeypatch.setattr(module, "places", places)


def show(capsys, *arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(arguments)) == 0
    return capsys.readouterr().out


def test_every_data_set_of_the_papers_has_a_full_card():
    assert set(CARDS) == {*ALL, "amfed", "folder"} and next(iter(CARDS)) == "facs3d"
    for name, card in CARDS.items():
        assert card.name == name
        texts = (card.title, card.citation, card.licence, card.get, card.layout, card.counts)
        assert all(len(text) > 10 for text in texts)
        assert card.opened.startswith(f'data.load("{name}"')
        assert max(map(len, card.layout.splitlines())) <= 96
    papers = {paper for card in CARDS.values() for paper in card.papers}
    assert papers == {"pandey2019", "alessi2019", "minaee2019", "mazen2021", "borgalli2022"}


def test_every_card_is_of_a_data_set_that_load_knows():
    assert set(CARDS) == set(data.names())


EXPECTED = [
    (f"{name}:{form}", expected)
    for name, card in CARDS.items()
    for form, expected in {"": card.expected, **card.forms}.items()
]


@pytest.mark.parametrize(("name", "expected"), EXPECTED, ids=[name for name, _ in EXPECTED])
def test_expected_counts_add_up(name, expected):
    assert set(expected) <= {"faces", "subjects", "classes", "splits", "split_classes", "size"}
    for key in ("classes", "splits"):
        if key in expected and "faces" in expected:
            assert sum(expected[key].values()) == expected["faces"]
    assert set(expected.get("classes", ())) <= set(FER8)
    for split, counts in expected.get("split_classes", {}).items():
        assert sum(counts.values()) == expected["splits"][split]
    for word, count in expected.get("classes", {}).items():
        parts = expected.get("split_classes", {}).values()
        assert not parts or sum(part.get(word, 0) for part in parts) == count


def test_the_words_of_a_card_state_the_expected_number():
    for name, card in CARDS.items():
        if "faces" in card.expected and name != "sfew":
            assert f"{card.expected['faces']:,}" in card.counts
    sizes = {name: card.expected["size"] for name, card in CARDS.items() if "size" in card.expected}
    assert sizes["kdef"] == (562, 762) and sizes["jaffe"] == (256, 256)
    assert CARDS["ckplus"].expected["classes"]["contempt"] == 54
    fer2013 = CARDS["fer2013"].expected["classes"]
    assert tuple(fer2013.values()) == (4953, 547, 5121, 8989, 6077, 4002, 6198)


def test_downloads_have_checksums():
    fetched = {name: card.download for name, card in CARDS.items() if card.download}
    assert set(fetched) == {"fer2013"}
    for source in fetched.values():
        assert source.md5 and all(len(md5) == 32 for md5 in source.md5.values())


def test_table_names_all_and_fits_100_columns(capsys):
    text = show(capsys)
    lines = text[: text.index("Looked in")].splitlines()
    assert max(map(len, lines)) <= 100
    rows = {line.split()[0]: line for line in lines if line[:1].isalpha()}
    assert set(rows) == {"name", *CARDS}
    assert rows["facs3d"][10:18] == "built in"
    assert rows["folder"][10:19].strip() == "yours"
    others = set(CARDS) - {"facs3d", "folder"}
    assert all(rows[name][10:19].strip() == "not found" for name in others)


def test_table_says_what_was_found(capsys, tmp_path):
    folder = tmp_path / "mine" / "fer2013"
    folder.mkdir(parents=True)
    assert "fer2013   not found" in show(capsys)
    (folder / "fer2013.csv").touch()
    text = show(capsys)
    assert "fer2013   found" in text
    assert "ferplus   not found" in text
    assert str(folder / "fer2013.csv") in text
    (folder / "fer2013new.csv").touch()
    assert "ferplus   found" in show(capsys)


def test_one_card_says_where_it_looked(capsys, tmp_path):
    text = show(capsys, "jaffe")
    assert text.startswith("jaffe: JAFFE: ten Japanese women")
    for part in ("Lyons", "213 pictures", "KA.AN1.39.tiff", "Zenodo"):
        assert part in text
    assert str(tmp_path / "mine" / "jaffe") in text.replace("\n" + " " * 15, "")


@pytest.mark.parametrize("name", CARDS)
def test_every_card_fits_100_columns_and_draws_its_tree(name, capsys):
    text = show(capsys, name)
    assert max(map(len, text.splitlines())) <= 100
    for line in CARDS[name].layout.splitlines():
        assert f"    {line}\n" in text


def test_a_folder_given_is_where_one_card_looks(capsys, tmp_path):
    (tmp_path / "faces").mkdir()
    assert f"no; looked in {tmp_path / 'faces'}" in show(
        capsys, "jaffe", "--root", str(tmp_path / "faces")
    ).replace("\n" + " " * 15, "")
    (tmp_path / "faces" / "KA.AN1.39.tiff").touch()
    text = show(capsys, "jaffe", "--root", str(tmp_path / "faces"))
    assert f"found        {tmp_path / 'faces'}"[:90] in text.replace("\n" + " " * 15, "")


def test_doctor_prints_its_report(capsys, tmp_path):
    root = layouts.jaffe(tmp_path, {"HA": 2})
    text = show(capsys, "jaffe", "--doctor", "--root", str(root))
    assert text.startswith("jaffe: 2 pictures that can be read")
    assert "further exact copies" in text and "subjects" in text


def test_command_says_what_is_missing(capsys):
    with pytest.raises(FerError, match="Say which data set"):
        show(capsys, "--doctor")
    with pytest.raises(FerError, match="jaffe was not found. Looked in"):
        show(capsys, "jaffe", "--doctor")


def test_command_refuses_unknown_names(capsys):
    with pytest.raises(FerError, match="no data set 'fer2031'.*'fer2013'"):
        show(capsys, "fer2031")


def test_load_refuses_what_it_does_not_know():
    with pytest.raises(FerError, match="There is no data set 'fer2014'. Did you mean 'fer2013'"):
        data.load("fer2014")
    with pytest.raises(FerError, match="folder: give the folder of your photos"):
        data.load("folder")


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
