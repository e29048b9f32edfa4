"""Controls that look alike: a name in front, in columns of which three fit side by side."""

from html import escape

import ipywidgets as ui

WIDTH = "auto"
COLUMN = "250px"  # at least
NAME = "6.5em"


def dropdown(name: str, options: list, tooltip: str | None = None) -> ui.Dropdown:
    """Return a list to choose from; what its name leaves open is said where the pointer rests."""
    return ui.Dropdown(
        description=name,
        options=options,
        tooltip=tooltip,
        style={"description_width": NAME},
        layout=ui.Layout(width=WIDTH),
    )


def slider(
    name: str,
    low: int,
    high: int,
    value: int,
    step: int = 1,
    width: str = NAME,
    tooltip: str | None = None,
) -> ui.IntSlider:
    """Return a slider over whole numbers that reports while it is dragged."""
    style, layout = {"description_width": width}, ui.Layout(width=WIDTH)
    return ui.IntSlider(
        value, low, high, step, description=name, tooltip=tooltip, style=style, layout=layout
    )


def columns(*parts: list[ui.Widget]) -> ui.GridBox:
    """Return columns of controls side by side; in a narrow window one below the other."""
    layout = ui.Layout(
        grid_template_columns=f"repeat(auto-fit, minmax({COLUMN}, 1fr))",
        grid_gap="0 12px",
        max_width="960px",
    )
    return ui.GridBox([ui.VBox(part) for part in parts], layout=layout)


def line(lines: int = 1) -> ui.HTML:
    """Return a place for words, always so many lines high: nothing moves when some come."""
    height = f"{16 * lines + 2}px"
    return ui.HTML(layout=ui.Layout(height=height, min_height=height, overflow="hidden auto"))


def said(words: str, role: str = "status") -> str:
    """Return words as a line shows them, and a screen reader reads them out.

    What does not fit is seen where the pointer rests.
    """
    if not words:
        return ""
    start = f'<div role="{escape(role)}" title="{escape(words)}" style="font-size: 12px; '
    return f'{start}line-height: 16px">{escape(words)}</div>'
