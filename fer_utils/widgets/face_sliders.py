"""A drawn face whose muscles are sliders."""

from html import escape
from typing import Any

import ipywidgets as ui
import numpy as np
import traitlets

from faces3d import draw
from faces3d.action_units import NAMES, PROTOTYPES
from faces3d.drawing import LIGHTS
from fer_utils.widgets.controls import columns, dropdown, slider

OWN = "your own"
STEP = 5  # percent
MOST = 120  # of some units an expression takes more than FACS calls extreme
NAME = "9em"
PEOPLE = 50

#: What each action unit looks like, in columns as on the screen.
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

    Attributes:
        image: the face, uint8 (1, 48, 48); observe it.
        start: an expression whose action units the sliders take; or `OWN`.
        units: a slider for each action unit, by its number; in percent of the extreme.
        person, yaw, pitch, light: who, and how seen.
    """

    image = traitlets.Instance(np.ndarray)

    def __init__(self, expression: str = "happy"):
        """Lay out the sliders and draw the first face."""
        self.start = dropdown("start from", [OWN, *PROTOTYPES])
        self.person = slider("person", 0, PEOPLE - 1, 0)
        self.yaw = slider("turn (°)", -40, 40, 0)
        self.pitch = slider("nod (°)", -20, 20, 0)
        self.light = dropdown("light", list(LIGHTS))
        self.units = {
            unit: _unit(unit, name) for part in PLAIN.values() for unit, name in part.items()
        }
        muscles = [
            [_heading(title), *(self.units[unit] for unit in part)] for title, part in PLAIN.items()
        ]
        super().__init__(
            [
                columns([self.start, self.person], [self.light], [self.yaw, self.pitch]),
                columns(*muscles),
            ]
        )
        self.start.observe(self._begin, "value")
        for control in self.units.values():
            control.observe(self._own, "value")
        for control in (self.person, self.yaw, self.pitch, self.light):
            control.observe(self._draw, "value")
        self._quiet = False
        self.start.value = expression

    def _begin(self, change: dict) -> None:
        """Take the action units of an expression."""
        if self.start.value == OWN:
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


def _heading(words: str) -> ui.HTML:
    return ui.HTML(f"<b>Action units, %: {escape(words)}</b>")


def _unit(unit: int, name: str) -> ui.IntSlider:
    # whole numbers: fractions come back from the page with rounding errors, as if moved by hand
    control = slider(f"{unit} {name}", 0, MOST, 0, STEP, NAME)
    control.tooltip = f"action unit {unit}: {NAMES[unit]}"
    return control
