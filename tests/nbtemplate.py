"""What every notebook must hold: the template, as functions that return a list of problems."""

import re
from pathlib import Path
from statistics import median

from nbformat import NotebookNode

SETUP_CELL = """\
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)"""

LONGEST_CELL = 14
MEDIAN_CELL = 6
LONGEST_LINE = 100
SHORTEST_ALT = 20

STEP = re.compile(r"\*\*(Predict|Run|Interpret)\b")
HEADING = re.compile(r"^(#+) +(.+?)\s*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
BULLET = re.compile(r"^[-*] +\S", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
IMG_TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
IMG_ALT = re.compile(r"""\balt=["']([^"']+)["']""", re.IGNORECASE)


def problems(notebook: NotebookNode, path: Path, names: list[str]) -> list[str]:
    """Say where a notebook leaves the template; `names` are all notebooks in order."""
    return [
        *opening(notebook),
        *setup_cell(notebook),
        *rounds(notebook),
        *code_cells(notebook),
        *exercises(notebook),
        *recap(notebook),
        *way_on(notebook, path.stem, names),
        *links(notebook, path.parent),
        *alt_texts(notebook),
    ]


def prose(notebook: NotebookNode) -> list[str]:
    """The markdown cells, without blocks of code."""
    return [FENCE.sub("", c.source) for c in notebook.cells if c.cell_type == "markdown"]


def headings(notebook: NotebookNode) -> list[tuple[int, str]]:
    """All headings in order as (level, text)."""
    return [(len(m[1]), m[2]) for text in prose(notebook) for m in HEADING.finditer(text)]


def promises(notebook: NotebookNode) -> int:
    """Count the bullets under "You will be able to"."""
    first = notebook.cells[0].source if notebook.cells else ""
    _, _, after = first.partition("**You will be able to**")
    return len(BULLET.findall(after.split("\n**")[0]))


def opening(notebook: NotebookNode) -> list[str]:
    """Title, promises, what to read first, minutes: the first cell."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown":
        return ["the first cell is not prose"]
    found = []
    if not re.match(r"# +\S", first.source):
        found.append("the first cell does not start with `# Title`")
    if sum(level == 1 for level, _ in headings(notebook)) != 1:
        found.append("there is not exactly one level-1 heading, the title")
    if not 2 <= promises(notebook) <= 4:
        found.append(f"{promises(notebook)} bullets under **You will be able to**; 2 to 4 belong")
    if not re.search(r"^\*\*Read first:\*\* *\S", first.source, re.MULTILINE):
        found.append("the first cell has no line **Read first:** ...")
    if not re.search(r"^\*\*Time:\*\*.*\d.*minute.*laptop CPU", first.source, re.MULTILINE):
        found.append("the first cell has no line **Time:** N minutes on a laptop CPU")
    return found


def setup_cell(notebook: NotebookNode) -> list[str]:
    """The first code cell is the same everywhere."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not code or code[0].source != SETUP_CELL:
        return [f"the first code cell is not the set-up cell:\n{SETUP_CELL}"]
    return []


def rounds(notebook: NotebookNode) -> list[str]:
    """Predict, Run, at least one code cell, Interpret: twice or more."""
    steps = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            steps.append("code")
        else:
            steps += STEP.findall(FENCE.sub("", cell.source))
    named = [step for step in steps if step != "code"]
    complete = len(named) // 3
    found = []
    if named != ["Predict", "Run", "Interpret"] * complete or len(named) % 3:
        found.append(f"**Predict**, **Run**, **Interpret** do not follow each other: {named}")
    if complete < 2:
        found.append("fewer than two rounds of **Predict**, **Run**, **Interpret**")
    if any(a == "Run" and b == "Interpret" for a, b in zip(steps, steps[1:], strict=False)):
        found.append("no code cell between a **Run** and its **Interpret**")
    if not any(level == 2 for level, _ in headings(notebook)):
        found.append("there are no sections (## headings)")
    return found


def code_cells(notebook: NotebookNode) -> list[str]:
    """Short cells, each after prose."""
    found, lengths, before = [], [], None
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            lengths.append(len(lines))
            if before is None or before.cell_type != "markdown":
                found.append(f"cell {index} is code without prose before it")
            if not cell.source.strip():
                found.append(f"cell {index} is empty")
            if len(lines) > LONGEST_CELL:
                found.append(f"cell {index} has {len(lines)} lines, more than {LONGEST_CELL}")
            if any(len(line) > LONGEST_LINE for line in lines):
                found.append(f"cell {index} has a line of more than {LONGEST_LINE} characters")
            if any(line.startswith(("%", "!")) for line in lines):
                found.append(f"cell {index} has a magic command; plain Python only")
        before = cell
    if lengths and median(lengths) > MEDIAN_CELL:
        found.append(f"the median code cell has {median(lengths)} lines, more than {MEDIAN_CELL}")
    return found


def exercises(notebook: NotebookNode) -> list[str]:
    """Headings "Exercise 1", "Exercise 2", ..."""
    matches = [re.match(r"Exercise (\d+)\b", text) for _, text in headings(notebook)]
    numbers = [int(match[1]) for match in matches if match]
    if len(numbers) < 2 or numbers != list(range(1, len(numbers) + 1)):
        return [f"exercises are numbered {numbers}; two or more belong, from 1 on"]
    return []


def recap(notebook: NotebookNode) -> list[str]:
    """A recap that answers each promise of the opening."""
    text = "\n".join(prose(notebook))
    match = re.search(r"^## +Recap\s*$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    if not match:
        return ["there is no heading `## Recap`"]
    answers = len(BULLET.findall(match[1]))
    if answers != promises(notebook):
        return [f"the recap has {answers} bullets for {promises(notebook)} promises"]
    return []


def way_on(notebook: NotebookNode, name: str, names: list[str]) -> list[str]:
    """The last cell leads to the notebooks before and after."""
    place = names.index(name)
    wanted = {}
    if place > 0:
        wanted["Previous"] = f"{names[place - 1]}.ipynb"
    if place + 1 < len(names):
        wanted["Next"] = f"{names[place + 1]}.ipynb"
    last = notebook.cells[-1] if notebook.cells else None
    if last is None or last.cell_type != "markdown":
        return ["the last cell is not prose"]
    there = dict(re.findall(r"\b(Previous|Next): *\[[^\]]+\]\(([^)]+)\)", last.source))
    return [] if there == wanted else [f"the last cell links {there}; the neighbours are {wanted}"]


def links(notebook: NotebookNode, folder: Path) -> list[str]:
    """Every link and picture to a file leads somewhere."""
    found = []
    for text in prose(notebook):
        targets = LINK.findall(text) + [target for _, target in PICTURE.findall(text)]
        for target in targets:
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (folder / target.split("#")[0]).exists():
                found.append(f"the link to {target} leads nowhere")
    return found


def alt_texts(notebook: NotebookNode) -> list[str]:
    """Every picture is described in words, in prose and in outputs."""
    found = []
    for text in prose(notebook):
        found += [
            f"picture {target} has no words"
            for alt, target in PICTURE.findall(text)
            if not alt.strip()
        ]
        found += [
            f"{tag} has no alt text" for tag in IMG_TAG.findall(text) if not IMG_ALT.search(tag)
        ]
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            for mime in ("image/png", "image/jpeg"):
                alt = output.get("metadata", {}).get(mime, {}).get("alt", "")
                if mime in output.get("data", {}) and len(alt) < SHORTEST_ALT:
                    found.append(f"cell {index} shows a picture without alt text (plots.show)")
    return found
