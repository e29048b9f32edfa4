"""The faces of a published row: where they lie, under which labels, in which splits."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils import data
from fer_utils.data import catalog
from fer_utils.data._index import SPLITS
from fer_utils.data.faceset import FaceSet
from fer_utils.data.splits import PUBLISHED, draw, split
from fer_utils.data.splits import divide as divide_faces
from fer_utils.errors import FerError
from fer_utils.models.facenet import FaceNet
from fer_utils.papers import Claim, Setup

#: A row that asks for nothing of its own.
USUAL = Setup()

#: Who divided the faces; see `divide`.
PAPER = "paper"


def label_rule(claim: Claim) -> str:
    """Return the rule that makes a row's labels from votes; "" takes labels as published."""
    entry = catalog.DATASETS.get(claim.dataset)
    return claim.label_rule or (entry.label_rule if entry else "")


def locate(dataset: str, root: Path | None = None) -> Path | None:
    """Return where a data set lies, or None.

    Args:
        dataset: its name in the catalogue.
        root: a folder of data sets, or the data set's own; None looks in the usual places.
    """
    if dataset not in data.names():
        return None
    return next((place for place in _tried(dataset, root) if _holds(dataset, place)), None)


def _tried(dataset: str, root: Path | None) -> list[Path]:
    return data.places(dataset) if root is None else [root / catalog.get(dataset).home, root]


def _holds(dataset: str, place: Path) -> bool:
    entry = catalog.get(dataset)
    # A folder of many data sets is no data set: it counts by its name where nothing else tells.
    known = entry.recognize is not None or (place.is_dir() and entry.home in place.name.lower())
    return known and entry.lies_in(place) is not None


def missing(dataset: str, root: Path | None = None) -> str:
    """Say that a data set is not here, where it was looked for, and how to get it."""
    if dataset not in data.names():
        return f"{dataset} is not among the data sets that can be opened: {', '.join(data.names())}"
    tried = ", ".join(map(str, _tried(dataset, root)))
    return f"{dataset} is not in {tried}. How to get it: {catalog.get(dataset).card.get}"


def load(
    claim: Claim, net: FaceNet, root: Path | None, *, faces: int | None, progress: bool
) -> tuple[dict[str, FaceSet], str]:
    """Return the faces of a row by split, those of the network's classes only, and the division.

    Args:
        claim: names the data set and the rule for its labels.
        net: the row's network, which says what classes, size and colours it takes.
        root: see `locate`.
        faces: at most so many of each split, spread evenly over the classes' shares.
        progress: show a bar where reading takes long.

    Returns:
        faces by split, "test" perhaps empty, and who divided them: see `divide`.

    Raises:
        FerError: the data are not there or damaged, or a split that is needed is empty.
    """
    place = locate(claim.dataset, root)
    if place is None:
        raise FerError(missing(claim.dataset, root))
    options: dict[str, Any] = {"rule": label_rule(claim)} if label_rule(claim) else {}
    options |= dict(claim.setup.load)
    entry = catalog.get(claim.dataset)
    if entry.scan is not None:
        options |= {"size": net.input_size, "color": net.color_channels == 3}
    if "paper" in entry.options:  # several papers divided it, each in its own way
        options |= {"paper": claim.paper}
    everyone = data.load(claim.dataset, place, progress=progress, **options)
    if everyone.label_rule != label_rule(claim):  # FERPlus's folders: pictures and votes alone
        own = f"{claim.dataset}'s own: {catalog.get(claim.dataset).card.get}"
        raise FerError(
            f"{place} has labels by the votes' rule {everyone.label_rule!r} only, which leaves "
            f"faces out; {claim.key} needs {own}"
        )
    if claim.setup.voted:
        everyone = by_most_votes(everyone, net.classes)
    known = np.isin(np.array(everyone.classes)[everyone.labels], net.classes)
    everyone, division = divide(everyone.take(np.flatnonzero(known)), claim.setup)
    parts = {name: everyone.where(split=name) for name in SPLITS}
    # Where the paper has no validation part, the test set is watched instead: see `Setup.epoch`.
    needed = ("train", "valid" if claim.setup.epoch == "valid" else "test")
    for name in needed:
        if not len(parts[name]):
            raise FerError(
                f"{claim.dataset} in {place} has no {name} faces of the classes "
                f"{', '.join(net.classes)}: found {everyone!r}."
            )
    if faces:
        parts = {name: thin(part, faces) for name, part in parts.items()}
    if claim.setup.balanced:
        parts["train"] = balanced(parts["train"])
    return parts, division


def by_most_votes(faces: FaceSet, classes: Sequence[str]) -> FaceSet:
    """Return all faces, each labelled by the most votes for these classes, the first of equals.

    A face that nobody gave any of them gets the first column's. So minaee2019's matrix counts.
    """
    if faces.votes is None:
        raise FerError(f"{faces.name} has no votes: put FERPlus's files beside FER2013's csv file.")
    columns = [place for place, name in enumerate(faces.vote_names) if name in classes]
    names = [faces.vote_names[place] for place in columns]
    most = faces.votes[:, columns].argmax(axis=1)
    labels = np.array([list(classes).index(name) for name in names])[most]
    return replace(faces, labels=labels, classes=tuple(classes))


def balanced(faces: FaceSet) -> FaceSet:
    """Return faces with those of rarer classes repeated until every class has as many.

    Everybody gets the same; augmentation changes each copy in its own way.
    """
    most = max(faces.counts().values())
    rows = [np.flatnonzero(faces.labels == label) for label in np.unique(faces.labels)]
    # over and over, and at last a part of the faces, evenly spread
    spread = [np.linspace(0, len(own), most % len(own), endpoint=False).astype(int) for own in rows]
    every = [
        np.concatenate([*[own] * (most // len(own)), own[last]])
        for own, last in zip(rows, spread, strict=True)
    ]
    return faces.take(np.sort(np.concatenate(every)))


def divide(faces: FaceSet, setup: Setup = USUAL) -> tuple[FaceSet, str]:
    """Return faces in splits, and who divided them; every seed gets the same division.

    Where a setup wants a random share of all faces as the test set, it is drawn as the paper drew
    it, out of all published parts together: "paper". FER2013's PrivateTest is then partly learned
    from: this repeats a paper, and chooses nothing for this kit's own networks. Else,

    "paper": the data set's paper, as far as it says how (its sizes, drawn again where it gives no
    list); "published": the data set itself; else 70 / 10 / 20 % are drawn here, by "subject" where
    it is known who is shown, so that nobody is on two sides, or at "random". Where there is a test
    split and no validation split, a tenth of the training faces becomes it.
    """
    if setup.test:
        # as scikit-learn's train_test_split counts: a fifth of 35,887 is 7,178
        count = math.ceil(setup.test * len(faces) - 1e-9)
        return replace(faces, split=draw(faces.labels, test=count)), PAPER
    by = PAPER if "paper_split" in faces.columns else None
    divided = split(faces, by=PAPER) if by else faces
    if setup.epoch != "valid" and (divided.split == "test").any():
        return divided, by or PUBLISHED
    return divide_faces(faces, by)


def thin(faces: FaceSet, number: int) -> FaceSet:
    """Return `number` of the faces: the first of every class, then evenly from all the others."""
    if number >= len(faces):
        return faces
    by_class = np.argsort(faces.labels, kind="stable")
    firsts = np.unique(faces.labels, return_index=True)[1]
    others = by_class[~np.isin(by_class, firsts)]
    spread = np.linspace(0, len(others) - 1, max(0, number - len(firsts))).astype(int)
    return faces.take(np.sort(np.concatenate([firsts, others[spread]])))


def digest(faces: FaceSet) -> str:
    """Return a fingerprint of pictures and labels in their order: equal ones are the same faces."""
    known = hashlib.sha256(faces.labels.astype(np.uint8).tobytes())
    for start in range(0, len(faces), 1024):  # mapped pictures need not fit into memory
        known.update(faces.images[start : start + 1024].tobytes())
    return known.hexdigest()[:16]


def scored_split(parts: dict[str, FaceSet]) -> str:
    """Return the split to score: "test" where there is one, else "valid"."""
    return "test" if len(parts["test"]) else "valid"
