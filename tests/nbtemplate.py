"""What every notebook must hold: the template, as functions that return a list of problems."""

import ast
import re
from pathlib import Path
from statistics import median

from nbformat import NotebookNode

from scripts import notebooks

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
        *exercises(notebook, int(path.stem[:2])),
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


def exercises(notebook: NotebookNode, number: int) -> list[str]:
    """Exercises 1, 2, ...: how hard, hints, a cell to begin in with its check, a solution."""
    parts = by_exercise(notebook)
    found = []
    if len(parts) < 2 or list(parts) != list(range(1, len(parts) + 1)):
        found.append(f"exercises are numbered {list(parts)}; two or more belong, from 1 on")
    for index, cells in parts.items():
        text = cells[0].source
        if not re.search(rf"^### Exercise {index}: .+ \((easy|medium|hard)\)$", text, re.MULTILINE):
            found.append(f"exercise {index} does not say (easy), (medium) or (hard)")
        if not all(f"<summary>Hint {hint}</summary>" in text for hint in (1, 2)):
            found.append(f"exercise {index} has no two hints")
        call = f"check.ex{number}_{index}("
        for tag in (notebooks.STARTER, notebooks.SOLUTION):
            code = [c.source for c in cells if c.cell_type == "code" and tag in tags(c)]
            if len(code) != 1 or not code[0].splitlines()[-1].startswith(call):
                found.append(f"exercise {index} has no {tag} cell that ends in {call}...)")
        told = [c for c in cells if c.cell_type == "markdown" and notebooks.SOLUTION in tags(c)]
        if len(told) != 1 or "<summary>Solution</summary>" not in told[0].source:
            found.append(f"exercise {index} has no folded solution in a cell of its own")
    return found + left_behind(notebook)


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])


def by_exercise(notebook: NotebookNode) -> dict[int, list[NotebookNode]]:
    """The cells of each exercise: from its heading to the next heading in a cell that follows."""
    parts: dict[int, list[NotebookNode]] = {}
    here = None
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (heads := HEADING.findall(FENCE.sub("", cell.source))):
            match = re.match(r"Exercise (\d+)\b", heads[-1][1])
            here = int(match[1]) if match else None
        if here is not None:
            parts.setdefault(here, []).append(cell)
    return parts


def left_behind(notebook: NotebookNode) -> list[str]:
    """Names that only a solution binds and a later cell uses: students' editions would fail."""
    bound: set[str] = set()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        code = "\n".join(line for line in cell.source.splitlines() if line[:1] not in "%!")
        names = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Name)]
        stored = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        if notebooks.SOLUTION in tags(cell):
            bound |= stored
        elif missing := {n.id for n in names} & bound - stored:
            return [f"{', '.join(sorted(missing))} of a solution is used by a later cell"]
        else:
            bound -= stored
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
