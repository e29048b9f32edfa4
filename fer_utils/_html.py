"""What objects show of themselves in a notebook: HTML and PNG.

Colours are the page's own or half transparent, so that they suit light and dark themes.
"""

import base64
import re
from collections.abc import Iterable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_ADDRESS = re.compile(r"https?://[\w./-]*[\w/]")
MOST_SIDE = 192  # pixels on the page, of one picture
_FIGURE = "display:inline-block;margin:0 8px 8px 0;text-align:center;font-size:85%"


def png(image: "np.ndarray") -> bytes:
    """Return a picture uint8 (1 or 3, H, W) as PNG."""
    from PIL import Image

    out = BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(out, "PNG")
    return out.getvalue()


def size_of(image: "np.ndarray", side: int = MOST_SIDE) -> tuple[int, int]:
    """Return width and height on the page: whole pixels of the picture, up to `side`."""
    height, width = image.shape[1:]
    times = side / max(height, width)
    times = max(1, int(times)) if times >= 1 else times
    return max(1, round(width * times)), max(1, round(height * times))


def captioned(pictures: "Iterable[tuple[np.ndarray, str]]", side: int) -> str:
    """Return pictures in rows, with words under each."""
    parts = []
    for image, words in pictures:
        width, height = size_of(image, side)
        data = base64.b64encode(png(image)).decode("ascii")
        parts.append(
            f'<figure style="{_FIGURE}"><img src="data:image/png;base64,{data}" width="{width}" '
            f'height="{height}" style="image-rendering:pixelated" alt="{escape(words)}">'
            f'<figcaption aria-hidden="true">{escape(words)}</figcaption></figure>'
        )
    return f"<div>{''.join(parts)}</div>"


def bars(shares: Iterable[tuple[str, float]]) -> str:
    """Return a row for each share: its name, a bar, and the percentage."""
    rows = []
    for name, share in shares:
        bar = f"display:inline-block;height:0.8em;width:{160 * share:.0f}px;background:#4a73b0"
        rows.append(
            f'<tr><th style="text-align:left;padding:1px 8px">{escape(name)}</th>'
            f'<td style="text-align:left;padding:1px 8px;white-space:nowrap"><span style="{bar}">'
            f"</span> {100 * share:.0f} %</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def rows(pairs: Iterable[tuple[str, object]]) -> str:
    """Return a table of names and what belongs to each; lines stay lines, addresses are links."""
    style, rows = "text-align:left;vertical-align:top;white-space:pre-wrap", []
    for name, value in pairs:
        linked = _ADDRESS.sub(r'<a href="\g<0>" target="_blank">\g<0></a>', escape(str(value)))
        font = ";font-family:monospace" if "── " in linked else ""  # the tree of a folder
        rows.append(f'<tr><th style="{style}">{escape(name)}</th>')
        rows.append(f'<td style="{style}{font}">{linked}</td></tr>')
    return f"<table>{''.join(rows)}</table>"


def sentence(value: object) -> str:
    """Return an object's own sentence as a paragraph."""
    return f"<p>{escape(repr(value))}</p>"
