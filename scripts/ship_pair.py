"""Puts a finished training of two generators among those that come with the kit, with its card.

    python scripts/ship_pair.py DIR NAME --data facs3d
    python scripts/ship_pair.py DIR NAME --data fer2013 --note "..."
    python scripts/ship_pair.py DIR NAME --data facs3d --strength 0.8
        a generator of the change draws so much of it from now on

DIR is where `python -m fer_utils translate train --out DIR` left the pair. On facs3d it is scored
against the drawn truth, beside copying the input, with 40 people it never saw; on any data set by
the share of translations that networks which never saw a generated face call by the class. The
weights are stored in half precision if that moves no pixel by more than two grey levels.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from fer_utils import data, models, translate
from fer_utils.errors import FerError
from fer_utils.translate import Pair
from fer_utils.translate.drawing import TRUTH
from fer_utils.translate.networks import ChangeGenerator
from fer_utils.translate.pair import WEIGHTS

FOLDER = Path(translate.__file__).with_name("weights")
VISIBLE = 2  # grey levels of 255 that nobody sees
JUDGES = ("bottleneck_065m", "deep_emotion", "mini_xception", "small_resnet")


def scores(pair: Pair, name: str, root: str | None) -> dict:
    """Return a pair's scores in both directions, by the class that is drawn."""
    known = [
        f"{judge}_{name}" for judge in JUDGES if f"{judge}_{name}" in models.pretrained_names()
    ]
    nets = {judge: models.load(judge) for judge in known}
    found: dict[str, dict] = {}
    for other, label in (pair.classes, pair.classes[::-1]):
        if name == data.EMBEDDED:
            faces, truth = (translate.drawn(shown, TRUTH, pair.size) for shown in (other, label))
            near = translate.against_truth(pair, faces, truth, label)
            found[label] = {measure: score.as_dict() for measure, score in near.items()}
        else:
            faces = data.load(name, root, split="valid").where(label=other).images
            found[label] = {"faces": f"{len(faces)} validation faces of {other}"}
        for what, pictures in (("called", pair.apply(faces, label)), ("before", faces)):
            shares = translate.shares_called(pictures, label, nets)
            found[label][what] = {judge: round(share, 4) for judge, share in shares.items()}
    return found


def halved(pair: Pair, folder: Path, faces: np.ndarray) -> tuple[bool, int]:
    """Return whether weights of 16 bits change little, and by how many grey levels at most."""
    before = [pair.apply(faces, label) for label in pair.classes]
    path = folder / ".half.safetensors"
    try:
        pair.save(path, half=True)
        rounded = translate.load(path)
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
    after = [rounded.apply(faces, label) for label in pair.classes]
    most = max(
        int(np.abs(one.astype(int) - other).max()) for one, other in zip(before, after, strict=True)
    )
    return most <= VISIBLE, most


def weaken(pair: Pair, strength: float) -> None:
    """Let generators that draw a change draw `strength` times as much of it, in place."""
    with torch.no_grad():
        for net in pair.generators.values():
            if not isinstance(net, ChangeGenerator):
                raise FerError("--strength is for generators that draw only the change.")
            for numbers in net.layers[-1].parameters():
                numbers.mul_(strength)
    pair.card["strength"] = strength


def ship(
    run: Path,
    name: str,
    dataset: str,
    root: str | None = None,
    note: str = "",
    folder: Path = FOLDER,
    strength: float = 1.0,
) -> dict:
    """Write `folder`/NAME.safetensors and its card; return the card.

    Raises:
        FerError: the training has not ended, or its generators do not draw a change.
    """
    pair = translate.load(run)
    if pair.card["steps"] < pair.card["of"]:
        raise FerError(f"{run} has done {pair.card['steps']} of {pair.card['of']} steps.")
    if strength != 1:
        weaken(pair, strength)
    folder.mkdir(parents=True, exist_ok=True)
    faces = translate.drawn("neutral", TRUTH, pair.size)
    if pair.channels != 1:
        faces = faces.repeat(3, 1)
    half, most = halved(pair, folder, faces)
    if half:
        print(f"half precision moves no pixel by more than {most} of 255")
    path = folder / f"{name}.safetensors"
    pair.save(path, half=half)
    card = {"scores": scores(translate.load(path), dataset, root), "half": half}
    card |= {"note": note} if note else {}
    return pair.save(path, card, half=half)


def main() -> None:
    """Ship what the command line names."""
    parser = argparse.ArgumentParser(description="Ship a pair of generators.")
    parser.add_argument("run", type=Path, help=f"the training's folder, which holds {WEIGHTS}")
    parser.add_argument("name", help="under which it comes with the kit")
    parser.add_argument("--data", required=True, help="data set it learned from")
    parser.add_argument("--root", help="folder of the data set, where it is not in a usual place")
    parser.add_argument("--note", default="")
    parser.add_argument("--strength", type=float, default=1.0, help="share of the change, above 0")
    args = parser.parse_args()
    options = {"note": args.note, "strength": args.strength}
    card = ship(args.run, args.name, args.data, args.root, **options)
    for label, found in card["scores"].items():
        print(f"{label}: {found}")


if __name__ == "__main__":
    main()
