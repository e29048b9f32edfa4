"""Laboratory and wild: borgalli2022's four architectures, each trained in both drawn worlds.

    python -m fer_lab.experiments.laboratory_wild
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.laboratory_wild --seeds 1
        a part of the runs: several programs can share them

The same 90 drawn people are photographed in a laboratory and in the wild (`faces3d.worlds`), seven
times each: 60 to learn from, 10 to choose the epoch, 20 to be scored on. Faces are cut out by
OpenCV's Haar cascade, classes balanced by augmentation, as the paper has it. Every network is
scored in the world it learned and in the other one.

The networks are the paper's at a size that a laptop trains: smaller pictures, and of the two large
ones a share of the filters. Its recipe is too slow for so few faces; changes are stated in the
table. Once all runs are there, figures/laboratory_wild.csv and .png are written; notebook 13 reads
the table.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from faces3d.worlds import LABORATORY, WILD
from fer_lab.experiment import Experiment, Fit, scored, table
from fer_lab.experiments.architectures import start_from_data
from fer_utils import models, plots, train
from fer_utils.data import FaceSet
from fer_utils.data.worlds import draw
from fer_utils.evaluate import evaluate
from fer_utils.train.recipes import changed

SEEDS = (0, 1, 2, 3, 4)
WORLDS = {"laboratory": LABORATORY, "wild": WILD}
PEOPLE = {"train": range(7000, 7060), "valid": range(7060, 7070), "test": range(7070, 7090)}
RECIPE = replace(train.recipe("borgalli2022"), patience=0, balance="augment", learning_rate=1e-3)
STARTED_BY = 128  # faces that scale the first weights, where they are scaled


@dataclass(frozen=True)
class Net:
    """One of the paper's networks, and how it is made smaller and trained here.

    Attributes:
        name: an entry of `models.names()`.
        size: side in pixels at which it works.
        epochs: passes over the faces.
        width: share of its filters.
        changes: of the recipe above.
        from_data: begins with weights that some faces have scaled.
    """

    name: str
    size: int
    epochs: int
    width: float = 1.0
    changes: str = ""
    from_data: bool = False


NETS = (
    Net("custom_kdef", 32, 12, changes="late=2"),
    Net("light_vgg", 48, 36, changes="late=6"),
    Net("vgg16_gap", 32, 32, 0.25, "late=5", from_data=True),
    Net("inception_resnet_v2", 75, 18, 0.25),
)


@dataclass(frozen=True)
class Arm:
    """A network, and the world it learns from."""

    net: Net
    world: str

    @property
    def name(self) -> str:
        """For files and messages."""
        return f"{self.net.name}, {self.world}"

    @property
    def recipe(self) -> train.Recipe:
        """Return how it is trained."""
        return changed(RECIPE, self.net.changes.split())


ARMS = tuple(Arm(net, world) for net in NETS for world in WORLDS)


@functools.cache
def faces(split: str) -> dict[str, FaceSet]:
    """Return the faces of a split in both worlds: the same people."""
    return {name: draw(world, PEOPLE[split], split=split) for name, world in WORLDS.items()}


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Train one net in a world, and score it in both."""
    known = {split: faces(split)[arm.world] for split in PEOPLE}
    net = models.create(
        arm.net.name,
        classes=known["train"].classes,
        input_size=arm.net.size,
        width=arm.net.width,
        seed=seed,
    )
    if arm.net.from_data:
        start_from_data(net, known["train"].take(slice(0, STARTED_BY)).pictures())
    history = fit(net, known, arm.recipe, epochs=arm.net.epochs, device="cpu")
    results = {name: evaluate(net, seen) for name, seen in faces("test").items()}
    return {
        **scored(history, results[arm.world]),
        **{name: result.accuracy.correct for name, result in results.items()},
        **{f"confusion_{name}": result.confusion().tolist() for name, result in results.items()},
        "parameters": models.count(net, "paper"),
    }


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: runs of other settings are not reused."""
    of_people = {split: [people.start, people.stop] for split, people in PEOPLE.items()}
    return [arm.net, WORLDS[arm.world], arm.recipe, of_people, STARTED_BY]


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are."""
    by_name = {arm.name: arm for arm in ARMS}
    columns = ["net", "learned", "seed", "size", "width", "parameters", "epochs", "best_epoch"]
    columns += [*WORLDS, "n", *(f"confusion_{name}" for name in WORLDS), "changes"]
    return table(
        [
            "420 drawn photographs learned from, 70 choose the epoch, no person on two sides; cut "
            f"out by the Haar cascade; recipe borgalli2022, learning_rate={RECIPE.learning_rate:g} "
            "balance=augment, no early stopping, with these changes",
            f"{', '.join(WORLDS)}: right answers among n photographs of either world; confusion: "
            "rows are labels, columns what was said, in the order of FER7",
            f"made by: {EXPERIMENT.command} --threads 1",
        ],
        columns,
        [_row(by_name[row["arm"]], row) for row in rows],
    )


def _row(arm: Arm, row: dict) -> dict:
    """Return a run as the table has it."""
    net = arm.net
    confusions = {key: row[key] for key in row if key.startswith("confusion")}
    confusions = {key: " ".join(map(str, np.ravel(cells))) for key, cells in confusions.items()}
    began = " started by data" if net.from_data else ""
    about = {"net": net.name, "learned": arm.world, "size": net.size, "epochs": net.epochs}
    return {**row, **about, **confusions, "width": f"{net.width:g}", "changes": net.changes + began}


def figure_of(rows: list[dict]) -> Figure:
    """Draw every run as a dot: network, what it learned, what it was tested on."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        for tested in WORLDS:
            name = f"{row['arm'].replace(', ', ': ')} → {tested}"
            scores.setdefault(name, []).append(100 * row[tested] / row["n"])
    people = len(PEOPLE["test"])
    return plots.dots(scores, xlabel=f"right of {rows[0]['n']} photographs of {people} people, %")


EXPERIMENT = Experiment("laboratory_wild", ARMS, SEEDS, settings, run, table_of, figure_of)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
