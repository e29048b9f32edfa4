"""The builder of the notebooks: runs, normalises, leaves the old notebook where a cell fails."""

import asyncio
import base64
import platform
import subprocess

import nbformat
import pytest

from scripts import lab, notebooks

SOURCE = """# %% [markdown]
# # A title, $x_1$, and `$y$`

# %%
import os
import ipywidgets
x = 41

# %%
x + 1

# %% tags=["nbval-ignore-output"] reason="stands for something that changes"
print(os.environ.get("FER_UTILS_DATASET"), os.environ["OMP_NUM_THREADS"])

# %%
ipywidgets.IntSlider(3)

# %%
from IPython.display import display
pixel = {"image/png": "PIXEL"}
display(pixel, raw=True, metadata={"image/png": {"alt": "one black pixel, alone & small"}})
"""
PIXEL = base64.b64encode(b"\x89PNG stands for a picture").decode()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of notebooks with one source, 01_a.py."""
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path / "src")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "01_a.py").write_text(SOURCE.replace("PIXEL", PIXEL))
    return tmp_path


def test_build_then_up_to_date_then_out_of_date(folder, capsys):
    path, source = folder / "01_a.ipynb", folder / "src" / "01_a.py"
    assert notebooks.main([]) == 0
    assert "slowest cell" in capsys.readouterr().out
    first = path.read_text()
    built = nbformat.reads(first, as_version=4)
    nbformat.validate(built)
    assert notebooks.differences(notebooks.read_source(source), built) == []

    code = [cell for cell in built.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5]
    assert code[1].outputs[0].data["text/plain"] == "42"
    assert code[2].outputs[0].text == "None 1\n"
    assert code[2].metadata == {
        "tags": ["nbval-ignore-output"],
        "reason": "stands for something that changes",
    }
    assert [cell.id for cell in built.cells][:2] == ["01-000", "01-001"]
    # whole, or JupyterLab adds the rest and calls the notebook unsaved
    assert built.metadata.language_info["version"] == platform.python_version()
    assert "codemirror_mode" in built.metadata.language_info

    # Made again, it is the same to the byte: no times, no random ids of widgets or cells.
    assert notebooks.main(["--force"]) == 0
    assert path.read_text() == first
    assert list(built.metadata.widgets.values())[0]["state"]

    capsys.readouterr()
    stamp = path.stat().st_mtime_ns
    assert notebooks.main(["01"]) == 0
    assert "up to date" in capsys.readouterr().out
    assert path.stat().st_mtime_ns == stamp

    source.write_text(source.read_text().replace("x = 41", "x = 42"))
    assert notebooks.main([]) == 0
    assert '"43"' in path.read_text()


def test_failing_cell_is_named_and_the_old_notebook_stays(folder, capsys):
    path = folder / "01_a.ipynb"
    path.write_text("the old one")
    (folder / "src" / "01_a.py").write_text("# %%\nx = 1\n\n# %%\n1 / (x - 1)\n")
    assert notebooks.main(["--force"]) == 1
    said = capsys.readouterr().err
    assert "01_a, cell 1" in said and "1 / (x - 1)" in said and "ZeroDivisionError" in said
    assert path.read_text() == "the old one"
    assert sorted(p.name for p in folder.iterdir()) == ["01_a.ipynb", "src"]


def test_execute_only_leaves_page_and_figures_and_the_notebook_alone(folder, tmp_path, capsys):
    assert notebooks.main([]) == 0
    before = (folder / "01_a.ipynb").read_bytes()
    out = tmp_path / "out"
    assert notebooks.main(["--execute-only", "--dataset", "fer2013", "--out", str(out), "01"]) == 0
    assert (folder / "01_a.ipynb").read_bytes() == before
    assert "fer2013 1" in (out / "01_a.ipynb").read_text()
    page = (out / "01_a.html").read_text()
    assert 'alt="one black pixel, alone &amp; small"' in page and PIXEL in page
    assert '<figcaption aria-hidden="true">one black pixel, alone &amp; small' in page
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in page and "<code>$y$</code>" in page
    assert "mathjax" not in page.lower()
    assert (out / "figures" / "01_a_01.png").read_bytes() == base64.b64decode(PIXEL)
    assert str(out / "01_a.html") in capsys.readouterr().out


def test_a_notebook_opens_with_the_python_that_will_run_it(tmp_path):
    info = {"name": "python", "version": "3.1.4"}
    notebook = nbformat.v4.new_notebook(metadata={"language_info": info})
    nbformat.write(notebook, tmp_path / "a.ipynb")
    (tmp_path / "b.txt").write_text("text")
    contents = lab.Contents(root_dir=str(tmp_path))
    model = asyncio.run(contents.get("a.ipynb"))
    assert model["content"]["metadata"]["language_info"]["version"] == platform.python_version()
    assert "3.1.4" in (tmp_path / "a.ipynb").read_text()
    assert asyncio.run(contents.get("b.txt"))["content"] == "text"


def test_wrong_arguments_are_explained(folder, capsys):
    for arguments, said in ((["07"], "no notebook"), (["--dataset", "fer2013"], "--execute-only")):
        with pytest.raises(SystemExit):
            notebooks.main(arguments)
        assert said in capsys.readouterr().err


def test_make_without_a_target_explains_itself():
    done = subprocess.run(["make"], cwd=notebooks.ROOT, capture_output=True, text=True)
    for target in ("lab", "student", "tour", "test", "notebooks", "figures"):
        assert f"make {target}" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "edition, folder", [((), "student"), (("EDITION=teacher",), "notebooks")], ids=str
)
def test_make_lab_opens_one_edition_and_writes_it_where_it_is_the_students(edition, folder):
    command = ["make", "-n", "lab", *edition]
    done = subprocess.run(command, cwd=notebooks.ROOT, capture_output=True, text=True)
    assert f"/lab/tree/{folder}/00_start_here.ipynb" in done.stdout, done.stderr
    assert ("scripts.student" in done.stdout) == (folder == "student")


def test_a_solution_is_built_folded():
    tags = {"tags": [notebooks.SOLUTION]}
    cells = [
        nbformat.v4.new_code_cell("x = 1", metadata=tags),
        nbformat.v4.new_code_cell("x = 2"),
        nbformat.v4.new_markdown_cell("why", metadata=tags),
    ]
    built = notebooks.normalise(nbformat.v4.new_notebook(cells=cells), "01_a")
    hidden = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in built.cells]
    assert hidden == [True, False, False]
    again = notebooks.normalise(nbformat.from_dict(built), "01_a")
    assert nbformat.writes(again) == nbformat.writes(built)
