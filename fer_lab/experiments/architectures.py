"""Does every architecture learn? All ten on the same 2,000 drawn faces, each by its paper's recipe.

    python -m fer_lab.experiments.architectures
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.architectures --share 1/2
        half of the runs; another program does 2/2

facs3d's training split is cut to 2,000 faces; its validation split chooses the epoch, and the test
split is scored once per net. A net without batch norm and with much dropout does not find its way
out of the class frequencies when it starts as its paper says: its arm begins without dropout and
augmentation (`late`), which is stated in the table. Networks for larger pictures work at a smaller
side where they allow it, so that a laptop can train them.

Time and memory are those of one processor core, or of the GPU that is found. Every finished run
leaves a small file in runs/architectures/ (not committed), so Ctrl-C costs one run at most. Once
all are there, figures/architectures.csv and .png are written.
"""

import csv
import functools
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from matplotlib.figure import Figure

from fer_lab.experiments.experiment import Experiment
from fer_utils import data, models, plots, train
from fer_utils.evaluate import Accuracy, evaluate
from fer_utils.train.recipes import changed

SEEDS = (0,)
FACES = 2000
# Faster where the processor has it; the nets that are kept are trained so, too.
PRECISION = "bfloat16"


@dataclass(frozen=True)
class Arm:
    """An architecture, and how it is trained here.

    Attributes:
        name: an entry of `models.names()`.
        epochs: passes over the faces.
        size: side in pixels at which the net works; None is its paper's.
        changes: of its paper's recipe, as in `train --set`.
    """

    name: str
    epochs: int
    size: int | None = None
    changes: str = ""

    @property
    def recipe(self) -> train.Recipe:
        """The recipe of its paper, with the changes."""
        return changed(train.recipe(models.paper(self.name)), self.changes.split())


ARMS = (
    Arm("mini_xception", 40),
    Arm("deep_emotion", 100),
    Arm("small_resnet", 20),
    Arm("light_vgg", 40, changes="late=6"),
    Arm("custom_kdef", 10, size=96, changes="late=4"),
    Arm("bottleneck_065m", 20),
    Arm("vgg13", 16, changes="late=4 batch=16"),
    Arm("vgg16_gap", 10, size=48, changes="late=4"),
    Arm("inception_resnet_v2", 8, size=96),
    Arm("vgg_face", 2, changes="learning_rate=1e-4 batch=16 late=2"),
)


@functools.cache
def parts() -> dict[str, data.FaceSet]:
    """Return the faces to learn from, to choose the epoch by, and to be scored on."""
    faces = data.load("facs3d", progress=False)
    split = {name: faces.where(split=name) for name in ("train", "valid", "test")}
    everyone = split["train"]
    kept = np.linspace(0, len(everyone) - 1, FACES).round().astype(int)
    return {**split, "train": everyone.take(kept)}


def forget_peak() -> None:
    """Let the peak of the memory in use begin anew (on Linux and on a GPU)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> int | None:
    """Return the largest memory in use since `forget_peak`; None where the system does not say."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 1e6)
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return round(int(found[1]) * 1024 / 1e6) if found else None


def run(arm: Arm, seed: int) -> dict | None:
    """Train and score one net; None where Ctrl-C ended it early."""
    faces = parts()
    forget_peak()
    net = models.create(arm.name, classes=faces["train"].classes, input_size=arm.size, seed=seed)
    history = train.fit(
        net,
        faces["train"],
        faces["valid"],
        arm.recipe,
        epochs=arm.epochs,
        seed=seed,
        progress=False,
        precision=PRECISION,
    )
    if history.stopped.startswith("interrupted"):
        return None
    found = evaluate(net, faces["test"])
    seconds = [epoch["seconds"] for epoch in history.epochs]
    return {
        "arm": arm.name,
        "seed": seed,
        "size": net.config["input_size"],
        "parameters": models.count(net, "paper"),
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch,
        "valid_loss": history.best["valid_loss"],
        "correct": found.accuracy.correct,
        "n": found.accuracy.n,
        "valid_accuracy": [epoch["valid_accuracy"] for epoch in history.epochs],
        "first_seconds": seconds[0],
        "later_seconds": median(seconds[1:] or seconds),
        "peak_mb": peak_megabytes(),
        "device": str(next(net.parameters()).device),
    }


def settings(arm: Arm) -> str:
    """Return what decides an arm's numbers, as text: runs of other settings are not reused."""
    recipe = {key: value for key, value in arm.recipe.as_dict().items() if key != "notes"}
    return json.dumps([recipe, arm.epochs, arm.size, FACES, PRECISION])


def majority() -> Accuracy:
    """Return what a net reaches that always says the most frequent class."""
    test = parts()["test"]
    return Accuracy(int(np.bincount(test.labels).max()), len(test))


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are and how to make them again."""
    text, base = io.StringIO(), majority()
    text.write(f"# {FACES} training faces of facs3d, {PRECISION}; the validation split chose the ")
    text.write(f"epoch; correct: of the n test faces, of which {base.correct} are of one class\n")
    text.write("# recipe: its paper's, with these changes; seconds include validation; ")
    text.write("peak_mb: memory of the whole process, or of the GPU\n")
    text.write(f"# made by: {EXPERIMENT.command}\n")
    table = csv.writer(text, lineterminator="\n")
    plain = ["arm", "seed", "size", "parameters", "epochs", "best_epoch"]
    head = ["recipe", "valid_loss", "correct", "n", "pictures_per_second", "first_seconds"]
    table.writerow([*plain, *head, "later_seconds", "peak_mb", "device", "valid_accuracy"])
    for row in rows:
        arm = next(arm for arm in ARMS if arm.name == row["arm"])
        recipe = " ".join([models.paper(arm.name), arm.changes]).strip()
        curve = " ".join(f"{value:.3f}" for value in row["valid_accuracy"])
        speed, times = FACES / row["later_seconds"], (row["first_seconds"], row["later_seconds"])
        table.writerow(
            [
                *(row[key] for key in plain),
                *(recipe, f"{row['valid_loss']:.3f}", row["correct"], row["n"], f"{speed:.1f}"),
                *(f"{value:.1f}" for value in times),
                *(row["peak_mb"], row["device"], curve),
            ]
        )
    return text.getvalue()


def figure_of(rows: list[dict]) -> Figure:
    """Draw every net's accuracy with its interval, and that of always saying the same."""
    scores = {
        f"{row['arm']}, {row['epochs']} epochs": Accuracy(row["correct"], row["n"]) for row in rows
    }
    return plots.accuracies({**scores, "always the most frequent class": majority()})


EXPERIMENT = Experiment("architectures", ARMS, SEEDS, settings, run, table_of, figure_of)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
