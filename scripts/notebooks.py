"""Builds the notebooks: notebooks/src/NN_name.py (what people edit) -> notebooks/NN_name.ipynb.

A source is in jupytext's percent format: `# %% [markdown]` opens a prose cell, `# %%` a code cell,
and `# %% tags=["tolerance:1e-2"] reason="..."` a code cell that is compared less strictly. Building
runs the notebook from top to bottom in a fresh kernel and writes it with its outputs; what a
notebook must hold is listed, as tests, in tests/nbtemplate.py.

    python -m scripts.notebooks                  build what is out of date
    python -m scripts.notebooks --force 03 04    build these two again
    python -m scripts.notebooks --execute-only --dataset fer2013 --out runs/fer2013 01 04
                                                 run the committed notebooks on another data set;
                                                 web pages and figures go to --out
"""

import argparse
import base64
import copy
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from scripts import references

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
SOURCES = NOTEBOOKS / "src"

# What a person writes into a cell's metadata; everything else there is left out.
CELL_METADATA = ("tags", "reason")

# The cells of an exercise: where a student begins, and what the student edition leaves out
# (scripts/student.py). JupyterLab opens the code of a solution folded.
STARTER, SOLUTION = "starter", "solution"

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)

# nbconvert's page for notebooks leaves the alt text of a figure out; this one puts it in, and under
# the figure with a number. Formulas are MathML already, so no MathJax is fetched.
PAGE_WITH_ALT_TEXT = """{% extends 'lab/index.html.j2' %}
{% block html_head_css %}{{ super() }}
<style>
body { counter-reset: figure; }
figure.picture { margin: 0; counter-increment: figure; }
figure.picture figcaption { font-size: 85%; opacity: 0.8; max-width: 50em; }
figure.picture figcaption::before { content: "Figure " counter(figure) ". "; }
</style>
{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block data_png %}
{%- set width = output | get_metadata('width', 'image/png') -%}
{%- set alt = (output | get_metadata('alt', 'image/png') or 'figure') | escape_html -%}
<figure class="picture jp-RenderedImage jp-OutputArea-output">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
 {% if width %}width="{{ width | escape_html }}"{% endif %} alt="{{ alt }}">
<figcaption aria-hidden="true">{{ alt }}</figcaption>
</figure>
{% endblock %}
"""

# Code, which is left alone; a formula on its own; a formula in a line.
FORMULA = re.compile(r"(```.*?```|`[^`]*`)|\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)


class NotebookFailed(Exception):
    """A cell raised, or the kernel died; the message names notebook and cell."""


def kernel_environment(dataset: str | None = None) -> dict[str, str]:
    """Return the environment kernels run in, so that a number comes out the same every time.

    One thread (sums have one order), a fixed hash seed (sets have one order), figures inline, no
    bars that come where something takes long, which depends on the machine.
    `dataset` overrides the data set that the notebooks' set-up cell names.
    """
    environment = dict(os.environ)
    environment.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    environment["PYTHONHASHSEED"] = "0"
    environment["TQDM_DISABLE"] = "1"
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # what a person works with: a data set, a dark theme, a kernel of JupyterLab's
    for name in ("FER_UTILS_DATASET", "FER_UTILS_THEME", "JPY_SESSION_NAME"):
        environment.pop(name, None)
    if dataset:
        environment["FER_UTILS_DATASET"] = dataset
    return environment


def read_source(path: Path) -> NotebookNode:
    """Return the notebook that a percent-format source describes, without outputs."""
    import jupytext  # only building needs it; `make tour` runs without

    notebook = jupytext.read(path, fmt="py:percent")
    for cell in notebook.cells:
        cell.metadata = written_metadata(cell)
    return references.link_notebook(notebook)


def written_metadata(cell: NotebookNode) -> NotebookNode:
    """Return the part of a cell's metadata that its author wrote: tags and the reason for them."""
    kept = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
    return nbformat.from_dict(kept)


def differences(source: NotebookNode, built: NotebookNode) -> list[str]:
    """Say where a built notebook is not what its source describes (an empty list: nowhere)."""
    found = []
    if len(source.cells) != len(built.cells):
        found.append(f"{len(source.cells)} cells in the source, {len(built.cells)} in the notebook")
    for index, (ours, theirs) in enumerate(zip(source.cells, built.cells, strict=False)):
        if ours.cell_type != theirs.cell_type:
            found.append(f"cell {index} is {theirs.cell_type}, its source says {ours.cell_type}")
        elif ours.source != theirs.source:
            found.append(f"cell {index} has another text than its source")
        elif written_metadata(ours) != written_metadata(theirs):
            found.append(f"cell {index} has other tags (or reason) than its source")
    return found


def out_of_date(source: NotebookNode, path: Path) -> bool:
    """Say whether the notebook at `path` is missing, unlike its source, or was never run."""
    if not path.exists():
        return True
    built = nbformat.read(path, as_version=4)
    unrun = any(c.cell_type == "code" and c.execution_count is None for c in built.cells)
    return unrun or bool(differences(source, built))


def execute(
    notebook: NotebookNode,
    name: str,
    dataset: str | None = None,
    on_cell: Callable[[int], None] | None = None,
) -> list[float]:
    """Run all cells in a fresh kernel (in place); return the seconds each cell took.

    `on_cell` is told the position of each code cell as it starts.

    Raises:
        NotebookFailed: a cell raised without being tagged `raises-exception`, or the kernel died.
        KeyboardInterrupt: Ctrl-C; the kernel has been stopped.
    """
    started: dict[int, float] = {}
    seconds = [0.0] * len(notebook.cells)

    def start(cell: NotebookNode, cell_index: int) -> None:
        started[cell_index] = time.perf_counter()
        if on_cell:
            on_cell(cell_index)

    def stop(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        seconds[cell_index] = time.perf_counter() - started[cell_index]

    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        on_cell_execute=start,
        on_cell_executed=stop,
    )
    try:
        client.execute(env=kernel_environment(dataset))
    except Exception as error:
        if hasattr(client, "_async_cleanup_kernel_future"):  # made by nbclient at Ctrl-C
            raise KeyboardInterrupt from None
        if not isinstance(error, CellExecutionError | DeadKernelError):
            raise
        index = max(started, default=0)
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise NotebookFailed(f"{name}, cell {index}: {reason}") from error
    return seconds


def normalise(notebook: NotebookNode, name: str) -> NotebookNode:
    """Return the notebook without what changes from run to run: ids, times, kernel details."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            # whole, as the kernel tells it: JupyterLab would add what is missing, and call the
            # notebook changed before anybody has typed
            "language_info": notebook.metadata.get("language_info", {"name": "python"}),
            **{key: notebook.metadata[key] for key in ("widgets",) if key in notebook.metadata},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for index, cell in enumerate(notebook.cells):
        cell.id = f"{name[:2]}-{index:03d}"
        cell.metadata = written_metadata(cell)
        if cell.cell_type == "code" and SOLUTION in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
    return number_widgets(notebook)


def number_widgets(notebook: NotebookNode) -> NotebookNode:
    """Replace the random ids of widgets by numbers, in the order the widgets were made."""
    by_mime = notebook.metadata.get("widgets", {})
    ids = [key for state in by_mime.values() for key in state.get("state", {})]
    numbers = {model_id: f"{number:032x}" for number, model_id in enumerate(ids)}
    if not numbers:
        return notebook
    pattern = re.compile("|".join(map(re.escape, numbers)))
    text = pattern.sub(lambda match: numbers[match.group()], json.dumps(notebook))
    return nbformat.from_dict(json.loads(text))


def write(path: Path, text: str | bytes) -> None:
    """Write a file whole or not at all: under another name first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8") if isinstance(text, str) else text
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def as_page(notebook: NotebookNode) -> str:
    """Return the notebook as one web page that needs no network.

    Figures are embedded, with their alt text; formulas become MathML.
    """
    from jinja2 import DictLoader
    from nbconvert import HTMLExporter

    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = with_mathml(cell.source)
    loader = DictLoader({"alt.html.j2": PAGE_WITH_ALT_TEXT})
    exporter = HTMLExporter(template_file="alt.html.j2", extra_loaders=[loader])
    return exporter.from_notebook_node(notebook)[0]


def with_mathml(text: str) -> str:
    """Return Markdown with its formulas as MathML, which browsers draw by themselves."""
    from latex2mathml.converter import convert

    def written(found: re.Match) -> str:
        code, alone, inline = found.groups()
        if code:
            return code
        math = convert(alone or inline, display="block" if alone else "inline")
        # a page in HTML needs no name space, and nbconvert would rename the tags in headings
        return math.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")

    return FORMULA.sub(written, text)


def figures_of(notebook: NotebookNode) -> list[bytes]:
    """Return the PNG figures of a notebook in order."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    pictures = [out.data["image/png"] for out in outputs if "image/png" in out.get("data", {})]
    return [base64.b64decode(picture) for picture in pictures]


def report(name: str, notebook: NotebookNode, seconds: list[float]) -> str:
    """Say how long a notebook took and which cell was the slowest."""
    slowest = max(range(len(seconds)), key=seconds.__getitem__)
    first_line = notebook.cells[slowest].source.strip().split("\n")[0]
    return (
        f"{name}: {sum(seconds):.1f} s; slowest cell {slowest}, "
        f"{seconds[slowest]:.1f} s: {first_line[:60]}"
    )


def build(name: str, force: bool) -> str:
    """Build one notebook where it is out of date; return a line that says what was done."""
    source = read_source(SOURCES / f"{name}.py")
    path = NOTEBOOKS / f"{name}.ipynb"
    if not force and not out_of_date(source, path):
        return f"{name}: up to date"
    seconds = execute(source, name)
    write(path, nbformat.writes(normalise(source, name)) + "\n")
    return report(name, source, seconds)


def execute_only(name: str, dataset: str | None, out: Path) -> str:
    """Run a committed notebook as it is; leave notebook, web page and figures in `out`."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    seconds = execute(notebook, name, dataset)
    write(out / f"{name}.ipynb", nbformat.writes(normalise(notebook, name)) + "\n")
    write(out / f"{name}.html", as_page(notebook))
    figures = figures_of(notebook)
    for number, figure in enumerate(figures, start=1):
        write(out / "figures" / f"{name}_{number:02d}.png", figure)
    return (
        report(name, notebook, seconds)
        + f"\n  page     {(out / name).resolve()}.html"
        + f"\n  figures  {len(figures)} PNG files in {(out / 'figures').resolve()}"
    )


def chosen(prefixes: list[str], available: list[str]) -> list[str]:
    """Return the names that start with one of the prefixes ("03" or "03_arch"), or all of them."""
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in available):
            raise NotebookFailed(f"no notebook starts with {prefix!r}; there are {available}")
    return [name for name in available if not prefixes or name.startswith(tuple(prefixes))]


def main(argv: list[str] | None = None) -> int:
    """Build or run notebooks; return 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="numbers or names, e.g. 03 (default: all)")
    parser.add_argument("--force", action="store_true", help="build also what is up to date")
    parser.add_argument("--execute-only", action="store_true", help="change no committed notebook")
    parser.add_argument("--dataset", help="with --execute-only: this data set instead of facs3d")
    parser.add_argument("--out", type=Path, default=ROOT / "runs", help="with --execute-only")
    options = parser.parse_args(argv)
    if options.dataset and not options.execute_only:
        parser.error("--dataset goes with --execute-only: committed notebooks are built on facs3d")

    folder, suffix = (NOTEBOOKS, "*.ipynb") if options.execute_only else (SOURCES, "*.py")
    failed = False
    try:
        names = chosen(options.names, sorted(path.stem for path in folder.glob(suffix)))
    except NotebookFailed as error:
        parser.error(str(error))
    for name in names:
        try:
            if options.execute_only:
                print(execute_only(name, options.dataset, options.out), flush=True)
            else:
                print(build(name, options.force), flush=True)
        except NotebookFailed as error:
            failed = True
            print(f"FAILED, the old notebook was left as it is\n{error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
