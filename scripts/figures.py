"""Redraws figures/: every figure of the README, NAME.png beside NAME.csv with its numbers.

    python scripts/figures.py             all that can be drawn here
    python scripts/figures.py facs3d      those whose name begins so

Figures that need FER2013 are drawn where `python -m fer_utils data` finds it, and left as they
are elsewhere.
"""

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from fer_lab import facs3d_figures
from fer_utils import data, models
from fer_utils.commands.evaluate import save
from fer_utils.errors import FerError
from fer_utils.evaluate import evaluate

FIGURES = Path(__file__).resolve().parents[1] / "figures"


DATASETS = ("facs3d", "fer2013", "ferplus")


def dataset_of(name: str) -> str:
    """Return the data set of a pretrained net: its name ends in it."""
    return name.rsplit("_", 1)[1]


def confusion(name: str) -> tuple[Path, Path]:
    """Draw the confusion matrix of a pretrained net, and write its counts."""
    dataset = dataset_of(name)
    split = "test" if dataset == "facs3d" else "valid"
    result = evaluate(models.pretrained(name), data.load(dataset, split=split, progress=False))
    what = f"{name} on {dataset}, {split} split"
    return save(result, FIGURES / f"{name}_confusion.png", what, "make figures")


def drawn() -> dict[str, Callable[[], Iterable[Path]]]:
    """Return what draws each figure: of a data set's nets the smallest first."""
    nets = sorted(models.pretrained_names(), key=lambda name: models.card(name)["parameters"])
    nets.sort(key=lambda name: DATASETS.index(dataset_of(name)))
    return {
        "facs3d": lambda: facs3d_figures.draw_all(FIGURES),
        **{name: partial(confusion, name) for name in nets},
    }


def main() -> int:
    """Draw, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of names (default: all)")
    wanted = tuple(parser.parse_args().names)
    FIGURES.mkdir(exist_ok=True)
    for name, draw in drawn().items():
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
