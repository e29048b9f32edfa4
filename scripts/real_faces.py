"""Runs the notebooks on FER2013 and on FERPlus, and compares what they write with tests/real/.

The committed notebooks ran on drawn faces; here it shows where code or prose holds only there. A
reference is a text file for each notebook and data set: what every code cell wrote, and no picture.
Words and integers must be the same, other numbers to the cell's tolerance (tests/nbcompare.py).

    python -m scripts.real_faces                         every notebook on both
    python -m scripts.real_faces --dataset ferplus 05    one on one
    python -m scripts.real_faces --update 05             write its references anew
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from nbformat import NotebookNode

from fer_utils import data
from fer_utils.errors import FerError
from scripts import notebooks
from tests import nbcompare

REFERENCES = notebooks.ROOT / "tests" / "real"
DATASETS = ("fer2013", "ferplus")
WANTED = (
    "This needs all of FER2013 with FERPlus's votes: put fer2013.csv (`python -m fer_utils data "
    "fer2013` says how to get it) and fer2013new.csv (`python -m fer_utils data ferplus`) into "
    "FOLDER/fer2013/, and set FER_UTILS_DATA=FOLDER."
)
OPENS = ">>> "  # a cell's first line, in a reference
UPDATE = "if that is as it should be, write the reference anew with --update (UPDATE=1)"


@dataclass(frozen=True)
class Written:
    """What one code cell wrote: the cell's first line, its outputs' texts, their tolerance."""

    title: str
    text: str
    relative: float = nbcompare.TOLERANCE


def written(notebook: NotebookNode) -> list[Written]:
    """Return what the code cells of a notebook that was run wrote, as far as it is compared."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.outputs:
            title = cell.source.split("\n")[0].rstrip()
            found.append(Written(title, _text(cell), nbcompare.tolerance(cell)))
    return found


def _text(cell: NotebookNode) -> str:
    """Return the texts of a cell's outputs, indented below what each of them is."""
    tags = cell.metadata.get("tags", [])
    if any(tag in nbcompare.UNCOMPARED_TAGS for tag in tags):
        return f"(not compared: {cell.metadata.reason})"
    lines = []
    for output in cell.outputs:
        if output.get("name") == "stderr" and "stderr" in tags:
            continue
        texts = dict(sorted(nbcompare.texts(output).items()))  # kernels send them in any order
        if "alt text" in texts:
            texts.pop("text/plain", None)  # says the same
        kind, names = nbcompare.kind(output), ", ".join(texts)
        lines.append(kind if names == kind else f"{kind}: {names}")
        for text in texts.values():
            lines += [f"    {line}".rstrip() for line in text.splitlines()]
    return "\n".join(lines)


def as_reference(cells: list[Written]) -> str:
    """Return the text of a reference."""
    return "".join(
        f"{OPENS}{cell.title}\n" + "".join(f"{line}\n" for line in cell.text.splitlines()) + "\n"
        for cell in cells
    )


def differences(reference: str, cells: list[Written]) -> list[str]:
    """Say which cells wrote something else than the reference has (an empty list: none)."""
    blocks = f"\n{reference}".split(f"\n{OPENS}")[1:]
    stored = [block.partition("\n")[::2] for block in blocks]
    titles = [title for title, _ in stored]
    if titles != [cell.title for cell in cells]:
        pairs = zip([*titles, None], [*(cell.title for cell in cells), None], strict=False)
        ours, theirs = next(pair for pair in pairs if pair[0] != pair[1])
        return [f"other cells write something:\n  stored: {ours}\n  re-run: {theirs}"]
    found = []
    for (title, text), cell in zip(stored, cells, strict=True):
        difference = nbcompare.text_difference(text.rstrip(), cell.text, cell.relative)
        if difference:
            found.append(f"{OPENS}{title}\n{difference}")
    return found


def problems(notebook: NotebookNode) -> list[str]:
    """Say which cells wrote on stderr without being tagged for it, and which solutions fail."""
    refused = [
        f"{OPENS}{cell.source.splitlines()[0]}\na solution that fails on this data set: {text}"
        for cell in notebook.cells
        if notebooks.SOLUTION in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
        if (text := nbcompare.texts(output).get("text/plain", "")).startswith("Not yet: ")
    ]
    return refused + [
        f"{OPENS}{cell.source.splitlines()[0]}\nwrote on stderr: {output.text}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr" and "stderr" not in cell.metadata.get("tags", [])
    ]


def passed_over(source: NotebookNode) -> str | None:
    """Say why a notebook need not be run on another data set, or None where it must."""
    code = [cell.source for cell in source.cells if cell.cell_type == "code"]
    asks = any("DATASET" in text for text in code[1:])  # the first one sets it
    return None if asks else "no cell behind the set-up cell names DATASET"


def check(name: str, dataset: str, update: bool) -> str | None:
    """Run a notebook on a data set; return what is wrong, or None. Prints as it goes."""
    notebook = notebooks.read_source(notebooks.SOURCES / f"{name}.py")
    print(f"{name} on {dataset}: ", end="", flush=True)
    reason = passed_over(notebook)
    if reason:
        print(f"passed over, {reason}")
        return None
    started = time.perf_counter()
    try:
        notebooks.execute(notebook, name, dataset, on_cell=_progress(len(notebook.cells)))
        found = problems(notebook) or _compare(name, dataset, written(notebook), update)
    except notebooks.NotebookFailed as error:
        found = [str(error)]
    seconds = time.perf_counter() - started
    print(f"{'DIFFERS' if found else 'written' if update else 'agrees'}, {seconds:.0f} s")
    return "\n".join(found) or None


def _progress(cells: int) -> Callable[[int], None] | None:
    """Return what shows the cell that runs, where a person is watching."""

    def show(index: int) -> None:
        note = f"cell {index} of {cells}"
        print(note + "\b" * len(note), end="", flush=True)

    return show if sys.stdout.isatty() else None


def _compare(name: str, dataset: str, cells: list[Written], update: bool) -> list[str]:
    path = REFERENCES / f"{name[:2]}_{dataset}.txt"
    if update:
        notebooks.write(path, as_reference(cells))
        return []
    if not path.exists():
        return [f"there is no {path.relative_to(notebooks.ROOT)}; {UPDATE}"]
    return differences(path.read_text(encoding="utf-8"), cells)


def need_data() -> None:
    """Raise a FerError unless all faces that the references were made on are there."""
    for name in DATASETS:
        try:
            data.check(name)
        except FerError:
            raise FerError(WANTED) from None
    faces = data.load("fer2013", progress=False)
    if len(faces) != data.catalog.CARDS["fer2013"].expected["faces"] or faces.votes is None:
        raise FerError(f"Found {faces}. {WANTED}")


def main(argv: list[str] | None = None) -> int:
    """Compare notebooks with their references; return 1 where one differs, 2 without the data."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="numbers or names, e.g. 05 (default: all)")
    parser.add_argument("--dataset", choices=DATASETS, help="this one only")
    parser.add_argument("--update", action="store_true", help="write the references")
    options = parser.parse_args(argv)
    try:
        need_data()
        sources = sorted(path.stem for path in notebooks.SOURCES.glob("*.py"))
        names = notebooks.chosen(options.names, sources)
    except (FerError, notebooks.NotebookFailed) as error:
        print(error, file=sys.stderr)
        return 2
    wrong = {}
    started = time.perf_counter()
    try:
        for name in names:
            for dataset in [options.dataset] if options.dataset else DATASETS:
                found = check(name, dataset, options.update)
                if found:
                    wrong[f"{name} on {dataset}"] = found
                    print(found, flush=True)
    except KeyboardInterrupt:
        print("interrupted")
        return 130
    print(f"{time.perf_counter() - started:.0f} s in all;", end=" ")
    print(f"{len(wrong)} wrong: {', '.join(wrong)}; {UPDATE}" if wrong else "nothing is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
