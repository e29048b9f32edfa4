"""`python -m fer_utils relabel`: which labels a network that has not learned them would change."""

import argparse
import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_utils import data
from fer_utils.commands import _faces, as_command, as_csv, file_name
from fer_utils.data.faceset import FaceSet
from fer_utils.data.relabel import ON_PROBABILITIES
from fer_utils.errors import FerError
from fer_utils.files import check_writable, write
from fer_utils.ranges import EPOCHS, SEED, THREADS, Range

FOLDS = Range(2, 100, whole=True, why="networks to train")
COLUMNS = ("row", "old", "new", "probability", "rule")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", help="data set")
    _faces.add_arguments(parser)
    parser.add_argument(
        "--split",
        default="train",
        choices=(*data.SPLITS, "all"),
        help="whose labels (default: train; to change those of a test is to change the exam)",
    )
    parser.add_argument("--model", default="mini_xception", help="kind of network")
    parser.add_argument("--recipe", help="default: the model's paper's")
    parser.add_argument("--epochs", type=EPOCHS, help="of each fold (default: the recipe's)")
    parser.add_argument("--folds", type=FOLDS, default=5, help="networks to train (default: 5)")
    parser.add_argument(
        "--rule",
        choices=ON_PROBABILITIES,
        default="confident",
        help="what changes a label: more than half of the probability on another class "
        "(distribution, our reading of mazen2021), or confident learning (default)",
    )
    parser.add_argument("--seed", type=SEED, default=0)
    parser.add_argument("--device", help="cpu, cuda, ...; default: a GPU where there is one")
    parser.add_argument("--threads", type=THREADS, help="CPU threads")
    parser.add_argument(
        "--out",
        type=file_name,
        required=True,
        metavar="FILE.csv",
        help="the changed labels; the trainings lie in FILE.runs, from where the same command "
        "goes on",
    )


def run(args: argparse.Namespace) -> int:
    """Train the folds, print what would change, write the table; return 0."""
    import torch

    from fer_utils import models, train
    from fer_utils.models.answers import chosen_device

    chosen_device(args.device)  # what would fail later is said at once
    check_writable(args.out)
    recipe = train.recipe(args.recipe or models.paper(args.model))
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    args.data = args.name
    faces, _ = _faces.load(args)
    if args.split != "all":
        faces = faces.where(split=args.split)
    faces = _shown(faces)
    answers = train.out_of_fold(
        faces,
        lambda: models.create(args.model, classes=faces.classes, seed=args.seed),
        recipe,
        folds=args.folds,
        seed=args.seed,
        out=args.out.with_suffix(".runs"),
        epochs=args.epochs,
        device=args.device,
    )
    print(f"out of fold, the networks agree with the labels in {answers.accuracy}")
    after = faces.relabel(args.rule, answers.probabilities)
    print(most(faces, after))
    if faces.votes is not None and (faces.labels != after.labels).any():
        print(train.referee(faces, after))
    given = argparse.Namespace(**{**vars(args), "out": Path(args.out.name)})
    made_by = as_command(args.parser, given, hide=("root", "device", "threads"))
    about = [
        f"{faces.name}: labels that {args.folds} networks, out of fold, would change by the rule "
        f"{args.rule}",
        "row: where the picture came from; probability: of the new label",
        f"made by: {made_by}",
    ]
    write(args.out, as_csv(about, [COLUMNS, *lines(faces, after, answers.probabilities)]))
    print(f"wrote {args.out}; the networks are in {args.out.with_suffix('.runs')}")
    return 0


def _shown(faces: FaceSet) -> FaceSet:
    """Return faces without the classes that none of them shows."""
    there = [name for name, count in faces.counts().items() if count]
    if len(there) < 2:
        raise FerError(f"{faces!r}: a network has to tell two classes apart, so show it two.")
    labels = np.array([there.index(n) if n in there else -1 for n in faces.classes])[faces.labels]
    return replace(faces, classes=tuple(there), labels=labels)


def most(before: FaceSet, after: FaceSet, shown: int = 5) -> str:
    """Return the commonest changes in words, a line each."""
    changed = np.flatnonzero(before.labels != after.labels)
    pairs = Counter(zip(before.labels[changed], after.labels[changed], strict=True))
    names = before.classes
    rows = pairs.most_common(shown)
    return "\n".join(f"{count:8,}  {names[old]} to {names[new]}" for (old, new), count in rows)


def lines(before: FaceSet, after: FaceSet, probabilities: np.ndarray) -> list[tuple]:
    """Return the rows of the table: one for each label that changed."""
    names, classes = named_rows(before), before.classes
    rule = after.label_rule.split(" + ")[-1]
    return [
        (
            names[at],
            classes[before.labels[at]],
            classes[after.labels[at]],
            f"{probabilities[at, after.labels[at]]:.4f}",
            rule,
        )
        for at in np.flatnonzero(before.labels != after.labels)
    ]


def named_rows(faces: FaceSet) -> list[str]:
    """Return where each picture came from, in words: the same in a part and in the whole set."""
    return [str(row) for row in np.asarray(faces.rows).tolist()]


def relabelled(faces: FaceSet, path: Path) -> FaceSet:
    """Return faces with their training labels changed as a table of this command says.

    Labels of other splits stay as they are, whatever the table says.

    Raises:
        FerError: the file is no such table, or was made from other faces.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FerError(f"{path} cannot be read as a table of labels ({error}).") from None
    table = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    if not table or not set(COLUMNS[:3]) <= set(table[0]):
        raise FerError(
            f"{path} is no table of labels: python -m fer_utils relabel NAME --out FILE.csv "
            f"writes one, with the columns {', '.join(COLUMNS)}."
        )
    at = {name: place for place, name in enumerate(named_rows(faces))}
    labels = faces.labels.copy()
    for line in table:
        place = at.get(line["row"])
        old, new = (faces.class_index(line[name]) for name in ("old", "new"))
        if place is None or faces.labels[place] != old:
            raise FerError(
                f"{path} was made from other faces: {faces.name} has no row {line['row']} "
                f"labelled {line['old']}."
            )
        if faces.split[place] == "train":
            labels[place] = new
    print(f"{path.name}: {(labels != faces.labels).sum()} training labels changed")
    return replace(faces, labels=labels)
