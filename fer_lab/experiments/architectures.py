"""Does every architecture learn? Seven on the same 2,000 drawn faces, each by its paper's recipe.

    python -m fer_lab.experiments.architectures
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.architectures --share 1/2
        half of the runs; another program does 2/2

facs3d's training split is cut to 2,000 faces; its validation split chooses the epoch, and the test
split is scored once per net. A net without batch norm and with much dropout does not find its way
out of the class frequencies when it starts as its paper says: its arm begins without dropout and
augmentation (`late`), which is stated in the table. Networks for larger pictures work at a smaller
side where they allow it, so that a laptop can train them. vgg13 has a table of its
own (figures/vgg13_facs3d_confusion.csv); vgg16_gap and vgg_face, which takes 224 x 224 pixels
alone, wait for a GPU.

Time and memory are those of one processor core, or of the GPU that is found. Every finished run
leaves a small file in runs/architectures/ (not committed), an unfinished one its state. Once
all are there, figures/architectures.csv and .png are written.
"""

import functools
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from matplotlib.figure import Figure

from fer_lab.experiment import Experiment, Fit, parts, scored, table
from fer_utils import data, models, plots, train
from fer_utils.evaluate import Accuracy, evaluate
from fer_utils.train.measure import forget_peak, peak_mb
from fer_utils.train.recipes import changed

SEEDS = (0,)
FACES = 2000
# Faster where the processor has it; the nets that are kept are trained so, too.
PRECISION = "bfloat16"


@dataclass(frozen=True)
class Arm:
    """An architecture, and how it is trained here.

    Attributes:
        name: an entry of `models.names()`; what else there is to say follows a comma.
        epochs: passes over the faces.
        size: side in pixels at which the net works; None is its paper's.
        changes: of its paper's recipe, as in `train --set`.
    """

    name: str
    epochs: int
    size: int | None = None
    changes: str = ""

    @property
    def net(self) -> str:
        """The architecture, an entry of `models.names()`."""
        return self.name.partition(",")[0]

    @property
    def recipe(self) -> train.Recipe:
        """The recipe of its paper, with the changes."""
        return changed(train.recipe(models.paper(self.net)), self.changes.split())


ARMS = (
    Arm("mini_xception", 40),
    Arm("deep_emotion", 100),
    Arm("deep_emotion, a fifth of the rate", 40, changes="learning_rate=1e-3"),
    Arm("small_resnet", 20),
    Arm("light_vgg", 40, changes="late=6"),
    Arm("custom_kdef", 10, size=96, changes="late=4"),
    Arm("bottleneck_065m", 12, size=48, changes="learning_rate=1e-3"),
    Arm("inception_resnet_v2", 4, size=96),
)


@functools.cache
def faces() -> dict[str, data.FaceSet]:
    """Return the faces to learn from, to choose the epoch by, and to be scored on."""
    whole = parts("facs3d")["train"]
    kept = np.linspace(0, len(whole) - 1, FACES).round().astype(int)
    return {**parts("facs3d"), "train": whole.take(kept)}


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Train and score one net."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    forget_peak(device)
    classes = faces()["train"].classes
    net = models.create(arm.net, classes=classes, input_size=arm.size, seed=seed)
    history = fit(net, faces(), arm.recipe, epochs=arm.epochs, precision=PRECISION)
    seconds = [epoch["seconds"] for epoch in history.epochs]
    return {
        **scored(history, evaluate(net, faces()["test"])),
        "size": net.input_size,
        "parameters": models.count(net, "paper"),
        "epochs": len(history.epochs),
        "valid_loss": history.best["valid_loss"],
        "valid_accuracy": [epoch["valid_accuracy"] for epoch in history.epochs],
        "first_seconds": seconds[0],
        "later_seconds": median(seconds[1:] or seconds),
        "peak_mb": peak_mb(device),
        "device": device.type,
    }


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: runs of other settings are not reused."""
    return [arm.recipe, arm.epochs, arm.size, FACES, PRECISION]


def majority() -> Accuracy:
    """Return what a net reaches that always says the most frequent class."""
    test = faces()["test"]
    return Accuracy(int(np.bincount(test.labels).max()), len(test))


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are and how to make them again."""
    recipes = {arm.name: f"{models.paper(arm.net)} {arm.changes}".strip() for arm in ARMS}
    columns = ["arm", "seed", "size", "parameters", "recipe", "epochs", "best_epoch", "valid_loss"]
    columns += ["correct", "n", "pictures_per_second", "first_seconds", "later_seconds"]
    return table(
        [
            f"{FACES} training faces of facs3d, {PRECISION}; the validation split chose the epoch; "
            f"correct: of the n test faces, of which {majority().correct} are of one class",
            "recipe: its paper's, with these changes; seconds include validation, and what else "
            "the machine did meanwhile; peak_mb: memory of the whole process, or of the GPU",
            f"made by: {EXPERIMENT.command} --threads 1",
        ],
        [*columns, "peak_mb", "device", "valid_accuracy"],
        [
            {
                **row,
                "recipe": recipes[row["arm"]],
                "pictures_per_second": round(FACES / row["later_seconds"]),
                "first_seconds": round(row["first_seconds"]),
                "later_seconds": round(row["later_seconds"]),
            }
            for row in rows
        ],
    )


def figure_of(rows: list[dict]) -> Figure:
    """Draw every net's accuracy with its interval, and that of always saying the same."""
    scores = {
        f"{row['arm']}, {row['epochs']} epochs": Accuracy(row["correct"], row["n"]) for row in rows
    }
    return plots.accuracies({**scores, "always the most frequent class": majority()})


EXPERIMENT = Experiment("architectures", ARMS, SEEDS, settings, run, table_of, figure_of)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
