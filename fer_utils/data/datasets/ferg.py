"""FERG-DB: ``FERG_DB_256/aia/aia_anger/aia_anger_1.png`` = character, expression, number.

The split of minaee2019 ("around 34k" training, 14k validation and 7k test pictures, 1,000 test
pictures of each expression) is drawn again at random: 34,767, 14,000 and 7,000 of 55,767. All six
characters are on every side of it.
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
    name="ferg",
    photographs=False,
    title="FERG-DB: six cartoon characters, seven expressions",
    papers=("minaee2019",),
    citation="Aneja, Colburn, Faigin, Shapiro and Mones, Modeling stylized character "
    "expressions via deep learning, ACCV 2016.",
    doi="10.1007/978-3-319-54184-6_9",
    page="https://grail.cs.washington.edu/projects/deepexpr/ferg-2d-db.html",
    licence="Terms come with the access, which is given on request; do not pass it on.",
    get="Fill in the form on the page of the FERG database, University of Washington (Graphics "
    "and Imaging Laboratory).",
    layout="""\
FERG_DB_256/
├── aia/                   aia bonnie jules malcolm mery ray
│   ├── aia_anger/         anger disgust fear joy neutral sadness surprise
│   │   └── aia_anger_1.png
│   └── ...
└── ...""",
    counts="55,767 pictures of 256x256, 6 characters.",
    expected={
        "faces": 55_767,
        "subjects": 6,
        "classes": by_class(9169, 8571, 7419, 7330, 7627, 8712, 6939),
        "size": (256, 256),
    },
)


#: The words in the names.
EXPRESSIONS = {
    "anger": "angry", "disgust": "disgust", "fear": "fear", "joy": "happy", "neutral": "neutral",
    "sadness": "sad", "surprise": "surprise",
}  # fmt: skip

#: Who is drawn.
CHARACTERS = ("aia", "bonnie", "jules", "malcolm", "mery", "ray")

_FORM = "aia_anger_1.png"
_COUNT = CARD.expected["faces"]
_NAME = re.compile(r"([a-z]+)_([a-z]+)_(\d+)", re.IGNORECASE)


def scan(root: Path) -> DatasetIndex:
    """List FERG's pictures.

    Returns:
        DatasetIndex with subjects (the characters) and column "number" (of the picture within its
        character and expression).

    Raises:
        FerError: no such picture is there, two have the same name, or an expression is unknown.
    """
    folder = tree.home(root, _fits, f"folders {', '.join(CHARACTERS)} of pictures like {_FORM}")
    files, parts, left_out = tree.named(folder, _NAME, _FORM)
    character, word, number = parts.T
    labels = tree.labels(files, word, EXPRESSIONS, FER7)
    if (strange := np.flatnonzero(~np.isin(character, CHARACTERS))).size:
        first = strange[0]
        raise tree.unknown(files[first], str(character[first]), CHARACTERS, "a character")
    absent = [name for name in CHARACTERS if name not in character]
    left_out += [f"there is no picture of {name}: half unpacked?" for name in absent]
    left_out += tree.missing(len(files), _COUNT, "pictures")
    return DatasetIndex(
        root=folder,
        files=tuple(files),
        labels=labels,
        classes=FER7,
        split=np.full(len(files), "train"),
        subjects=character,
        columns={"number": number.astype(np.int64)},
        paper_split=_minaee(labels) if len(files) == _COUNT else None,
        left_out=tuple(left_out),
    )


def _fits(folder: Path) -> bool:
    return any(path.name.lower() in CHARACTERS for path in tree.subfolders(folder))


def _minaee(labels: np.ndarray) -> np.ndarray:
    return draw(labels, test=1000, valid=14_000, per_class=True)


DATASET = Dataset(CARD, size=64, scan=scan)
