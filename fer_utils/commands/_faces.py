"""The faces that `train` and `evaluate` work on: which data set, in what form, how divided.

What `train` was asked for stands on the card of the net it leaves, under "faces"; `evaluate` takes
it from there, so that a net is scored on faces that it never learned from.
"""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fer_utils import data
from fer_utils.data import catalog
from fer_utils.data.faceset import FaceSet
from fer_utils.data.splits import PUBLISHED, SHARES, WAYS, check_shares, divide, sides
from fer_utils.errors import FerError
from fer_utils.ranges import SEED, SHARE, SIDE

#: What decides who is on which side.
DIVISION = ("split_by", "shares", "split_seed")
#: What `data.load` is asked for.
FORM = ("crop", "color", "size")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what says which faces; an argument that is not given is None."""
    parser.add_argument("--root", help="folder of the data set, where it is not in a usual place")
    parser.add_argument("--relabel", help="rule for FERPlus votes, e.g. majority; '' for none")
    parser.add_argument(
        "--split-by",
        choices=WAYS,
        help="divide the faces anew: nobody on two sides, picture by picture, or as the data set's "
        "paper did (default: its own division; without one by subject where it is known who is "
        "shown, else random)",
    )
    parser.add_argument(
        "--shares",
        nargs=3,
        type=SHARE,
        metavar=("TRAIN", "VALID", "TEST"),
        help="of a division by subject or random; they sum to 1 (default: 0.7 0.1 0.2)",
    )
    parser.add_argument(
        "--split-seed", type=SEED, metavar="SEED", help="of a division (default: 0)"
    )
    parser.add_argument(
        "--crop", choices=("haar",), help="cut out the largest frontal face that is found"
    )
    parser.add_argument(
        "--color", action=argparse.BooleanOptionalAction, help="RGB instead of gray (default: gray)"
    )
    parser.add_argument("--size", type=SIDE, help="side in pixels (default: the data set's usual)")


def load(
    args: argparse.Namespace, trained: Mapping[str, Any] | None = None
) -> tuple[FaceSet, dict[str, Any]]:
    """Return all faces in their splits, and what says so on a card; print both in a line each.

    Args:
        args: of `add_arguments`, with `data`, the name of the data set; where that is None it
            becomes the one on the card, or the embedded one.
        trained: what the card of a net that is to be scored says of its training faces. On the same
            data set, it is taken for what `args` leave open.

    Raises:
        FerError: what `data.load`, `FaceSet.relabel` and `divide` raise; or a division in which the
            net would be scored on faces that it learned from.
    """
    asked = {name: getattr(args, name) for name in ("data", "relabel", *DIVISION, *FORM)}
    if trained is not None and asked["data"] in (None, trained["data"]):
        asked = _as_trained(asked, trained)
    else:
        trained = None
    if asked["shares"] is not None:
        check_shares(asked["shares"])  # before minutes of reading
    args.data = asked["data"] = asked["data"] or data.EMBEDDED
    form = {name: asked[name] for name in FORM if asked[name] is not None}
    faces = data.load(args.data, args.root, **form)
    if asked["relabel"]:
        faces = faces.relabel(asked["relabel"])
    by = None if asked["split_by"] == PUBLISHED else asked["split_by"]
    seed = asked["split_seed"] or 0
    faces, way = divide(faces, by, asked["shares"], seed)
    shares = list(asked["shares"] or SHARES) if way in WAYS[:2] else None
    record = {**asked, "split_by": way, "shares": shares, "split_seed": seed}
    record["counts"] = {name: int((faces.split == name).sum()) for name in data.SPLITS}
    if catalog.get(args.data).scan:  # it comes in any size
        record["size"] = faces.images.shape[-1]
    record["without"] = trained["without"] if trained is not None else []
    if trained is not None and way != PUBLISHED and record["counts"] != trained["counts"]:
        raise FerError(
            f"{args.data} holds other faces than those the net was trained on, so nobody knows "
            "which of them it has seen: score it on the data set as it was, or train again."
        )
    words = {PUBLISHED: "as published", "random": "divided at random"}.get(way, f"divided by {way}")
    if shares is not None:
        words += f" ({' / '.join(f'{100 * share:g}' for share in shares)} %, seed {seed})"
    print(f"{faces.name} {words}; {sides(faces)}")
    return faces, record


def _as_trained(asked: dict[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked, and the card's where it is left open; print what is the card's."""
    drawn = trained["split_by"] != PUBLISHED
    for name in (*DIVISION, "relabel") if drawn else DIVISION:
        if asked[name] is not None and (asked[name] or None) != (trained[name] or None):
            raise FerError(
                f"the net was trained on another division of {trained['data']}: with {_flag(name)} "
                "it would be scored on faces that it learned from, so leave that out."
            )
    taken = {name: trained[name] for name, value in asked.items() if value is None}
    other = [
        name for name in (*FORM, "relabel") if (asked[name] or None) != (trained[name] or None)
    ]
    for words, given, names in (
        ("as on the model's card", taken, [name for name in asked if name in taken]),
        ("not as in training", asked, [name for name in other if name not in taken]),
    ):
        # a published division is no choice, and what was not chosen in training needs no word
        said = [name for name in names if given[name] not in (None, PUBLISHED)]
        if said:
            print(f"{words}: {' '.join(_typed(name, given[name]) for name in said)}")
    return {**asked, **taken}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _typed(name: str, value: object) -> str:
    """Return an argument as it is typed."""
    if isinstance(value, bool):
        return _flag(name) if value else f"--no-{name}"
    values = value if isinstance(value, list) else [value]
    return shlex.join(map(str, [_flag(name), *values]))


def learnable(faces: FaceSet) -> tuple[str, ...]:
    """Return the classes that the training faces show, of which a net can be made.

    Raises:
        FerError: they are fewer than two.
    """
    counts = faces.where(split="train").counts()
    classes = tuple(name for name, count in counts.items() if count)
    if len(classes) < 2:
        shown = f"only show {classes[0]}" if classes else "are none"
        raise FerError(f"{faces.name}: its training faces {shown}; a net has to tell two apart.")
    return classes


def leave_out(faces: FaceSet, classes: Sequence[str]) -> FaceSet:
    """Return the faces that show none of these, and say how many others there were."""
    counts = {name: count for name, count in faces.counts().items() if name in classes and count}
    if not counts:
        return faces
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"left out, for no training face shows that expression: {words}")
    there = np.array([name not in classes for name in faces.classes])
    return faces.take(np.flatnonzero(there[faces.labels]))
