"""A drawn face whose muscles are sliders."""

from typing import Any

import ipywidgets as ui
import numpy as np
import traitlets

from faces3d import draw
from faces3d.action_units import NAMES, PROTOTYPES
from faces3d.drawing import LIGHTS
from fer_utils.widgets.controls import WIDTH, dropdown, slider
from fer_utils.widgets.nets import DRAWN

OWN = "your own"
STEP = 5  # percent
MOST = 120  # of some units an expression takes more than FACS calls extreme
NAME = "9em"
PEOPLE = 50

#: What each action unit looks like, in pages as on the screen.
PLAIN = {
    "brows and eyes": {
        1: "inner brows up",
        2: "outer brows up",
        4: "brows down",
        5: "upper lids up",
        7: "lids tight",
        43: "eyes closed",
    },
    "nose, cheeks, mouth": {
        6: "cheeks up",
        9: "nose wrinkled",
        12: "smile",
        14: "dimples",
        15: "corners down",
        20: "mouth wide",
    },
    "lips and jaw": {
        10: "upper lip up",
        16: "lower lip down",
        17: "chin up",
        22: "lips pout",
        23: "lips tight",
        24: "lips pressed",
        25: "lips part",
        26: "jaw drop",
    },
}


class FaceSliders(ui.VBox):
    """Draws a face from action units (see `faces3d.action_units`), pose and light.

    The sliders lie in pages of which one is seen, so that all of it fits beside the face.

    Attributes:
        image: the face, uint8 (1, 48, 48); observe it.
        start: an expression whose action units the sliders take; or `OWN`.
        reset: a button that brings all sliders back to the first face.
        units: a slider for each action unit, by its number; in percent of the extreme.
        person, yaw, pitch, light: who, and how seen.
        page: which sliders are seen.
    """

    image = traitlets.Instance(np.ndarray)
    kind = DRAWN

    def __init__(self, expression: str = "happy"):
        """Lay out the sliders and draw the first face."""
        self._first = expression
        self.start = dropdown(
            "start from", [OWN, *PROTOTYPES], "Sets the action units to those of an expression."
        )
        self.reset = ui.Button(
            description="Reset",
            tooltip="All sliders as they were at first.",
            layout={"flex": "0 0 64px"},
        )
        self.start.layout.flex = "1 1 auto"
        self.person = slider("person", 0, PEOPLE - 1, 0)
        self.yaw = slider("turn (°)", -40, 40, 0)
        self.pitch = slider("nod (°)", -20, 20, 0)
        self.light = dropdown("light", list(LIGHTS))
        self.units = {
            unit: _unit(unit, name) for part in PLAIN.values() for unit, name in part.items()
        }
        self.pages = {
            title: _page([self.units[unit] for unit in part]) for title, part in PLAIN.items()
        } | {"head and light": _page([self.person, self.yaw, self.pitch, self.light])}
        self.page = ui.ToggleButtons(
            tooltip="Which sliders are seen.", style={"button_width": WIDTH}
        )
        self.stack = ui.Stack(layout={"width": "100%", "min_height": "270px"})  # the longest page
        super().__init__(self._pages())
        self.page.observe(self._turn, "index")
        self.start.observe(self._begin, "value")
        self.reset.on_click(self._reset)
        for control in self.units.values():
            control.observe(self._own, "value")
        for control in (self.person, self.yaw, self.pitch, self.light):
            control.observe(self._draw, "value")
        self._quiet = False
        self.start.value = expression

    @property
    def truth(self) -> str | None:
        """The expression that is drawn; None where the sliders were moved by hand."""
        return None if self.start.value == OWN else self.start.value

    @property
    def described(self) -> str:
        """The face in words."""
        return f"drawn as {self.truth}" if self.truth else "a face of your own making"

    def panel(self, answers: ui.Widget, settings: list[ui.Widget]) -> list[ui.Widget]:
        """Return all controls in one column, the map's settings folded away in a page."""
        self.pages["map settings"] = _page(settings)
        return self._pages()

    def _pages(self) -> list[ui.Widget]:
        self.page.options, self.stack.children = list(self.pages), list(self.pages.values())
        self.page.index = 0
        self._turn()
        return [ui.HBox([self.start, self.reset]), self.page, self.stack]

    def _turn(self, change: dict | None = None) -> None:
        self.stack.selected_index = self.page.index

    def _reset(self, button: ui.Button) -> None:
        self._quiet = True
        self.person.value = self.yaw.value = self.pitch.value = 0
        self.light.index = 0
        self.start.value = self._first
        self._quiet = False
        self._begin()

    def _begin(self, change: dict | None = None) -> None:
        """Take the action units of an expression."""
        if self._quiet or self.start.value == OWN:
            return
        prototype: Any = PROTOTYPES[self.start.value]
        self._quiet = True  # many sliders move, one face is drawn
        for unit, control in self.units.items():
            control.value = STEP * round(100 * prototype[0].get(unit, 0.0) / STEP)
        self._quiet = False
        self._draw()

    def _own(self, change: dict) -> None:
        if not self._quiet:
            self.start.value = OWN
            self._draw()

    def _draw(self, change: dict | None = None) -> None:
        if self._quiet:
            return
        values: dict[int | str, float] = {
            unit: control.value / 100 for unit, control in self.units.items() if control.value
        }
        face = draw(
            identity=self.person.value,
            action_units=values,
            yaw=self.yaw.value,
            pitch=self.pitch.value,
            light=self.light.value,
        )
        self.image = face[None]


def _page(controls: list[ui.Widget]) -> ui.VBox:
    return ui.VBox(controls, layout={"width": "100%"})


def _unit(unit: int, name: str) -> ui.IntSlider:
    # whole numbers: fractions come back from the page with rounding errors, as if moved by hand
    meaning = f"action unit {unit}: {NAMES[unit]}, in percent"
    return slider(f"{unit} {name}", 0, MOST, 0, STEP, NAME, meaning)
