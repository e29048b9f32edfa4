"""Checks of the notebooks' exercises: `check.ex4_1(...)` says "Right", or what is off.

The name is that of the notebook and of the exercise in it. No check says the solution; most work
the answer out anew from what the notebook hands over, so that they hold on any data set.
"""

from fer_lab.check import (
    notebook_13,
    notebook_14,
    notebooks_00_04,
    notebooks_05_08,
    notebooks_09_12,
)

_CHECKS = {
    name: check
    for part in (notebooks_00_04, notebooks_05_08, notebooks_09_12, notebook_13, notebook_14)
    for name, check in vars(part).items()
    if name.startswith("ex")
}
globals().update(_CHECKS)

__all__ = sorted(_CHECKS)


def __dir__() -> list[str]:
    return __all__
