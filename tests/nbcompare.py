"""When is a re-run notebook the same? Plain functions, which conftest.py hands to nbval.

Words, integers, and the order and kind of outputs must be the same; a number with a point or an
exponent may differ by a relative 1e-4 (or what the cell's tag `tolerance:...` allows). Pictures
and widgets are compared by presence, a picture's alt text as text.
"""

import json
import math
import re
from pathlib import Path

from nbformat import NotebookNode

from scripts import notebooks

TOLERANCE = 1e-4
LOOSEST_TOLERANCE = 0.25

# How many cells may go uncompared (tags nbval-ignore-output and nbval-skip).
MOST_UNCOMPARED = 8
MOST_UNCOMPARED_PER_NOTEBOOK = 2

UNCOMPARED_TAGS = ("nbval-ignore-output", "nbval-skip")
KNOWN_TAGS = (*UNCOMPARED_TAGS, "raises-exception", "stderr")
# What the checks of an exercise (fer_lab.check) must say of its two cells: needs no reason.
VERDICTS = {notebooks.STARTER: "Not yet: ", notebooks.SOLUTION: "Right. "}
SHORTEST_REASON = 15

# A widget's text/plain is its repr, in which pictures stand as bytes.
WIDGET = "application/vnd.jupyter.widget-view+json"
NOT_TEXT = ("image/png", "image/jpeg", "image/svg+xml", WIDGET)

# A number; not the digits that end a word (mini_xception2), nor those of a version (1.2.3).
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3}(?!\d))?(?!\d|\.\d)")
MARKER = re.compile(r"^\s*#+\s*(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.MULTILINE)


def tolerance(cell: NotebookNode) -> float:
    """The relative tolerance of a cell's numbers."""
    for tag in cell.metadata.get("tags", []):
        if tag.startswith("tolerance:"):
            return float(tag.removeprefix("tolerance:"))
    return TOLERANCE


def text_difference(expected: str, got: str, relative: float = TOLERANCE) -> str | None:
    """Say how two texts differ, or None where they agree."""
    words, numbers = _split(expected)
    other_words, other_numbers = _split(got)
    if words != other_words:
        return f"the words differ:\n{_first_unlike_line(expected, got)}"
    for ours, theirs in zip(numbers, other_numbers, strict=True):
        if not _same_number(ours, theirs, relative):
            return f"{ours} became {theirs} (relative tolerance {relative:g})"
    return None


def _split(text: str) -> tuple[list[str], list[str]]:
    """Split a text into what stands between its numbers, and the numbers."""
    numbers = [match.group() for match in NUMBER.finditer(text)]
    return NUMBER.sub("\0", text).split("\0"), numbers


def _same_number(ours: str, theirs: str, relative: float) -> bool:
    if _is_integer(ours) or _is_integer(theirs):
        return ours == theirs
    return math.isclose(float(ours), float(theirs), rel_tol=relative, abs_tol=0.0)


def _is_integer(number: str) -> bool:
    """Also "5.", which may end a sentence."""
    return number.lstrip("+-").rstrip(".").isdigit()


def _first_unlike_line(expected: str, got: str) -> str:
    ours, theirs = expected.splitlines(), got.splitlines()
    length = max(len(ours), len(theirs))
    ours += ["<nothing>"] * (length - len(ours))
    theirs += ["<nothing>"] * (length - len(theirs))
    pairs = zip(ours, theirs, strict=True)
    unlike = [pair for pair in pairs if NUMBER.sub("0", pair[0]) != NUMBER.sub("0", pair[1])]
    pair = unlike[0] if unlike else (repr(expected), repr(got))
    return f"  stored: {pair[0]}\n  re-run: {pair[1]}"


def output_difference(
    expected: list[NotebookNode], got: list[NotebookNode], relative: float, stderr: bool = False
) -> str | None:
    """Say how a cell's outputs (streams already joined) differ, or None where they agree.

    `stderr` says that the cell may write there; what it writes is not compared.
    """
    if stderr:
        expected = [out for out in expected if out.get("name") != "stderr"]
        got = [out for out in got if out.get("name") != "stderr"]
    kinds, other_kinds = [kind(out) for out in expected], [kind(out) for out in got]
    if kinds != other_kinds:
        return f"the outputs are of another kind:\n  stored: {kinds}\n  re-run: {other_kinds}"
    for number, (ours, theirs) in enumerate(zip(expected, got, strict=True), start=1):
        our_texts, their_texts = texts(ours), texts(theirs)
        if our_texts.keys() != their_texts.keys():
            return f"output {number} has {sorted(their_texts)} in place of {sorted(our_texts)}"
        for key, text in our_texts.items():
            difference = text_difference(text, their_texts[key], relative)
            if difference:
                return f"output {number}, {key}: {difference}"
    return None


def kind(output: NotebookNode) -> str:
    """Which stream an output is, or which formats it comes in."""
    if output.output_type == "stream":
        return output.name
    return " ".join([output.output_type, *sorted(output.get("data", {}))])


def texts(output: NotebookNode) -> dict[str, str]:
    """What of an output is compared as text, by name."""
    if output.output_type == "stream":
        return {output.name: output.text}
    if output.output_type == "error":
        return {"exception": f"{output.ename}: {output.evalue}"}
    left_out = {*NOT_TEXT, "text/plain"} if WIDGET in output.data else NOT_TEXT
    found = {
        mime: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for mime, value in output.data.items()
        if mime not in left_out
    }
    alt = output.get("metadata", {}).get("image/png", {}).get("alt")
    return found if alt is None else {**found, "alt text": alt}


def cell_problems(cell: NotebookNode) -> list[str]:
    """Say what is wrong with a stored code cell before it is run."""
    tags = cell.metadata.get("tags", [])
    problems = []
    if cell.execution_count is None:
        problems.append("was never run (no execution count): there is nothing to compare with")
    if MARKER.search(cell.source):
        problems.append("has a comment that steers nbval; use a tag with a reason")
    for tag in tags:
        problems += _tag_problems(tag)
    for tag, verdict in VERDICTS.items():
        if tag in tags and not _said(cell).startswith(verdict):
            problems.append(f"is tagged {tag!r}, and its check did not say {verdict!r}")
    with_reason = [tag for tag in tags if tag not in VERDICTS]
    if with_reason and len(str(cell.metadata.get("reason", ""))) < SHORTEST_REASON:
        problems.append(f'is tagged {tags} without saying why; add reason="..." to its metadata')
    if "stderr" not in tags and any(out.get("name") == "stderr" for out in cell.outputs):
        problems.append("wrote on stderr")
    raised = any(out.output_type == "error" for out in cell.outputs)
    if raised != ("raises-exception" in tags):
        problems.append("raised" if raised else "is tagged raises-exception and raised nothing")
    return problems


def _said(cell: NotebookNode) -> str:
    """Return the value of a cell's last line, as text."""
    values = [out.data.get("text/plain", "") for out in cell.outputs if "data" in out]
    return values[-1] if values else ""


def _tag_problems(tag: str) -> list[str]:
    if tag.startswith("tolerance:"):
        try:
            value = float(tag.removeprefix("tolerance:"))
        except ValueError:
            return [f"has the tag {tag!r}, which holds no number"]
        fits = TOLERANCE < value <= LOOSEST_TOLERANCE
        return [] if fits else [f"has the tag {tag!r}: at most {LOOSEST_TOLERANCE} is allowed"]
    known = (*KNOWN_TAGS, *VERDICTS)
    return [] if tag in known else [f"has the tag {tag!r}; known are {known}"]


def uncompared(notebook: NotebookNode) -> int:
    """Count the cells whose outputs are not compared."""
    return sum(
        any(tag in UNCOMPARED_TAGS for tag in cell.metadata.get("tags", []))
        for cell in notebook.cells
    )


def notebook_problems(notebook: NotebookNode, path: Path) -> list[str]:
    """Say what makes a stored notebook unfit to be compared, its source included."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    problems = [
        f"code cell {number} {problem}"
        for number, cell in enumerate(code)
        for problem in cell_problems(cell)
    ]
    counts = [cell.execution_count for cell in code]
    if None not in counts and counts != list(range(1, len(code) + 1)):
        problems.append(f"cells were not run once each, from top to bottom: {counts}")
    if uncompared(notebook) > MOST_UNCOMPARED_PER_NOTEBOOK:
        problems.append(f"more than {MOST_UNCOMPARED_PER_NOTEBOOK} cells are not compared")
    return problems + _source_problems(notebook, path)


def _source_problems(notebook: NotebookNode, path: Path) -> list[str]:
    source = path.parent / "src" / f"{path.stem}.py"
    if not source.parent.is_dir():
        return []
    if not source.exists():
        return [f"there is no source src/{source.name}"]
    found = notebooks.differences(notebooks.read_source(source), notebook)
    return [f"{problem} (run `make notebooks`)" for problem in found]
