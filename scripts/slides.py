"""Writes three lectures: docs/teaching/slides/NAME.md -> slides/NAME.html, one page each.

A lecture is Markdown, slides parted by a line `---`; a paragraph that begins with `Note:` is for
the speaker. Figures are taken from the notebooks as they ran, by heading and number:

    ![](../../../notebooks/00_start_here.ipynb#what-did-it-look-at-2)

is the second figure under "What did it look at?", with the words it has there; where an explorer of
faces stands in the notebook, it works in the slide. The page needs no network, and no other file:
styles, figures and the script for the keys are in it.

    python -m scripts.slides
"""

import argparse
import base64
import re
import sys
from collections.abc import Callable
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from scripts.notebooks import ROOT, with_mathml, write

LECTURES = ROOT / "docs" / "teaching" / "slides"
FIGURE = re.compile(r"^!\[(.*?)\]\((\S+?)\)$", re.MULTILINE)
HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
WIDE = 1.75  # as wide for its height: a figure goes under the text instead of beside it


class SlideError(Exception):
    """A slide asks for a figure that is not there; the message says which."""


def slug(heading: str) -> str:
    """Return a heading as the address that GitHub, and this kit's site, give it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@cache
def figures(path: Path) -> dict[str, tuple[NotebookNode, NotebookNode]]:
    """Return {heading-number: (notebook, output)} of all figures of a notebook."""
    notebook = nbformat.read(path, as_version=4)
    found, heading, number = {}, "", 0
    for cell in notebook.cells:
        for words in HEADING.findall(cell.source) if cell.cell_type == "markdown" else []:
            heading, number = slug(words), 0
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                number += 1
                found[f"{heading}-{number}"] = notebook, output
    return found


def picture(words: str, target: str) -> str:
    """Return a figure as HTML: of a notebook, of an explorer in it, or of a file.

    Raises:
        SlideError: there is none of that name.
    """
    file, _, anchor = target.partition("#")
    path = (LECTURES / file).resolve()
    if not path.exists():
        raise SlideError(f"{target}: the file is not there")
    if path.suffix != ".ipynb":
        return _image(path.read_bytes(), words)
    if anchor not in figures(path):
        raise SlideError(f"{target}: it has {', '.join(figures(path))}")
    notebook, output = figures(path)[anchor]
    live = _explorer(notebook, output, f"{path.stem}-{anchor}")
    alt = words or output.metadata["image/png"]["alt"]
    return live or _image(base64.b64decode(output.data["image/png"]), alt)


def _image(png: bytes, alt: str) -> str:
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    kind = "wide" if width > WIDE * height else "tall"
    data = base64.b64encode(png).decode("ascii")
    return f'<img class="{kind}" src="data:image/png;base64,{data}" alt="{escape(alt)}">'


def _explorer(notebook: NotebookNode, output: NotebookNode, key: str) -> str:
    from scripts.site import explorers  # loads torch

    if explorers.VIEW not in output.data:
        return ""
    found = explorers.stored(notebook, output)
    if found is None or found[0] != "pointer":
        return ""
    spec = explorers.script(key, {"module": "pointer", "model": found[1]})
    style = (explorers.HERE / "pointer.css").read_text(encoding="utf-8")
    mount = (ROOT / "docs" / "site" / "static" / "mount.js").read_text(encoding="utf-8")
    return (
        f'<div class="explorer wide" data-explorer="{key}"></div><style>{style}</style>'
        f"<script>{mount}{explorers.program('pointer')}{spec}</script>"
    )


def slide(text: str, html: Callable[[str], str]) -> str:
    """Return one slide as HTML.

    Args:
        text: its Markdown.
        html: Markdown to HTML.
    """
    shown, *notes = re.split(r"^Note: ", text.strip(), flags=re.MULTILINE)
    pictures = [picture(words, target) for words, target in FIGURE.findall(shown)]
    words = html(with_mathml(FIGURE.sub("", shown)))
    heading, _, rest = words.partition("\n")
    kinds = {"wide" if ' class="wide"' in one or "explorer" in one else "tall" for one in pictures}
    kind = "title" if heading.startswith("<h1") else "words"
    if pictures and kind == "words":
        kind = "under" if kinds == {"wide"} or len(pictures) > 1 else "beside"
    figure = f"<figure>{''.join(pictures)}</figure>" if pictures else ""
    body = f'<div class="text">{rest}</div>' if rest.strip() else ""
    note = f'<aside class="note">{html(" ".join(notes))}</aside>' if notes else ""
    return (
        f'<section class="{kind}">{heading}<div class="body">{body}{figure}</div>{note}</section>'
    )


def lecture(path: Path) -> str:
    """Return a lecture as one page.

    Raises:
        SlideError: a figure is missing; the message names lecture and slide.
    """
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark", {"typographer": True}).enable(["table", "smartquotes"]).render
    parts = path.read_text(encoding="utf-8").split("\n\n---\n\n")
    slides = []
    for number, part in enumerate(parts, start=1):
        try:
            slides.append(slide(part, html))
        except SlideError as error:
            raise SlideError(f"{path.name}, slide {number}: {error}") from None
    title = re.sub(r"^# ", "", parts[0].split("\n")[0])
    style, script = (
        (LECTURES / f"slides.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{style}</style></head>\n<body>{''.join(slides)}"
        f"<script>{script}</script></body></html>\n"
    )


def main(argv: list[str] | None = None) -> int:
    """Write all lectures; return 1 where a figure is missing, 2 where the extra is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "slides", help="default: slides/")
    out = parser.parse_args(argv).out
    if find_spec("markdown_it") is None or find_spec("latex2mathml") is None:
        wanted = 'pip install -c constraints.txt -e ".[site]"'
        print(f"The slides need the extra site: make slides, or {wanted}.", file=sys.stderr)
        return 2
    try:
        pages = {path.stem: lecture(path) for path in sorted(LECTURES.glob("*.md"))}
        for name, page in pages.items():
            write(out / f"{name}.html", page)
    except SlideError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{out}: the slides cannot be written there ({error.strerror}).", file=sys.stderr)
        return 2
    for name, page in pages.items():
        print(f"{out / name}.html: {page.count('<section')} slides, {len(page) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
