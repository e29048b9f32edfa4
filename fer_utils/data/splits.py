"""Dividing a data set into train, valid and test: by person, at random, or as a paper did.

A network that has seen somebody's angry face knows that person's face; asked about the same
person's sad face, it is helped by what it remembers. So a split by subject, with nobody on two
sides, is the honest one wherever it is known who is shown. Random splits of pictures are what many
papers used; they are here to measure how much that flatters.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fer_utils._arguments import seed as check_seed
from fer_utils._arguments import shown
from fer_utils.data._index import SPLITS
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

WAYS = ("subject", "random", "paper")

#: Of train, valid and test, where nothing else is asked for.
SHARES = (0.7, 0.1, 0.2)
#: What `divide` calls the division that a data set comes with.
PUBLISHED = "published"

# Passes over all subjects that move one or swap two; the cost settles long before.
_PASSES = 20


def split(
    faces: FaceSet,
    by: str = "subject",
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> FaceSet:
    """Return the same faces divided anew.

    Args:
        faces: the data set; its old division is forgotten.
        by: "subject" puts every person on one side only and keeps the balance of the classes as
            far as the people allow (greedily, the people with most pictures first, then moving
            single people while that brings the counts nearer to the shares). "random" draws
            pictures, class by class; where it is known who is shown, it warns that the same people
            are on both sides. "paper" takes the split of the paper that the data set's layout
            names (column "paper_split"), without the faces that the paper does not use.
        shares: of train, valid and test; they sum to 1. A share may be 0. "paper" has its own.
        seed: of the random numbers; the same seed gives the same split.

    Raises:
        FerError: no such way, no sensible shares, nobody knows who is shown, there are fewer
            people than parts, or no paper's split is known.
    """
    if not isinstance(faces, FaceSet):
        raise FerError(f"faces are a FaceSet, as data.load(NAME) gives it, not {shown(faces)}.")
    seed = check_seed(seed)
    if not isinstance(by, str) or by not in WAYS:
        raise FerError(f"by={shown(by)} is not a way to split.{nearest(by, WAYS)}")
    if by == "paper":
        return _paper(faces)
    if faces.generated.any():
        raise FerError(
            f"{faces.name} holds generated faces, which may not be tested on, nor may the faces "
            "they were made from: divide it first, then add them."
        )
    portions = check_shares(shares)
    if by == "random":
        divided = replace(faces, split=_random(faces.labels, portions, seed))
        _warn(divided)
        return divided
    if faces.subjects is None:
        raise nobody_known(faces.name)
    return replace(faces, split=_by_subject(faces, faces.subjects, portions, seed))


def nobody_known(name: str) -> FerError:
    """Return the error for a division by subject of a data set without subjects."""
    return FerError(
        f"{name} does not say who is shown, so it cannot be divided by subject: divide "
        "it at random (the same people may then be on both sides)."
    )


def divide(
    faces: FaceSet, by: str | None = None, shares: Sequence[float] | None = None, seed: int = 0
) -> tuple[FaceSet, str]:
    """Return faces in splits to learn from and to choose by, and who divided them.

    What has a test split and no validation split gets one, a tenth of the training faces: by
    subject where it is known who is shown (more than one person), else at random.

    Args:
        faces: the data set.
        by: an entry of `WAYS`; None keeps the division that the data set comes with, and divides
            what has none by subject where it is known who is shown and there are as many people as
            parts, else at random.
        shares: see `split`; None for `SHARES`.
        seed: see `split`; the same seed always gives the same division.

    Returns:
        the faces, and "published" or an entry of `WAYS`.

    Raises:
        FerError: see `split`; or shares for a division that has its own.
    """
    drawn = _drawn(faces, SHARES if shares is None else shares)
    way = by or (PUBLISHED if {"valid", "test"} & set(faces.split.tolist()) else drawn)
    if way in WAYS[:2]:
        return _quietly(faces, way, SHARES if shares is None else shares, seed), way
    if shares is not None:
        whose = "the paper's division" if way == "paper" else f"the division of {faces.name}"
        raise FerError(f"{whose} has its own shares: divide by subject or at random, or leave them")
    if way != PUBLISHED:
        faces = split(faces, by=way)
    has = set(faces.split.tolist())
    if "valid" in has or not {"train", "test"} <= has:
        return faces, way
    places = faces.split.copy()
    learned = faces.where(split="train")
    tenth = (0.9, 0.1, 0.0)
    drawn = _drawn(learned, tenth)
    places[faces.split == "train"] = _quietly(learned, drawn, tenth, seed).split
    return replace(faces, split=places), way


def _drawn(faces: FaceSet, shares: Sequence[float]) -> str:
    """Return how to divide what nobody has divided: by subject where that is possible."""
    parts = np.count_nonzero(check_shares(shares))
    few = faces.subjects is None or len(np.unique(faces.subjects)) < parts
    return "random" if few else "subject"


def _quietly(faces: FaceSet, by: str, shares: Sequence[float], seed: int) -> FaceSet:
    """Return what `split` does without its warning: `sides` says the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return split(faces, by, shares, seed)


def sides(faces: FaceSet) -> str:
    """Say on one line how many faces, and people if they are known, are on each side."""
    counts = {name: int((faces.split == name).sum()) for name in SPLITS}
    if faces.subjects is None:
        return "faces: " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
    people = [np.unique(faces.subjects[faces.split == name]) for name in SPLITS]
    _, on = np.unique(np.concatenate(people), return_counts=True)
    words = [
        f"{name} {count:,} / {len(here):,}"
        for (name, count), here in zip(counts.items(), people, strict=True)
    ]
    return f"faces / people: {', '.join(words)}; {(on > 1).sum() or 'nobody'} on more than one side"


def check_shares(shares: Sequence[float]) -> np.ndarray:
    """Return shares as an array, float64 (3,).

    Raises:
        FerError: they are not three numbers from 0 to 1 that sum to 1.
    """
    try:
        values = np.array(list(shares), np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (3,) or (values < 0).any() or not np.isclose(values.sum(), 1):
        raise FerError(
            f"shares are three numbers from 0 to 1 for train, valid and test that sum to 1, "
            f"not {shown(shares)}"
        )
    return values


def _paper(faces: FaceSet) -> FaceSet:
    if "paper_split" not in faces.columns:
        raise FerError(
            f"{faces.name}: no paper's split is known here; data sets with a published split of "
            "their own (FER2013) have it when they are loaded, others are divided by subject or at "
            "random."
        )
    used = faces.take(np.flatnonzero(faces.columns["paper_split"] != ""))
    return replace(used, split=used.columns["paper_split"])


def _random(labels: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Draw pictures so that every class, and the whole, comes within one of its share."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    # Class after class, in random order: every n-th face of this row is a fair share of each.
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    divided = np.full(len(labels), SPLITS[0], "<U5")
    for name, share, rest in (("test", shares[2], 1.0), ("valid", shares[1], 1.0 - shares[2])):
        taken = np.floor(np.arange(1, len(order) + 1) * (share / rest if rest else 0) + 0.5)
        chosen = np.diff(taken, prepend=0.0) > 0
        divided[order[chosen]] = name
        order = order[~chosen]
    return divided


def _warn(divided: FaceSet) -> None:
    if divided.subjects is None:
        return
    trained = np.unique(divided.subjects[divided.split == "train"])
    others = np.unique(divided.subjects[divided.split != "train"])
    both = np.intersect1d(trained, others)
    if len(both):
        people = len(np.union1d(trained, others))
        warnings.warn(
            f"{divided.name}: {len(both)} of {people} people are on both sides of this random "
            'split, so scores on it are partly memory of a person; by="subject" keeps them apart.',
            stacklevel=3,
        )


def _by_subject(faces: FaceSet, subjects: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    people, who = np.unique(subjects, return_inverse=True)
    wanted = np.flatnonzero(shares)
    if len(people) < len(wanted):
        raise FerError(
            f"{faces.name} shows {len(people)} people, who cannot be divided into "
            f"{len(wanted)} parts. Give a share of 0 to a part you do not need."
        )
    counts = np.zeros((len(people), len(faces.classes)))
    np.add.at(counts, (who, faces.labels), 1)
    side = _assign(counts, shares, np.random.default_rng(seed))
    return np.array(SPLITS)[side][who]


def _assign(counts: np.ndarray, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the part of each person: int64 (P,), from how many faces of each class (P, K) show.

    The cost of a division is the sum, over parts and classes, of the squared difference between
    the share of the class that lies in the part and the share that should.
    """
    counts = counts[:, counts.any(axis=0)]
    portion = counts / counts.sum(axis=0)
    parts = np.flatnonzero(shares)
    order = random.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    side = np.full(len(counts), -1)
    have = np.zeros((len(shares), portion.shape[1]))
    for person in order:
        side[person] = _cheapest(have, portion[person], shares, parts)
        have[side[person]] += portion[person]
    for part in parts.tolist():
        if not (side == part).any():
            _fill(side, have, portion, shares, part)
    for _ in range(_PASSES):
        before = side.copy()
        for person in order:
            if (side == side[person]).sum() > 1:  # nobody leaves a part empty
                have[side[person]] -= portion[person]
                side[person] = _cheapest(have, portion[person], shares, parts)
                have[side[person]] += portion[person]
        if (side == before).all():
            break
    return side


def _cheapest(
    have: np.ndarray, person: np.ndarray, shares: np.ndarray, parts: np.ndarray
) -> np.int64:
    """Return the part in which one more person costs least."""
    wanted = shares[parts, None]
    grown = ((have[parts] + person - wanted) ** 2).sum(axis=1)
    return parts[np.argmin(grown - ((have[parts] - wanted) ** 2).sum(axis=1))]


def _fill(
    side: np.ndarray, have: np.ndarray, portion: np.ndarray, shares: np.ndarray, part: int
) -> None:
    """Move the person whose leaving costs least into an empty part."""
    crowded = np.bincount(side, minlength=len(shares))[side] > 1
    left = have[side] - portion - shares[side, None]
    stayed = have[side] - shares[side, None]
    arrived = portion - shares[part]
    cost = (left**2 - stayed**2 + arrived**2).sum(axis=1)
    person = np.argmin(np.where(crowded, cost, np.inf))
    have[side[person]] -= portion[person]
    have[part] += portion[person]
    side[person] = part


def draw(
    labels: np.ndarray, *, test: int, valid: int = 0, per_class: bool = False, seed: int = 0
) -> np.ndarray:
    """Return a random split: str (N,), "test", "valid" and, for the rest, "train".

    The papers give the sizes of their splits, never lists, so which pictures a paper tested on is
    not known. What is drawn here has a paper's sizes and its way of drawing (pictures, not people),
    with a fixed seed, so that everybody gets the same. People are on both sides, as in the papers.

    Args:
        labels: int64 (N,).
        test: how many test pictures; with `per_class`, of every class.
        valid: how many validation pictures, in all.
        per_class: draw `test` pictures of every class.
        seed: of the random numbers.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    if per_class:
        parts = [order[labels[order] == label][:test] for label in np.unique(labels)]
        chosen = np.concatenate(parts)
        order = np.concatenate([chosen, order[~np.isin(order, chosen)]])
        test = len(chosen)
    split = np.full(len(labels), "train")
    split[order[:test]] = "test"
    split[order[test : test + valid]] = "valid"
    return split
