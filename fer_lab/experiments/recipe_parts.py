"""What does each part of the recipe small_resnet bring? The narrow net on FER2013, parts left out.

    python -m fer_lab.experiments.recipe_parts
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.recipe_parts --share 1/2
        half of the runs; another program does 2/2

FER2013 must be where `python -m fer_utils data` finds it. The recipe is trained whole, then with
one part left out or put in at a time, for fewer epochs than a net that is to be kept: one_cycle
goes through its whole rise and fall in them. Five epochs are soon over: what makes learning harder
costs then, and its gain would come later. Every finished run leaves a small file in
runs/recipe_parts/ (not committed), so Ctrl-C costs one run at most. Once all are there,
figures/recipe_parts.csv and .png are written.

All arms begin at the same weights and are scored on the same 3,589 faces of PublicTest, which also
chose the epoch. So beside the accuracies stand the faces that an arm gets right and the whole
recipe does not (gained), and the other way round (lost): chance alone lets the two differ by up to
about twice the root of their sum.
"""

import csv
import functools
import io
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fer_lab.experiments.experiment import Experiment, accuracy_dots
from fer_utils import data, models, train
from fer_utils.evaluate import evaluate
from fer_utils.train.augment import Augmentation

SEEDS = (0,)
EPOCHS = 5
RECIPE = train.recipe("small_resnet")
# Faster where the processor has it; the nets that are kept are trained so, too.
PRECISION = "bfloat16"


@dataclass(frozen=True)
class Arm:
    """The recipe with one change.

    Attributes:
        name: in the table and the figure.
        change: fields of the recipe with other values.
    """

    name: str
    change: dict[str, Any]


ARMS = (
    Arm("whole recipe", {}),
    Arm("no augmentation", {"augmentation": Augmentation()}),
    Arm("no erasing", {"augmentation": replace(RECIPE.augmentation, erase=0.0)}),
    Arm("constant rate", {"schedule": "constant"}),
    Arm("no label smoothing", {"label_smoothing": 0.0}),
    Arm("no moving average", {"average": 0.0}),
    Arm("distil for smoothing", {"distil": 0.7, "label_smoothing": 0.0}),
)


def recipe_of(arm: Arm) -> train.Recipe:
    """Return the recipe with the arm's change."""
    return replace(RECIPE, epochs=EPOCHS, **arm.change)


@functools.cache
def parts() -> dict[str, data.FaceSet]:
    """Return the faces of Training and PublicTest."""
    faces = data.load("fer2013", progress=False)
    return {split: faces.where(split=split) for split in ("train", "valid")}


def run(arm: Arm, seed: int) -> dict | None:
    """Train and score one net; None where Ctrl-C ended it early."""
    faces = parts()
    net = models.create("small_resnet", classes=faces["train"].classes, seed=seed)
    history = train.fit(
        net,
        faces["train"],
        faces["valid"],
        recipe_of(arm),
        seed=seed,
        progress=False,
        precision=PRECISION,
    )
    if len(history.epochs) < EPOCHS:
        return None
    found = evaluate(net, faces["valid"])
    hits = found.predictions == found.labels
    return {
        "arm": arm.name,
        "seed": seed,
        "correct": int(hits.sum()),
        "n": len(hits),
        "right": np.packbits(hits).tobytes().hex(),
        "best_epoch": history.best_epoch,
        "valid_accuracy": [epoch["valid_accuracy"] for epoch in history.epochs],
        "train_accuracy": [epoch["train_accuracy"] for epoch in history.epochs],
        "seconds": sum(epoch["seconds"] for epoch in history.epochs),
    }


def settings(arm: Arm) -> str:
    """Return what decides an arm's numbers, as text: runs of other settings are not reused."""
    recipe = {key: value for key, value in recipe_of(arm).as_dict().items() if key != "notes"}
    return json.dumps([recipe, PRECISION])


def right(row: dict) -> np.ndarray:
    """Return which faces a run gets right, bool (n,)."""
    packed = np.frombuffer(bytes.fromhex(row["right"]), np.uint8)
    return np.unpackbits(packed, count=row["n"]).astype(bool)


def exchanged(row: dict, rows: list[dict]) -> tuple[int, int]:
    """Return how many faces a run gains and loses against the whole recipe of the same seed."""
    whole = next(one for one in rows if one["arm"] == ARMS[0].name and one["seed"] == row["seed"])
    ours, theirs = right(row), right(whole)
    return int((ours & ~theirs).sum()), int((~ours & theirs).sum())


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are and how to make them again."""
    text = io.StringIO()
    text.write(f"# small_resnet, variant narrow, FER2013, seeds {' '.join(map(str, SEEDS))}; ")
    text.write(f"recipe small_resnet, but {EPOCHS} epochs; {PRECISION}\n")
    text.write("# correct: of the n faces of PublicTest, which also chose the epoch; ")
    text.write("gained, lost: faces, against the whole recipe with the same seed\n")
    text.write("# train_accuracy: of the changed pictures, in the last epoch, while learning; ")
    text.write("valid_accuracy: after each epoch\n")
    text.write(f"# made by: {EXPERIMENT.command}\n")
    table = csv.writer(text, lineterminator="\n")
    plain = ["arm", "seed", "correct", "n", "best_epoch"]
    table.writerow([*plain, "gained", "lost", "train_accuracy", "valid_accuracy"])
    for row in rows:
        curve = " ".join(f"{value:.4f}" for value in row["valid_accuracy"])
        last = f"{row['train_accuracy'][-1]:.4f}"
        table.writerow([*(row[key] for key in plain), *exchanged(row, rows), last, curve])
    return text.getvalue()


def figure_of(rows: list[dict]) -> Figure:
    """Draw every run as a dot, with the faces it gains and loses."""
    notes: dict[str, list[str]] = {}
    for row in rows:
        gained, lost = exchanged(row, rows)
        notes.setdefault(row["arm"], []).append(f"+{gained} -{lost}" if gained or lost else "")
    words = {name: " ".join(texts) for name, texts in notes.items()}
    label = "faces gained, lost"
    return accuracy_dots(rows, notes=words, notes_label=label, xlabel="accuracy on PublicTest, %")


EXPERIMENT = Experiment("recipe_parts", ARMS, SEEDS, settings, run, table_of, figure_of)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
