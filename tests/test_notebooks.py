"""The committed notebooks follow the template, and the checks of the template can fail."""

import re

import nbformat
import pytest
from nbformat import from_dict, v4

from scripts import notebooks
from tests import nbcompare, nbtemplate

PATHS = sorted(notebooks.NOTEBOOKS.glob("*.ipynb"))
NAMES = [path.stem for path in PATHS]


def read(path):
    return nbformat.read(path, as_version=4)


def test_every_source_has_its_notebook_and_the_other_way_round():
    assert NAMES
    assert sorted(path.stem for path in notebooks.SOURCES.glob("*.py")) == NAMES


def test_notebooks_are_numbered_without_gaps():
    assert [name[:3] for name in NAMES] == [f"{number:02d}_" for number in range(len(NAMES))]


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_template(path):
    problems = nbtemplate.problems(read(path), path, NAMES)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_comparable(path):
    problems = nbcompare.notebook_problems(read(path), path)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_normalised(path):
    """Ids follow from the position, and nothing of the machine or the hour is kept."""
    notebook = read(path)
    again = notebooks.normalise(from_dict(notebook), path.stem)
    text = path.read_text(encoding="utf-8")
    assert nbformat.writes(again) + "\n" == text
    without_pictures = re.sub(r'"[\w+/=\\]{200,}"', '""', text)
    assert not re.search(r"/home/|/root/|/tmp/|[A-Z]:\\\\Users", without_pictures)


def test_few_cells_go_uncompared():
    assert sum(nbcompare.uncompared(read(path)) for path in PATHS) <= nbcompare.MOST_UNCOMPARED


# --- the checks themselves, on a small notebook that follows the template and on damaged copies

OPENING = """\
# Edges

**You will be able to**

- say what a Sobel filter answers to;
- compute one by hand.

**Read first:** nothing.

**Time:** 10 minutes on a laptop CPU."""


def exercise(number, text, task="(easy)"):
    """The four cells of an exercise; its tags stand behind the text of a cell."""
    hints = "".join(f"\n\n<details><summary>Hint {hint}</summary></details>" for hint in (1, 2))
    call = f"check.ex1_{number}(answer)"
    return [
        f"### Exercise {number}: y {task}\n\n{text}{hints}",
        ("code", f"answer = None\n{call}", "starter"),
        ("markdown", "<details><summary>Solution</summary></details>", "solution"),
        ("code", f"answer = 1\n{call}", "solution"),
    ]


GOOD = [
    OPENING,
    "## Set-up\n\nThe same everywhere.",
    ("code", nbtemplate.SETUP_CELL),
    "## A face\n\n**Predict.** What is bright?\n\n**Run** the cell.",
    ("code", "plots.show(figure)"),
    "**Interpret.** Edges are.\n\n## Twice\n\n**Predict** the mean.\n\n**Run.**",
    ("code", "print(1)"),
    "**Interpret.** One.",
    *exercise(1, "```\n# no heading\n```"),
    *exercise(2, "How large?"),
    "## Recap\n\n- Edges.\n- By hand.",
    "Previous: [00 Start](00_start.ipynb) | Next: [02 Nets](02_nets.ipynb)",
]
ALT = {"image/png": {"alt": "four faces in a row, their edges bright"}}


@pytest.fixture
def folder(tmp_path):
    for name in ("00_start", "01_edges", "02_nets"):
        (tmp_path / f"{name}.ipynb").touch()
    return tmp_path


def check(folder, cells=GOOD, metadata=ALT):
    """Problems of a notebook of prose (str) and (kind, text, *tags); cell 4 has a picture."""
    made = []
    for cell in cells:
        kind, text, *tags = ("markdown", cell) if isinstance(cell, str) else cell
        make = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
        made.append(make(text, metadata={"tags": tags} if tags else {}))
    if len(made) > 4 and made[4].cell_type == "code":
        made[4].outputs = [v4.new_output("display_data", {"image/png": "aa"}, metadata=metadata)]
    names = ["00_start", "01_edges", "02_nets"]
    return nbtemplate.problems(v4.new_notebook(cells=made), folder / "01_edges.ipynb", names)


def changed(index, old, new):
    """A copy of GOOD with one cell's text changed."""
    cells = list(GOOD)
    kind, text, *tags = ("", cells[index]) if isinstance(cells[index], str) else cells[index]
    assert old in text
    text = text.replace(old, new)
    cells[index] = (kind, text, *tags) if kind else text
    return cells


def test_a_good_notebook_has_no_problems(folder):
    assert check(folder) == []


def test_ends_of_the_road_have_one_link(folder):
    made = v4.new_notebook(cells=[v4.new_markdown_cell("Next: [01](01_edges.ipynb)")])
    names = ["00_start", "01_edges"]
    assert nbtemplate.way_on(made, "00_start", names) == []
    assert nbtemplate.way_on(made, "01_edges", names)


LONG = "\n".join(f"x = {number}" for number in range(15))
MEDIUM = "\n".join(f"x = {number}" for number in range(7))
DAMAGE = {
    "no title": (changed(0, "# Edges", "Edges"), "# Title"),
    "two titles": (changed(1, "## Set-up", "# Set-up"), "level-1"),
    "one promise": (changed(0, "- compute one by hand.", ""), "bullets under"),
    "five promises": (changed(0, "- compute", "- a\n- b\n- c\n- compute"), "bullets under"),
    "nothing to read": (changed(0, "**Read first:**", "Read"), "Read first"),
    "no minutes": (changed(0, "10 minutes", "some time"), "Time"),
    "other set-up": (changed(2, "seed=0", "seed=1"), "set-up cell"),
    "no prediction": (changed(3, "**Predict.**", ""), "follow each other"),
    "one round": (
        GOOD[:5] + ["**Interpret.** Yes."] + GOOD[8:],
        "fewer than two",
    ),
    "interpreted before it ran": (changed(5, "**Run.**", "**Run.** **Interpret.**"), "no code"),
    "long cell": (changed(6, "print(1)", LONG), "lines, more than 14"),
    "long median": (
        changed(6, "print(1)", MEDIUM)[:7] + ["So.", ("code", MEDIUM)] * 6 + GOOD[7:],
        "median",
    ),
    "wide line": (changed(6, "print(1)", "x" * 101), "characters"),
    "magic": (changed(6, "print(1)", "%time x"), "magic"),
    "empty cell": (changed(6, "print(1)", ""), "is empty"),
    "no prose before code": (GOOD[:7] + [("code", "x")] + GOOD[7:], "without prose"),
    "one exercise": (GOOD[:12] + GOOD[16:], "exercises"),
    "numbered wrongly": (changed(12, "Exercise 2", "Exercise 3"), "exercises"),
    "not said how hard": (changed(8, "(easy)", ""), "exercise 1 does not say (easy)"),
    "one hint": (changed(8, "Hint 2", "Help"), "no two hints"),
    "nowhere to begin": (GOOD[:9] + GOOD[10:], "no starter cell"),
    "starter without check": (changed(9, "check.ex1_1", "print"), "no starter cell"),
    "another's check": (changed(11, "ex1_1", "ex2_1"), "no solution cell"),
    "solution not told": (changed(10, "Solution", "Hint 3"), "no folded solution"),
    "needs a solution": (
        changed(15, "answer = 1", "made = answer = 1")[:16]
        + ["So", ("code", "print(made)")]
        + GOOD[16:],
        "made of a solution is used",
    ),
    "no recap": (changed(16, "## Recap", "## End"), "Recap"),
    "promise not answered": (changed(16, "- By hand.", ""), "1 bullets for 2 promises"),
    "no way on": (changed(17, "Next", "Then"), "neighbours"),
    "wrong way on": (changed(17, "02_nets", "00_start"), "neighbours"),
    "link to nowhere": (changed(1, "The same", "[The same](nowhere.ipynb)"), "leads nowhere"),
    "picture to nowhere": (changed(1, "The same", "![words](a.png)"), "leads nowhere"),
    "picture without words": (changed(1, "The same", "![](00_start.ipynb)"), "no words"),
    "img without alt": (changed(1, "The same", '<img src="a.png">'), "no alt text"),
}


@pytest.mark.parametrize(("cells", "said"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_named(folder, cells, said):
    assert any(said in problem for problem in check(folder, cells))


def test_output_without_alt_text(folder):
    assert "without alt text" in check(folder, metadata={})[0]
    assert "without alt text" in check(folder, metadata={"image/png": {"alt": "figure"}})[0]
