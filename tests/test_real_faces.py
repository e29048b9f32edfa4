"""Notebooks on FER2013 and FERPlus: their texts are compared, and damage is named, without them.

`make test-real` itself needs the data sets and is no part of `make test`.
"""

import pytest
from nbformat import from_dict, v4

from fer_utils.errors import FerError
from scripts import notebooks, real_faces
from tests.test_nbcompare import cell, picture, result, stream

SETUP = cell("DATASET = 'fer2013'")


def notebook(*cells):
    return v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), SETUP, *map(from_dict, cells)])


CELLS = [
    cell("print(loss)\nprint(n)", stream("loss 0.123456\n\n2315 of 3589\n")),
    cell("pass"),
    cell("plots.show(figure)", picture("a face, its mouth red")),
    cell("x", result("0.50"), tags=["tolerance:5e-2"]),
    cell("time()", stream("3 s\n"), tags=["nbval-ignore-output"]),
    cell("table", result("a table", **{"text/markdown": "|a|"})),
]


def differences(*cells):
    """What comes out where these cells are re-run and CELLS were stored."""
    reference = real_faces.as_reference(real_faces.written(notebook(*CELLS)))
    return real_faces.differences(reference, real_faces.written(notebook(*cells)))


def test_a_reference_is_text_that_a_person_can_read():
    text = real_faces.as_reference(real_faces.written(notebook(*CELLS)))
    assert text.startswith(">>> print(loss)\nstdout\n    loss 0.123456\n\n    2315 of 3589\n")
    assert "    a face, its mouth red\n" in text
    assert "aaaa" not in text  # the picture
    assert ">>> time()\n(not compared: a reason that is long enough)\n" in text
    assert "3 s" not in text and "pass" not in text


def changed(position, *outputs):
    cells = [from_dict(one) for one in CELLS]
    cells[position].outputs = list(outputs)
    return cells


def other_order(output):
    output = from_dict(output)
    output.data = from_dict(dict(reversed(output.data.items())))
    return output


@pytest.mark.parametrize(
    "cells",
    [
        CELLS,
        changed(0, stream("loss 0.123457\n\n2315 of 3589\n")),
        changed(2, picture("a face, its mouth red", "bbbb")),
        changed(3, result("0.51")),
        changed(4, stream("4 s\n"), stream("more\n")),
        changed(5, other_order(CELLS[5].outputs[0])),
    ],
)
def test_the_same_agrees(cells):
    assert differences(*cells) == []


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (changed(0, stream("loss 0.1236\n\n2315 of 3589\n")), "0.123456 became 0.1236"),
        (changed(0, stream("loss 0.123456\n\n2314 of 3589\n")), "2315 became 2314"),
        (changed(0, stream("loss 0.123456\n2315 of 3589\n")), "words differ"),
        (changed(2, picture("a face, its eyes red")), "eyes red"),
        (changed(2, stream("a face, its mouth red\n")), "words differ"),
        (changed(3, result("0.53")), "0.50 became 0.53"),
        (changed(1, stream("new\n")), "other cells"),
        (changed(0), "other cells"),
        (CELLS[:-1], "other cells"),
    ],
)
def test_damage_is_named(cells, said):
    found = differences(*cells)
    assert len(found) == 1 and said in found[0]


def test_a_solution_that_fails_on_photographs_is_named():
    wrong, right = (
        cell("check.ex1_1(1)", result(f"{word} x"), tags=["solution"])
        for word in ("Not yet:", "Right.")
    )
    starter = cell("check.ex1_1(None)", result("Not yet: x"), tags=["starter"])
    (said,) = real_faces.problems(notebook(starter, wrong, right))
    assert "a solution that fails on this data set: Not yet: x" in said


def test_a_notebook_that_never_asks_for_its_data_set_is_passed_over():
    assert "names DATASET" in real_faces.passed_over(notebook(cell("print(1)")))
    assert real_faces.passed_over(notebook(cell("data.load(DATASET)"))) is None


SOURCE = """# %%
import os, sys
DATASET = os.environ["FER_UTILS_DATASET"]

# %%
print(DATASET, 1.5)
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A folder with one notebook's source, where the data seem to be there."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path)
    monkeypatch.setattr(real_faces, "REFERENCES", tmp_path / "real")
    monkeypatch.setattr(real_faces, "need_data", lambda: None)
    path = tmp_path / "01_a.py"
    path.write_text(SOURCE)
    return path


def test_a_run_is_compared_and_written_only_when_asked(source, capsys):
    one = ["--dataset", "ferplus", "01"]
    assert real_faces.main(one) == 1
    assert "there is no real/01_ferplus.txt" in capsys.readouterr().out
    assert real_faces.main([*one, "--update"]) == 0
    stored = (source.parent / "real" / "01_ferplus.txt").read_text()
    assert stored == ">>> print(DATASET, 1.5)\nstdout\n    ferplus 1.5\n\n"
    source.write_text(SOURCE + "print(2, file=sys.stderr)\n")
    assert real_faces.main([*one, "--update"]) == 1
    assert "wrote on stderr: 2" in capsys.readouterr().out
    source.write_text(SOURCE.replace("1.5)", "1.5, 2)"))
    assert real_faces.main(one) == 1
    source.write_text(SOURCE + "1 / 0\n")
    assert real_faces.main([*one, "--update"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert (source.parent / "real" / "01_ferplus.txt").read_text() == stored


def test_without_the_data_a_sentence_says_how_to_get_them(monkeypatch, capsys):
    def nowhere(name):
        raise FerError("not found")

    monkeypatch.setattr(real_faces.data, "check", nowhere)
    assert real_faces.main(["05"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "fer2013new.csv" in said.err and not said.out


def test_a_part_of_fer2013_is_not_enough(monkeypatch, capsys):
    part = real_faces.data.load("facs3d", split="valid")
    monkeypatch.setattr(real_faces.data, "check", lambda name: None)
    monkeypatch.setattr(real_faces.data, "load", lambda *_, **__: part)
    assert real_faces.main([]) == 2
    assert "Found FaceSet" in capsys.readouterr().err


def test_references_are_small_texts_of_notebooks_that_are_there():
    names = [path.stem[:2] for path in notebooks.SOURCES.glob("*.py")]
    known = {f"{name}_{dataset}.txt" for name in names for dataset in real_faces.DATASETS}
    for path in real_faces.REFERENCES.iterdir():
        assert path.name in known
        text = path.read_text(encoding="utf-8")
        assert len(text) < 100_000 and text.startswith(real_faces.OPENS)
        assert "image/png;" not in text and "/tmp/" not in text and "/home/" not in text
