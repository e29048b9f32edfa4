"""How many points are memory of a person? One net, split by person and split at random.

    python -m fer_lab.experiments.leakage
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.leakage --seeds 1
        a part of the runs: several programs can share them

Two sets of faces. facs3d as it comes: many people, a dozen pictures of each, every one with
another light, pose and background. And `clips`, drawn here: few people, each before the same light
and wall for all pictures, three neighbouring frames of every showing of an expression, as in data
sets filmed in a studio. Within a set all arms train and test on equally many faces of every class;
only who (or which clip) is on both sides differs.

Once all runs are there, figures/leakage.csv and .png are written; notebook 01 reads the table.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

import faces3d
from faces3d.action_units import NAMES
from faces3d.scene import sample_units
from fer_lab.experiment import Experiment, Fit, by_arm, by_split, percent, scored, table
from fer_utils import data, models, plots, train
from fer_utils._progress import tqdm
from fer_utils.data import FaceSet
from fer_utils.emotions import FER7
from fer_utils.evaluate import evaluate

SEEDS = (0, 1, 2, 3, 4)  # of a fifth each: by person, everybody in `clips` is tested once
TESTED, CHOOSING = 0.2, 0.1  # shares of the people who are tested, and who choose the epoch
EPOCHS = {"facs3d": 6, "clips": 24}  # about equally many steps
RECIPE = replace(train.recipe("one_cycle"), batch=64, average=0.0)
# Twice as fast where the processor has it; it rounds less than the pictures' 256 grey levels do.
PRECISION = "bfloat16"

# The drawn set: people, showings ("takes") of each expression, frames of each showing.
PEOPLE, TAKES, FRAMES = 40, 2, 3
FIRST_PERSON = 1000  # none of facs3d's
STRENGTH = (0.3, 1.0)  # from hardly visible to clear, drawn for every take
RISE = 0.04  # by so much a frame is stronger than the one before
GRAIN = 3.0  # grey levels of noise, so that no two frames are equal


@dataclass(frozen=True)
class Arm:
    """One set of faces, divided in one way.

    Attributes:
        faces: a key of `EPOCHS`.
        split: what stays on one side: a "person", a "clip", or nothing but the "picture" itself.
    """

    faces: str
    split: str

    @property
    def name(self) -> str:
        """Return the row of the figure."""
        return f"{self.faces}, " + ("at random" if self.split == "picture" else f"by {self.split}")


ARMS = (
    Arm("facs3d", "person"),
    Arm("facs3d", "picture"),
    Arm("clips", "person"),
    Arm("clips", "clip"),
    Arm("clips", "picture"),
)


def draw_clips(people: int = PEOPLE, progress: bool = True) -> FaceSet:
    """Draw the set `clips`: a column "clip" says which frames belong together."""
    random = np.random.default_rng(0)
    images, labels, subjects, clips = [], [], [], []
    for person in tqdm(range(people), desc="drawing people", disable=not progress):
        light = (random.normal(0, 0.6), random.uniform(0.1, 0.7), 0.8)
        for label, take in np.ndindex(len(FER7), TAKES):
            images += draw_clip(FER7[label], FIRST_PERSON + person, light, random)
            labels += [label] * FRAMES
            subjects += [person] * FRAMES
            clips += [(person * len(FER7) + label) * TAKES + take] * FRAMES
    return FaceSet(
        name="clips",
        images=np.stack(images)[:, None],
        labels=np.array(labels),
        classes=FER7,
        split=np.full(len(labels), "train"),
        subjects=np.array(subjects),
        columns={"clip": np.array(clips)},
    )


def draw_clip(expression: str, person: int, light: tuple, random: np.random.Generator) -> list:
    """Draw the frames of one showing: it grows a little, the head hardly moves."""
    units = sample_units(expression, random.uniform(*STRENGTH), random)
    pose = random.normal(0, (8, 4, 3))
    frames = []
    for number in range(FRAMES):
        strength = 1 + RISE * (number - FRAMES + 1)
        yaw, pitch, roll = pose + random.normal(0, 0.5, 3)
        shown: dict[int | str, float] = {
            f"{unit}{side}": value * strength
            for unit, both in zip(NAMES, units, strict=True)
            for side, value in zip("LR", both, strict=True)
        }
        face = faces3d.draw(
            identity=person, action_units=shown, yaw=yaw, pitch=pitch, roll=roll, light=light
        )
        noisy = face + random.normal(0, GRAIN, face.shape)
        frames.append(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    return frames


@functools.cache
def faces_of(name: str) -> FaceSet:
    """Return a set of faces, undivided."""
    return data.load("facs3d", progress=False) if name == "facs3d" else draw_clips()


def divided(faces: FaceSet, by: str, seed: int) -> FaceSet:
    """Return the faces with a new split; the seeds test different people.

    By "person" first. For the other two that split is dealt out again within every class, clip by
    clip or picture by picture, so every part keeps its size and its class balance exactly.
    """
    split = _by_person(np.asarray(faces.subjects), seed)
    if by != "person":
        units = faces.columns["clip"] if by == "clip" else np.arange(len(faces))
        split = _dealt(split, faces.labels, units, np.random.default_rng(seed))
    return replace(faces, split=split)


def _by_person(subjects: np.ndarray, seed: int) -> np.ndarray:
    people = np.random.default_rng(0).permutation(np.unique(subjects))
    tested, choosing = round(TESTED * len(people)), round(CHOOSING * len(people))
    people = np.roll(people, -seed * tested)
    split = np.full(len(subjects), "train")
    split[np.isin(subjects, people[:tested])] = "test"
    split[np.isin(subjects, people[tested : tested + choosing])] = "valid"
    return split


def _dealt(
    split: np.ndarray, labels: np.ndarray, units: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Deal a split out again among the units of each class; units have one class and one part."""
    new = split.copy()
    for label in np.unique(labels):
        here = np.flatnonzero(labels == label)
        _, first, unit = np.unique(units[here], return_index=True, return_inverse=True)
        new[here] = random.permutation(split[here][first])[unit]
    return new


def known(faces: FaceSet, of: np.ndarray) -> float:
    """Return the share of test faces whose person (or clip) was trained on."""
    trained = np.unique(of[faces.split == "train"])
    return float(np.isin(of[faces.split == "test"], trained).mean())


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Train and score one net."""
    faces = divided(faces_of(arm.faces), arm.split, seed)
    part = by_split(faces)
    net = models.create("mini_xception", classes=faces.classes, seed=seed)
    options = {"epochs": EPOCHS[arm.faces], "device": "cpu", "precision": PRECISION}
    history = fit(net, part, RECIPE, **options)
    subjects, clips = np.asarray(faces.subjects), faces.columns.get("clip")
    return {
        "faces": arm.faces,
        "split": arm.split,
        "people": len(np.unique(subjects)),
        "train": len(part["train"]),
        "person_known": known(faces, subjects),
        "clip_known": None if clips is None else known(faces, clips),
        **scored(history, evaluate(net, part["test"])),
    }


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: runs of other settings are not reused."""
    drawn = (PEOPLE, TAKES, FRAMES, FIRST_PERSON, STRENGTH, RISE, GRAIN)
    shares = (TESTED, CHOOSING)
    return [arm, EPOCHS[arm.faces], *shares, drawn, RECIPE, PRECISION]


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are."""
    epochs = ", ".join(f"{number} on {name}" for name, number in EPOCHS.items())
    shares = ("person_known", "clip_known")
    rows = [
        {**row, **{k: None if row[k] is None else f"{row[k]:.3f}" for k in shares}} for row in rows
    ]
    for row in rows:
        row["command"] = f"{EXPERIMENT.command} --seeds {row['seed']}"
    return table(
        [
            f"mini_xception, recipe one_cycle but batch {RECIPE.batch}, no average of weights, "
            f"fewer epochs ({epochs}); {PRECISION}",
            "split: what is kept on one side; correct: of n test faces, at the best validation "
            "epoch",
            "person_known, clip_known: share of test faces whose person, whose clip has pictures "
            "in training",
        ],
        ["faces", "split", "seed", "people", "train", "n", "correct", *shares, "command"],
        rows,
    )


def figure_of(rows: list[dict]) -> Figure:
    """Draw every run as a dot, a row for each arm."""
    rows = [{**row, "arm": Arm(row["faces"], row["split"]).name} for row in rows]
    notes = {row["arm"]: f"{row['train']:,} / {row['n']:,}" for row in rows}
    return plots.dots(
        by_arm(rows, percent),
        xlabel="test accuracy, %",
        notes=notes,
        notes_label="trained / tested, about",
    )


EXPERIMENT = Experiment(
    "leakage",
    ARMS,
    SEEDS,
    settings,
    run,
    table_of,
    figure_of,
    name_of=lambda arm: f"{arm.faces}_{arm.split}",
)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
