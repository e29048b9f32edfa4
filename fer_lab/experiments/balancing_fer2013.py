"""Does balancing help? Disgust, one face in 65, under four ways to treat a rare class. FER2013.

    python -m fer_lab.experiments.balancing_fer2013
        all runs that are missing, then table and figure

As `balancing`, on the data set that mazen2021 used; it must be where `python -m fer_utils data`
finds it. The networks learn nine tenths of Training, another tenth without copies of these chooses
the epoch, and PublicTest is scored as it is; PrivateTest is not looked at. The generator,
change_fer2013 of the kit, has learned from faces of Training.
"""

import functools

import numpy as np

from fer_lab.experiment import parts
from fer_lab.experiments.balancing import Study
from fer_utils import data
from fer_utils.data import FaceSet


@functools.cache
def tenths() -> np.ndarray:
    """Return which tenth each face of Training belongs to, int64 (N,); copies stay together."""
    return data.folds(parts("fer2013")["train"], 10, progress=False)


def public(seed: int) -> dict[str, FaceSet]:
    """Return FER2013: a tenth of Training chooses the epoch, PublicTest is the test."""
    faces = parts("fer2013")
    chooses = tenths() == seed
    learned = faces["train"]
    return {
        "train": learned.take(~chooses),
        "valid": learned.take(chooses),
        "test": faces["valid"],
    }


STUDY = Study("balancing_fer2013", public, "PublicTest", 5, "change_fer2013", data="fer2013")
EXPERIMENT = STUDY.experiment

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
