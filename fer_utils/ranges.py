"""Which numbers a setting may have: for fields, for arguments of functions and for typed words."""

import argparse
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral, Real

from fer_utils.errors import FerError, shown

#: As a bound, none.
UNBOUNDED = sys.float_info.max


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds; as the `type` of an argument of argparse it reads a word.

    Attributes:
        low: the least.
        high: the greatest.
        whole: no fractions.
        above: `low` itself is left out.
        below: `high` itself is left out.
        why: what the number is, or why there is a bound.
    """

    low: float = -UNBOUNDED
    high: float = UNBOUNDED
    whole: bool = False
    above: bool = False
    below: bool = False
    why: str = ""

    def __contains__(self, value: object) -> bool:
        """Whether a value is such a number; NaN, infinity and True are none."""
        kind = Integral if self.whole else Real
        if not isinstance(value, kind) or isinstance(value, bool):
            return False
        number: float = value  # type: ignore[assignment]  # of the abstract kind
        bounds = self.low <= number <= self.high
        return bounds and not (
            (self.above and number == self.low) or (self.below and number == self.high)
        )

    def __str__(self) -> str:
        """E.g. `a whole number from 1 to 1,024 (CPU threads)`."""
        number = "a whole number" if self.whole else "a number"
        low, high = f"{self.low:,}", f"{'below ' if self.below else ''}{self.high:,}"
        if (self.low, self.high) == (-UNBOUNDED, UNBOUNDED):
            return number
        if self.high == UNBOUNDED:
            bounds = f"above {low}" if self.above else f"of {low} or more"
        else:
            bounds = f"above {low}, up to {high}" if self.above else f"from {low} to {high}"
        return f"{number} {bounds}" + (f" ({self.why})" if self.why else "")

    def check(self, name: str, value: object) -> None:
        """Raise a FerError that names the setting, unless the value is such a number."""
        if value not in self:
            raise FerError(f"{name}={shown(value)}: expected {self}.")

    def __call__(self, word: str) -> float:
        """Return the number that a typed word spells.

        Raises:
            argparse.ArgumentTypeError: it spells none, or one out of range.
        """
        number = spelled(word)
        if number not in self:
            raise argparse.ArgumentTypeError(f"{word!r} is not {self}")
        return number  # type: ignore[return-value]  # text is in no range


def spelled(word: str) -> float | str:
    """Return the number that a word spells, whole where it is written so; else the word."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    return word


MILLION = 1_000_000
COUNT = Range(1, MILLION, whole=True)
EPOCHS = Range(1, MILLION, whole=True, why="1 epoch or more")
BATCH = Range(2, MILLION, whole=True, why="batch norm needs 2 pictures or more")
SEED = Range(0, 2**32 - 1, whole=True, why="what numpy and torch both take")
SIDE = Range(1, 1024, whole=True, why="pixels; a net's memory grows with their square")
PIXELS = Range(1, 1024, whole=True, why="pixels")
THREADS = Range(1, 1024, whole=True, why="threads")
WORKERS = Range(0, 256, whole=True, why="processes")
SHARE = Range(0, 1, why="a share")
DECAY = Range(0, 1, below=True, why="a share of what was before")
NOT_NEGATIVE = Range(0)


def check_all(settings: object, ranges: Mapping[str, Range]) -> None:
    """Raise a FerError for the first attribute that is out of its range."""
    for name, known in ranges.items():
        known.check(name, getattr(settings, name))
