"""FER2013, with FERPlus's votes where they are, from any of the forms it is passed around in.

Sources: Goodfellow et al., "Challenges in representation learning: a report on three machine
learning contests" (ICONIP 2013); FERPlus: see `fer_utils.data.datasets.ferplus`.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_utils.data import _cache
from fer_utils.data import _tree as tree
from fer_utils.data._decoding import one_of
from fer_utils.data._reading import Form, ReadOptions, read_pictures, say_left_out
from fer_utils.data.catalog import Card, Dataset, Download, by_class, from_splits
from fer_utils.data.datasets import _fer2013_csv as fer2013_csv
from fer_utils.data.datasets import ferplus
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES, canonical
from fer_utils.errors import FerError

# angry, disgust, fear, happy, sad, surprise, neutral
_FER2013 = {
    "train": by_class(3995, 436, 4097, 7215, 4830, 3171, 4965),
    "valid": by_class(467, 56, 496, 895, 653, 415, 607),
    "test": by_class(491, 55, 528, 879, 594, 416, 626),
}

# Kaggle's folders have PublicTest and PrivateTest in one.
_FER2013_FOLDERS = {
    "train": _FER2013["train"],
    "test": {name: n + _FER2013["test"][name] for name, n in _FER2013["valid"].items()},
}

CARD = Card(
    name="fer2013",
    title="FER2013: 48x48 grey faces from a web image search, seven expressions",
    papers=("alessi2019", "minaee2019", "mazen2021"),
    citation="Goodfellow et al., Challenges in representation learning: a report on three "
    "machine learning contests, ICONIP 2013.",
    doi="10.1007/978-3-642-42051-1_16",
    page="https://www.kaggle.com/competitions/"
    "challenges-in-representation-learning-facial-expression-recognition-challenge",
    licence="No licence was published; the rules of the Kaggle competition apply, and the "
    "rights in the pictures stay with their unknown owners. Do not pass it on.",
    get="Kaggle, the competition 'Challenges in Representation Learning: Facial Expression "
    "Recognition Challenge' (free account; accept the rules). Take icml_face_data.csv, or "
    "fer2013.csv from fer2013.tar.gz.",
    layout="""\
fer2013/
├── fer2013.csv            emotion,pixels,Usage; or
├── icml_face_data.csv     the same columns in another order; or
├── train.csv              emotion,pixels: Training only; or Kaggle's folders
├── train/
│   └── angry/ disgust/ fear/ happy/ neutral/ sad/ surprise/
│       └── Training_3908.jpg
├── test/                  PublicTest and PrivateTest together
└── fer2013new.csv         FERPlus's votes, beside a csv file""",
    counts="35,887 = 28,709 Training + 3,589 PublicTest + 3,589 PrivateTest; 12 are all black, "
    "and 568 rows of the two test parts copy a Training picture.",
    expected={**from_splits(_FER2013), "size": (48, 48)},
    forms={
        "train.csv": {**from_splits({"train": _FER2013["train"]}), "size": (48, 48)},
        "FER2013Train/": {"size": (48, 48)},
        "train/": {**from_splits(_FER2013_FOLDERS), "size": (48, 48)},
    },
    download=Download(
        library="kagglehub",
        kind="competition",
        handle="challenges-in-representation-learning-facial-expression-recognition-challenge",
        md5={"icml_face_data.csv": "b114b9e04e6949e5fe8b6a98b3892b1d"},
        before="Make a free Kaggle account, open the competition 'Challenges in Representation "
        "Learning: Facial Expression Recognition Challenge', accept its rules, and give "
        "kagglehub your API token as its own documentation says.",
    ),
)

#: In the order in which they are looked for: the first two have every split and every label.
CSV_FILES = ("fer2013.csv", "icml_face_data.csv", "train.csv")


def load(
    root: str | Path,
    *,
    on_error: str = "raise",
    cache: bool = True,
    rule: str | None = None,
    votes: str = ferplus.VOTES_FILE,
    progress: bool = True,
) -> FaceSet:
    """Read FER2013 from a folder, or from one csv file.

    What is looked for, in this order:

    - ``fer2013.csv`` or ``icml_face_data.csv``, with every split. Usage Training, PublicTest and
      PrivateTest become train, valid and test.
    - ``train.csv``: the Training rows. ``test.csv`` beside it has no labels; it is left out, and
      `FaceSet.left_out` says so.
    - FERPlus's folders ``FER2013Train``, ``FER2013Valid``, ``FER2013Test``, each with its
      ``label.csv``. They hold votes and no FER2013 labels, so a rule for the votes makes the
      labels: "majority" where none is given.
    - Kaggle's folders ``train/angry/*.jpg`` and so on, with ``test`` (PublicTest and PrivateTest
      together) and, in some copies, ``validation``.

    FERPlus's ``fer2013new.csv`` beside a csv file adds the votes. `FaceSet.rows` is a face's row
    in the csv file, counted from 0, or its path inside the folder.

    Args:
        root: the folder or csv file.
        on_error: "raise" stops at the first row or picture that cannot be read; "report" leaves
            such rows out, counts them on one printed line and names them in `FaceSet.left_out`.
        cache: keep what was read in the user's cache folder, so that the next time is fast.
        rule: label the faces by this rule for the votes; see `FaceSet.relabel`.
        votes: beside a csv file, whose votes to take: "fer2013new.csv", or "label.csv" for those in
            FERPlus's folders, which some faces do not have; see `ferplus.read_folder_votes`.
        progress: show a progress bar.

    Raises:
        FerError: nothing known lies there, or it is damaged; the message names file and line.
    """
    if on_error not in ("raise", "report"):
        raise FerError(f'on_error must be "raise" or "report", not {on_error!r}')
    source = recognize(Path(root))
    if source is None:
        raise FerError(_nothing_there(Path(root)))
    one_of("votes", votes, ferplus.VOTES)
    options = ReadOptions(on_error=on_error, cache=cache, progress=progress)
    if source.is_file():
        faces = _from_csv(source, options)
        if votes != ferplus.VOTES_FILE:
            faces = _with_folder_votes(faces, source.parent)
    elif _is_ferplus(source):
        faces = _from_ferplus(source, rule or ferplus.DATASET.label_rule, options)
    else:
        faces = _from_class_folders(source, options)
    say_left_out(faces)
    return faces.relabel(rule) if rule and not faces.label_rule else faces


def recognize(path: Path) -> Path | None:
    """Return the csv file or folder to read FER2013 from, or None if nothing known is there."""
    if path.is_file():
        return path
    if not path.is_dir():
        return None
    for name in CSV_FILES:
        if (path / name).is_file():
            return path / name
    return path if _is_ferplus(path) or tree.split_folders(path) else None


def _is_ferplus(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ferplus.FOLDERS)


def _nothing_there(root: Path) -> str:
    expected = f"{', '.join(CSV_FILES)}, FER2013Train/ or train/angry/"
    if not root.is_dir():
        return f"{root} does not exist. Give the folder that holds {expected}."
    if archive := tree.archive_in(root):
        return f"No FER2013 in {root}: expected {expected}; found {archive}"
    inside = tree.entries(root)
    below = [folder for folder in inside if folder.is_dir() and recognize(folder)]
    if below:
        return f"FER2013 is one folder further down: give {below[0]} instead of {root}."
    found = ", ".join(tree.shown(item.name) for item in inside[:5]) or "nothing"
    more = f" and {len(inside) - 5} more" if len(inside) > 5 else ""
    return f"No FER2013 in {root}: expected {expected}; found {found}{more}."


def _from_csv(path: Path, options: ReadOptions) -> FaceSet:
    votes_file = path.parent / ferplus.VOTES_FILE
    sources = [path] + ([votes_file] if votes_file.is_file() else [])
    stamp = _cache.fingerprint(sources) + options.on_error
    arrays = _cache.read(CARD.name, path, stamp) if options.cache else None
    if arrays is None:
        with _cache.held(CARD.name, path) if options.cache else nullcontext(False) as waited:
            arrays = _cache.read(CARD.name, path, stamp) if waited else None
            if arrays is None:
                arrays = _from_source(path, votes_file if votes_file in sources else None, options)
                if options.cache:
                    _cache.write(CARD.name, path, stamp, arrays)
    left_out = arrays["left_out"].tolist()
    if path.name == "train.csv" and (path.parent / "test.csv").is_file():
        left_out.append("test.csv: every row, for it has no labels (icml_face_data.csv has them)")
    return _face_set(arrays, votes=arrays.get("votes"), left_out=left_out)


def _from_source(path: Path, votes_file: Path | None, options: ReadOptions) -> dict:
    arrays = fer2013_csv.read(path, on_error=options.on_error, progress=options.progress)
    if votes_file is not None:
        arrays["votes"] = ferplus.read_votes(votes_file, arrays)
    return arrays


def _with_folder_votes(faces: FaceSet, folder: Path) -> FaceSet:
    """Return the faces that FERPlus's folders have, with the votes there."""
    places, votes = ferplus.read_folder_votes(folder, {"rows": np.asarray(faces.rows)})
    kept = faces.take(places)
    print(f"{faces.name}: {len(faces) - len(kept)} faces have no votes in label.csv, left out")
    return replace(kept, votes=votes, vote_names=FERPLUS_VOTES)


def _from_class_folders(root: Path, options: ReadOptions) -> FaceSet:
    files, labels, split = _by_class(root, FER7)
    arrays = _read_tree(root, files, options)
    arrays |= {"labels": labels[arrays["kept"]], "split": split[arrays["kept"]]}
    return _face_set(arrays, left_out=arrays["left_out"].tolist())


def _from_ferplus(root: Path, rule: str, options: ReadOptions) -> FaceSet:
    files, votes, split, repeated = ferplus.read_labels(root)
    arrays = _read_tree(root, files, options)
    here = arrays["kept"]
    # FER2013's own labels are not in these folders; the rule replaces these at once.
    arrays |= {"labels": np.zeros(len(here), np.int64), "split": split[here]}
    left_out = repeated + arrays["left_out"].tolist()
    faces = _face_set(arrays, votes=votes[here], classes=FER8, left_out=left_out)
    return faces.relabel(rule)


def _read_tree(root: Path, files: list[Path], options: ReadOptions) -> dict[str, np.ndarray]:
    form = Form(fer2013_csv.SIDE, exact=True)
    found = read_pictures(files, root, form, options, name=CARD.name)
    paths = np.array(tree.names_below(root, files))
    return {
        "images": found.images,
        "kept": found.kept,
        "left_out": np.array(found.left_out, np.str_),
        "rows": paths[found.kept],
    }


def _face_set(
    arrays: dict[str, np.ndarray],
    *,
    left_out: list[str],
    votes: np.ndarray | None = None,
    classes: tuple[str, ...] = FER7,
) -> FaceSet:
    return FaceSet(
        name=CARD.name,
        images=arrays["images"],
        labels=arrays["labels"],
        split=arrays["split"],
        rows=arrays["rows"],
        classes=classes,
        votes=votes,
        vote_names=FERPLUS_VOTES if votes is not None else (),
        left_out=tuple(left_out),
    )


def _by_class(root: Path, classes: Sequence[str]) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Return the files of a tree SPLIT/CLASS/picture: paths, labels int64 (N,), split str (N,).

    Raises:
        FerError: a class folder has an unknown name or holds nothing.
    """
    files, labels, splits = [], [], []
    for folder, split in tree.split_folders(root).items():
        for class_folder in tree.entries(folder):
            label = _class_of(class_folder, classes)
            pictures = tree.entries(class_folder)
            if not pictures:
                raise FerError(f"{class_folder} holds no pictures. Unpack the data set again.")
            files += pictures
            labels += [label] * len(pictures)
            splits += [split] * len(pictures)
    return files, np.array(labels, np.int64), np.array(splits, np.str_)


def _class_of(folder: Path, classes: Sequence[str]) -> int:
    if not folder.is_dir():
        raise FerError(f"{folder} lies where only class folders ({', '.join(classes)}) belong.")
    try:
        return list(classes).index(canonical(folder.name))
    except ValueError as error:  # not an expression, or not one of this data set's
        reason = str(error) if isinstance(error, FerError) else "it is not in this data set."
        raise FerError(
            f"{folder}: unknown class folder; expected {', '.join(classes)}. {reason}"
        ) from None


DATASET = Dataset(CARD, size=fer2013_csv.SIDE, load=load, recognize=recognize)
