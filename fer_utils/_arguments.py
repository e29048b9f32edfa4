"""Arguments of public functions: taken where it is plain what is meant, refused in one sentence.

Nothing heavy is imported: numpy's numbers and torch's tensors are known by what they answer to.
"""

import operator
from collections.abc import Iterable
from numbers import Real
from pathlib import Path, PurePath
from typing import Any, TypeVar

from fer_utils.emotions import nearest
from fer_utils.errors import FerError

#: Both numpy's and torch's generators take it.
LARGEST_SEED = 2**63 - 1

Known = TypeVar("Known")


def shown(value: object) -> str:
    """Return a value for a message: on one line, and no longer than needed to know it again."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def integer(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number: Python's, numpy's, a tensor without dimensions, or 8.0 for 8.

    Raises:
        FerError: something else, or a number outside low to high, both included.
    """
    try:
        _check_single(value)
        whole = isinstance(value, Real) and value == int(value)  # type: ignore[call-overload]
        found = int(value) if whole else operator.index(value)
    except (TypeError, ValueError, OverflowError):  # the last two: nan and infinity
        found = None
    if found is None or not _within(found, low, high):
        raise FerError(f"{name}={shown(value)}: give a whole number{_range(low, high)}.")
    return found


def number(name: str, value: Any, low: float | None = None, high: float | None = None) -> float:
    """Return a number: Python's, numpy's, or a tensor without dimensions.

    Raises:
        FerError: something else, no finite number, or one outside low to high, both included.
    """
    try:
        _check_single(value)
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not abs(found) < float("inf") or not _within(found, low, high):
        raise FerError(f"{name}={shown(value)}: give a number{_range(low, high)}.")
    return found


def seed(value: object) -> int:
    """Return the seed of random numbers.

    Raises:
        FerError: not a whole number from 0 on, or one of too many digits.
    """
    return integer("seed", value, 0, LARGEST_SEED)


def check_path(name: str, value: object) -> Path:
    """Return a path; raise a FerError where it is none."""
    if not isinstance(value, str | PurePath):
        raise FerError(f"{name}={shown(value)}: give a file's or folder's path, as text or a Path.")
    return Path(value)


def choice(name: str, value: object, known: Iterable[Known]) -> Known:
    """Return the entry of `known` that was named.

    Raises:
        FerError: there is none; the message says which were nearest.
    """
    entries = list(known)
    for entry in entries:
        if isinstance(value, type(entry)) and value == entry:
            return entry
    raise FerError(f"{name}={shown(value)} is not known.{nearest(value, entries)}")


def _check_single(value: object) -> None:
    """Raise a TypeError for truth values, text, and arrays or tensors of some dimensions."""
    kind = str(getattr(value, "dtype", type(value)))
    if "bool" in kind or isinstance(value, str | bytes) or getattr(value, "ndim", None):
        raise TypeError


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _range(low: float | None, high: float | None) -> str:
    if high is not None:
        return f" from {low} to {high}"
    return "" if low is None else f" of {low} or more"
