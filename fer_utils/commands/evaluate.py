"""`python -m fer_utils evaluate`: confusion matrix, precision, recall and F1 of a network."""

import argparse
import json
from pathlib import Path

from fer_utils import data, models, plots
from fer_utils.commands import as_command, as_csv
from fer_utils.evaluate import Evaluation, evaluate
from fer_utils.files import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--data", default="facs3d", help="data set (default: facs3d)")
    parser.add_argument("--root", help="folder of the data set, where it is not in a usual place")
    parser.add_argument("--split", default="test", choices=data.SPLITS)
    parser.add_argument("--relabel", help="rule for FERPlus votes, e.g. majority")
    parser.add_argument(
        "--model", required=True, help="pretrained name, or the path of a model.safetensors"
    )
    parser.add_argument(
        "--flip", action="store_true", help="average every face with its mirror image"
    )
    parser.add_argument("--device", help="cpu, cuda, ...")
    parser.add_argument(
        "--out", type=Path, help="also draw the confusion matrix into this PNG, a CSV beside it"
    )


def run(args: argparse.Namespace) -> int:
    """Score the network and print the tables."""
    net = models.load(args.model)
    faces = data.load(args.data, args.root, split=args.split)
    if args.relabel:
        faces = faces.relabel(args.relabel)
    result = evaluate(net, faces, device=args.device, progress=True, flip=args.flip)
    print(f"{args.model} on {faces.name}, {args.split} split, {len(faces)} faces")
    print()
    print(confusion_text(result))
    print()
    print(result.table())
    if args.out:
        name = model_name(args.model)
        given = argparse.Namespace(**{**vars(args), "model": name, "out": Path(args.out.name)})
        made_by = as_command(args.parser, given, hide=("root", "device"))
        what = f"{name} on {faces.name}, {args.split} split"
        for path in save(result, args.out, what, made_by, training_command(args.model)):
            print(f"wrote {path}")
    return 0


def model_name(model: str) -> str:
    """Return a model's name, or its file's path without the folders of this machine."""
    return f"DIR/{Path(model).name}" if Path(model).exists() else model


def training_command(model: str) -> str:
    """Return the command that trained a model that does not come with the kit; else ""."""
    if not Path(model).exists():
        return ""
    return json.loads(Path(model).with_suffix(".json").read_text()).get("command", "")


def save(
    result: Evaluation, path: Path, what: str, made_by: str, trained_by: str = ""
) -> tuple[Path, Path]:
    """Draw a confusion matrix, and write its counts and scores beside it as CSV.

    Args:
        result: the matrix.
        path: of the PNG; the CSV has the same stem.
        what: model, data and split, for the CSV's first line.
        made_by: the command that makes the two.
        trained_by: the command that trained the model, where it is not at hand.

    Returns:
        the two paths.
    """
    about = [f"{what}: {result.accuracy}", *([f"trained by: {trained_by}"] if trained_by else [])]
    about.append(f"made by: {made_by}")
    text = as_csv(["; ".join(about)], confusion_rows(result))
    table = write(path.with_suffix(".csv"), text)
    return plots.save(plots.confusion(result), path), table


def confusion_rows(result: Evaluation) -> list[list]:
    """Return the table behind a confusion matrix: counts, then the scores of each class."""
    rows = [["label", *result.classes, "precision", "recall", "f1"]]
    for counts, scores in zip(result.confusion().tolist(), result.per_class(), strict=True):
        measures = [f"{scores[key]:.4f}" for key in ("precision", "recall", "f1")]
        rows.append([scores["name"], *counts, *measures])
    return rows


def confusion_text(result: Evaluation) -> str:
    """Return the confusion matrix as text, counts with the share of the row in brackets."""
    counts, shares = result.confusion(), result.confusion("true")
    width = max(len(name) for name in result.classes) + 2
    head = "label \\ said"
    lines = [f"{head:<14}" + "".join(f"{name:>{max(width, 12)}}" for name in result.classes)]
    for name, row, share in zip(result.classes, counts, shares, strict=True):
        cells = [f"{n} ({s:.0%})" for n, s in zip(row, share, strict=True)]
        lines.append(f"{name:<14}" + "".join(f"{cell:>{max(width, 12)}}" for cell in cells))
    return "\n".join(lines)
