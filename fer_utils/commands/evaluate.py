"""`python -m fer_utils evaluate`: confusion matrix, precision, recall and F1 of a network."""

import argparse
from pathlib import Path

from fer_utils import data, models, plots
from fer_utils.evaluate import Evaluation, evaluate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--data", default="facs3d", help="data set (default: facs3d)")
    parser.add_argument("--root", help="folder of the data set, where it is not in a usual place")
    parser.add_argument("--split", default="test", choices=data.SPLITS)
    parser.add_argument("--relabel", help="rule for FERPlus votes, e.g. majority")
    parser.add_argument(
        "--model", required=True, help="pretrained name, or the path of a model.safetensors"
    )
    parser.add_argument("--device", help="cpu, cuda, ...")
    parser.add_argument("--out", type=Path, help="also draw the confusion matrix into this PNG")


def run(args: argparse.Namespace) -> int:
    """Score the network and print the tables."""
    net = models.load(args.model)
    faces = data.load(args.data, args.root, split=args.split)
    if args.relabel:
        faces = faces.relabel(args.relabel)
    found = evaluate(net, faces, device=args.device, progress=True)
    print(f"{args.model} on {faces.name}, {args.split} split, {len(faces)} faces")
    print()
    print(confusion_text(found))
    print()
    print(found.table())
    if args.out:
        plots.save(plots.confusion(found), args.out)
        print(f"wrote {args.out}")
    return 0


def confusion_text(found: Evaluation) -> str:
    """Return the confusion matrix as text, counts with the share of the row in brackets."""
    counts, shares = found.confusion(), found.confusion("true")
    width = max(len(name) for name in found.classes) + 2
    head = "label \\ said"
    lines = [f"{head:<14}" + "".join(f"{name:>{max(width, 12)}}" for name in found.classes)]
    for name, row, share in zip(found.classes, counts, shares, strict=True):
        cells = [f"{n} ({s:.0%})" for n, s in zip(row, share, strict=True)]
        lines.append(f"{name:<14}" + "".join(f"{cell:>{max(width, 12)}}" for cell in cells))
    return "\n".join(lines)
