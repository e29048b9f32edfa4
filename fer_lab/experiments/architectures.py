"""Does every architecture learn? Nine on the same 2,000 drawn faces, each by its paper's recipe.

    python -m fer_lab.experiments.architectures
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.architectures --share 1/2
        half of the runs; another program does 2/2

facs3d's training split is cut to 2,000 faces; its validation split chooses the epoch, and the test
split is scored once per net. A net without batch norm and with much dropout does not find its way
out of the class frequencies when it starts as its paper says: its arm begins without dropout and
augmentation (`late`), which is stated in the table. VGG16's thirteen convolutions need more than
that: their arms begin from weights that some faces have scaled (`start_from_data`). Beside them
stand heads on such weights that stay as they are. Networks for larger pictures work at a smaller
side where they allow it, so that a laptop can train them. vgg13 has a table of its
own (figures/vgg13_facs3d_confusion.csv).

Time and memory are those of one processor core, or of the GPU that is found. Every finished run
leaves a small file in runs/architectures/ (not committed), an unfinished one its state. Once
all are there, figures/architectures.csv and .png are written.
"""

import functools
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from fer_lab.experiment import Experiment, Fit, parts, scored, table
from fer_utils import data, models, plots, train
from fer_utils.evaluate import Accuracy, evaluate
from fer_utils.models.answers import evaluating
from fer_utils.train.augment import Augmentation
from fer_utils.train.measure import forget_peak, peak_mb
from fer_utils.train.recipes import changed

SEEDS = (0,)
FACES = 2000
# Faster where the processor has it; the nets that are kept are trained so, too.
PRECISION = "bfloat16"
#: So many of the faces scale the first weights, where they are scaled.
STARTED_BY = 128
#: mazen2021's recipe for a net that learns slowly at first: neither its rate nor its patience ends.
STEADY = "batch=32 schedule=constant plateau=0 patience=0"


@dataclass(frozen=True)
class Arm:
    """An architecture, and how it is trained here.

    Attributes:
        name: an entry of `models.names()`; what else there is to say follows a comma.
        epochs: passes over the faces.
        size: side in pixels at which the net works; None is its paper's.
        changes: of its paper's recipe, as in `train --set`.
        from_data: begins as `start_from_data` says.
        frozen: the base stays as it began; a head learns from its features, never augmented.
    """

    name: str
    epochs: int
    size: int | None = None
    changes: str = ""
    from_data: bool = False
    frozen: bool = False

    @property
    def net(self) -> str:
        """The architecture, an entry of `models.names()`."""
        return self.name.partition(",")[0]

    @property
    def recipe(self) -> train.Recipe:
        """The recipe of its paper, with the changes."""
        recipe = changed(train.recipe(models.paper(self.net)), self.changes.split())
        return replace(recipe, augmentation=Augmentation()) if self.frozen else recipe


ARMS = (
    Arm("mini_xception", 40),
    Arm("deep_emotion", 100),
    Arm("deep_emotion, a fifth of the rate", 40, changes="learning_rate=1e-3"),
    Arm("small_resnet", 20),
    Arm("light_vgg", 40, changes="late=6"),
    Arm("custom_kdef", 10, size=96, changes="late=4"),
    Arm("bottleneck_065m", 12, size=48, changes="learning_rate=1e-3"),
    Arm("inception_resnet_v2", 4, size=96),
    Arm("vgg16_gap", 8, 32, "late=5", from_data=True),
    Arm("vgg16_gap, only a head", 60, 48, "learning_rate=1e-3 patience=0", True, frozen=True),
    Arm("vgg_face", 8, 32, f"learning_rate=1e-4 late=5 {STEADY}", from_data=True),
    Arm("vgg_face, only a head", 60, 48, STEADY, from_data=True, frozen=True),
)


@functools.cache
def faces() -> dict[str, data.FaceSet]:
    """Return the faces to learn from, to choose the epoch by, and to be scored on."""
    return {**parts("facs3d"), "train": spread(parts("facs3d")["train"], FACES)}


def spread(faces: data.FaceSet, count: int) -> data.FaceSet:
    """Return so many of the faces, evenly spaced."""
    return faces.take(np.linspace(0, len(faces) - 1, count).round().astype(int))


@torch.no_grad()
def start_from_data(net: models.FaceNet, pictures: Tensor) -> None:
    """Scale the first weights until the head tells these pictures apart.

    The convolutions are multiplied by one factor, so that the features at their end have a
    standard deviation of 1; the hidden layers of the head are scaled and shifted, so that each of
    their outputs has mean 0 and variance 1. Where nothing is normalized on the way, features are
    much alike for all pictures, and may be tiny: that is what the head is spared.

    Source: Krähenbühl et al., "Data-dependent initializations of convolutional neural networks"
    (2016), less thoroughly.
    """

    def standardize(layer: nn.Linear, _: object, outputs: Tensor) -> Tensor:
        """Change a layer while the features pass through it; return what it now says of them."""
        mean, std = outputs.mean(0), outputs.std(0) + 1e-6
        layer.weight /= std[:, None]
        layer.bias.sub_(mean).div_(std)
        return (outputs - mean) / std

    base, head = (net.get_submodule(f"trunk.{part}") for part in ("base", "head"))
    with evaluating(net):
        features = base(net.prepare(pictures))
        layers = [part for part in base.children() if isinstance(part, nn.Conv2d)]
        # their biases are 0, so a factor on each of n layers is its n-th power on the features
        factor = features.std().item() ** (-1 / len(layers))
        for layer in layers:
            layer.weight *= factor
        hidden = [part for part in head.children() if isinstance(part, nn.Linear)][:-1]
        hooks = [layer.register_forward_hook(standardize) for layer in hidden]
        head(features / features.std())
        for hook in hooks:
            hook.remove()


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Train and score one net."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    forget_peak(device)
    known = faces()
    net = models.create(arm.net, classes=known["train"].classes, input_size=arm.size, seed=seed)
    if arm.from_data:
        start_from_data(net, spread(known["train"], STARTED_BY).pictures())
    learner: nn.Module = net
    if arm.frozen:
        learner = models.head(models.freeze_base(net.to(device)))
        known = {split: models.features(net, known[split], batch=32) for split in known}
    history = fit(learner, known, arm.recipe, epochs=arm.epochs, precision=PRECISION)
    seconds = [epoch["seconds"] for epoch in history.epochs]
    return {
        **scored(history, evaluate(learner, known["test"])),
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
    start = [f"from {STARTED_BY} faces", f"frozen: {arm.frozen}"] if arm.from_data else []
    return [arm.recipe, arm.epochs, arm.size, FACES, PRECISION, *start]


def majority() -> Accuracy:
    """Return what a net reaches that always says the most frequent class."""
    test = faces()["test"]
    return Accuracy(int(np.bincount(test.labels).max()), len(test))


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are and how to make them again."""
    recipes = {
        arm.name: " ".join(
            [models.paper(arm.net), *arm.changes.split()]
            + (["start=data"] if arm.from_data else [])
            + (["base=frozen"] if arm.frozen else [])
        )
        for arm in ARMS
    }
    columns = ["arm", "seed", "size", "parameters", "recipe", "epochs", "best_epoch", "valid_loss"]
    columns += ["correct", "n", "pictures_per_second", "first_seconds", "later_seconds"]
    return table(
        [
            f"{FACES} training faces of facs3d, {PRECISION}; the validation split chose the epoch; "
            f"correct: of the n test faces, of which {majority().correct} are of one class",
            "recipe: its paper's, with these changes; seconds include validation, and what else "
            "the machine did meanwhile; peak_mb: memory of the whole process, or of the GPU",
            f"start=data: first weights scaled by {STARTED_BY} of the faces; base=frozen: only a "
            "head learns, from features computed once, which the seconds leave out",
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
