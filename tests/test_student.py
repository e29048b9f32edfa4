"""The student edition: nothing was run, no solution is in it; what somebody worked in is kept."""

import nbformat
import pytest

from scripts import notebooks, student
from tests import nbtemplate

PATHS = sorted(notebooks.SOURCES.glob("*.py"))


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_no_solution_is_handed_out(path):
    source = notebooks.read_source(path)
    handed = student.edition(source)
    text = nbformat.writes(handed)
    assert "Solution</summary>" not in text and "Hint 2</summary>" in text
    calls = [cell.source for cell in handed.cells if "starter" in nbtemplate.tags(cell)]
    assert len(calls) == len(nbtemplate.by_exercise(source))
    assert "solution" not in {tag for cell in handed.cells for tag in nbtemplate.tags(cell)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one notebook that was run, an exercise in it."""
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    v4 = nbformat.v4
    output = v4.new_output("stream", text="41\n")
    cells = [
        v4.new_markdown_cell("# Title"),
        v4.new_code_cell("print(41)", execution_count=1, outputs=[output]),
        v4.new_code_cell("x = None", metadata={"tags": ["starter"]}),
        v4.new_code_cell("x = 42", metadata={"tags": ["solution"]}),
    ]
    metadata = {"widgets": {"state": {}}}
    nbformat.write(v4.new_notebook(cells=cells, metadata=metadata), tmp_path / "01_a.ipynb")
    return tmp_path


def test_the_student_edition_is_written_once_and_work_in_it_is_kept(folder, capsys):
    def hand_out():
        assert student.main(["--out", str(folder / "student")]) == 0
        return capsys.readouterr().out

    path = folder / "student" / "01_a.ipynb"
    assert "written" in hand_out()
    handed = nbformat.read(path, as_version=4)
    nbformat.validate(handed)
    assert [cell.source for cell in handed.cells] == ["# Title", "print(41)", "x = None"]
    assert handed.cells[1].outputs == [] and handed.cells[1].execution_count is None
    assert "widgets" not in handed.metadata
    assert "up to date" in hand_out()

    original = nbformat.read(folder / "01_a.ipynb", as_version=4)
    original.cells[0].source = "# A better title"
    nbformat.write(original, folder / "01_a.ipynb")
    handed.cells[1].outputs = [nbformat.v4.new_output("stream", text="41\n")]  # only run
    nbformat.write(handed, path)
    assert "written" in hand_out() and "A better title" in path.read_text()

    worked = nbformat.read(path, as_version=4)
    worked.cells[2].source = "x = 41"
    nbformat.write(worked, path)
    before = path.read_bytes()
    assert "up to date, somebody worked" in hand_out() and path.read_bytes() == before
    original.cells[0].source = "# The best title"
    nbformat.write(original, folder / "01_a.ipynb")
    assert "kept" in hand_out() and path.read_bytes() == before
    for broken in ("{}", "", "[]", before.decode()[:200], '{"nbformat": 4, "cells": [{}]}'):
        path.write_text(broken)
        assert "kept" in hand_out() and path.read_text() == broken
    path.rename(path.with_name("mine.ipynb"))
    path.mkdir()
    assert "kept" in hand_out()


def test_where_nothing_can_be_written_one_sentence_says_so(folder, capsys):
    (folder / "file").write_text("mine")
    assert student.main(["--out", str(folder / "file")]) == 2
    assert "01_a.ipynb cannot be written" in capsys.readouterr().err
    assert (folder / "file").read_text() == "mine"
