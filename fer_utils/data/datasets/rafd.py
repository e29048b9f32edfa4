"""RaFD: ``Rafd090_01_Caucasian_female_angry_frontal.jpg``.

Camera angle (0, 45, 90, 135 or 180 degrees; 90 is from the front), model, group (Caucasian,
Moroccan or Kid), gender, expression, gaze.

borgalli2022 tests on 1,608 pictures, a fifth of all 8,040, with between 185 and 208 of each
expression, so they were drawn at random over pictures: drawn again here. It does not say how many
of the others were for validation.
"""

import re
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset
from fer_utils.data.splits import draw
from fer_utils.emotions import FER8, nearest
from fer_utils.errors import FerError

CARD = Card(
    name="rafd",
    title="Radboud Faces Database: eight expressions, five camera angles, three gazes",
    papers=("borgalli2022",),
    citation="Langner et al., Presentation and validation of the Radboud Faces Database, "
    "Cognition and Emotion 24(8), 2010.",
    doi="10.1080/02699930903485076",
    page="https://rafd.socsci.ru.nl",
    licence="Scientific use only, by researchers at universities; students only under a "
    "supervisor, who asks for access.",
    get="The request form of the Radboud Faces Database, Radboud University Nijmegen.",
    layout="""\
rafd/
├── Rafd090_01_Caucasian_female_angry_frontal.jpg
└── ...                    camera angle, model, group, gender, expression, gaze""",
    counts="8,040 pictures = 67 people x 8 expressions x 5 angles x 3 gazes.",
    expected={"faces": 8040, "subjects": 67, "classes": dict.fromkeys(FER8, 1005)},
)


#: The words in the names.
EXPRESSIONS = {
    "angry": "angry", "disgusted": "disgust", "fearful": "fear", "happy": "happy", "sad": "sad",
    "surprised": "surprise", "neutral": "neutral", "contemptuous": "contempt",
}  # fmt: skip

#: Where the eyes look.
GAZES = ("frontal", "left", "right")

#: Degrees of the camera.
ANGLES = (0, 45, 90, 135, 180)

_FORM = "Rafd090_01_Caucasian_female_angry_frontal.jpg"
_COUNT = CARD.expected["faces"]
_NAME = re.compile(r"Rafd(\d{3})_(\d+)_([a-z]+)_([a-z]+)_([a-z]+)_([a-z]+)", re.IGNORECASE)


def scan(root: Path, *, angle: int | None = None, gaze: str | None = None) -> DatasetIndex:
    """List RaFD's pictures.

    Args:
        root: the folder of the pictures, or one above it.
        angle: one of `ANGLES`, 90 for the view from the front; None for all.
        gaze: one of `GAZES`; None for all.

    Returns:
        DatasetIndex with subjects ("01") and columns "angle" (degrees), "gaze", "gender" ("female"
        or "male") and "group" ("caucasian", "moroccan" or "kid").

    Raises:
        FerError: no such picture is there, two have the same name, or an option or an expression
            is unknown.
    """
    if angle is not None and angle not in ANGLES:
        raise FerError(f"angle={angle!r} is not possible: expected {', '.join(map(str, ANGLES))}.")
    if gaze is not None and gaze not in GAZES:
        raise FerError(f"gaze={gaze!r} is not possible.{nearest(gaze, GAZES)}")
    folder = tree.home(root, _fits, f"pictures like {_FORM}", together=True)
    files, parts, left_out = tree.named(folder, _NAME, _FORM)
    degrees, model, group, gender, word, eyes = parts.T
    degrees = degrees.astype(np.int64)
    labels = tree.labels(files, word, EXPRESSIONS, FER8)
    keep = np.ones(len(files), bool) if angle is None else degrees == angle
    keep = np.flatnonzero(keep & (eyes == gaze) if gaze is not None else keep)
    if not len(keep):
        raise FerError(f"{folder} holds no pictures with angle={angle} and gaze={gaze}.")
    # Drawn over all angles, so that choosing an angle moves nobody to another part.
    split = draw(labels, test=round(0.2 * len(labels)))
    return DatasetIndex(
        root=folder,
        files=tuple(files[place] for place in keep),
        labels=labels[keep],
        classes=FER8,
        split=np.full(len(keep), "train"),
        subjects=model[keep],
        columns={
            "angle": degrees[keep],
            "gaze": eyes[keep],
            "gender": gender[keep],
            "group": group[keep],
        },
        paper_split=split[keep],
        left_out=tuple(left_out + tree.missing(len(files), _COUNT, "pictures")),
    )


def _fits(folder: Path) -> bool:
    return tree.holds(folder, _NAME)


DATASET = Dataset(CARD, size=224, scan=scan)
