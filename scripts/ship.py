"""Puts a finished training among the weights that come with the kit, with its card.

    python scripts/ship.py DIR/model.safetensors NAME --data fer2013
    python scripts/ship.py DIR/model.safetensors NAME --data fer2013 --relabel majority --note "..."

DIR is where `python -m fer_utils train --out DIR` left the net and the card that says how it was
trained. The net is scored again on the split that chose its epoch, with and without the mirror
image. It is stored in half precision where that changes no answer on that split, in single
precision where it does; the card says which.
"""

import argparse
import copy
import json
from pathlib import Path

import torch

from fer_utils import data, models
from fer_utils.commands.train import score
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import evaluate
from fer_utils.models.facenet import FaceNet

WEIGHTS = Path(models.__file__).resolve().parents[1] / "weights"
OWN = ("net", "parameters", "sha256")  # of the card: written anew by `models.save`


def halved(net: FaceNet) -> FaceNet:
    """Return a copy with the weights that a file in half precision gives back."""
    net = copy.deepcopy(net)
    with torch.no_grad():
        for value in net.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())
    return net


def changed_answers(net: FaceNet, faces: FaceSet) -> int:
    """Return how many answers half precision changes, with the mirror image or without."""
    half = halved(net)
    both = [
        evaluate(net, faces, flip=flip).predictions != evaluate(half, faces, flip=flip).predictions
        for flip in (False, True)
    ]
    return int((both[0] | both[1]).sum())


def ship(file: Path, name: str, faces: FaceSet, note: str = "", folder: Path = WEIGHTS) -> dict:
    """Write `folder`/NAME.safetensors and its card; return the card."""
    net = models.load(file)
    card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    card = {key: value for key, value in card.items() if key not in OWN}
    changed = changed_answers(net, faces)
    stored = halved(net) if changed == 0 else net
    for what, flip in (("valid", False), ("valid, with the mirror image", True)):
        card["scores"][what] = score(evaluate(stored, faces, flip=flip))
    card["precision"] = (
        "float16: no answer on these faces changes"
        if changed == 0
        else f"float32: in float16 {changed} of {len(faces):,} answers change"
    )
    if note:
        card["note"] = note
    return models.save(net, folder / f"{name}.safetensors", card, half=changed == 0)


def main() -> int:
    """Score, write, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="model.safetensors of a training")
    parser.add_argument("name", help="of the weights, e.g. mini_xception_fer2013")
    parser.add_argument("--data", required=True, help="the data set it was trained on")
    parser.add_argument("--relabel", help="the rule it was trained with, e.g. majority")
    parser.add_argument("--note", default="", help="a sentence for the card")
    args = parser.parse_args()
    try:
        faces = data.load(args.data, split="valid", progress=False)
        faces = faces.relabel(args.relabel) if args.relabel else faces
        card = ship(args.file, args.name, faces, args.note)
    except FerError as problem:
        parser.exit(1, f"{problem}\n")
    print(json.dumps({key: card[key] for key in ("scores", "precision", "sha256")}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
