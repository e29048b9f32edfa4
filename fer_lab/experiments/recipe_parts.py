"""What does each part of the recipe small_resnet bring? The narrow net on FER2013, parts left out.

    python -m fer_lab.experiments.recipe_parts
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.recipe_parts --share 1/2
        half of the runs; another program does 2/2

FER2013 must be where `python -m fer_utils data` finds it. The recipe is trained whole, then with
one part left out or put in at a time, for fewer epochs than a net that is to be kept: one_cycle
goes through its whole rise and fall in them. Five epochs are soon over: what makes learning harder
costs then, and its gain would come later. Once all runs are there,
figures/recipe_parts.csv and .png are written.

All arms begin at the same weights and are scored on the same 3,589 faces of PublicTest, which also
chose the epoch. So beside the accuracies stand the faces that an arm gets right and the whole
recipe does not (gained), and the other way round (lost): chance alone lets the two differ by up to
about twice the root of their sum.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fer_lab.experiment import Experiment, Fit, accuracy_dots, by_arm, parts, scored, table
from fer_utils import models, train
from fer_utils.evaluate import evaluate
from fer_utils.train.augment import Augmentation
from fer_utils.train.recipes import changed

# Faster where the processor has it; the nets that are kept are trained so, too.
PRECISION = "bfloat16"


@dataclass(frozen=True)
class Arm:
    """The recipe with one change.

    Attributes:
        name: in the table and the figure.
        change: fields of the recipe with other values.
        pictures: fields of its augmentation with other values; None leaves all of it out.
    """

    name: str
    change: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, Any] | None = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A small_resnet on FER2013, its recipe whole and with one part changed at a time.

    Attributes:
        name: of its module.
        variant: of the net.
        epochs: of every run.
        seeds: of every arm's runs.
        arms: the first changes nothing.
        changes: of recipe small_resnet, as in `train --set`: the whole recipe.
    """

    name: str
    variant: str
    epochs: int
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    changes: str = ""

    def recipe_of(self, arm: Arm) -> train.Recipe:
        """Return the recipe with the arm's change."""
        whole = changed(train.recipe("small_resnet"), self.changes.split())
        pictures = Augmentation()
        if arm.pictures is not None:
            pictures = replace(whole.augmentation, **arm.pictures)
        return replace(whole, epochs=self.epochs, augmentation=pictures, **arm.change)

    def run(self, arm: Arm, seed: int, fit: Fit) -> dict:
        """Train and score one net."""
        faces = parts("fer2013")
        classes = faces["train"].classes
        net = models.create("small_resnet", classes=classes, seed=seed, variant=self.variant)
        history = fit(net, faces, self.recipe_of(arm), precision=PRECISION)
        result = evaluate(net, faces["valid"])
        hits = result.predictions == result.labels
        return {
            **scored(history, result),
            "right": np.packbits(hits).tobytes().hex(),
            "valid_accuracy": [epoch["valid_accuracy"] for epoch in history.epochs],
            "train_accuracy": [epoch["train_accuracy"] for epoch in history.epochs],
        }

    def settings(self, arm: Arm) -> list:
        """Return what decides an arm's numbers: runs of other settings are not reused."""
        return [self.recipe_of(arm), PRECISION]

    def exchanged(self, row: dict, rows: list[dict]) -> tuple[int, int]:
        """Return how many faces a run gains and loses against the same seed's whole recipe."""
        whole = self.arms[0].name
        peer = next(r for r in rows if (r["arm"], r["seed"]) == (whole, row["seed"]))
        ours, theirs = right(row), right(peer)
        return int((ours & ~theirs).sum()), int((~ours & theirs).sum())

    def table_of(self, rows: list[dict]) -> str:
        """Return all runs as CSV; its first lines say what they are and how to make them again."""
        whole = rows
        rows = [{**row, "train_accuracy": row["train_accuracy"][-1]} for row in rows]
        for row in rows:
            row["gained"], row["lost"] = self.exchanged(row, whole)
        plain = ["arm", "seed", "correct", "n", "best_epoch"]
        recipe = f"small_resnet {self.changes}".strip()
        return table(
            [
                f"small_resnet, variant {self.variant}, FER2013, seeds "
                f"{' '.join(map(str, self.seeds))}; recipe {recipe}, but {self.epochs} epochs; "
                f"{PRECISION}",
                "correct: of the n faces of PublicTest, which also chose the epoch; gained, lost: "
                "faces, against the whole recipe with the same seed",
                "train_accuracy: of the changed pictures, in the last epoch, while learning; "
                "valid_accuracy: after each epoch",
                f"made by: {self.experiment.command}",
            ],
            [*plain, "gained", "lost", "train_accuracy", "valid_accuracy"],
            rows,
        )

    def figure_of(self, rows: list[dict]) -> Figure:
        """Draw every run as a dot, with the faces it gains and loses."""

        def note(row: dict) -> str:
            gained, lost = self.exchanged(row, rows)
            return f"+{gained} -{lost}" if gained or lost else ""

        notes = {name: " ".join(texts) for name, texts in by_arm(rows, note).items()}
        label, axis = "faces gained, lost", "accuracy on PublicTest, %"
        return accuracy_dots(rows, notes=notes, notes_label=label, xlabel=axis)

    @property
    def experiment(self) -> Experiment:
        """Return what trains, and writes table and figure."""
        does = (self.settings, self.run, self.table_of, self.figure_of)
        return Experiment(self.name, self.arms, self.seeds, *does, data="fer2013")


def right(row: dict) -> np.ndarray:
    """Return which faces a run gets right, bool (n,)."""
    packed = np.frombuffer(bytes.fromhex(row["right"]), np.uint8)
    return np.unpackbits(packed, count=row["n"]).astype(bool)


STUDY = Study(
    "recipe_parts",
    variant="narrow",
    epochs=5,
    seeds=(0,),
    arms=(
        Arm("whole recipe"),
        Arm("no augmentation", pictures=None),
        Arm("no erasing", pictures={"erase": 0.0}),
        Arm("constant rate", {"schedule": "constant"}),
        Arm("no label smoothing", {"label_smoothing": 0.0}),
        Arm("no moving average", {"average": 0.0}),
        Arm("distil for smoothing", {"distil": 0.7, "label_smoothing": 0.0}),
    ),
)
EXPERIMENT = STUDY.experiment

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
