"""Drawn people with one expression or another, as facs3d knows them: the truth of a translation.

Only what draws its faces can know how the same person would look with the other expression. The
generators learn from people of whom each shows one of the two; others, whom neither they nor the
networks that come with the kit have learned from, are drawn with both.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import faces3d
from faces3d.drawing import LARGEST, SMALLEST
from fer_utils._arguments import choice, integer, shown
from fer_utils._progress import tqdm
from fer_utils.data import _cache
from fer_utils.errors import FerError

#: Identities: those who show the first expression, those who show the second, and the test people
#: of facs3d, who show both.
FIRST, SECOND, TRUTH = range(0, 180), range(180, 360), range(480, 520)


class People(NamedTuple):
    """Faces (N, 1, size, size) uint8 of drawn people.

    Attributes:
        first: of some people with the first expression.
        second: of other people with the second one.
        truth: of new people: (first, second), row by row the same person.
    """

    first: np.ndarray
    second: np.ndarray
    truth: tuple[np.ndarray, np.ndarray]


def people(first: str, second: str, size: int = 48) -> People:
    """Draw 360 people of whom each shows one of two expressions, and 40 who show both.

    Drawn once (a minute or two) and kept in the cache folder.

    Raises:
        FerError: no such expressions, the same one twice, a size that cannot be drawn.
    """
    for label in (first, second):
        choice("expression", label, faces3d.action_units.PROTOTYPES)
    if first == second:
        raise FerError(f"both classes are {first}: name two that differ.")
    truth = drawn(first, TRUTH, size), drawn(second, TRUTH, size)
    return People(drawn(first, FIRST, size), drawn(second, SECOND, size), truth)


def drawn(expression: str, identities: Iterable[int], size: int = 48) -> np.ndarray:
    """Return faces of people with one expression: uint8 (N, 1, size, size), grey, from the front.

    Args:
        expression: a name of `faces3d.action_units.PROTOTYPES`.
        identities: of the people, as `faces3d.draw` takes them.
        size: side in pixels.

    Raises:
        FerError: no such expression, or a size that cannot be drawn.
    """
    choice("expression", expression, faces3d.action_units.PROTOTYPES)
    size = integer("size", size, SMALLEST, LARGEST)
    if isinstance(identities, str) or not isinstance(identities, Iterable):
        raise FerError(f"identities={shown(identities)}: expected whole numbers from 0.")
    who = [integer("identities", number, 0) for number in identities]
    asked = hashlib.sha256(repr((expression, who, size)).encode()).hexdigest()[:16]
    name, source = f"drawn-{expression}-{size}-{asked}", Path(faces3d.__file__).parent
    stamp = _stamp(source)
    with _cache.held(name, source):
        kept = _cache.read(name, source, stamp)
        if kept is None:
            bar = tqdm(who, desc=f"drawing {expression} people", leave=False)
            faces = [faces3d.draw(expression, number, size=size) for number in bar]
            kept = {"faces": np.stack(faces)[:, None] if faces else _none(size)}
            _cache.write(name, source, stamp, kept)
    return kept["faces"]


def _none(size: int) -> np.ndarray:
    return np.zeros((0, 1, size, size), np.uint8)


def _stamp(source: Path) -> str:
    """Return a text that changes when anything changes that draws."""
    content = hashlib.sha256(str(_cache.FORMAT).encode())
    for file in sorted([*source.glob("*.py"), *source.glob("*.npz")]):
        content.update(file.read_bytes())
    return content.hexdigest()
