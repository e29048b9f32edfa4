"""RAF-DB, the basic set: a list of labels, and the pictures it names.

``EmoLabel/list_patition_label.txt`` (spelled so) has lines like ``train_00001.jpg 5``; the pictures
are ``Image/aligned/train_00001_aligned.jpg`` (100x100) and ``Image/original/train_00001.jpg``. The
compound set has the same folders and labels from 1 to 11 for other expressions ("happily
surprised"): it is not read here, and refused in words where its labels show it.

borgalli2022 tests on the 3,068 pictures of the published test part (its table has that part's
number of every expression), so the paper's split is the published one.
"""

from pathlib import Path

import numpy as np

from fer_utils.data import _tables as tables
from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset, by_class, from_splits
from fer_utils.emotions import FER7, nearest
from fer_utils.errors import FerError

_RAFDB = {
    "train": by_class(705, 717, 281, 4772, 1982, 1290, 2524),
    "test": by_class(162, 160, 74, 1185, 478, 329, 680),
}

CARD = Card(
    name="rafdb",
    title="RAF-DB: faces from the internet, labelled by about forty people each",
    papers=("borgalli2022",),
    citation="Li, Deng and Du, Reliable crowdsourcing and deep locality-preserving learning "
    "for expression recognition in the wild, CVPR 2017.",
    doi="10.1109/CVPR.2017.277",
    page="http://www.whdeng.cn/RAF/model1.html",
    licence="Non-commercial research only; not to be passed on.",
    get="Ask Weihong Deng's group at Beijing University of Posts and Telecommunications for "
    "the password, from an address of your institution.",
    layout="""\
basic/
├── EmoLabel/
│   └── list_patition_label.txt        lines 'train_00001.jpg 5'
└── Image/
    ├── aligned/
    │   └── train_00001_aligned.jpg    ... test_0001_aligned.jpg
    └── original/
        └── train_00001.jpg
1 Surprise 2 Fear 3 Disgust 4 Happiness 5 Sadness 6 Anger 7 Neutral
above 7: the compound set""",
    counts="The basic set: 15,339 pictures = 12,271 training + 3,068 test.",
    expected={**from_splits(_RAFDB), "size": (100, 100)},
)


#: What the labels 1 to 7 stand for.
LABELS = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")

#: Aligned faces, or the whole pictures they were cut from.
IMAGES = ("aligned", "original")

_LIST = "list_patition_label.txt"
_COUNT = CARD.expected["faces"]


def scan(root: Path, *, images: str = "aligned") -> DatasetIndex:
    """List the basic set of RAF-DB with its published split.

    Args:
        root: the folder that holds EmoLabel and Image, or one above it.
        images: one of `IMAGES`.

    Returns:
        DatasetIndex without subjects: the pictures are from the internet, nobody is named.

    Raises:
        FerError: the list or the pictures are missing, a line cannot be read or comes twice, or
            the labels are those of the compound set.
    """
    if images not in IMAGES:
        raise FerError(f"images={images!r} is not possible.{nearest(images, IMAGES)}")
    folder = tree.home(root, _fits, "the folders EmoLabel and Image", prefer="basic")
    table = _list(folder)
    lines = _lines(table)
    found = _pictures(folder, images)
    names = [_file_name(name, images) for name in lines]
    there = [name for name in names if name.lower() in found]
    absent = [name for name in names if name.lower() not in found]
    if not there:
        raise FerError(
            f"{folder / 'Image' / images} holds none of the pictures in {table.name}: "
            f"expected {names[0]}, ... Unpack {images}.zip there."
        )
    left_out = []
    if absent:
        left_out.append(
            f"{len(absent):,} of the {len(names):,} pictures in {table.name} are not in "
            f"Image/{images}: half unpacked? The first is {absent[0]}"
        )
    extra = sorted(set(found) - {name.lower() for name in names})
    if extra:
        left_out.append(
            f"{len(extra):,} pictures in Image/{images} have no label; the first is {extra[0]}"
        )
    kept = [name for name in lines if _file_name(name, images).lower() in found]
    split = np.array(["train" if name.lower().startswith("train") else "test" for name in kept])
    return DatasetIndex(
        root=folder,
        files=tuple(found[name.lower()] for name in there),
        labels=np.array([FER7.index(LABELS[lines[name] - 1]) for name in kept], np.int64),
        classes=FER7,
        split=split,
        paper_split=split,
        left_out=tuple(left_out + tree.missing(len(names), _COUNT, "lines in the list")),
    )


def _fits(folder: Path) -> bool:
    return any(tree.child(folder, name) is not None for name in ("EmoLabel", "Image"))


def _list(folder: Path) -> Path:
    place = tree.child(folder, "EmoLabel")
    table = tree.child(place, _LIST) if place is not None and place.is_dir() else None
    if table is None:
        raise FerError(
            f"{folder}: the labels are missing; expected EmoLabel/{_LIST}. Unpack them there."
        )
    return table


def _pictures(folder: Path, images: str) -> dict[str, Path]:
    """Return name in small letters -> picture."""
    place = tree.child(folder, "Image")
    inner = tree.child(place, images) if place is not None and place.is_dir() else None
    if inner is None or not inner.is_dir():
        packed = place is not None and place.is_dir() and tree.child(place, f"{images}.zip")
        what = (
            f"{images}.zip is still packed" if packed else f"the folder Image/{images} is missing"
        )
        raise FerError(f"{folder}: {what}. Unpack {images}.zip in the folder Image.")
    return {path.name.lower(): path for path in tree.entries(inner) if tree.is_picture(path)}


def _file_name(name: str, images: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}_aligned{dot}{ending}" if images == "aligned" else name


def _lines(table: Path) -> dict[str, int]:
    """Return name -> label for every line of the list, each of them checked."""
    labels: dict[str, int] = {}
    for number, content in tables.lines(table):
        line = content.decode(errors="replace")
        fields = line.split()
        if not fields:
            continue
        where = f"{table}, line {number}"
        well = len(fields) == 2 and fields[1].isdecimal()
        if not (well and fields[0].lower().startswith(("train_", "test_"))):
            raise FerError(
                f"{where}: found {line.rstrip()[:60]!r}, expected a line like 'train_00001.jpg 5'."
            )
        name, label = fields[0], int(fields[1])
        if label > len(LABELS):
            raise FerError(
                f"{where}: the label is {label}, above 7: this is RAF-DB's compound set. Only the "
                "basic set (labels 1 to 7) is read; give the folder basic."
            )
        if not label:
            raise FerError(f"{where}: the label is 0, expected 1 to 7.")
        if name in labels:
            raise FerError(f"{where}: {name} is listed a second time. Get the file again.")
        labels[name] = label
    if not labels:
        raise FerError(f"{table} is empty. Unpack it again.")
    return labels


DATASET = Dataset(CARD, size=100, scan=scan)
