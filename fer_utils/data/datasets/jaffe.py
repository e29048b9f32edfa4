"""JAFFE: ``KA.AN1.39.tiff`` = subject, expression and take, number of the picture.

The split of minaee2019 (10 test pictures of every expression, 23 for validation, the other 120 for
training) is drawn again at random; the paper does not say which pictures it took.
"""

import re
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset, by_class
from fer_utils.data.splits import draw
from fer_utils.emotions import FER7

CARD = Card(
    name="jaffe",
    title="JAFFE: ten Japanese women, seven posed expressions",
    papers=("minaee2019",),
    citation="Lyons, Akamatsu, Kamachi and Gyoba, Coding facial expressions with Gabor "
    "wavelets, FG 1998.",
    doi="10.1109/AFGR.1998.670949",
    page="https://doi.org/10.5281/zenodo.3451524",
    licence="Non-commercial scientific research only; not to be passed on.",
    get="Request access to 'The Japanese Female Facial Expression (JAFFE) Dataset' on Zenodo "
    "(doi 10.5281/zenodo.3451524); follow its instructions to the letter.",
    layout="""\
jaffe/
├── KA.AN1.39.tiff         subject.expression+take.number
├── KA.AN2.40.tiff         AN DI FE HA NE SA SU
└── ...""",
    counts="213 pictures of 256x256, 10 people.",
    expected={
        "faces": 213,
        "subjects": 10,
        "classes": by_class(30, 29, 32, 31, 31, 30, 30),
        "size": (256, 256),
    },
)


#: The letters in the names.
EXPRESSIONS = {
    "AN": "angry", "DI": "disgust", "FE": "fear", "HA": "happy", "SA": "sad", "SU": "surprise",
    "NE": "neutral",
}  # fmt: skip

_FORM = "KA.AN1.39.tiff"
_COUNT = CARD.expected["faces"]
_NAME = re.compile(r"([A-Z]{2})\.([A-Z]{2})(\d+)\.(\d+)", re.IGNORECASE)


def scan(root: Path) -> DatasetIndex:
    """List JAFFE's pictures, which lie in one folder (or in folders of any names).

    Returns:
        DatasetIndex with subjects ("KA") and columns "take" and "number".

    Raises:
        FerError: no such picture is there, two have the same name, or an expression is unknown.
    """
    folder = tree.home(root, _fits, f"pictures like {_FORM}", together=True)
    files, parts, left_out = tree.named(folder, _NAME, _FORM, str.upper)
    subject, code, take, number = parts.T
    labels = tree.labels(files, code, EXPRESSIONS, FER7)
    whole = len(files) == _COUNT
    return DatasetIndex(
        root=folder,
        files=tuple(files),
        labels=labels,
        classes=FER7,
        split=np.full(len(files), "train"),
        subjects=subject,
        columns={"take": take.astype(np.int64), "number": number.astype(np.int64)},
        paper_split=draw(labels, test=10, valid=23, per_class=True) if whole else None,
        left_out=tuple(left_out + tree.missing(len(files), _COUNT, "pictures")),
    )


def _fits(folder: Path) -> bool:
    return tree.holds(folder, _NAME)


DATASET = Dataset(CARD, size=256, scan=scan)
