"""Redraws figures/: every figure of the README, NAME.png beside NAME.csv with its numbers.

    python scripts/figures.py             all that can be drawn here
    python scripts/figures.py facs3d      those whose name begins so

Figures that need FER2013 are drawn where `python -m fer_utils data` finds it, and left as they
are elsewhere.
"""

import argparse
import csv
import io
from collections.abc import Callable
from pathlib import Path

from fer_utils import data, models, plots
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, evaluate
from fer_utils.faces3d import figures as faces3d_figures
from fer_utils.files import write

FIGURES = Path(__file__).resolve().parents[1] / "figures"
COMMAND = "make figures"


def confusion(name: str, dataset: str, split: str) -> list[Path]:
    """Draw the confusion matrix of a pretrained net, and write its counts."""
    found = evaluate(models.pretrained(name), data.load(dataset, split=split, progress=False))
    path = FIGURES / f"{name}_confusion.png"
    plots.save(plots.confusion(found), path)
    numbers = path.with_suffix(".csv")
    what = f"{name} on {dataset}, {split} split: {found.accuracy}"
    write_csv(numbers, what, confusion_rows(found))
    return [path, numbers]


def confusion_rows(found: Evaluation) -> list[list]:
    """Return the table behind a confusion matrix: counts, then the scores of each class."""
    head = ["label", *found.classes, "precision", "recall", "f1"]
    rows = [head]
    for counts, scores in zip(found.confusion().tolist(), found.per_class(), strict=True):
        measures = [f"{scores[key]:.4f}" for key in ("precision", "recall", "f1")]
        rows.append([scores["name"], *counts, *measures])
    return rows


def write_csv(path: Path, what: str, rows: list[list]) -> None:
    """Write a table in one step; its first line says what it is and which command made it."""
    text = io.StringIO()
    text.write(f"# {what}; made by: {COMMAND}\n")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write(path, text.getvalue())


DRAWN: dict[str, Callable[[], list[Path]]] = {
    "facs3d": lambda: faces3d_figures.draw_all(FIGURES),
    "mini_xception_facs3d": lambda: confusion("mini_xception_facs3d", "facs3d", "test"),
    "deep_emotion_facs3d": lambda: confusion("deep_emotion_facs3d", "facs3d", "test"),
    "mini_xception_fer2013": lambda: confusion("mini_xception_fer2013", "fer2013", "valid"),
}


def main() -> int:
    """Draw, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of names (default: all)")
    wanted = tuple(parser.parse_args().names)
    FIGURES.mkdir(exist_ok=True)
    for name, draw in DRAWN.items():
        if wanted and not name.startswith(wanted):
            continue
        try:
            for path in draw():
                print(f"wrote {path.relative_to(FIGURES.parent)}")
        except FerError as problem:
            print(f"left as it was: {name} ({problem})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
