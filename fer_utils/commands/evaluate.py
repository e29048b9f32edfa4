"""`python -m fer_utils evaluate`: confusion matrix, precision, recall and F1 of a network."""

import argparse
from pathlib import Path

from fer_utils import data, models, plots
from fer_utils.commands import _faces, as_command, as_csv, file_name
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, evaluate
from fer_utils.files import write
from fer_utils.models.answers import chosen_device
from fer_utils.models.checkpoints import weights_file
from fer_utils.plots.picture import check_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--data", help="data set (default: what the card says the model was trained on, or facs3d)"
    )
    _faces.add_arguments(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--split", default="test", choices=data.SPLITS, help="what to score (default: test)"
    )
    what.add_argument("--test", action="store_true", help="score the test split, once, at the end")
    parser.add_argument(
        "--model", required=True, help="pretrained name, a model.safetensors, or its folder"
    )
    parser.add_argument(
        "--flip", action="store_true", help="average every face with its mirror image"
    )
    parser.add_argument("--device", help="cpu, cuda, ...")
    parser.add_argument(
        "--out",
        type=file_name,
        help="also draw the confusion matrix into this PNG, a CSV beside it",
    )


def run(args: argparse.Namespace) -> int:
    """Score the network and print the tables."""
    chosen_device(args.device)  # what would fail is said before the data are loaded
    if args.out:
        check_place(args.out)
    net, card = models.load(args.model), models.card(args.model)
    split = "test" if args.test else args.split
    if split == "test":
        print("the test split is for one score, when nothing is left to choose: choose on valid")
    everyone, about = _faces.load(args, card)
    faces = _faces.leave_out(everyone.where(split=split), about["without"])
    if not len(faces):
        raise FerError(
            f"{everyone.name} has no {split} faces in this division: choose another --split, or "
            "another --split-by where the net was not trained on these faces."
        )
    result = evaluate(net, faces, device=args.device, progress=True, flip=args.flip)
    print(f"{args.model} on {faces.name}, {split} split, {len(faces)} faces")
    print()
    print(confusion_text(result))
    print()
    print(result.table().to_string())
    print(f"accuracy: {result.accuracy}")
    if args.out:
        name = model_name(args.model)
        given = argparse.Namespace(**{**vars(args), "model": name, "out": Path(args.out.name)})
        made_by = as_command(args.parser, given, hide=("root", "device"))
        what = f"{name} on {faces.name}, {split} split"
        # of a net that comes with the kit, the card is at hand
        trained_by = card.get("command", "") if Path(args.model).exists() else ""
        for path in save(result, args.out, what, made_by, trained_by):
            print(f"wrote {path}")
    return 0


def model_name(model: str) -> str:
    """Return a model's name, or its file's path without the folders of this machine."""
    return f"DIR/{weights_file(model).name}" if Path(model).exists() else model


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
    import pandas

    rows = zip(result.confusion(), result.confusion("true"), strict=True)
    cells = [[f"{n} ({s:.0%})" for n, s in zip(*row, strict=True)] for row in rows]
    names = list(result.classes)
    return pandas.DataFrame(cells, names, names).rename_axis(columns="label \\ said").to_string()
