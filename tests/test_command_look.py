"""The command `look`, and `explain` on photographs: faces found, named, drawn and written down."""

import csv

import numpy as np
import pytest
from PIL import Image

from fer_utils import models, plots
from fer_utils.__main__ import main
from fer_utils.commands import look
from fer_utils.detect import Box
from fer_utils.errors import FerError
from tests.test_detect import PLACES, WALL, scene  # noqa: F401


@pytest.fixture
def folder(tmp_path, scene):  # noqa: F811
    """Two people, the same lying on their side, nobody, and no picture."""
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(scene).save(photos / "a_two.png")
    Image.fromarray(np.rot90(scene).copy()).save(photos / "b_lying.png")
    Image.new("RGB", (90, 60), (WALL,) * 3).save(photos / "c_wall.png")
    (photos / "d_text.png").write_text("no picture")
    (photos / "e_phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (photos / "._a_two.png").write_text("what macOS leaves beside it")
    return photos


def test_a_photograph_of_two_people(folder, tmp_path, capsys):
    words = ["--out", str(tmp_path / "sheet.png"), "--csv", str(tmp_path / "faces.csv"), "--map"]
    assert main(["look", str(folder / "a_two.png"), *words]) == 0
    said = capsys.readouterr().out
    assert "a_two.png: 2 faces\n  1: happy (happy 0." in said and "\n  2: sad (sad 0." in said
    with (tmp_path / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["expression"] for row in rows] == ["happy", "sad"]
    classes = models.pretrained(look.MODEL).classes
    for row, (top, left, side) in zip(rows, PLACES, strict=True):
        assert sum(float(row[name]) for name in classes) == pytest.approx(1, abs=1e-5)
        center = int(row["x"]) + int(row["width"]) / 2, int(row["y"]) + int(row["height"]) / 2
        assert np.abs(np.subtract(center, (left + side / 2, top + side / 2))).max() < side / 4
    assert Image.open(tmp_path / "sheet.png").width == 1200


def test_a_folder_with_what_cannot_be_used(folder, tmp_path, capsys):
    table = tmp_path / "faces.csv"
    assert main(["look", str(folder), "--csv", str(table)]) == 0
    said = capsys.readouterr().out
    assert "b_lying.png: 2 faces, turned by 270 degrees" in said
    assert "c_wall.png, turned by 90, 180 or 270 degrees either; --detector blazeface" in said
    assert "d_text.png is not a picture" in said and "e_phone.HEIC is a HEIC picture" in said
    assert "._" not in said
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert len(rows) == 5 and rows[1][2:] == rows[3][2:]  # upright, the lying ones are the same
    assert [row[1] for row in rows[1:]] == ["0", "0", "270", "270"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["c_wall.png"], "no face found in "),
        (["none.png"], "there is no picture file"),
        (["a_two.png", "--detector", "har"], "Did you mean 'haar'"),
        (["a_two.png", "--detector", "yunet"], "needs model=FILE (typed: --detector-file FILE)"),
        (["a_two.png", "--out", "sheet.xyz"], "must end in one of"),
    ],
)
def test_look_refuses_in_one_line(folder, capsys, words, message):
    assert main(["look", str(folder / words[0]), *words[1:]]) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and said.out == ""


def test_an_empty_folder(tmp_path, capsys):
    assert main(["look", str(tmp_path)]) == 2
    assert "no picture file in" in capsys.readouterr().err


def test_explain_takes_one_person_of_a_photograph(folder, tmp_path, capsys):
    words = ["explain", "--method", "gradient", "--out", str(tmp_path / "map.png"), "--image"]
    photo = str(folder / "a_two.png")
    for number, name in ((1, "happy"), (2, "sad")):
        assert main([*words, photo, "--person", str(number)]) == 0
        said = capsys.readouterr().out
        assert "picture: 2 faces were found; --person 1 to 2 chooses one" in said
        assert f"face {number}: " in said and f"prediction: {name} " in said
    assert main([*words, photo, "--person", "3"]) == 2
    assert "2 faces were found in" in capsys.readouterr().err
    assert main([*words, str(folder / "c_wall.png")]) == 2
    assert "--whole takes the picture as a face, cut out" in capsys.readouterr().err
    assert main([*words, str(folder / "c_wall.png"), "--whole"]) == 0
    assert "picture: 60 x 90 pixels, taken whole as the face" in capsys.readouterr().out


def test_twenty_faces_and_one_at_the_rim_are_drawn():
    image = np.full((1, 300, 400), 99, np.uint8)
    boxes = [Box(20 * i, 10 * i, 19, 19) for i in range(20)]
    shares = np.full((20, 2), 0.5)
    shares[0] = 0.9, 0.1
    figure = plots.photographs([image], [boxes], [shares], ("yes", "no"), ["a$_{b$.jpg"])
    assert "a$_{b$.jpg: 20 faces; 1 yes 90 %" in figure.alt
    assert figure.get_figheight() > 10 * 0.9
    plots.png(figure)
    with pytest.raises(FerError, match="boxes and probabilities for each photograph"):
        plots.photographs([image], [boxes], [shares[:3]], ("yes", "no"))


def test_a_photograph_is_not_written_over(folder, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    photo.write_bytes(next(folder.glob("*.png")).read_bytes())
    before, table = photo.read_bytes(), tmp_path / "a.png"
    for words in (
        ["look", photo, "--out", photo],
        ["look", photo, "--csv", photo],
        ["look", photo, "--csv", table, "--out", table],
        ["explain", "--image", photo, "--out", photo],
        ["explain", "--image", photo, "--whole", "--person", 1, "--out", table],
    ):
        assert main([*map(str, words)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert photo.read_bytes() == before and not table.exists()
