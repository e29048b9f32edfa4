"""The instructor's guide: what it names is there, and its numbers are the kit's."""

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from scripts import notebooks, times
from tests.test_contributing import PATH

ROOT = notebooks.ROOT
GUIDE = ROOT / "docs" / "teaching"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(GUIDE.glob("*.md"))}
SOURCES = {
    path.stem: notebooks.read_source(path) for path in sorted(notebooks.SOURCES.glob("*.py"))
}
FIELDS = ("Misconceptions", "Board", "Stuck", "Discuss", "Short path")


def prose(name):
    return "\n".join(c.source for c in SOURCES[name].cells if c.cell_type == "markdown")


def sections(page):
    """The text under each heading that leads to a notebook, by the notebook's name."""
    found = re.split(r"^## \[[^\]]+\]\(\.\./\.\./notebooks/(\w+)\.ipynb\)$", page, flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


@pytest.mark.parametrize("name", PAGES)
def test_links_of_the_guide_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", PAGES[name]):
        assert target.startswith("http") or (GUIDE / target).exists(), target


def test_the_first_page_leads_to_every_other():
    assert {f"{name}.md" for name in PAGES} - {"README.md"} <= set(
        re.findall(r"\]\((\w+\.md)\)", PAGES["README"])
    )


def test_the_times_are_those_of_the_estimate():
    """To a quarter of an hour: a corrected sentence need not change the guide."""
    row = re.compile(r"^\| \[.*\((\S+)\)[^|]*\| (\d+) min \| (\d+) min \|$", re.MULTILINE)
    printed, now = (row.findall(text) for text in (PAGES["README"], times.table()))
    assert len(now) == len(SOURCES)
    assert [one[0] for one in printed] == [one[0] for one in now]
    for (path, *before), (_, *after) in zip(printed, now, strict=True):
        assert all(abs(int(a) - int(b)) <= 15 for a, b in zip(before, after, strict=True)), path


@pytest.mark.parametrize("name", SOURCES)
def test_the_head_of_a_notebook_says_both_times(name):
    said = re.search(
        r"^\*\*Time:\*\* about (\d+) minutes to read and run on a laptop CPU, (\d+) more for the",
        SOURCES[name].cells[0].source,
        re.MULTILINE,
    )
    found = times.times(SOURCES[name])
    assert abs(int(said[1]) - found.reading) <= 15
    assert abs(int(said[2]) - found.exercises) <= 15


def test_an_estimate_counts_words_code_predictions_and_exercises(tmp_path):
    source = tmp_path / "01_a.py"
    words = "word " * 900
    source.write_text(
        f"# %% [markdown]\n# {words}\n# **Predict.** x\n\n# %%\n" + "x = 1\n" * 75 + "\n"
        '# %% [markdown]\n# ### Exercise 1: a (hard)\n\n# %% tags=["starter"]\n' + "y = 1\n" * 900
    )
    assert times.times(notebooks.read_source(source)) == times.Times(reading=10, exercises=30)


def test_every_notebook_has_its_section_and_its_quiz():
    for page in ("notebooks", "quizzes"):
        assert list(sections(PAGES[page])) == list(SOURCES)
    for name, text in sections(PAGES["notebooks"]).items():
        assert re.findall(r"^- \*\*([^*]+)\.\*\*", text, re.M) == list(FIELDS), name
    for name, text in sections(PAGES["quizzes"]).items():
        asked, _, answered = text.partition("<summary>Answers</summary>")
        for part in (asked, answered):
            assert re.findall(r"^(\d+)\. \S", part, re.M) == [str(n) for n in range(1, 11)], name


def test_a_short_path_names_sections_that_are_there():
    for name, text in sections(PAGES["notebooks"]).items():
        path = " ".join(text.split("**Short path.**")[1].split()).rstrip(".")
        heads = re.findall(r"^## (.+)$", prose(name), re.MULTILINE)
        for named in [] if path.startswith("All of it") else path.split(";"):
            for end in re.split(r" to (?=[A-Z])", re.sub(r"\(.*?\)", "", named)):
                assert any(head.startswith(end.strip().rstrip("?")) for head in heads), (name, end)


def test_the_graph_has_all_that_a_notebook_asks_to_be_read_first():
    lines = re.search(r"graph LR\n(.*?)```", PAGES["README"], re.S)[1].split("\n")
    chains = [re.findall(r"\d\d", line) for line in lines]
    edges = {(a, b) for chain in chains for a, b in zip(chain, chain[1:], strict=False)}
    before = {name[:2]: set() for name in SOURCES}
    for number in sorted(before):
        for a, b in edges:
            if b == number:
                before[number] |= {a} | before[a]
    for name, source in SOURCES.items():
        first = source.cells[0].source.partition("**Read first:**")[2].partition("**Time")[0]
        asked = set(re.findall(r"\((\d\d)_\w+\.ipynb\)", first))
        assert asked <= before[name[:2]], name


def test_files_and_commands_that_the_guide_names_are_there():
    for page in PAGES.values():
        for path in PATH.findall(" ".join(re.findall(r"`([^`\n]+)`", page))):
            made = path.removeprefix("lab/tree/").startswith(("student/", "runs/"))
            assert made or ".." in path or (ROOT / path).exists(), path
    for module in set(re.findall(r"python -m (scripts\.\w+)", "".join(PAGES.values()))):
        assert find_spec(module)


def test_binder_asks_for_what_is_here():
    asked = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    assert asked == ["-c ../constraints.txt", "-e .[lab]"] and (ROOT / "constraints.txt").exists()
    script = ROOT / "binder" / "postBuild"
    assert script.stat().st_mode & 0o111
    command = script.read_text().splitlines()[-1].split()
    assert command[:2] == ["python", "-m"]
    done = subprocess.run([sys.executable, *command[1:], "--help"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0
