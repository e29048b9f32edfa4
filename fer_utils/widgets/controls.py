"""Controls that look alike: a name in front, in columns of which three fit side by side."""

import ipywidgets as ui

WIDTH = "auto"
COLUMN = "250px"  # at least
NAME = "6.5em"


def dropdown(name: str, options: list) -> ui.Dropdown:
    """Return a list to choose from."""
    layout = ui.Layout(width=WIDTH)
    return ui.Dropdown(
        description=name, options=options, style={"description_width": NAME}, layout=layout
    )


def slider(
    name: str, low: int, high: int, value: int, step: int = 1, width: str = NAME
) -> ui.IntSlider:
    """Return a slider over whole numbers that reports while it is dragged."""
    style, layout = {"description_width": width}, ui.Layout(width=WIDTH)
    return ui.IntSlider(value, low, high, step, description=name, style=style, layout=layout)


def columns(*parts: list[ui.Widget]) -> ui.GridBox:
    """Return columns of controls side by side; in a narrow window one below the other."""
    layout = ui.Layout(
        grid_template_columns=f"repeat(auto-fit, minmax({COLUMN}, 1fr))",
        grid_gap="0 12px",
        max_width="960px",
    )
    return ui.GridBox([ui.VBox(part) for part in parts], layout=layout)
