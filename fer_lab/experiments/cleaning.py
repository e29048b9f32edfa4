"""How well do rules for bad pictures agree with people? FER2013 under FERPlus's ten votes.

    python -m fer_lab.experiments.cleaning
        looks at the pictures (some minutes), then writes table and figure

FER2013 with FERPlus's votes must be where `python -m fer_utils data` finds it. mazen2021 deleted
non-face, text and profile pictures and gives neither counts nor a rule; `data.clean` has a rule for
each. People said of every picture what they saw in it, or that it is not a face, or that they
cannot tell. Training and PublicTest pictures only: nothing of PrivateTest is counted here. The
rule for text was chosen on Training. For profiles there are no votes: what stands there is how
many of them people could not use.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from fer_lab.experiment import Experiment, Fit, parts, table
from fer_utils import data, plots
from fer_utils.data.cleaning import ABOUT, VOTES
from fer_utils.evaluate import Accuracy


@dataclass(frozen=True)
class Arm:
    """One part of FER2013.

    Attributes:
        name: "train" (Training) or "valid" (PublicTest).
    """

    name: str


ARMS = (Arm("train"), Arm("valid"))
#: What people said, by more than half of their votes: an answer, or one of two.
SAID = ("not_a_face", "unusable")


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Look at the pictures of one part; nothing is trained."""
    faces = parts("fer2013")[arm.name]
    found = data.clean(faces, [*ABOUT, *VOTES], progress=False)
    votes = np.asarray(faces.votes, int)
    unusable = votes[:, [faces.vote_names.index(answer) for answer in VOTES.values()]].sum(1)
    said = {
        "not_a_face": found.positions("not a face"),
        "unusable": np.flatnonzero(2 * unusable > votes.sum(1)),
    }
    reasons = {why: found.positions(why) for why in ABOUT}
    reasons["any of these"] = found.positions(*ABOUT)
    reasons["black, flat or text"] = found.positions("black", "flat", "text")
    return {
        "pictures": len(faces),
        "said": {name: len(places) for name, places in said.items()},
        "found": {
            why: [len(at), *(len(np.intersect1d(at, places)) for places in said.values())]
            for why, at in reasons.items()
        },
    }


def table_of(rows: list[dict]) -> str:
    """Return a line for every part, reason and what people said."""
    lines = []
    for row in rows:
        for why, (count, *both) in row["found"].items():
            for name, right in zip(SAID, both, strict=True):
                there = row["said"][name]
                precision, recall = Accuracy(right, count), Accuracy(right, there)
                line = {"part": row["arm"], "pictures": row["pictures"], "reason": why}
                line |= {"found": count, "said": name, "people": there, "both": right}
                for kind, share in (("precision", precision), ("recall", recall)):
                    line[kind] = share.value if share.n else None
                    line[f"{kind}_95"] = [f"{share.low:.4f}", f"{share.high:.4f}"]
                lines.append(line)
    names = ["part", "pictures", "reason", "found", "said", "people", "both"]
    return table(
        [
            "FER2013 with FERPlus's votes: train is Training, valid is PublicTest; "
            "found: pictures that a rule of data.clean lists",
            "people: pictures of which more than half of the ten votes say that it is no face "
            "(not_a_face), or that or cannot tell (unusable); both: found and said",
            "precision: both of found; recall: both of people; Wilson intervals, 95 %",
            f"made by: {EXPERIMENT.command}",
        ],
        [*names, "precision", "precision_95", "recall", "recall_95"],
        lines,
    )


def figure_of(rows: list[dict]) -> Figure:
    """Draw for each reason how many of the pictures found people call no face, a dot a part."""
    shares: dict[str, list[float]] = {}
    counts: dict[str, list[str]] = {}
    for row in rows:
        for why, (count, no_face, _) in row["found"].items():
            if count:
                shares.setdefault(why, []).append(100 * no_face / count)
                counts.setdefault(why, []).append(f"{no_face:,} / {count:,}")
    return plots.dots(
        shares,
        xlabel="of the pictures found, called no face by most of ten people, %",
        notes={why: "; ".join(words) for why, words in counts.items()},
        notes_label="no face / found: Training; PublicTest",
    )


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: the rules, in words."""
    return [arm, ABOUT, VOTES]


EXPERIMENT = Experiment("cleaning", ARMS, (0,), settings, run, table_of, figure_of, data="fer2013")

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
