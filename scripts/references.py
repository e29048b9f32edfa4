"""REFERENCES.bib -> REFERENCES.md, and the links that notebooks get when they are built.

In each notebook the first mention of a work (alessi2019, "Zhu et al. 2017") leads to its entry, and
that of a term of docs/glossary.md to its line there. Sources stay free of these links.

    python -m scripts.references
"""

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
BIB, PAGE, GLOSSARY = ROOT / "REFERENCES.bib", ROOT / "REFERENCES.md", ROOT / "docs/glossary.md"

ENTRY = re.compile(r"^@\w+\{(\w+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
TERM = re.compile(r"^### (.+)$", re.MULTILINE)
# Where no link may begin: code, formulas, links and pictures, HTML, headings.
CLOSED = re.compile(
    r"^```.*?^```|\$\$.*?\$\$|`[^`\n]+`|!?\[[^\]]*\]\([^)]*\)|<[^>]+>|^#+ .*?$|\*\*[A-Z][^*]*\*\*",
    re.MULTILINE | re.DOTALL,
)
HEAD = """# References

The works that this kit names; [REFERENCES.bib](REFERENCES.bib) is the same for BibTeX. A DOI or a
number at arXiv is given where one was found. How to cite the kit itself says
[CITATION.cff](CITATION.cff).
"""


@dataclass(frozen=True)
class Work:
    """One entry of the list."""

    key: str
    fields: dict[str, str]

    @property
    def surnames(self) -> list[str]:
        """Surnames of the authors, in order."""
        return [name.split(",")[0] for name in self.fields["author"].split(" and ")]

    @property
    def link(self) -> str | None:
        """The address of the work, by its DOI, its number at arXiv, or one of its own."""
        if "doi" in self.fields:
            return f"https://doi.org/{self.fields['doi']}"
        if "eprint" in self.fields:
            return f"https://arxiv.org/abs/{self.fields['eprint']}"
        return self.fields.get("url")

    def as_markdown(self) -> str:
        """Return the entry of the page."""
        names = self.surnames
        if names[-1] == "others":
            authors = f"{names[0]} et al."
        elif len(names) > 1:
            authors = f"{', '.join(names[:-1])} and {names[-1]}"
        else:
            authors = names[0]
        where = next(
            self.fields[name]
            for name in ("journal", "booktitle", "howpublished", "institution", "publisher")
            if name in self.fields
        )
        address = f" <{self.link}>" if self.link else ""
        text = f"{authors}, *{self.fields['title']}*. {where}, {self.fields['year']}.{address}"
        return f"### {self.key}\n\n{text}\n\n{self.fields['note']}.\n"


@cache
def works() -> tuple[Work, ...]:
    """Return all works in the order of their file."""
    found = ENTRY.findall(BIB.read_text(encoding="utf-8"))
    return tuple(Work(key, dict(FIELD.findall(body))) for key, body in found)


@cache
def targets() -> dict[str, tuple[re.Pattern[str], str]]:
    """Return, for each work and term, the pattern of its mention and where the link leads."""
    found = {}
    for work in works():
        second = {1: "", 2: rf"(?: (?:and|&) {work.surnames[-1]})"}.get(
            len(work.surnames), rf"(?: et al\.|, [\w, -]+ and {work.surnames[-1]})"
        )
        year = work.fields["year"]
        named = rf"{work.surnames[0]}{second} (?:{year}\b|\({year}\))"
        pattern = re.compile(rf"`?\b{work.key}\b`?|{named}")
        found[work.key] = pattern, f"../{PAGE.name}#{work.key}"
    for term in TERM.findall(GLOSSARY.read_text(encoding="utf-8")):
        words = re.escape(term).replace(r"\ ", r"\s")
        pattern = re.compile(rf"(?<![\w-]){words}s?\b(?!-)", re.IGNORECASE)
        found[term] = pattern, f"../docs/{GLOSSARY.name}#{term.lower().replace(' ', '-')}"
    return found


def link(text: str, waiting: set[str]) -> str:
    """Link the first mention of each work and term that waits; what was linked waits no longer."""
    for name in sorted(waiting, key=len, reverse=True):
        pattern, target = targets()[name]
        closed = [match.span() for match in CLOSED.finditer(text)]
        for match in pattern.finditer(text):
            inside = [(a, b) for a, b in closed if a < match.end() and match.start() < b]
            # A key in backticks is closed by these alone.
            if all(text[a:b] == match.group() for a, b in inside):
                said = match.group()
                text = f"{text[: match.start()]}[{said}]({target}){text[match.end() :]}"
                waiting.discard(name)
                break
    return text


def link_notebook(notebook: NotebookNode) -> NotebookNode:
    """Link the first mentions in a notebook's prose, from top to bottom (in place)."""
    waiting = set(targets())
    for cell in notebook.cells[1:]:  # the head is a list of what one will learn
        if cell.cell_type == "markdown":
            cell.source = link(cell.source, waiting)
    return notebook


def page() -> str:
    """Return the text of REFERENCES.md."""
    return "\n".join([HEAD, *(work.as_markdown() for work in works())])


def main() -> int:
    """Write REFERENCES.md."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(works())} works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
