"""The lesson of 91.76 on FER2013: one net, and a test that a network has cleaned and relabelled.

    python -m fer_lab.experiments.exam_fer2013
        trains nothing, takes some minutes, then writes table and figure

FER2013 with FERPlus's votes must be where `python -m fer_utils data` finds it. The net that is
scored is small_resnet_fer2013 of the kit, which learned Training; its exam is PublicTest. The
labels are changed by what another net says (mini_xception_fer2013), or by what the net itself says:
neither has learned a label of PublicTest, though both chose their epoch by it. Ten people's votes
are the referee: what share of the changed labels would they have changed the same way, and what
does the net score by their majority? PrivateTest is not looked at.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from fer_lab.experiment import Experiment, Fit, parts, percent, table
from fer_lab.experiments.exam import exams
from fer_utils import data, models, plots, train
from fer_utils.data import FaceSet, relabel
from fer_utils.data.cleaning import ABOUT
from fer_utils.data.relabel import ON_PROBABILITIES
from fer_utils.evaluate import Evaluation, evaluate

SCORED = "small_resnet_fer2013"


@dataclass(frozen=True)
class Arm:
    """The net by whose answers labels are changed.

    Attributes:
        name: of a net of the kit.
    """

    name: str


ARMS = (Arm("mini_xception_fer2013"), Arm(SCORED))


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Clean, relabel and score; nothing is trained."""
    faces = parts("fer2013")["valid"]
    result = evaluate(models.load(SCORED), faces)
    answers = evaluate(models.load(arm.name), faces).probabilities
    good = good_pictures()
    found = exams(result, answers)
    found |= {
        f"cleaned, {name}": row for name, row in exams(_of(result, good), answers[good]).items()
    }
    found |= _people(faces, result)
    verdicts = {}
    for rule in ON_PROBABILITIES:
        judged = train.referee(faces, faces.relabel(rule, answers))
        shares = (judged.new, judged.old, judged.other, judged.undecided)
        verdicts[rule] = [share.correct for share in shares]
    return {"exams": found, "verdicts": verdicts}


@functools.cache
def good_pictures() -> np.ndarray:
    """Return the positions of PublicTest's pictures that no rule of `data.clean` lists, int64."""
    faces = parts("fer2013")["valid"]
    bad = data.clean(faces, [*ABOUT], progress=False).positions()
    return np.setdiff1d(np.arange(len(faces)), bad)


def _of(result: Evaluation, places: np.ndarray) -> Evaluation:
    """Return what a net said of some of the faces."""
    return replace(result, probabilities=result.probabilities[places], labels=result.labels[places])


def _people(faces: FaceSet, result: Evaluation) -> dict[str, list]:
    """Return the net's score by the people's majority, and by the old labels of the same faces."""
    answers = np.array([*relabel.vote_classes(faces.vote_names), ""])
    votes = relabel.labels(np.asarray(faces.votes), faces.vote_names, "majority")
    said = answers[votes]
    places = np.flatnonzero(np.isin(said, faces.classes))
    names = np.array(result.classes)[result.predictions[places]]
    right = names == said[places]
    old = result.predictions[places] == result.labels[places]
    return {
        "ten people's majority": [int(right.sum()), len(places)],
        "those faces, as they came": [int(old.sum()), len(places)],
    }


COLUMNS = ["relabelled_by", "exam", "correct", "n", "changed", "new", "old", "other", "undecided"]


def lines_of(rows: list[dict]) -> list[dict]:
    """Return a line for each relabeller and exam."""
    lines = []
    for row in rows:
        for exam, numbers in row["exams"].items():
            values = [*numbers, *[None] * 3][:3] + row["verdicts"].get(exam, [None] * 4)
            lines.append(dict(zip(COLUMNS, [row["arm"], exam, *values], strict=True)))
    return lines


def table_of(rows: list[dict]) -> str:
    """Return a line for each relabeller and exam as CSV."""
    return table(
        [
            f"{SCORED} on PublicTest; exam: the labels it was scored on; correct: of n",
            "cleaned: without the pictures that data.clean lists by black, flat, no face, text, "
            "profile; as they came: the labels of FER2013",
            "relabelled_by: the net whose answers changed the labels by the rules distribution and "
            "confident; doubted left out: without the faces that 'confident' would change",
            "changed: labels; of these most of ten people would have changed them the same way "
            "(new), kept the old one, said another, or do not agree (undecided)",
            f"made by: {EXPERIMENT.command}",
        ],
        COLUMNS,
        lines_of(rows),
    )


def figure_of(rows: list[dict]) -> Figure:
    """Draw every exam as a dot for each relabeller."""
    scores: dict[str, list[float]] = {}
    notes: dict[str, list[str]] = {}
    for line in lines_of(rows):
        scores.setdefault(line["exam"], []).append(percent(line))
        if line["new"] is not None:
            notes.setdefault(line["exam"], []).append(f"{line['new']} / {line['changed']}")
    return plots.dots(
        scores,
        xlabel="accuracy in this exam, %; upper dot: relabelled by another net, lower: by itself",
        notes={name: "; ".join(words) for name, words in notes.items()},
        notes_label="agreed / changed",
    )


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: runs of other settings are not reused."""
    return [arm, SCORED, ABOUT]


EXPERIMENT = Experiment(
    "exam_fer2013", ARMS, (0,), settings, run, table_of, figure_of, data="fer2013"
)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
