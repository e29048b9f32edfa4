"""Draw faces with known expressions: a CC0 head, FACS action units, a small rasteriser.

``draw`` makes one face; ``sheet`` a contact sheet; ``PARTS`` names the part labels and
``CARRIERS`` the parts that carry each expression; ``action_units`` has the units' names and the
prototypes of the expressions. ``python -m faces3d --bench`` measures the speed. These are drawings:
scores on them are not claims about people.
"""

from faces3d import action_units
from faces3d.drawing import draw, sheet
from faces3d.parts import CARRIERS, PARTS

__all__ = ["CARRIERS", "PARTS", "action_units", "draw", "sheet"]


def __dir__() -> list[str]:
    return list(__all__)
