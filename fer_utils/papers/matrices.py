"""Confusion matrices that papers print as counts; rows are the labels, columns the answers.

Those of alessi2019, mazen2021 and borgalli2022 are pictures, with shares in them: of borgalli2022
the per-class numbers beside them are text, see `borgalli2022.REPORTS`.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Matrix:
    """A printed confusion matrix.

    Attributes:
        paper: key of the paper.
        figure: its number.
        dataset: the test faces' data set, as stated.
        classes: K names, in the kit's words.
        counts: int64 (K, K).
        claim: key of the row of results that belongs to it.
    """

    paper: str
    figure: str
    dataset: str
    classes: tuple[str, ...]
    counts: np.ndarray = field(compare=False, repr=False)
    claim: str

    @property
    def row_sums(self) -> dict[str, int]:
        """Class name -> test faces with that label."""
        return dict(zip(self.classes, self.counts.sum(axis=1).tolist(), strict=True))


def _minaee(figure: str, dataset: str, table: str, *rows: tuple[int, ...]) -> Matrix:
    classes = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    claim = f"minaee2019:{table}:The proposed algorithm"
    return Matrix("minaee2019", figure, dataset, classes, np.array(rows, np.int64), claim)


_FER2013 = _minaee(
    "Fig. 8",
    "fer2013",
    "I",
    (175, 5, 11, 18, 90, 16, 12),
    (5, 9, 0, 2, 5, 2, 2),
    (10, 0, 46, 2, 18, 5, 18),
    (51, 8, 13, 642, 155, 40, 21),
    (53, 13, 23, 42, 1035, 84, 40),
    (33, 7, 15, 34, 70, 287, 6),
    (21, 0, 32, 14, 70, 5, 308),
)

_FERG = _minaee(
    "Fig. 9",
    "ferg",
    "II",
    (998, 1, 0, 0, 0, 0, 1),
    (1, 994, 2, 3, 0, 0, 0),
    (0, 0, 995, 0, 0, 0, 5),
    (0, 3, 2, 987, 6, 1, 1),
    (2, 2, 0, 6, 987, 1, 2),
    (0, 3, 0, 0, 1, 996, 0),
    (0, 0, 1, 0, 4, 0, 995),
)

_JAFFE = _minaee(
    "Fig. 10",
    "jaffe",
    "III",
    (9, 1, 0, 0, 0, 0, 0),
    (1, 9, 0, 0, 0, 0, 0),
    (0, 0, 10, 0, 0, 0, 0),
    (0, 0, 0, 9, 1, 0, 0),
    (0, 0, 0, 0, 10, 0, 0),
    (0, 0, 0, 0, 2, 8, 0),
    (0, 0, 0, 0, 0, 0, 10),
)

#: Data set -> Deep-Emotion's confusion matrix.
MATRICES: dict[str, Matrix] = {matrix.dataset: matrix for matrix in (_FER2013, _FERG, _JAFFE)}
