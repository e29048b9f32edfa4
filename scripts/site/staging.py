"""Lays out what Sphinx reads: pages and notebooks as the repository has them, made fit for a site.

Folders stay where they are to each other, so that links between pages, notebooks, figures and files
hold as they are written.
"""

import base64
import copy
import re
import shutil
from html import escape
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from scripts import slides
from scripts.notebooks import NOTEBOOKS, ROOT, SOLUTION
from scripts.site import api, explorers, graph

# In the guide a lecture's source is named; on the site it is the lecture.
LECTURE = re.compile(r"\[([^\]]+)\]\(slides/(\w+)\.md\)")
FOLDERS = ("docs", "figures", "findings")
FILES = ("*.md", "LICENSE", "NOTICE", "CITATION.cff", "REFERENCES.bib")
NEEDS_KERNEL = "Needs a running notebook: <code>make lab</code>, then this one."
WORKS_HERE = (
    "This works without Python. Other {others} need a running notebook: <code>make lab</code>."
)
CELL_WIDTH = 100  # characters of a cell that a page has room for
CAPTION = 300  # characters below a figure, the rest of its alt text is folded away
COLUMNS = re.compile(r"\S {2,}(?=\S)")  # what stands between two columns of a printed table
OTHERS = {
    "pointer": "faces, nets and squares, and your own photograph,",
    "matrix": "numbers in the cells, further pages of faces, and nets of your own",
}


def stage(folder: Path) -> None:
    """Write all sources of the site into a new folder, and beside them `whole`, copied as it is."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    for pattern in FILES:
        for path in ROOT.glob(pattern):
            shutil.copy(path, folder)
    for path in folder.rglob("*.md"):
        path.write_text(no_comments(path.read_text(encoding="utf-8")), encoding="utf-8")
    explorers.write(folder, "index.md", landing())
    shutil.rmtree(folder / "docs" / "site")
    shown = folder / "whole" / "explorers"
    for name in explorers.LIVE:
        explorers.write(shown, f"{name}.js", explorers.program(name))
        shutil.copy(explorers.HERE / f"{name}.css", shown)
    shutil.copy(ROOT / "docs" / "site" / "static" / "mount.js", shown)
    gallery = explorers.gallery()
    explorers.write(shown, "gallery.js", explorers.script("gallery", gallery))
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        staged = Staged(path.stem, notebook, folder / "notebooks", shown)
        explorers.write(folder / "notebooks", path.name, nbformat.writes(staged.notebook))
    for name, text in api.pages().items():
        explorers.write(folder / "api", name, text)
    for path in folder.glob("docs/**/*.md"):
        up = "../" * len(path.relative_to(folder).parts[:-1])
        names = {page.stem[:2]: page.stem for page in NOTEBOOKS.glob("*.ipynb")}
        addresses = {number: f"{up}notebooks/{name}.html" for number, name in names.items()}
        text = path.read_text(encoding="utf-8")
        text = LECTURE.sub(rf'<a href="{up}slides/\2.html">\1</a>', text)
        path.write_text(graph.drawn(text, addresses), encoding="utf-8")
    for path in sorted(slides.LECTURES.glob("*.md")):
        explorers.write(folder / "whole" / "slides", f"{path.stem}.html", slides.lecture(path))


def no_comments(text: str) -> str:
    """Escape a % that begins a line: MyST would leave the line out, and what it says is lost."""
    return re.sub(r"^%(?= )", r"\%", text, flags=re.MULTILINE)


def are_sentences(text: str) -> bool:
    """Return whether what is too wide in a printed text is prose, which may be wrapped."""
    wide = [line for line in text.splitlines() if len(line) > CELL_WIDTH]
    return bool(wide) and all(len(COLUMNS.findall(line)) < 2 for line in wide)


def landing() -> str:
    """Return the first page: the table of notebooks is README's, and the menu has their numbers."""
    page, readme = (
        path.read_text(encoding="utf-8")
        for path in (ROOT / "docs" / "site" / "index.md", ROOT / "README.md")
    )
    rows = re.findall(
        r"^\| (\d\d) \| \[(.+)\]\((notebooks/.+)\.ipynb\) \|.*$", readme, re.MULTILINE
    )
    table = re.search(r"^\| \| notebook .*?\n\n", readme, re.MULTILINE | re.DOTALL)
    entries = "\n".join(f"{number} {title} <{name}>" for number, title, name in rows)
    menu = f"```{{toctree}}\n:hidden:\n:caption: Notebooks\n\n{entries}\n```\n"
    return page.replace("NOTEBOOKS\n", f"{table[0] if table else ''}{menu}")


class Staged:
    """A notebook as its page shows it: figures as files with words, explorers that work.

    Attributes:
        notebook: it; the one that was given is left as it is.
    """

    def __init__(self, name: str, notebook: NotebookNode, folder: Path, shown: Path):
        """Make a copy fit for the site.

        Args:
            name: of the notebook.
            notebook: as it ran.
            folder: for its figures.
            shown: for the data of its explorers.
        """
        self.notebook, self._folder, self._shown = copy.deepcopy(notebook), folder, shown
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type != "code":
                cell.source = no_comments(cell.source)
                continue
            if SOLUTION in cell.metadata.get("tags", []):
                self._tag(cell, "hide-cell")
            if any(are_sentences(output.get("text", "")) for output in cell.outputs):
                self._tag(cell, "sentences")
            for k, output in enumerate(cell.outputs):
                self._fit(output, f"{name[:2]}-{index:03d}-{k}")
        self.notebook.metadata.pop("widgets", None)

    @staticmethod
    def _tag(cell: NotebookNode, tag: str) -> None:
        cell.metadata.tags = [*cell.metadata.get("tags", []), tag]

    def _fit(self, output: NotebookNode, key: str) -> None:
        bundle = output.get("data", {})
        if explorers.VIEW in bundle:
            still = self._picture(output, f"{key}.png") if "image/png" in bundle else ""
            output.data = nbformat.from_dict({"text/markdown": self._widget(output, key, still)})
        elif "image/png" in bundle:
            said = caption(output.metadata.get("image/png", {}).get("alt", ""))
            words = f"{self._picture(output, f'{key}.png')}\n\n{said}\n"
            output.data = nbformat.from_dict({"text/markdown": words})

    def _picture(self, output: NotebookNode, file: str) -> str:
        """Write a figure to a file; return it in Markdown, with its alt text and its size."""
        folder = self._folder / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(base64.b64decode(output.data["image/png"]))
        about = output.metadata.get("image/png", {})
        alt = re.sub(r"([\[\]\\`*_<$])", r"\\\1", about.get("alt", "a figure"))
        width = f"{{width={about['width']}px}}" if "width" in about else ""
        return f"![{alt}](pictures/{file}){width}"

    def _widget(self, output: NotebookNode, key: str, still: str) -> str:
        """Return a place for an explorer that works; of another widget the still figure, if any."""
        found = explorers.stored(self.notebook, output)
        module, model = found or ("", {})
        more = explorers.matrices(model) if module == "matrix" else {}
        if not module or more is None:
            return f'{still}\n\n<p class="needs-kernel">{NEEDS_KERNEL}</p>\n'
        spec = {"module": module, "model": model, **more}
        explorers.write(self._shown, f"{key}.js", explorers.script(key, spec))
        return place(key, still, module, "../")


def caption(alt: str) -> str:
    """Return what stands below a figure, in HTML: its alt text, after a sentence folded if long."""
    first, _, rest = (escape(part) for part in alt.partition(". "))
    if len(alt) <= CAPTION or not rest:
        return f'<p class="words" aria-hidden="true">{escape(alt)}</p>'
    return f'<details class="words"><summary>{first}.</summary>{rest}</details>'


def place(key: str, still: str, module: str, up: str) -> str:
    """Return where an explorer goes, in Markdown; the still figure is seen without scripts."""
    note = WORKS_HERE.format(others=OTHERS[module])
    return (
        f'<div class="explorer" data-explorer="{key}">\n\n{still}\n\n</div>\n\n'
        f'<p class="needs-kernel">{note}</p>\n'
        f'<script defer src="{up}explorers/{key}.js"></script>\n'
    )
