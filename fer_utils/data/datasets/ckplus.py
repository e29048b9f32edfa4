"""CK+, the extended Cohn-Kanade set, in the three forms in which it goes round.

- **CK+48**: ``CK+48/anger/S010_004_00000017.png`` = subject, sequence, frame; the last three frames
  of the 327 labelled sequences, cropped to 48x48; no neutral.
- **ckextended.csv**: ``emotion,pixels,Usage``; labels as in FER2013, 7 is contempt; 48x48. It does
  not say who is shown.
- **the original sequences**: ``cohn-kanade-images/S005/001/S005_001_00000001.png``, from neutral to
  the peak, and ``Emotion/S005/001/S005_001_00000011_emotion.txt``. Only 327 of the 593 sequences
  have a label; the others are left out.

The split of minaee2019 (70, 10 and 20 % of the pictures) is drawn again at random. The paper says
that most works take the last frame of a sequence, not which frames it takes itself. Its 98.0 % is
possible with a fifth of the 981 pictures of CK+48 (192 of 196), and not with a fifth of 327 peak
frames (64 of 65 are 98.5 %): so the paper probably used three frames, and the same sequence, not
only the same person, was on both sides.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset, by_class
from fer_utils.data.datasets import _fer2013_csv as fer2013_csv
from fer_utils.data.splits import draw
from fer_utils.emotions import FER8, canonical, nearest
from fer_utils.errors import FerError

# angry, disgust, fear, happy, sad, surprise, neutral, contempt: labelled sequences of CK+
_SEQUENCES = (45, 59, 25, 69, 28, 83, 0, 18)
_LAST_THREE = by_class(*(3 * count for count in _SEQUENCES), classes=FER8)

CARD = Card(
    name="ckplus",
    title="Extended Cohn-Kanade (CK+): posed sequences from neutral to the peak",
    papers=("minaee2019",),
    citation="Lucey et al., The extended Cohn-Kanade dataset (CK+): a complete dataset for "
    "action unit and emotion-specified expression, CVPR Workshops 2010.",
    doi="10.1109/CVPRW.2010.5543262",
    licence="Research only, after signing an agreement; only some of the people may be shown "
    "in print.",
    get="Ask Jeffrey Cohn's group at the University of Pittsburgh, who send the agreement. "
    "CK+48 and ckextended.csv were cut from it by others, who uploaded them to Kaggle; that "
    "does not replace the agreement.",
    layout="""\
ckplus/
├── CK+48/                 the last three frames of each sequence
│   ├── anger/
│   │   └── S010_004_00000017.png        subject_sequence_frame
│   └── contempt/ disgust/ fear/ happy/ sadness/ surprise/
├── ckextended.csv         or: emotion,pixels,Usage as in FER2013; 7 is contempt
├── cohn-kanade-images/    or: the original sequences
│   └── S005/001/S005_001_00000001.png
└── Emotion/               with their labels
    └── S005/001/S005_001_00000011_emotion.txt""",
    counts="CK+48: 981 pictures = 327 sequences x 3 frames, 118 people, no neutral. The "
    "original: 593 sequences of 123 people, 327 of them labelled. ckextended.csv: 920 rows.",
    expected={
        "faces": 981,
        "subjects": 118,
        "classes": _LAST_THREE,
        "size": (48, 48),
    },
    forms={
        "cohn-kanade-images/": {
            "faces": 981,
            "subjects": 118,
            "classes": _LAST_THREE,
        },
        "ckextended.csv": {
            "faces": 920,
            "classes": by_class(45, 59, 25, 69, 28, 83, 593, 18, classes=FER8),
            "size": (48, 48),
        },
    },
)


#: Numbers in the original Emotion files.
EMOTION_FILES = (
    "neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise",
)  # fmt: skip

#: Which frames of a sequence to take; with "neutral+", its first frame as well.
FRAMES = ("peak", "last3", "neutral+peak", "neutral+last3")

_CLASSES = tuple(name for name in FER8 if name != "neutral")
_IMAGES = "cohn-kanade-images"
_NAME = re.compile(r"S(\d{3})_(\d{3})_(\d{8})", re.IGNORECASE)
_EXPECTED = (
    "CK+48 (folders anger, contempt, ... of pictures like S010_004_00000017.png), ckextended.csv, "
    "or the folders cohn-kanade-images and Emotion"
)


def scan(root: Path, *, frames: str | None = None) -> DatasetIndex:
    """List CK+ in whichever of its three forms lies in `root`.

    Args:
        root: the folder of the data set, one above it, or the csv file.
        frames: one of `FRAMES`; None takes the last three frames. CK+48 has no neutral frames, and
            ckextended.csv does not tell sequences apart.

    Returns:
        DatasetIndex with subjects ("S010"), columns "sequence" ("S010_004") and "frame" (counted
        from 1); for the csv file with its images and without these.

    Raises:
        FerError: none of the forms is there, a part is missing, or a label is unknown.
    """
    if frames is not None and frames not in FRAMES:
        raise FerError(f"frames={frames!r} is not possible.{nearest(frames, FRAMES)}")
    root = Path(root).expanduser()
    if root.is_file():
        return _csv(root, frames)
    folder = tree.home(root, _fits, _EXPECTED)
    if table := _table(folder):
        return _csv(table, frames)
    if _class_folders(folder):
        return _folders(folder, frames or "last3")
    return _sequences(folder, frames or "last3")


def _fits(folder: Path) -> bool:
    return bool(_class_folders(folder) or _table(folder) or _part(folder, _IMAGES))


def _class_folders(folder: Path) -> list[Path]:
    """Return the folders of CK+48: the first picture in one of them has a name of CK+."""
    folders = tree.subfolders(folder)
    pictures = (p for f in folders if _is_expression(f) for p in tree.entries(f))
    first = next(filter(tree.is_picture, pictures), None)
    return folders if first is not None and _NAME.fullmatch(tree.stem(first)) else []


def _is_expression(folder: Path) -> bool:
    try:
        canonical(folder.name)
    except FerError:
        return False
    return True


def _table(folder: Path) -> Path | None:
    return tree.child(folder, "ckextended.csv", "ck+.csv", "ckplus.csv")


def _part(folder: Path, name: str) -> Path | None:
    """Return the folder `name` in `folder`, or in one of its folders (a zip file unpacked)."""
    for place in (folder, *tree.subfolders(folder)):
        found = tree.child(place, name)
        if found is not None and found.is_dir():
            return found
    return None


def _csv(path: Path, frames: str | None) -> DatasetIndex:
    if frames is not None:
        raise FerError(
            f"{path} does not tell which pictures are of one sequence, so frames={frames!r} is not "
            "possible; leave frames out, or take CK+48 or the original sequences."
        )
    found = fer2013_csv.read(path, classes=FER8, progress=False)
    labels = found["labels"]
    return DatasetIndex(
        root=path.parent,
        files=(path,),
        labels=labels,
        classes=FER8,
        split=found["split"],
        paper_split=_minaee(labels),
        images=found["images"],
        rows=found["rows"],
    )


def _folders(folder: Path, frames: str) -> DatasetIndex:
    if frames.startswith("neutral"):
        raise FerError(
            f"{folder} holds only the last three frames of each sequence; frames={frames!r} needs "
            "the original sequences (cohn-kanade-images and Emotion)."
        )
    files, labels, left_out = [], [], []
    for place in tree.subfolders(folder):
        label = _label(place)
        found, notes = tree.pictures(place)
        named = [file for file in found if _NAME.fullmatch(tree.stem(file))]
        strays = sorted(set(found) - set(named))
        left_out += notes + tree.strays(strays, bool(named), folder, "S010_004_00000017.png")
        files += named
        labels += [label] * len(named)
    absent = sorted(set(_CLASSES) - {_CLASSES[label] for label in labels})
    left_out += [f"there is no picture of {name}: half unpacked?" for name in absent]
    tree.unique(files, [tree.stem(file).upper() for file in files], folder)
    keep = list(range(len(files)))
    if frames == "peak":
        last = {sequence: place for place, sequence, _ in _in_time(files)}
        keep = sorted(last.values())
    else:
        left_out += tree.missing(len(files), CARD.expected["faces"], "pictures")
    return _index(folder, [files[i] for i in keep], [labels[i] for i in keep], left_out)


def _label(folder: Path) -> int:
    try:
        return _CLASSES.index(canonical(folder.name))
    except (FerError, ValueError):
        raise tree.unknown(folder, folder.name, _CLASSES, "an expression") from None


def _in_time(files: Sequence[Path]) -> list[tuple[int, str, int]]:
    """Return (place in `files`, sequence, frame), in the order of time."""
    parts = [(place, *_parts(file)) for place, file in enumerate(files)]
    return sorted(((p, f"{s}_{q}", f) for p, s, q, f in parts), key=lambda item: item[1:])


def _parts(file: Path) -> tuple[str, str, int]:
    # only files whose names have the form come here, and it has a fixed width: S010_004_00000017
    subject, sequence, frame = tree.stem(file).upper().split("_")
    return subject, sequence, int(frame)


def _sequences(folder: Path, frames: str) -> DatasetIndex:
    images = _part(folder, _IMAGES) or folder / _IMAGES
    emotions = _part(folder, "Emotion")
    if emotions is None:
        raise FerError(
            f"{folder} holds {images.name}, but not the labels: expected a folder Emotion beside "
            "it. Unpack Emotion_labels.zip there."
        )
    files, left_out = tree.pictures(images)
    named = [file for file in files if _NAME.fullmatch(tree.stem(file))]
    tree.unique(named, [tree.stem(file).upper() for file in named], folder)
    by_sequence: dict[str, list[Path]] = defaultdict(list)
    for place, sequence, _ in _in_time(named):
        by_sequence[sequence].append(named[place])
    known, notes = _emotion_files(emotions, folder)
    left_out += notes
    taken: list[tuple[Path, str]] = []
    for sequence, word in known.items():
        found = by_sequence.get(sequence)
        if not found:
            left_out.append(f"{sequence} has a label, but no pictures: half unpacked?")
            continue
        if frames.startswith("neutral+"):
            taken.append((found[0], "neutral"))
        last = 1 if frames.endswith("peak") else 3
        rest = found[1:] if frames.startswith("neutral+") else found
        taken += [(file, word) for file in rest[-last:]]
    without = len(set(by_sequence) - set(known))
    if without:
        left_out.append(f"{without} of {len(by_sequence)} sequences have no label")
    if not taken:
        raise FerError(f"{folder}: no labelled sequence has pictures in {images}.")
    words = [word for _, word in taken]
    classes = FER8 if "neutral" in words else _CLASSES
    labels = [classes.index(word) for word in words]
    return _index(folder, [file for file, _ in taken], labels, left_out, classes)


def _emotion_files(emotions: Path, root: Path) -> tuple[dict[str, str], list[str]]:
    """Return sequence -> expression for every label file, and the notes of the walk."""
    files, notes = tree.walk(emotions)
    known: dict[str, str] = {}
    for file in files:
        match = _NAME.match(file.name)
        if match is None or file.suffix.lower() != ".txt":
            continue
        try:
            number = float(file.read_text("ascii").strip())
            word = {float(k): word for k, word in enumerate(EMOTION_FILES)}[number]
        except (ValueError, KeyError):
            raise FerError(
                f"{file} does not hold a label: expected one number from 0 (neutral) to 7 "
                "(surprise). Unpack Emotion_labels.zip again."
            ) from None
        sequence = f"S{match[1]}_{match[2]}"
        if known.setdefault(sequence, word) != word:
            raise FerError(f"{emotions}: sequence {sequence} has two different labels.")
    if not known:
        raise FerError(f"{emotions} holds no label files like S005_001_00000011_emotion.txt.")
    return known, notes


def _index(
    root: Path,
    files: Sequence[Path],
    labels: Sequence[int],
    left_out: Sequence[str],
    classes: tuple[str, ...] = _CLASSES,
) -> DatasetIndex:
    parts = [_parts(file) for file in files]
    return DatasetIndex(
        root=root,
        files=tuple(files),
        labels=np.array(labels, np.int64),
        classes=classes,
        split=np.full(len(files), "train"),
        subjects=np.array([subject for subject, _, _ in parts], np.str_),
        columns={
            "sequence": np.array([f"{subject}_{number}" for subject, number, _ in parts], np.str_),
            "frame": np.array([frame for _, _, frame in parts], np.int64),
        },
        paper_split=_minaee(np.array(labels)),
        left_out=tuple(left_out),
    )


def _minaee(labels: np.ndarray) -> np.ndarray:
    """70 % training, 10 % validation, 20 % test pictures, at random (minaee2019, IV.B)."""
    count = len(labels)
    return draw(labels, test=round(0.2 * count), valid=round(0.1 * count))


DATASET = Dataset(CARD, size=48, scan=scan)
