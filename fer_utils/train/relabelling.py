"""Relabelling by a network: what it says of faces that it has not learned, and who was right.

A network repeats the labels that it has learned, the wrong ones too. So faces are dealt into folds;
for each fold a network learns from the others. The rules that make labels of its probabilities are
those of `FaceSet.relabel`; ten people's votes are the referee.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from fer_utils._arguments import check_path, integer, shown
from fer_utils.data.faceset import FaceSet
from fer_utils.data.folds import TooFewGroups
from fer_utils.data.folds import folds as deal
from fer_utils.data.relabel import labels as labels_of_votes
from fer_utils.data.relabel import vote_classes
from fer_utils.errors import FerError
from fer_utils.evaluate import Accuracy, Evaluation, check_faces, evaluate
from fer_utils.models.answers import named_classes
from fer_utils.train.loop import fit
from fer_utils.train.recipes import Recipe


def out_of_fold(
    faces: FaceSet,
    create: Callable[[], nn.Module],
    recipe: Recipe | str,
    *,
    folds: int = 5,
    seed: int = 0,
    out: str | Path | None = None,
    **options: Any,
) -> Evaluation:
    """Return what networks say of every face whose fold they have not learned from.

    The faces are dealt by `fer_utils.data.folds`, so that copies of a picture, or a person, are in
    one fold. Each fold's network learns from the other folds, without a part of them (half a fold)
    that chooses its epoch: with five folds 70 % are learned from, 10 % choose, 20 % are answered.
    How the faces are divided otherwise does not matter here.

    Args:
        faces: to be answered.
        create: makes an untrained net whose classes are those of `faces`.
        recipe: as of `fit`.
        folds: how many networks are trained.
        seed: of the folds and of each training.
        out: a folder with one run of `fit` for each fold, from which an interrupted call goes on;
            None keeps nothing.
        options: of `fit`: `epochs`, `device`, `progress`, `resume`, ...

    Returns:
        The Evaluation of all faces, in their order; `FaceSet.relabel` takes its probabilities.

    Raises:
        FerError: what `fer_utils.data.folds` and `fit` raise; nets of other classes; a loss that is
            no number from the first epoch on.
        KeyboardInterrupt: interrupted; with `out` the same call goes on from there.
    """
    check_faces(faces)
    if faces.generated.any():
        raise FerError(
            f"{int(faces.generated.sum())} of the faces are generated, whose labels nobody doubts: "
            "leave them out, with faces.take(~faces.generated)."
        )
    if not callable(create):
        raise FerError(f"create={shown(create)}: give a function that makes an untrained net.")
    folds = integer("folds", folds, 2, 100)
    folder = None if out is None else check_path("out", out)
    try:
        halves = deal(faces, 2 * folds, seed, progress=options.get("progress", True))
    except TooFewGroups as problem:
        name, groups, _ = problem.given
        raise FerError(
            f"{name} has {groups} pictures or people that are no copies of each other, and each of "
            f"{folds} folds needs two, as each is halved: "
            + (f"ask for {groups // 2} folds at most, or " if groups > 3 else "")
            + "load more faces."
        ) from None
    found = np.zeros((len(faces), len(faces.classes)), np.float32)
    for fold in range(folds):
        answered, chooses = halves // 2 == fold, halves == (2 * fold + 2) % (2 * folds)
        net = create()
        if tuple(named_classes(net)) != faces.classes:
            raise FerError(
                f"the net's classes are {', '.join(named_classes(net))}, the faces' "
                f"{', '.join(faces.classes)}: make it with classes=faces.classes."
            )
        parts = (faces.take(~answered & ~chooses), faces.take(chooses))
        place = None if folder is None else folder / f"fold{fold}"
        history = fit(net, *parts, recipe, seed=seed, out=place, **options)
        if history.stopped.startswith("interrupted"):
            raise KeyboardInterrupt
        if not history.epochs:
            raise FerError(f"fold {fold}: {history.stopped}")
        found[answered] = evaluate(net, faces.take(answered)).probabilities
    return Evaluation(found, faces.labels, faces.classes)


@dataclass(frozen=True)
class Verdict:
    """What ten people say about labels that were changed; each a share of all changed labels.

    Attributes:
        new: they would have changed them the same way.
        old: they would have left them.
        other: they give another label than the old and the new one.
        undecided: they do not agree.
    """

    new: Accuracy
    old: Accuracy
    other: Accuracy
    undecided: Accuracy

    def __str__(self) -> str:
        """Return the four shares with their Wilson intervals, a line each."""
        words = {
            "new": "would have changed them the same way",
            "old": "would have kept the old label",
            "other": "say something else",
            "undecided": "do not agree with each other",
        }
        lines = [f"  {getattr(self, name)}  {what}" for name, what in words.items()]
        return "\n".join([f"{self.new.n} changed labels; the people who voted", *lines])


def referee(before: FaceSet, after: FaceSet, rule: str = "majority") -> Verdict:
    """Return how many of the changed labels the people who voted would have changed the same way.

    Args:
        before: faces with votes and their old labels.
        after: the same faces in the same order, with their new labels.
        rule: what the votes agree on, a rule for votes of `FaceSet.relabel`; by "majority" more
            than half of them.

    Raises:
        FerError: other faces, no votes, or no such rule.
    """
    for faces in (before, after):
        check_faces(faces)
    if len(before) != len(after) or before.classes != after.classes:
        raise FerError(f"{before!r} and {after!r} are not the same faces in the same order.")
    if before.votes is None:
        raise FerError(f"{before.name} has no votes, so nobody can say whose labels are right.")
    voted = np.array([*vote_classes(before.vote_names), ""])
    said = voted[labels_of_votes(before.votes, before.vote_names, rule)]
    changed = before.labels != after.labels
    names = np.array(before.classes)
    said, old, new = said[changed], names[before.labels[changed]], names[after.labels[changed]]
    undecided = said == ""
    kinds = (said == new, said == old, ~undecided & (said != new) & (said != old), undecided)
    return Verdict(*(Accuracy(int(kind.sum()), len(said)) for kind in kinds))
