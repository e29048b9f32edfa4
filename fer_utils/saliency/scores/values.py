"""What a score is: a number, what chance would get, and which way is better."""

from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np

from fer_utils._arguments import shown
from fer_utils.errors import FerError


@dataclass(frozen=True, repr=False)
class Score:
    """One number about a map.

    Attributes:
        value: the score; nan where it cannot be computed, and `note` says why.
        chance: what a map that knows nothing of the place gets; nan where that has no meaning.
        better: "higher" or "lower".
        note: why there is no value, or what to know about it.
    """

    value: float
    chance: float = nan
    better: str = "higher"
    note: str = ""

    def __float__(self) -> float:
        """Return the value."""
        return self.value

    def __repr__(self) -> str:
        """Say the value in one sentence."""
        return f"{type(self).__name__}({self})"

    def __str__(self) -> str:
        """Say the value, beside what chance gets."""
        if isnan(self.value):
            return f"nan ({self.note})"
        return f"{self.value:.3f}" + ("" if isnan(self.chance) else f" (chance: {self.chance:.3f})")


def no_numbers() -> np.ndarray:
    """Return an empty array: the default where a dataclass inherits fields with defaults."""
    return np.empty(0)


@dataclass(frozen=True, eq=False, repr=False)
class Curve(Score):
    """A score that is the area under a curve.

    Attributes:
        shares: float (n,), the share of the pixels that is deleted or inserted, 0 to 1.
        answers: float (n,), the target's probability there.
    """

    shares: np.ndarray = field(default_factory=no_numbers)
    answers: np.ndarray = field(default_factory=no_numbers)


def as_map(values: np.ndarray) -> np.ndarray:
    """Return a map, or the one in an `Attribution`, as float64 (H, W).

    Raises:
        FerError: not a map, or numbers that are not finite.
    """
    values = getattr(values, "map", values)
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise FerError(
            f"a map is an array (H, W), not {shown(values)}: of an OcclusionMap take omap.heat()."
        ) from None
    if numbers.ndim != 2 or not numbers.size:
        raise FerError(f"a map must have shape (H, W), not {numbers.shape}.")
    if not np.isfinite(numbers).all():
        raise FerError("the map holds numbers that are not finite.")
    return numbers


def is_flat(values: np.ndarray) -> bool:
    """Say whether all values are the same but for rounding."""
    return float(np.ptp(values)) <= 1e-9 * max(1e-30, float(np.abs(values).max()))
