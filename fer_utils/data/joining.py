"""Two sets of faces put together, and rare classes filled up with faces that a network made.

mazen2021 balances FER2013 with faces of a CycleGAN, and tests on 20 % of what came out of that.
Here a generated face carries a mark (`FaceSet.generated`) and can only be learned from: dividing a
set that holds one is refused, as are validation and test faces that are generated.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fer_utils._arguments import integer, shown
from fer_utils._arguments import seed as check_seed
from fer_utils.data import _cache
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError

# What says "not known" of a face, where only the other set has the field.
_UNKNOWN = {"votes": 0, "regions": 255, "twins": 0, "truth": False}
_NAMES = {"votes": "vote_names", "regions": "region_names"}


def join(first: FaceSet, second: FaceSet) -> FaceSet:
    """Return the faces of two sets as one: those of `first`, then those of `second`.

    Votes, regions and twins that only one of them has are "not known" for the other's faces (no
    votes, 255, zeros). Subjects, rows and columns are kept where both have them; between sets of
    different names the subjects get these in front, since person 1 of one is not person 1 of the
    other. Marks of generated faces always stay.

    Raises:
        FerError: their classes, sizes or channels differ, or the names of votes or regions.
    """
    for faces in (first, second):
        if not isinstance(faces, FaceSet):
            raise FerError(f"join takes two FaceSets, not {shown(faces)}.")
    _check_alike(first, second)
    both = set(first.columns) & set(second.columns)
    columns = {name: _both(first.columns[name], second.columns[name]) for name in sorted(both)}
    known: dict[str, Any] = {
        name: _filled(first, second, name, value) for name, value in _UNKNOWN.items()
    }
    known |= {name: getattr(first, name) or getattr(second, name) for name in _NAMES.values()}
    rows = None
    if first.rows is not None and second.rows is not None:
        rows = _both(first.rows, second.rows)
    rules = dict.fromkeys(filter(None, (first.label_rule, second.label_rule)))
    return replace(
        first,
        name=" + ".join(dict.fromkeys((first.name, second.name))),
        images=_images(first.images, second.images),
        labels=_both(first.labels, second.labels),
        split=_both(first.split, second.split),
        subjects=_subjects(first, second),
        rows=rows,
        left_out=first.left_out + second.left_out,
        label_rule=", ".join(rules),
        columns=columns,
        generated=_both(first.generated, second.generated),
        **known,
    )


def fill(
    faces: FaceSet,
    generate: Callable[[np.ndarray], np.ndarray],
    to: str = "disgust",
    of: str = "neutral",
    count: int | None = None,
    seed: int = 0,
) -> FaceSet:
    """Return the faces and, after them, generated training faces of a rare class.

    Training faces of another class are translated: each once at most, for a generator gives the
    same picture again. What is known of a face (its row, who is shown) goes along; votes and
    regions do not, which belong to the other expression.

    Args:
        faces: divided already.
        generate: from pictures uint8 (N, C, H, W) to pictures of the same shape, e.g.
            ``lambda images: net.apply(images, to="disgust")`` of a `fer_utils.translate` net.
        to: the class to fill up.
        of: the class whose faces are translated.
        count: training faces of `to` afterwards; None for as many as the largest class has, as far
            as there are faces to translate.
        seed: of the choice of faces to translate.

    Raises:
        FerError: no such classes, fewer faces to translate than needed, `count` below what there
            is, or a generator that gives something else than pictures of the same shape.
    """
    if not isinstance(faces, FaceSet):
        raise FerError(f"faces are a FaceSet, as data.load(NAME) gives it, not {shown(faces)}.")
    if not callable(generate):
        raise FerError(
            f"generate={shown(generate)}: give a function from pictures to pictures, e.g. "
            'lambda images: pair.apply(images, to="disgust").'
        )
    goal, source = faces.class_index(to), faces.class_index(of)
    if goal == source:
        raise FerError(f"to and of are both {of!r}: name the class to fill and another.")
    train = faces.split == "train"
    counts = np.bincount(faces.labels[train], minlength=len(faces.classes))
    there = np.flatnonzero(train & (faces.labels == source) & ~faces.generated)
    have, able = int(counts[goal]), len(there)
    if count is None:
        if not able and have < counts.max():
            raise FerError(f"{faces.name} has no training faces of {of} to make {to} from.")
        count = min(int(counts.max()), have + able)
    missing = integer("count", count, have, 10**9) - have
    if missing > able:
        raise FerError(
            f"{faces.name} has {able} training faces of {of} to translate, and {missing} are "
            f"needed for {count} of {to}: ask for {have + able} at most."
        )
    chosen = np.sort(np.random.default_rng(check_seed(seed)).permutation(there)[:missing])
    part = faces.take(chosen)
    made = generate(part.images) if missing else part.images
    fits = isinstance(made, np.ndarray) and made.shape == part.images.shape
    if not fits or made.dtype != np.uint8:
        raise FerError(f"generate gave {shown(made)}: expected pictures uint8 {part.images.shape}.")
    unknown: dict[str, Any] = dict.fromkeys(_UNKNOWN)
    part = replace(
        part,
        images=made,
        labels=np.full(missing, goal),
        generated=np.ones(missing, bool),
        left_out=(),
        **unknown,
    )
    return join(faces, part)


def _check_alike(first: FaceSet, second: FaceSet) -> None:
    pairs = {
        "classes": (first.classes, second.classes),
        "channels and size": (first.images.shape[1:], second.images.shape[1:]),
        "kind": (type(first).__name__, type(second).__name__),
    }
    for field, names in _NAMES.items():
        if getattr(first, field) is not None and getattr(second, field) is not None:
            pairs[names.replace("_", " ")] = (getattr(first, names), getattr(second, names))
    for what, (here, there) in pairs.items():
        if here != there:
            raise FerError(
                f"{first.name} and {second.name} cannot be joined, for their {what} differ: "
                f"{here} and {there}."
            )


def _both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([first, second])


def _filled(first: FaceSet, second: FaceSet, field: str, unknown: int) -> np.ndarray | None:
    """Return a field of both sets, with `unknown` where only one has it; None where none has."""
    one, other = getattr(first, field), getattr(second, field)
    if one is None and other is None:
        return None
    if one is None:
        one = np.full((len(first), *other.shape[1:]), unknown, other.dtype)
    if other is None:
        other = np.full((len(second), *one.shape[1:]), unknown, one.dtype)
    return _both(one, other)


def _subjects(first: FaceSet, second: FaceSet) -> np.ndarray | None:
    if first.subjects is None or second.subjects is None:
        return None
    if first.name == second.name:
        return _both(first.subjects, second.subjects)
    named = ((first.name, first.subjects), (second.name, second.subjects))
    return np.array([f"{name} {who}" for name, people in named for who in people])


def _images(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return pictures of both; in a temporary file where they would fill the memory."""
    if first.dtype != np.uint8 or first.nbytes + second.nbytes <= _cache.MOST_IN_MEMORY:
        return _both(first, second)
    return _cache.map_rows(_chunks(first, second), first.shape[1:])


def _chunks(*arrays: np.ndarray) -> Iterator[np.ndarray]:
    for images in arrays:
        step = max(1, _cache.CHUNK_BYTES // images[:1].nbytes) if len(images) else 1
        for start in range(0, len(images), step):
            yield images[start : start + step]
            _cache.forget(images)
