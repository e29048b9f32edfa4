"""Puts a finished training among the weights that come with the kit, with its card.

    python scripts/ship.py DIR/model.safetensors NAME --data fer2013
    python scripts/ship.py DIR/model.safetensors NAME --data fer2013 --relabel majority --note "..."

DIR is where `python -m fer_utils train --out DIR` left the net and the card that says how it was
trained. The net is scored again on the split that chose its epoch, with and without the mirror
image. Its weights are stored in half precision as far as that changes no answer on that split.
"""

import argparse
import copy
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from fer_utils import data, models
from fer_utils.commands.train import score
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, evaluate, labels_for
from fer_utils.models.facenet import FaceNet

WEIGHTS = Path(models.__file__).resolve().parents[1] / "weights"
CLOSE = 0.02  # two probabilities that might change places
WAYS = ("nearest", "toward zero", "from zero")  # of rounding, in the order they are tried
OWN = ("net", "parameters", "sha256")  # of the card: written anew by `models.save`


def in_half(value: Tensor, way: str) -> Tensor:
    """Round numbers to half precision in one of `WAYS`; they stay in the type they come in."""
    exact = value.numpy()
    near = exact.astype(np.float16)
    if way == "toward zero":
        beyond, goal = np.abs(near) > np.abs(exact), np.zeros_like(near)
    elif way == "from zero":
        beyond, goal = np.abs(near) < np.abs(exact), np.copysign(np.float16(np.inf), near)
    else:
        beyond, goal = np.zeros(near.shape, bool), near
    rounded = np.where(beyond, np.nextafter(near, goal), near)
    return torch.from_numpy(rounded.astype(exact.dtype))


def halved(net: FaceNet, ways: Mapping[str, str]) -> FaceNet:
    """Return a copy with some weights rounded, each by name and in its way."""
    net = copy.deepcopy(net)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name in ways:
                value.copy_(in_half(value, ways[name]))
    return net


def both_ways(net: FaceNet, faces: FaceSet) -> np.ndarray:
    """Return the probabilities (2, N, K), without and with the mirror image."""
    return np.stack([evaluate(net, faces, flip=flip).probabilities for flip in (False, True)])


def halvable(net: FaceNet, faces: FaceSet) -> tuple[dict[str, str], np.ndarray]:
    """Return the weights that can be halved without changing an answer, and how each is rounded.

    With them come the probabilities of the net that is so halved; see `both_ways`.

    All to the nearest numbers where that works. Else as many at once as possible, the largest
    first, and a single one in the first of the `WAYS` that changes nothing; those below a
    thousandth of the file stay as they are. Meanwhile only faces are looked at on which two answers
    are close.
    """
    sizes = {k: v.numel() for k, v in net.state_dict().items() if v.is_floating_point()}
    everything, before = dict.fromkeys(sizes, WAYS[0]), both_ways(net, faces)
    after = both_ways(halved(net, everything), faces)
    if np.array_equal(after.argmax(2), before.argmax(2)):
        return everything, after
    best = np.sort(before, axis=2)
    close = np.flatnonzero((best[..., -1] - best[..., -2] < CLOSE).any(0))
    part, expected = faces.take(close), before[:, close].argmax(2)
    chosen: dict[str, str] = {}

    def changes_nothing(ways: Mapping[str, str]) -> bool:
        return np.array_equal(both_ways(halved(net, ways), part).argmax(2), expected)

    large = [name for name in sizes if sizes[name] > sum(sizes.values()) / 1000]
    waiting = [sorted(large, key=lambda name: sizes[name], reverse=True)]
    with tqdm(total=len(large), unit="weight") as bar:
        while waiting:
            group = waiting.pop()
            tried = [dict.fromkeys(group, way) for way in (WAYS if len(group) == 1 else WAYS[:1])]
            works = next((ways for ways in tried if changes_nothing(chosen | ways)), None)
            if works is None and len(group) > 1:
                middle = len(group) // 2
                waiting += [group[middle:], group[:middle]]
                continue
            chosen |= works or {}
            bar.update(len(group))
    after = both_ways(halved(net, chosen), faces)
    same = np.array_equal(after.argmax(2), before.argmax(2))
    return (chosen, after) if same else ({}, before)


def ship(file: Path, name: str, faces: FaceSet, note: str = "", folder: Path = WEIGHTS) -> dict:
    """Write `folder`/NAME.safetensors and its card; return the card."""
    net = models.load(file)
    card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    card = {key: value for key, value in card.items() if key not in OWN}
    half, (plain, mirrored) = halvable(net, faces)
    labels = labels_for(net.classes, faces)
    for what, probabilities in (("valid", plain), ("valid, with the mirror image", mirrored)):
        card["scores"][what] = score(Evaluation(probabilities, labels, net.classes))
    weights = net.state_dict()
    share = sum(weights[key].numel() for key in half) / sum(v.numel() for v in weights.values())
    card["precision"] = f"float16 for {share:.0%} of the numbers: no answer on these faces changes"
    if note:
        card["note"] = note
    return models.save(halved(net, half), folder / f"{name}.safetensors", card, half=half)


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
