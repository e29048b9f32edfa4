"""Is a folder of pages whole? Every address in it, read without a browser."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a page loads by itself, and what a reader may follow.
LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
FOLLOWED = {("a", "href"), ("area", "href")}


class Page(HTMLParser):
    """The addresses and the anchors of one page.

    Attributes:
        used: pairs (whether the page loads it by itself, address).
        anchors: what can stand behind a "#".
    """

    def __init__(self, path: Path):
        """Read the page."""
        super().__init__()
        self.used: list[tuple[bool, str]] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses and anchors of a tag."""
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif (tag, name) in LOADED | FOLLOWED and value:
                self.used.append(((tag, name) in LOADED, value))


def problems(folder: Path) -> list[str]:
    """Return a line for each address that leads nowhere, and for each that is loaded from afar."""
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    return [line for path in pages for line in _of_page(path, pages, folder.resolve())]


def _of_page(path: Path, pages: dict[Path, Page], folder: Path) -> Iterator[str]:
    name = path.relative_to(folder).as_posix()
    for loaded, address in pages[path].used:
        parts = urlsplit(address)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            if loaded:
                yield f"{name}: loads {address[:80]} from the network"
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file():
            yield f"{name}: {address} is not there"
        elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{name}: {address} has no such anchor"
