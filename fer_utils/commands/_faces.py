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
from fer_utils._arguments import choice
from fer_utils.data import catalog
from fer_utils.data._load import find
from fer_utils.data.faceset import FaceSet
from fer_utils.data.splits import (
    PUBLISHED,
    SHARES,
    WAYS,
    check_shares,
    divide,
    nobody_known,
    sides,
)
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
    args: argparse.Namespace, card: Mapping[str, Any] | None = None
) -> tuple[FaceSet, dict[str, Any]]:
    """Return all faces in their splits, and what says so on a card; print both in a line each.

    Args:
        args: of `add_arguments`, with `data`, the name of the data set; where that is None it
            becomes the one on the card, or the embedded one.
        card: of a net that is to be scored. On the data set that it was trained on, what the card
            says of the faces is taken for what `args` leave open.

    Raises:
        FerError: what `data.load`, `FaceSet.relabel` and `divide` raise; or a division in which the
            net would be scored on faces that it learned from.
    """
    asked = {name: getattr(args, name) for name in ("data", "relabel", *DIVISION, *FORM)}
    trained = (card or {}).get("faces")
    if trained is not None and asked["data"] in (None, trained["data"]):
        asked = _as_trained(asked, trained)
    else:
        _refuse_seen(asked, card or {})
        trained = None
    if asked["shares"] is not None:
        check_shares(asked["shares"])  # before minutes of reading
    args.data = asked["data"] = data.EMBEDDED if asked["data"] is None else asked["data"]
    scan = catalog.get(args.data).scan
    if asked["split_by"] == "subject" and scan:
        # names and label files tell, before minutes of reading pictures
        place = find(args.data, args.root)
        if catalog.get(args.data).open(place).subjects is None:
            raise nobody_known(args.data)
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
    if scan:  # it comes in any size
        record["size"] = faces.images.shape[-1]
    record["without"] = trained["without"] if trained is not None else []
    if trained is not None and way != PUBLISHED and not _same(faces, record, trained):
        raise FerError(
            f"{args.data} holds other faces than those the net was trained on, so nobody knows "
            "which of them it has seen: score it on the data set as it was, or train again."
        )
    words = {PUBLISHED: "as published", "random": "divided at random"}.get(way, f"divided by {way}")
    if shares is not None:
        words += f" ({' / '.join(f'{100 * share:g}' for share in shares)} %, seed {seed})"
    print(f"{faces.name} {words}; {sides(faces)}")
    return faces, record


def _refuse_seen(asked: Mapping[str, Any], card: Mapping[str, Any]) -> None:
    """Refuse another division of faces of which the card does not say how they were divided.

    That is a card from before cards did, or one that knows the faces by another name (FER2013's
    and FERPlus's are the same).
    """
    trained = card.get("faces")
    seen = str(card.get("data", "")).partition(",")[0] if trained is None else trained["data"]
    name = data.EMBEDDED if asked["data"] is None else asked["data"]
    if seen not in catalog.names() or catalog.get(seen).home != catalog.get(name).home:
        return
    if trained is not None and trained["split_by"] != PUBLISHED:
        raise FerError(
            f"the net was trained on a division of its own of {seen}, and {name} shows the same "
            f"faces: score it with --data {seen}."
        )
    for argument in DIVISION:
        if asked[argument] is not None:
            raise FerError(_scored_on_learned(seen, argument))


def _scored_on_learned(seen: str, argument: str) -> str:
    return (
        f"the net was trained on another division of {seen}: with {_flag(argument)} "
        "it would be scored on faces that it learned from, so leave that out."
    )


def _same(faces: FaceSet, record: Mapping[str, Any], trained: Mapping[str, Any]) -> bool:
    """Whether these are the faces that a net was trained on, as far as its card tells."""
    if record["counts"] != trained["counts"]:
        return False
    there = trained.get("digest", {})  # cards from before it was written down have none
    if any((record[name] or None) != (trained[name] or None) for name in FORM):
        # in another form pixels are others
        there = {name: value for name, value in there.items() if name in ("labels", "split")}
    now = faces.where(split="train").digest if there else {}
    return all(now.get(name) == value for name, value in there.items())


def _as_trained(asked: dict[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked, and the card's where it is left open; print what is the card's."""
    drawn = choice("split_by", trained["split_by"], (PUBLISHED, *WAYS)) != PUBLISHED
    for name in (*DIVISION, "relabel") if drawn else DIVISION:
        if asked[name] is not None and (asked[name] or None) != (trained[name] or None):
            raise FerError(_scored_on_learned(trained["data"], name))
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
