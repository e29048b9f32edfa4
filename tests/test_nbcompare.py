"""The strict notebook comparison turns red for every kind of damage, and only then."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import from_dict, v4, write

from scripts import notebooks
from tests import nbcompare

ROOT = Path(__file__).resolve().parents[1]
REASON = "a reason that is long enough"


def stream(text, name="stdout"):
    return v4.new_output("stream", name=name, text=text)


def result(text, **data):
    return v4.new_output("execute_result", {"text/plain": text, **data}, execution_count=1)


def picture(alt, data="aaaa", mime="image/png"):
    return v4.new_output("display_data", {mime: data}, metadata={mime: {"alt": alt}})


def cell(source, *outputs, count=1, tags=(), reason=REASON):
    metadata = {"tags": list(tags), "reason": reason} if tags else {}
    return v4.new_code_cell(source, outputs=list(outputs), execution_count=count, metadata=metadata)


# --- the comparison of texts

SAME = {
    "identical": ("accuracy 0.653 (2344 of 3589)", "accuracy 0.653 (2344 of 3589)"),
    "drift of 1e-6": ("loss 0.1234567", "loss 0.1234568"),
    "drift in an exponent": ("1.00000e-05", "1.00001e-05"),
    "negative": ("x = -2.50000", "x = -2.50001"),
    "with a unit": ("took 12.50000ms", "took 12.50001ms"),
    "zero's sign": ("0.0 x", "-0.0 x"),
    "thousands": ("58,423.0001", "58,423.0002"),
    "html": ("<td>0.50000</td>", "<td>0.50001</td>"),
}
OTHER = {
    "number": ("accuracy 0.653", "accuracy 0.654"),
    "word": ("happy 0.653", "sad 0.653"),
    "integer": ("2344 of 3589", "2345 of 3589"),
    "large integer": ("58423 weights", "58424 weights"),
    "integer that ends a sentence": ("It has 58423.", "It has 58424."),
    "integer in a shape": ("(128, 1, 48, 48)", "(128, 1, 48, 49)"),
    "size": ("48x48", "48x64"),
    "sign": ("-0.5", "0.5"),
    "integer became float": ("1 of 2", "1.0 of 2"),
    "digits of a name": ("mini_xception1", "mini_xception2"),
    "version": ("torch 2.13.0", "torch 2.13.1"),
    "long digits with an e": ("12e4567", "13e4567"),
    "nan": ("loss 0.5", "loss nan"),
    "order": ("0.25 0.75", "0.75 0.25"),
    "one number more": ("0.25 0.75", "0.25 0.75 0.75"),
    "line more": ("a\n", "a\nb\n"),
    "space": ("a  b", "a b"),
    "tiny": ("1e-9", "3e-9"),
    "everything gone": ("0.5", ""),
    "html tag": ("<b>0.5</b>", "<i>0.5</i>"),
}


@pytest.mark.parametrize("texts", SAME.values(), ids=SAME.keys())
def test_texts_agree(texts):
    assert nbcompare.text_difference(*texts) is None


@pytest.mark.parametrize("texts", OTHER.values(), ids=OTHER.keys())
def test_texts_differ(texts):
    assert nbcompare.text_difference(*texts)
    assert nbcompare.text_difference(*reversed(texts))


def test_looser_tolerance_is_for_floats_only():
    assert nbcompare.text_difference("0.650 of 10", "0.655 of 10", relative=1e-2) is None
    assert nbcompare.text_difference("0.650 of 10", "0.665 of 10", relative=1e-2)
    assert nbcompare.text_difference("0.650 of 1000", "0.650 of 1001", relative=1e-2)


# --- the comparison of outputs


def difference(expected, got, **options):
    return nbcompare.output_difference(expected, got, nbcompare.TOLERANCE, **options)


def test_outputs_agree():
    widget = {nbcompare.WIDGET: {"model_id": "1"}}
    other_widget = {nbcompare.WIDGET: {"model_id": "2"}}
    assert difference([stream("a 1.0")], [stream("a 1.0")]) is None
    assert difference([picture("a face", "aa")], [picture("a face", "bb")]) is None
    assert difference([result("repr 1", **widget)], [result("repr 2", **other_widget)]) is None
    assert difference([], []) is None


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ([stream("a")], []),
        ([], [stream("a")]),
        ([stream("a")], [stream("a", name="stderr")]),
        ([stream("a")], [result("a")]),
        ([stream("a"), result("b")], [result("b"), stream("a")]),
        ([picture("a face")], []),
        ([picture("a face")], [picture("a face"), picture("a face")]),
        ([picture("a face")], [picture("a face", mime="image/jpeg")]),
        ([picture("a face")], [picture("a map")]),
        ([picture("a face")], [v4.new_output("display_data", {"image/png": "aaaa"})]),
        ([result("a")], [result("a", **{"text/html": "<b>a</b>"})]),
        ([result("a", **{"text/html": "<b>1</b>"})], [result("a", **{"text/html": "<b>2</b>"})]),
        (
            [v4.new_output("error", ename="ValueError", evalue="a", traceback=[])],
            [v4.new_output("error", ename="ValueError", evalue="b", traceback=[])],
        ),
    ],
)
def test_outputs_differ(expected, got):
    assert difference(expected, got)


def test_stderr_is_left_out_where_it_is_allowed():
    assert difference([stream("a")], [stream("a"), stream("b", "stderr")], stderr=True) is None
    assert difference([stream("a")], [stream("b"), stream("b", "stderr")], stderr=True)


# --- what a stored notebook must fulfil


def test_a_sound_cell_has_no_problems():
    assert nbcompare.cell_problems(cell("1", tags=["tolerance:1e-2"])) == []
    assert nbcompare.cell_problems(cell("1", result("1"))) == []
    assert nbcompare.cell_problems(cell("1", stream("a", "stderr"), tags=["stderr"])) == []
    for tag, words in nbcompare.VERDICTS.items():  # of an exercise; these tags need no reason
        said = cell(
            "check.ex1_1(1)", stream("by hand"), result(f"{words}so."), tags=[tag], reason=""
        )
        assert nbcompare.cell_problems(said) == []


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (cell("1", count=None), "never run"),
        (cell("# NBVAL_IGNORE_OUTPUT\n1"), "steers nbval"),
        (cell("1", tags=["nbval-ignore-output"], reason=""), "without saying why"),
        (cell("1", tags=["nbval-skip"], reason="slow"), "without saying why"),
        (cell("1", tags=["tolerance:1e-2"], reason=""), "without saying why"),
        (cell("1", tags=["tolerance:0.9"]), "at most"),
        (cell("1", tags=["tolerance:-1"]), "at most"),
        (cell("1", tags=["tolerance:nan"]), "at most"),
        (cell("1", tags=["tolerance:much"]), "holds no number"),
        (cell("1", tags=["nbval-ignore"]), "known are"),
        (cell("1", stream("a", "stderr")), "stderr"),
        (cell("1", tags=["raises-exception"]), "raised nothing"),
        (cell("1", v4.new_output("error", ename="E", evalue="", traceback=[])), "raised"),
    ],
)
def test_a_damaged_cell_is_named(damaged, said):
    assert any(said in problem for problem in nbcompare.cell_problems(damaged))


@pytest.mark.parametrize(
    ("tag", "outputs"),
    [
        ("starter", [result("Right. So it is.")]),  # gives the solution away
        ("solution", [result("Not yet: too large.")]),
        ("solution", []),
        ("starter", [stream("Not yet: printed, not said")]),
    ],
)
def test_a_starter_that_passes_and_a_solution_that_fails_are_found(tag, outputs):
    problems = nbcompare.cell_problems(cell("check.ex1_1(1)", *outputs, tags=[tag]))
    assert any(f"tagged {tag!r}, and its check" in problem for problem in problems)


def test_too_many_uncompared_cells_in_one_notebook(tmp_path):
    def problems(number):
        cells = [cell("1", count=i + 1, tags=["nbval-skip"]) for i in range(number)]
        return nbcompare.notebook_problems(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")

    assert problems(nbcompare.MOST_UNCOMPARED_PER_NOTEBOOK) == []
    assert "not compared" in problems(nbcompare.MOST_UNCOMPARED_PER_NOTEBOOK + 1)[0]


def test_cells_run_out_of_order(tmp_path):
    def problems(*counts):
        cells = [cell("1", count=count) for count in counts]
        return nbcompare.notebook_problems(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")

    assert problems(1, 2) == []
    assert "top to bottom" in problems(2, 1)[0]
    assert "top to bottom" in problems(1, 3)[0]


SOURCE = """# %% [markdown]
# # A title

# %%
x = 1

# %% tags=["tolerance:1e-2"] reason="a reason that is long enough"
print(x)
"""


def with_source(folder, source=SOURCE):
    """A notebook beside its source; returns its path and the notebook the source describes."""
    (folder / "src").mkdir(exist_ok=True)
    path = folder / "src" / "01_a.py"
    path.write_text(source)
    notebook = notebooks.read_source(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, one in enumerate(code, start=1):
        one.execution_count = count
    return folder / "01_a.ipynb", notebook


def test_notebook_agrees_with_its_source(tmp_path):
    path, notebook = with_source(tmp_path)
    assert nbcompare.notebook_problems(notebook, path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = 1", "x = 2"),
        ("# # A title", "# # Another title"),
        ("1e-2", "1e-3"),
        ("a reason that", "some reason that"),
        ("# %%\nx = 1", "# %% [markdown]\n# x = 1"),
        ("\n# %%\nx = 1\n", ""),
    ],
)
def test_notebook_unlike_its_source(tmp_path, old, new):
    path, notebook = with_source(tmp_path)
    assert SOURCE.count(old) == 1
    (tmp_path / "src" / "01_a.py").write_text(SOURCE.replace(old, new))
    problems = nbcompare.notebook_problems(notebook, path)
    assert any("make notebooks" in problem for problem in problems)


def test_notebook_without_a_source(tmp_path):
    path, notebook = with_source(tmp_path)
    (tmp_path / "src" / "01_a.py").unlink()
    assert "no source" in nbcompare.notebook_problems(notebook, path)[0]


# --- the real thing: pytest in a process of its own, on notebooks with hand-made stored outputs

SOUND = [
    cell("import sys; print('happy', 3589, 0.653)", stream("happy 3589 0.653\n")),
    cell("print(0.1234567)", stream("0.1234568\n")),
    cell("print(0.650)", stream("0.652\n"), tags=["tolerance:1e-2"]),
    cell("print('new')", stream("old\n"), tags=["nbval-ignore-output"]),
    cell("sys.exit(1)", tags=["nbval-skip"]),
    cell(
        "raise ValueError('no')",
        v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
        tags=["raises-exception"],
    ),
    cell("print('w', file=sys.stderr)", stream("v\n", "stderr"), tags=["stderr"]),
    cell(
        "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'])",
        stream("1 0\n"),
    ),
    cell("print(os.environ.get('FER_UTILS_DATASET'))", stream("None\n")),
    cell(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        v4.new_output(
            "display_data",
            {"text/plain": "<Figure size 640x480 with 1 Axes>", "image/png": "b3RoZXI="},
        ),
    ),
]

DAMAGED = {
    "changed number": cell("print(0.653)", stream("0.654\n")),
    "changed word": cell("print('happy')", stream("sad\n")),
    "changed integer": cell("print(3589)", stream("3590\n")),
    "stored output missing": cell("print(1)"),
    "output no longer there": cell("pass", stream("1\n")),
    "picture no longer there": cell("pass", picture("a face")),
    "html changed": cell(
        "from IPython.display import HTML; HTML('<b>1</b>')",
        result("<IPython.core.display.HTML object>", **{"text/html": "<b>2</b>"}),
    ),
    "new on stderr": cell("import sys; print('w', file=sys.stderr)"),
    "new on stderr, output not compared": cell(
        "print('w', file=sys.stderr)", tags=["nbval-ignore-output"]
    ),
    "raises nothing": cell("pass", tags=["raises-exception"]),
    "no longer raises": cell(
        "pass",
        v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
        tags=["raises-exception"],
    ),
    "raises untagged": cell("raise ValueError('no')"),
    "tolerance too small for it": cell("print(0.65)", stream("0.67\n"), tags=["tolerance:1e-2"]),
}


def numbered(cells):
    """A notebook of copies of the cells, with execution counts from 1."""
    copies = [from_dict(one) for one in cells]
    for count, one in enumerate(copies, start=1):
        one.execution_count = count
    return v4.new_notebook(cells=copies)


def run(folder, *arguments):
    """Run our pytest on a folder; return its exit code and the outcome of every test by name."""
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "-rA"]
    command += ["--nbval-current-env", "--color=no", "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [*command, *arguments, str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    pattern = re.compile(r"^(PASSED|FAILED|SKIPPED|ERROR) \S*?(\w+)\.ipynb::(Cell \d+|rules)", re.M)
    outcomes = {(name, test): outcome for outcome, name, test in pattern.findall(done.stdout)}
    return done.returncode, outcomes, done.stdout + done.stderr


@pytest.fixture(scope="module")
def red_run(tmp_path_factory):
    """One run over all damage, and a sound notebook beside it: a kernel for each notebook."""
    folder = tmp_path_factory.mktemp("red")
    write(numbered(SOUND), folder / "sound.ipynb")
    write(numbered(DAMAGED.values()), folder / "cells.ipynb")
    unrun = v4.new_notebook(cells=[cell("print(1)", count=None)])
    write(unrun, folder / "unrun.ipynb")
    (folder / "sourced").mkdir()
    path, notebook = with_source(folder / "sourced")
    notebook.cells[1].source = "x = 2"
    notebook.cells[2].outputs = [stream("2\n")]
    notebook.cells[2].metadata = from_dict({"tags": ["nbval-ignore-output"]})
    write(notebook, path)
    return run(folder, "--nbval")


def test_a_sound_notebook_is_green(red_run):
    _, outcomes, text = red_run
    found = [outcome for (name, _), outcome in outcomes.items() if name == "sound"]
    # the rules, and every cell but the one that is tagged to be skipped
    assert found.count("PASSED") == len(SOUND) and set(found) <= {"PASSED", "SKIPPED"}, text


@pytest.mark.parametrize("number", range(len(DAMAGED)), ids=DAMAGED.keys())
def test_damaged_output_is_red(red_run, number):
    code, outcomes, text = red_run
    assert code == 1, text
    assert outcomes[("cells", f"Cell {number}")] == "FAILED", text


def test_notebook_without_execution_counts_is_red(red_run):
    _, outcomes, text = red_run
    assert outcomes[("unrun", "rules")] == "FAILED", text


def test_changed_source_and_unexplained_tag_are_red(red_run):
    _, outcomes, text = red_run
    assert outcomes[("01_a", "Cell 1")] == "PASSED", text
    assert outcomes[("01_a", "rules")] == "FAILED", text
    assert "cell 1 has another text than its source" in text
    assert "without saying why" in text


def test_lax_comparison_is_refused(tmp_path, capsys):
    write(numbered(SOUND), tmp_path / "sound.ipynb")
    words = ["-p", "conftest", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    code = pytest.main([*words, "--nbval-lax", str(tmp_path)])
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "strictly" in capsys.readouterr().err
