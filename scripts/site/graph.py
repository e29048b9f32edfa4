"""`graph LR` of a Mermaid block as SVG, so that no script has to be loaded to see it."""

import re
from html import escape

BLOCK = re.compile(r"^```mermaid\ngraph LR\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
WIDE, HIGH, BOX = 74, 62, 40  # between columns, between rows, side of a box; in pixels


def edges_of(text: str) -> list[tuple[str, str]]:
    """Return the arrows of lines such as `00 --> 01 --> 02`."""
    chains = [re.split(r"\s*-->\s*", line.strip()) for line in text.splitlines() if "-->" in line]
    return [pair for chain in chains for pair in zip(chain, chain[1:], strict=False)]


def places(edges: list[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Return (column, row) of each box: behind all it needs, in the row of the last of these.

    A second box that would follow in the same row gets a row of its own.
    """
    before: dict[str, list[str]] = {}
    for a, b in edges:
        before.setdefault(a, [])
        before.setdefault(b, []).append(a)
    placed: dict[str, tuple[int, int]] = {}
    followed: set[str] = set()
    while len(placed) < len(before):
        ready = (n for n, needs in before.items() if n not in placed and set(needs) <= set(placed))
        name = min(ready)
        last = max(before[name], key=lambda need: placed[need], default=None)
        if last is None or last in followed:
            row = max((row for _, row in placed.values()), default=-1) + 1
        else:
            row = placed[last][1]
        if last is not None:
            followed.add(last)
        placed[name] = (placed[last][0] + 1 if last is not None else 0, row)
    return placed


def svg(text: str, addresses: dict[str, str]) -> str:
    """Return the graph; a box whose name is in `addresses` is a link."""
    edges = edges_of(text)
    at = places(edges)
    width = WIDE * max(column for column, _ in at.values()) + BOX + 4
    height = HIGH * max(row for _, row in at.values()) + BOX + 4
    words = "; ".join(f"{b} needs {', '.join(x for x, y in edges if y == b)}" for b in sorted(at))
    parts = [_arrow(*at[a], *at[b]) for a, b in edges]
    for name, (column, row) in at.items():
        x, y = WIDE * column + 2, HIGH * row + 2
        box = (
            f'<rect x="{x}" y="{y}" width="{BOX}" height="{BOX}" rx="6"/>'
            f'<text x="{x + BOX / 2}" y="{y + BOX / 2 + 5}">{escape(name)}</text>'
        )
        target = addresses.get(name)
        parts.append(f'<a href="{escape(target)}">{box}</a>' if target else box)
    size = f'viewBox="0 0 {width} {height}" width="{width}"'
    head = f'<svg {size} role="img" aria-label="{escape(words)}">'
    point = (
        '<defs><marker id="point" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return f'<div class="graph">{head}{point}{"".join(parts)}</svg></div>'


def _arrow(column: int, row: int, to: int, to_row: int) -> str:
    """Return a line between two boxes; one over several columns runs in the gap between rows."""
    x, y = WIDE * column + BOX + 2, HIGH * row + BOX / 2 + 2
    end, end_y = WIDE * to, HIGH * to_row + BOX / 2 + 2
    half = (WIDE - BOX) / 2
    if to == column + 1 or row == to_row:
        middle = (x + end) / 2
        path = f"M{x} {y}C{middle} {y} {middle} {end_y} {end} {end_y}"
    else:
        gap = HIGH * (to_row - 0.5 if to_row > row else to_row + 0.5) + BOX / 2 + 2
        first, last = x + 2 * half, end - 2 * half
        path = (
            f"M{x} {y}C{x + half} {y} {x + half} {gap} {first} {gap}L{last} {gap}"
            f"C{end - half} {gap} {end - half} {end_y} {end} {end_y}"
        )
    return f'<path class="arrow" d="{path}" marker-end="url(#point)"/>'


def drawn(page: str, addresses: dict[str, str]) -> str:
    """Return a page in Markdown with its graphs as SVG."""
    return BLOCK.sub(lambda found: svg(found[1], addresses) + "\n", page)
