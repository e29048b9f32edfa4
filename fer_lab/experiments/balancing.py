"""Does balancing help? Disgust, one face in 65, under four ways to treat a rare class. facs3d.

    python -m fer_lab.experiments.balancing
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.balancing --seeds 0
        a part of the runs: several programs can share them

mazen2021 fills FER2013's 436 faces of disgust up with faces that a CycleGAN made of neutral ones,
and tests on a fifth of what came out. Here the test faces stay as they are, and the same network
learns from facs3d, in which disgust is made as rare as in FER2013's Training (1.5 %): as it is,
with disgust repeated, counted more in the loss, or filled up with faces that the kit's generator
change_facs3d makes of neutral ones. Once all runs are there, figures/balancing.csv and .png are
written.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
from matplotlib.figure import Figure

from fer_lab.experiment import Experiment, Fit, by_arm, parts, percent, scored, table
from fer_utils import data, models, plots, train
from fer_utils.data import FaceSet
from fer_utils.evaluate import evaluate

SEEDS = (0, 1, 2)
RARE, OF = "disgust", "neutral"
SHARE = 436 / 28_709  # of disgust in FER2013's Training
PRECISION = "bfloat16"  # rounds less than the pictures' 256 grey levels do
#: What a run keeps of every epoch: the curves of mazen2021's Fig. 15 and 16.
CURVES = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")


@dataclass(frozen=True)
class Arm:
    """What is done about the rare class.

    Attributes:
        name: in table and figure.
        balance: of the recipe.
        generator: a net of `fer_utils.translate` that fills the class up; "" for none.
    """

    name: str
    balance: str = "none"
    generator: str = ""


def arms(generator: str) -> tuple[Arm, ...]:
    """Return the four arms."""
    return (
        Arm("original"),
        Arm("oversampled", "oversample"),
        Arm("weighted", "weights"),
        Arm("CycleGAN", generator=generator),
    )


@dataclass(frozen=True)
class Study:
    """One data set on which the arms are compared.

    Attributes:
        name: of the experiment.
        faces_of: the faces by split: to learn from, to choose the epoch, to be scored on.
        scored_on: those in words.
        epochs: of each run.
        generator: of the fourth arm.
        data: name of the data set, where it is the user's.
    """

    name: str
    faces_of: Callable[[int], dict[str, FaceSet]]
    scored_on: str
    epochs: int
    generator: str
    data: str = ""

    @property
    def recipe(self) -> train.Recipe:
        """Return what every arm trains by, but for the balance."""
        return replace(train.recipe("one_cycle"), batch=64, average=0.0, epochs=self.epochs)

    def run(self, arm: Arm, seed: int, fit: Fit) -> dict:
        """Train and score one net."""
        faces = self.faces_of(seed)
        if arm.generator:
            pair = import_module("fer_utils.translate").load(arm.generator)
            learned = data.fill(
                faces["train"], lambda images: pair.apply(images, to=RARE), RARE, OF, seed=seed
            )
            faces = {**faces, "train": learned}
        classes = faces["train"].classes
        net = models.create("mini_xception", classes=classes, seed=seed)
        recipe = replace(self.recipe, balance=arm.balance)
        history = fit(net, faces, recipe, device="cpu", precision=PRECISION)
        result = evaluate(net, faces["test"])
        place = classes.index(RARE)
        counts = result.confusion()
        return {
            **scored(history, result),
            "learned": faces["train"].counts()[RARE],
            "generated": int(faces["train"].generated.sum()),
            "rare_right": int(counts[place, place]),
            "rare": int(counts[place].sum()),
            "rare_said": int(counts[:, place].sum()),
            "confusion": counts.tolist(),
            **{name: [epoch[name] for epoch in history.epochs] for name in CURVES},
        }

    def settings(self, arm: Arm) -> list:
        """Return what decides an arm's numbers: runs of other settings are not reused."""
        known = import_module("fer_utils.translate")
        there = arm.generator in known.names()
        weights = known.load(arm.generator).card["sha256"] if there else ""
        return [arm, self.recipe, PRECISION, RARE, OF, SHARE, weights, CURVES]

    def table_of(self, rows: list[dict]) -> str:
        """Return all runs as CSV; its first lines say what they are."""
        plain = ["arm", "seed", "correct", "n", "rare_right", "rare", "rare_said", "learned"]
        return table(
            [
                f"mini_xception, recipe one_cycle but batch {self.recipe.batch}, no average of "
                f"weights, {self.epochs} epochs; {PRECISION}; correct: of n faces of "
                f"{self.scored_on}",
                f"rare_right: of `rare` faces of {RARE} called so (recall); rare_said: faces "
                f"called {RARE}; learned: training faces of {RARE}; generated: of them, made from "
                f"{OF}",
                "confusion: rows are labels, columns what was said, in the order of the classes; "
                f"{', '.join(CURVES)}: a number for each epoch",
                f"made by: {self.experiment.command}",
            ],
            [*plain, "generated", "best_epoch", "confusion", *CURVES],
            [{**row, "confusion": " ".join(map(str, np.ravel(row["confusion"])))} for row in rows],
        )

    def figure_of(self, rows: list[dict]) -> Figure:
        """Draw the recall of the rare class, a dot a run, with the accuracy beside it."""
        recall = by_arm(rows, lambda row: 100 * row["rare_right"] / row["rare"])
        accuracy = by_arm(rows, percent)
        return plots.dots(
            recall,
            xlabel=f"recall of {RARE} on {self.scored_on} ({rows[0]['rare']} faces), %",
            notes={name: f"{np.mean(values):.1f}" for name, values in accuracy.items()},
            notes_label="accuracy, %",
        )

    @property
    def experiment(self) -> Experiment:
        """Return what trains, and writes table and figure."""
        does = (self.settings, self.run, self.table_of, self.figure_of)
        return Experiment(self.name, arms(self.generator), SEEDS, *does, data=self.data)


def rare_disgust(seed: int) -> dict[str, FaceSet]:
    """Return facs3d with disgust as rare among the training faces as in FER2013's."""
    faces = parts("facs3d")
    learned = faces["train"]
    disgust = np.flatnonzero(learned.labels == learned.class_index(RARE))
    others = len(learned) - len(disgust)
    kept = round(SHARE / (1 - SHARE) * others)
    left_out = np.random.default_rng(seed).permutation(disgust)[kept:]
    learned = learned.take(np.setdiff1d(np.arange(len(learned)), left_out))
    return {**faces, "train": learned}


STUDY = Study("balancing", rare_disgust, "facs3d's test split", 8, "change_facs3d")
EXPERIMENT = STUDY.experiment

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
