"""CONTRIBUTING.md and README.md name only what is there; the files at the front door are whole."""

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml

from fer_utils import FerError, __main__, __version__, papers
from tests import nbcompare, nbtemplate

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("CONTRIBUTING.md", "README.md", "SECURITY.md")
PACKAGES = ("fer_utils", "faces3d", "fer_lab")
# Something in a folder: a file, or another folder with a slash behind it.
PATH = re.compile(r"(?<![\w./-])(?:[\w.-]+/)+(?:[\w.-]+\.\w+)?(?![\w/])")
MADE = ("runs", "site", "slides", "student", "tour", ".venv")  # on the way
PLACEHOLDERS = ("NAME", "NN_", "KEY", "MAP", "FACE", "DIR/")  # of a name that the reader chooses


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def spoken(page):
    """What stands in code: blocks, and words in backticks."""
    text = read(page)
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return blocks + [" ".join(words.split()) for words in re.findall(r"`([^`]+)`", rest)]


def missing_paths(pieces):
    """Return the files and folders that are named and do not exist."""
    found = [path for piece in pieces for path in PATH.findall(piece)]
    chosen = [path for path in found if not any(word in path for word in PLACEHOLDERS)]
    return [path for path in chosen if path.split("/")[0] not in MADE if not place(path).exists()]


def place(path):
    """A folder of the table in README may be one inside the module."""
    return ROOT / path if (ROOT / path).exists() else ROOT / "fer_utils" / path


def commands(pieces):
    """Lines that call the kit, without what follows a `#`."""
    text = "\n".join(pieces)
    return [shlex.split(m[0], comments=True) for m in re.finditer(r"python -m [^\n`|&]+", text)]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page):
    assert not missing_paths(spoken(page))


def test_a_path_that_is_not_there_is_found():
    pieces = ["fer_utils/models/zoo.py", "edit `tests/nbtemplate.py`", "fer_utils/training/"]
    assert missing_paths(pieces) == ["fer_utils/models/zoo.py", "fer_utils/training/"]


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_name_exists(page):
    names = re.findall(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+", "\n".join(spoken(page)))
    for name in {name for name in names if "NAME" not in name}:
        found = import_module(name.split(".")[0])
        for part in name.split(".")[1:]:
            found = getattr(found, part, None) or import_module(f"{found.__name__}.{part}")


@pytest.mark.parametrize("page", PAGES[:2])
def test_every_make_target_exists(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {word for piece in spoken(page) for word in re.findall(r"^make ([a-z]+)", piece, re.M)}
    assert used and used <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_command_can_be_called(page):
    """Each line is taken by the parser of its command; nothing runs."""
    lines = [words[3:] for words in commands(spoken(page)) if words[2] == "fer_utils"]
    assert lines
    for words in lines:
        assert words[0] in __main__.COMMANDS
        if len(words) > 1:  # a command's name alone may stand in a sentence
            __main__.make_parser(words[0]).parse_args(words)


def test_a_wrong_flag_is_found():
    with pytest.raises(FerError, match="--epoch-count"):
        __main__.make_parser("train").parse_args(["train", "--out", "run", "--epoch-count", "2"])


def test_python_in_the_pages_can_be_read():
    blocks = re.findall(r"^```python\n(.*?)^```", read("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        ast.parse(block)


def test_the_rules_for_notebooks_are_those_that_are_tested():
    page = " ".join(read("CONTRIBUTING.md").split())
    words = {2: "two", 8: "eight"}
    for rule in (
        f"at most {nbtemplate.LONGEST_CELL} lines, median at most {nbtemplate.MEDIAN_CELL}",
        f"lines of at most {nbtemplate.LONGEST_LINE} characters",
        f"{nbtemplate.SHORTEST_ALT} characters or more",
        f"a reason of {nbcompare.SHORTEST_REASON} characters or more",
        f"`tolerance:` goes up to {nbcompare.LOOSEST_TOLERANCE}",
        f"{words[nbcompare.MOST_UNCOMPARED_PER_NOTEBOOK]} in a notebook, "
        f"{words[nbcompare.MOST_UNCOMPARED]} in all",
        *(f"`{tag}`" for tag in nbcompare.KNOWN_TAGS),
    ):
        assert rule in page
    assert nbcompare.TOLERANCE == 1e-4 and "a relative 1e-4" in page


def test_the_method_shown_has_the_fields_of_a_method():
    from dataclasses import fields

    from fer_utils.saliency.methods import Method

    shown = next(piece for piece in spoken("CONTRIBUTING.md") if "= Method(" in piece)
    assert re.findall(r"^    (\w+)=", shown, re.MULTILINE) == [
        field.name for field in fields(Method)
    ]


def looking_for():
    """The rows of README's table: (file, name)."""
    rows = re.findall(
        r"^\| [^|]+ \| `([\w./]+\.py)` \| `(\w+)` \|$", read("README.md"), re.MULTILINE
    )
    assert len(rows) >= 10
    return rows


@pytest.mark.parametrize(("file", "name"), looking_for())
def test_what_is_looked_for_is_there(file, name):
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    assert name in found


def test_the_map_names_every_folder():
    table = read("README.md").split("## What is where")[1].split("\n## ")[0]
    kept = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    passing = {*MADE, "data", "build", "dist", "shared", "__pycache__"}
    tracked = {name for name in kept - passing if not name.endswith(".egg-info")}
    named = set(re.findall(r"`(\w+)/", table))
    assert tracked <= named
    inside = {path.parent.name for path in (ROOT / "fer_utils").glob("*/__init__.py")}
    assert inside <= set(re.findall(r"`(?:fer_utils/)?(\w+)/", table))


def test_number_of_published_rows():
    for count in re.findall(r"All (\d+) published numbers", read("README.md")):
        assert int(count) == len(papers.CLAIMS)


def test_every_finding_is_listed_and_stands_alone():
    scripts = sorted((ROOT / "findings").glob("*.sh"))
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert f"findings/{script.name}" in read("README.md")
        assert text.startswith("#!") and script.stat().st_mode & 0o100
        assert "mktemp -d" in text and "trap 'rm -rf" in text and "set -euo pipefail" in text
        assert "# Guessed before" in text and "# Seen:" in text
        assert not any(package in text for package in PACKAGES)
        assert re.search(r"[\w-]+==[\w.]+", text)


def test_yaml_files_can_be_read():
    files = [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]
    assert len(files) >= 5
    for file in files:
        assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict), file
    for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(file.read_text(encoding="utf-8"))
        if file.stem == "config":
            continue
        assert {"name", "description", "body"} <= set(form)
        inputs = [part for part in form["body"] if part["type"] != "markdown"]
        assert len({part["id"] for part in inputs}) == len(inputs) > 0


def test_the_workflow_does_what_ci_does_with_the_python_that_is_asked_for():
    job = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]["test"]
    assert "bash .ci/run" in [step.get("run") for step in job["steps"]]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12"]


def test_citation():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0" and str(citation["version"]) == __version__
    authors = [author["name"] for author in citation["authors"]]
    assert all(
        f"Copyright (c) 2026 {name[0].lower()}{name[1:]}" in read("LICENSE") for name in authors
    )
    noted = " ".join(part["notes"] for part in citation["references"])
    assert all(key in noted for key in {row.paper for row in papers.CLAIMS} - {"anchors"})


def test_the_changelog_knows_this_version_and_leads_to_modules_that_exist():
    text = read("CHANGELOG.md")
    assert "## [Unreleased]" in text and f"## [{__version__}]" in text
    names = re.findall(r"^\| [^|]+ \| `((?:fer_utils|faces3d|fer_lab)[\w.]*)`", text, re.MULTILINE)
    assert len(names) > 15
    for name in names:
        resolve_name(name)
