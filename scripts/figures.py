"""Redraws figures/: every figure of the README, NAME.png beside NAME.csv with its numbers.

    python scripts/figures.py             all that can be drawn here
    python scripts/figures.py facs3d      those whose name begins so

Figures that need FER2013 are drawn where `python -m fer_utils data` finds it, and left as they
are elsewhere.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from fer_lab import facs3d_figures as faces3d_figures
from fer_utils import data, models
from fer_utils.commands.evaluate import save
from fer_utils.errors import FerError
from fer_utils.evaluate import evaluate

FIGURES = Path(__file__).resolve().parents[1] / "figures"


def confusion(name: str, dataset: str, split: str) -> tuple[Path, Path]:
    """Draw the confusion matrix of a pretrained net, and write its counts."""
    found = evaluate(models.pretrained(name), data.load(dataset, split=split, progress=False))
    what = f"{name} on {dataset}, {split} split"
    return save(found, FIGURES / f"{name}_confusion.png", what, "make figures")


DRAWN: dict[str, Callable[[], Iterable[Path]]] = {
    "facs3d": lambda: faces3d_figures.draw_all(FIGURES),
    "mini_xception_facs3d": lambda: confusion("mini_xception_facs3d", "facs3d", "test"),
    "deep_emotion_facs3d": lambda: confusion("deep_emotion_facs3d", "facs3d", "test"),
    "bottleneck_065m_facs3d": lambda: confusion("bottleneck_065m_facs3d", "facs3d", "test"),
    "bottleneck_065m_sobel_facs3d": lambda: confusion(
        "bottleneck_065m_sobel_facs3d", "facs3d", "test"
    ),
    "mini_xception_fer2013": lambda: confusion("mini_xception_fer2013", "fer2013", "valid"),
    "deep_emotion_fer2013": lambda: confusion("deep_emotion_fer2013", "fer2013", "valid"),
    "small_resnet_fer2013": lambda: confusion("small_resnet_fer2013", "fer2013", "valid"),
    "mini_xception_ferplus": lambda: confusion("mini_xception_ferplus", "ferplus", "valid"),
    "deep_emotion_ferplus": lambda: confusion("deep_emotion_ferplus", "ferplus", "valid"),
    "bottleneck_065m_ferplus": lambda: confusion("bottleneck_065m_ferplus", "ferplus", "valid"),
    "bottleneck_065m_laplacian_ferplus": lambda: confusion(
        "bottleneck_065m_laplacian_ferplus", "ferplus", "valid"
    ),
    "bottleneck_065m_sobel_ferplus": lambda: confusion(
        "bottleneck_065m_sobel_ferplus", "ferplus", "valid"
    ),
    "small_resnet_ferplus": lambda: confusion("small_resnet_ferplus", "ferplus", "valid"),
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
