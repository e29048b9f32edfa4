"""What do augmentation, pictures in [-1, 1] and the decay bring? mini-Xception on facs3d.

    python -m fer_lab.experiments.training_parts
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.training_parts --seeds 1
        a part of the runs: several programs can share them

alessi2019 says that normalising the pictures brought 4 points of accuracy, augmentation 4 to 5, and
that the learning rate had to fall. Here its recipe is trained whole, and with one part left out at
a time. Once all runs are there, figures/training_parts.csv and .png are
written; notebook 04 reads the table.
"""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from fer_lab.experiment import Experiment, Fit, accuracy_dots, by_arm, parts, scored, table
from fer_utils import models, train
from fer_utils.evaluate import evaluate
from fer_utils.models.facenet import FaceNet
from fer_utils.models.scaling import Scaling
from fer_utils.train.augment import Augmentation

SEEDS = (0, 1, 2)
EPOCHS = 12
PAPER = train.recipe("alessi2019")
# The paper's 80 epochs on a data set five times as large are too long for 12 runs. The rate still
# goes through its whole fall: it ends where the paper's ends, after fewer and larger steps.
DECAY = round(PAPER.decay ** ((PAPER.epochs - 1) / (EPOCHS - 1)), 4)
RECIPE = replace(PAPER, epochs=EPOCHS, decay=DECAY)
# Faster where the processor has it; it rounds less than the pictures' 256 grey levels do.
PRECISION = "bfloat16"


@dataclass(frozen=True)
class Arm:
    """The recipe, with or without one of its parts.

    Attributes:
        name: in the table and the figure.
        augmentation: whether the training faces are changed at random.
        decay: whether the learning rate falls; otherwise it stays at its first value.
        pictures: the numbers for black and for white. The paper divides by 255, subtracts 0.5 and
            multiplies by 2; without these steps the file's 0 to 255 are left.
    """

    name: str
    augmentation: bool = True
    decay: bool = True
    pictures: tuple[float, float] = (-1.0, 1.0)


ARMS = (
    Arm("all three parts"),
    Arm("no augmentation", augmentation=False),
    Arm("no decay", decay=False),
    Arm("no normalisation", pictures=(0.0, 255.0)),
)


def recipe_of(arm: Arm) -> train.Recipe:
    """Return the recipe without what the arm leaves out."""
    recipe = RECIPE
    if not arm.augmentation:
        recipe = replace(recipe, augmentation=Augmentation())
    if not arm.decay:
        recipe = replace(recipe, schedule="constant", decay=1.0)
    return recipe


def build(arm: Arm, classes: tuple[str, ...], seed: int) -> FaceNet:
    """Return the paper's untrained net; a seed's first weights are the same in every arm."""
    net = models.create("mini_xception", classes=classes, seed=seed, variant="alessi2019")
    black, white = arm.pictures
    net.scaling = Scaling(scale=(white - black,), shift=(-black,))
    return net


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Train and score one net."""
    faces = parts("facs3d")
    net = build(arm, faces["train"].classes, seed)
    history = fit(net, faces, recipe_of(arm), device="cpu", precision=PRECISION)
    seen = evaluate(net, faces["train"]).accuracy
    return {
        **scored(history, evaluate(net, faces["test"])),
        "train_correct": seen.correct,
        "train_n": seen.n,
        "valid_accuracy": [epoch["valid_accuracy"] for epoch in history.epochs],
    }


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: runs of other settings are not reused."""
    return [arm, recipe_of(arm), PRECISION]


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are and how to make them again."""
    plain = ["arm", "seed", "correct", "n", "train_correct", "train_n", "best_epoch"]
    return table(
        [
            f"mini_xception, variant alessi2019, facs3d, {len(SEEDS)} seeds per arm; recipe "
            f"alessi2019, but {EPOCHS} epochs and decay {DECAY}; {PRECISION}",
            "correct: of the n faces of the test split, at the best validation epoch; "
            "train_correct: of the training faces, unchanged, with the same weights",
            "valid_accuracy: after each epoch",
            f"made by: {EXPERIMENT.command}",
        ],
        [*plain, "valid_accuracy"],
        rows,
    )


def figure_of(rows: list[dict]) -> Figure:
    """Draw every run as a dot, with the mean accuracy on the training faces."""
    seen = by_arm(rows, lambda row: 100 * row["train_correct"] / row["train_n"])
    notes = {name: f"{np.mean(values):.1f}" for name, values in seen.items()}
    label = "on training faces"
    return accuracy_dots(rows, notes=notes, notes_label=label, xlabel="test accuracy, %")


EXPERIMENT = Experiment("training_parts", ARMS, SEEDS, settings, run, table_of, figure_of)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
