"""SFEW 2.0: frames of films, ``Train/Angry/Airheads_000519240_00000005.png``.

``Train`` and ``Val`` have a folder for each expression; the labels of ``Test`` were never
published, so its pictures are left out. The faces that the authors cut out and aligned come in
folders of their own: ``Train_Aligned_Faces``, ``Val_Aligned_Faces`` (or ``..._new``), beside
``Train`` or inside it. A picture's name is the film, the moment, and the face; nobody is named, but
the same film is mostly the same people.

borgalli2022 tests on 179 pictures and does not say from which part. Drawn here: 179 of the training
part at random, because it holds three groups of pictures and Test has no labels; Val is for
validation.
"""

import re
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset
from fer_utils.data.splits import draw
from fer_utils.emotions import FER7, canonical, nearest
from fer_utils.errors import FerError

CARD = Card(
    name="sfew",
    title="SFEW 2.0: single frames of feature films",
    papers=("borgalli2022",),
    citation="Dhall, Goecke, Lucey and Gedeon, Static facial expression analysis in tough "
    "conditions: data, evaluation protocol and benchmark, ICCV Workshops 2011.",
    doi="10.1109/ICCVW.2011.6130508",
    licence="Terms come with the access, which is given on request; do not pass it on.",
    get="Ask Abhinav Dhall, organiser of the EmotiW challenges.",
    layout="""\
sfew/
├── Train/
│   ├── Angry/             Angry Disgust Fear Happy Neutral Sad Surprise
│   │   └── Airheads_000519240_00000005.png
│   └── ...
├── Val/
│   └── Angry/ ...
└── Train_Aligned_Faces/ Val_Aligned_Faces/    or: the faces, cut out""",
    counts="958 training and 436 validation frames; the labels of 372 test frames were never "
    "published. Counts per class: not stated.",
    expected={"faces": 1394, "splits": {"train": 958, "valid": 436}},
)


#: Aligned faces, or whole frames.
FACES = ("aligned", "frames")

_EXPECTED = "the folders Train and Val (or Train_Aligned_Faces and Val_Aligned_Faces)"
_NAME = re.compile(r"(.+?)_\d+_\d+")
_BORGALLI = 179


def scan(root: Path, *, faces: str | None = None) -> DatasetIndex:
    """List SFEW's labelled pictures: Train is "train", Val is "valid".

    Args:
        root: the folder that holds Train and Val, or one above it.
        faces: one of `FACES`; None takes the aligned faces if they are there.

    Returns:
        DatasetIndex with column "film" ("" where a name does not tell it), without subjects.

    Raises:
        FerError: a part is missing, or an expression is unknown.
    """
    if faces is not None and faces not in FACES:
        raise FerError(f"faces={faces!r} is not possible.{nearest(faces, FACES)}")
    folder = tree.home(root, lambda place: bool(_parts(place)), _EXPECTED)
    parts = _parts(folder)
    kinds = [kind for kind in FACES if any(kind == part for _, part in parts)]
    kind = faces or kinds[0]
    if kind not in kinds:
        raise FerError(f"{folder} has no {kind} pictures, only {kinds[0]}; leave out faces=.")
    left_out = _unlabelled(folder)
    files, labels, split = [], [], []
    for split_name in ("train", "valid"):
        place = parts.get((split_name, kind))
        if place is None:
            left_out.append(f"there is no {split_name} part of the {kind} pictures: half unpacked?")
            continue
        for expression in _expressions(place):
            found, notes = tree.pictures(expression)
            left_out += notes
            files += found
            labels += [_label(expression)] * len(found)
            split += [split_name] * len(found)
    tree.unique(files, [(file.parent.parent, file.stem) for file in files], folder)
    films = [_NAME.fullmatch(tree.stem(file)) for file in files]
    return DatasetIndex(
        root=folder,
        files=tuple(files),
        labels=np.array(labels, np.int64),
        classes=FER7,
        split=np.array(split, np.str_),
        columns={"film": np.array([film[1] if film else "" for film in films], np.str_)},
        paper_split=_borgalli(np.array(labels), np.array(split)),
        left_out=tuple(left_out),
    )


def _parts(folder: Path) -> dict[tuple[str, str], Path]:
    """Return (split, kind) -> the folder that holds the folders of the expressions."""
    found: dict[tuple[str, str], Path] = {}
    outer = [place for place in tree.subfolders(folder) if _split_of(place)]
    inner = [place for part in outer for place in tree.subfolders(part) if _split_of(place)]
    for place in outer + inner:
        kind = "aligned" if "aligned" in place.name.lower() else "frames"
        if _split_of(place) in ("train", "valid") and _expressions(place):
            found.setdefault((_split_of(place), kind), place)
    return found


def _split_of(folder: Path) -> str:
    first = re.split(r"[^a-z]", folder.name.lower())[0]
    return tree.SPLIT_FOLDERS.get(first, "")


def _expressions(folder: Path) -> list[Path]:
    return [place for place in tree.subfolders(folder) if not _split_of(place)]


def _label(folder: Path) -> int:
    try:
        return FER7.index(canonical(folder.name))
    except (FerError, ValueError):
        raise tree.unknown(folder, folder.name, FER7, "an expression") from None


def _unlabelled(folder: Path) -> list[str]:
    """Return a sentence for every part without published labels."""
    places = [place for place in tree.subfolders(folder) if _split_of(place) == "test"]
    counts = [(place.name, len(tree.pictures(place)[0])) for place in places]
    return [
        f"{name}: {count} pictures, whose labels were never published" for name, count in counts
    ]


def _borgalli(labels: np.ndarray, split: np.ndarray) -> np.ndarray | None:
    train = np.flatnonzero(split == "train")
    if len(train) <= _BORGALLI:
        return None
    drawn = split.copy()
    drawn[train] = draw(labels[train], test=_BORGALLI)
    return drawn


DATASET = Dataset(CARD, size=128, scan=scan)
