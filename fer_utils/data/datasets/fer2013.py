"""FER2013, with FERPlus's votes where they are, from any of the forms it is passed around in.

Sources: Goodfellow et al., "Challenges in representation learning: a report on three machine
learning contests" (ICONIP 2013); FERPlus: see `fer_utils.data.datasets.ferplus`.
"""

from pathlib import Path

import numpy as np

from fer_utils.data import _cache as kept
from fer_utils.data import _reading as reading
from fer_utils.data.datasets import _fer2013_csv as fer2013_csv
from fer_utils.data.datasets import _folders as folders
from fer_utils.data.datasets import ferplus
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES
from fer_utils.errors import FerError

#: In the order in which they are looked for: the first two have every split and every label.
CSV_FILES = ("fer2013.csv", "icml_face_data.csv", "train.csv")
VOTES_FILE = "fer2013new.csv"


def load(
    root: str | Path,
    *,
    on_error: str = "raise",
    cache: bool = True,
    rule: str | None = None,
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
        progress: show a progress bar.

    Raises:
        FerError: nothing known lies there, or it is damaged; the message names file and line.
    """
    if on_error not in ("raise", "report"):
        raise FerError(f'on_error must be "raise" or "report", not {on_error!r}')
    source = recognise(Path(root))
    if source is None:
        raise FerError(_nothing_there(Path(root)))
    options = {"on_error": on_error, "cache": cache, "progress": progress}
    if source.is_file():
        faces = _from_csv(source, **options)
    elif _is_ferplus(source):
        faces = _from_ferplus(source, rule or "majority", **options)
    else:
        faces = _from_class_folders(source, **options)
    if faces.left_out:
        print(f"{faces.name}: {len(faces.left_out)} left out; the first: {faces.left_out[0]}")
    return faces.relabel(rule) if rule and not faces.label_rule else faces


def recognise(path: Path) -> Path | None:
    """Return the csv file or folder to read FER2013 from, or None if nothing known is there."""
    if path.is_file():
        return path
    if not path.is_dir():
        return None
    for name in CSV_FILES:
        if (path / name).is_file():
            return path / name
    return path if _is_ferplus(path) or folders.split_folders(path) else None


def _is_ferplus(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ferplus.FOLDERS)


def _nothing_there(root: Path) -> str:
    expected = f"{', '.join(CSV_FILES)}, FER2013Train/ or train/angry/"
    if not root.is_dir():
        return f"{root} does not exist. Give the folder that holds {expected}."
    inside = folders.listing(root)
    below = [folder for folder in inside if folder.is_dir() and recognise(folder)]
    if below:
        return f"FER2013 is one folder further down: give {below[0]} instead of {root}."
    found = ", ".join(item.name for item in inside[:5]) or "nothing"
    more = f" and {len(inside) - 5} more" if len(inside) > 5 else ""
    return f"No FER2013 in {root}: expected {expected}; found {found}{more}."


def _from_csv(path: Path, *, on_error: str, cache: bool, progress: bool) -> FaceSet:
    votes_file = path.parent / VOTES_FILE
    sources = [path] + ([votes_file] if votes_file.is_file() else [])
    stamp = kept.fingerprint(sources) + on_error
    arrays = kept.read("fer2013", path, stamp) if cache else None
    if arrays is None:
        arrays = fer2013_csv.read(path, on_error=on_error, progress=progress)
        if votes_file in sources:
            arrays["votes"] = ferplus.read_votes(votes_file, arrays)
        if cache:
            kept.write("fer2013", path, stamp, arrays)
    left_out = arrays["left_out"].tolist()
    if path.name == "train.csv" and (path.parent / "test.csv").is_file():
        left_out.append("test.csv: every row, for it has no labels (icml_face_data.csv has them)")
    return _face_set(arrays, votes=arrays.get("votes"), left_out=left_out)


def _from_class_folders(root: Path, *, on_error: str, cache: bool, progress: bool) -> FaceSet:
    files, labels, split = folders.by_class(root, FER7)
    arrays = _read_tree(root, files, on_error, cache, progress)
    arrays |= {"labels": labels[arrays["kept"]], "split": split[arrays["kept"]]}
    return _face_set(arrays, left_out=arrays["left_out"].tolist())


def _from_ferplus(root: Path, rule: str, *, on_error: str, cache: bool, progress: bool) -> FaceSet:
    files, votes, split, repeated = ferplus.read_labels(root)
    arrays = _read_tree(root, files, on_error, cache, progress)
    here = arrays["kept"]
    # FER2013's own labels are not in these folders; the rule replaces these at once.
    arrays |= {"labels": np.zeros(len(here), np.int64), "split": split[here]}
    left_out = repeated + arrays["left_out"].tolist()
    faces = _face_set(arrays, votes=votes[here], classes=FER8, left_out=left_out)
    return faces.relabel(rule)


def _read_tree(
    root: Path, files: list[Path], on_error: str, cache: bool, progress: bool
) -> dict[str, np.ndarray]:
    found = reading.pictures(
        files,
        root,
        reading.Form(fer2013_csv.SIDE, exact=True),
        name="fer2013",
        on_error=on_error,
        cache=cache,
        progress=progress,
    )
    paths = np.array(folders.names_below(root, files))
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
        name="fer2013",
        **{key: arrays[key] for key in ("images", "labels", "split", "rows")},
        classes=classes,
        votes=votes,
        vote_names=FERPLUS_VOTES if votes is not None else (),
        left_out=tuple(left_out),
    )
