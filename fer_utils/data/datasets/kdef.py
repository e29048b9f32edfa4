"""KDEF: ``KDEF/AF01/AF01ANFL.JPG`` = session, gender, person, expression, angle.

AF01 and BF01 are the same person in two sessions, so the subject is F01. The averaged faces of
AKDEF, which come in the same archive, are not used: they show nobody, and everybody is in them.
People who have the archive report two pictures with a cut-off name (AF31V.JPG, AM31H.JPG): they are
named in ``left_out``.

Splits of the papers, drawn again at random over pictures:

- pandey2019: a fifth, 980 of the 4,900 pictures, for testing. The paper does not state it, but
  every value of its Table I is a whole number of 980 pictures (83.16 % = 815, 84.08 % = 824,
  84.39 % = 827, 85.10 % = 834, 85.51 % = 838, 88.16 % = 864).
- borgalli2022: six expressions (neutral is not used), 800 test pictures. It does not say how many
  pictures it trained on.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset
from fer_utils.data.splits import draw
from fer_utils.emotions import FER7, nearest
from fer_utils.errors import FerError

CARD = Card(
    name="kdef",
    title="Karolinska Directed Emotional Faces: seven expressions from five angles",
    papers=("pandey2019", "borgalli2022"),
    citation="Lundqvist, Flykt and Ohman, The Karolinska Directed Emotional Faces, Karolinska "
    "Institutet, 1998.",
    page="https://kdef.se",
    licence="Only for researchers, only for non-commercial purposes; never to be passed on "
    "without written consent.",
    get="The site of the data set, kdef.se.",
    layout="""\
KDEF/
├── AF01/                  session A/B, gender F/M, number 01-35
│   ├── AF01AFFL.JPG       + expression AF AN DI HA NE SA SU
│   └── AF01ANHL.JPG       + angle FL HL S HR FR
└── ...""",
    counts="4,900 pictures of 562x762, 70 people: 7 expressions from 5 angles, twice. Two of "
    "the names are cut off in the archive (AF31V.JPG, AM31H.JPG).",
    expected={
        "faces": 4900,
        "subjects": 70,
        "classes": dict.fromkeys(FER7, 700),
        "size": (562, 762),
    },
)


#: The letters in the names.
EXPRESSIONS = {
    "AF": "fear", "AN": "angry", "DI": "disgust", "HA": "happy", "NE": "neutral", "SA": "sad",
    "SU": "surprise",
}  # fmt: skip

#: Full left, half left, straight, half right and full right profile.
ANGLES = ("FL", "HL", "S", "HR", "FR")

#: Names in the archive that end before the expression or the angle.
CUT_OFF = ("AF31V", "AM31H")

#: Papers whose split can be drawn.
PAPERS = ("pandey2019", "borgalli2022")

_FORM = "AF01ANFL.JPG"
_COUNT = CARD.expected["faces"]
_NAME = re.compile(r"([AB])([FM])(\d\d)([A-Z]{2})(FL|HL|S|HR|FR)", re.IGNORECASE)


def scan(
    root: Path, *, angle: str | Sequence[str] | None = None, paper: str = "pandey2019"
) -> DatasetIndex:
    """List KDEF's pictures.

    Args:
        root: the folder KDEF, or one above it.
        angle: one or several of `ANGLES`, "S" for straight; None for all.
        paper: whose split to draw, one of `PAPERS`.

    Returns:
        DatasetIndex with subjects ("F01") and columns "session" ("A" or "B"), "gender" ("female" or
        "male") and "angle" (of `ANGLES`).

    Raises:
        FerError: no such picture is there, two have the same name, or an option or an expression
            is unknown.
    """
    angles = ANGLES if angle is None else _chosen(angle)
    if paper not in PAPERS:
        raise FerError(f"There is no split of {paper!r} for KDEF.{nearest(paper, PAPERS)}")
    folder = tree.home(
        root, _fits, f"folders AF01, AF02, ... of pictures like {_FORM}", together=True
    )
    files, parts, left_out = tree.named(folder, _NAME, _FORM, str.upper)
    session, gender, person, code, seen = parts.T
    labels = tree.labels(files, code, EXPRESSIONS, FER7)
    keep = np.flatnonzero(np.isin(seen, angles))
    if not len(keep):
        raise FerError(f"{folder} holds no pictures from the angle {', '.join(angles)}.")
    return DatasetIndex(
        root=folder,
        files=tuple(files[place] for place in keep),
        labels=labels[keep],
        classes=FER7,
        split=np.full(len(keep), "train"),
        subjects=np.char.add(gender, person)[keep],
        columns={
            "session": session[keep],
            "gender": np.where(gender == "F", "female", "male")[keep],
            "angle": seen[keep],
        },
        paper_split=_split(labels, paper)[keep],
        left_out=tuple(left_out + tree.missing(len(files), _COUNT - len(CUT_OFF), "pictures")),
    )


def _fits(folder: Path) -> bool:
    return tree.holds(folder, _NAME)


def _chosen(angle: str | Sequence[str]) -> tuple[str, ...]:
    chosen = [angle] if isinstance(angle, str) else list(angle)
    for word in chosen:
        if str(word).upper() not in ANGLES:
            raise FerError(f"{word!r} is not an angle of KDEF.{nearest(word, ANGLES)}")
    return tuple(word.upper() for word in chosen)


def _split(labels: np.ndarray, paper: str) -> np.ndarray:
    """Draw over all angles, so that choosing an angle moves nobody to another part."""
    if paper == "pandey2019":
        return draw(labels, test=round(0.2 * len(labels)))
    used = np.flatnonzero(labels != FER7.index("neutral"))
    # 800 test pictures of 4,200: the same share of a part of the data set.
    split = np.full(len(labels), "", "<U5")
    split[used] = draw(labels[used], test=round(len(used) * 800 / 4200))
    return split


DATASET = Dataset(CARD, size=224, scan=scan)
