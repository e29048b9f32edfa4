"""FERPlus: ten taggers' votes for every FER2013 face.

Source: Barsoum, Zhang, Canton Ferrer and Zhang, "Training deep networks for facial expression
recognition with crowd-sourced label distribution" (ICMI 2016), and Microsoft's FERPlus repository.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import numpy as np

from fer_utils.data import _tables as tables
from fer_utils.data.catalog import Card, Dataset
from fer_utils.data.datasets._fer2013_csv import USAGE
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FERPLUS_VOTES, canonical
from fer_utils.errors import FerError

CARD = Card(
    name="ferplus",
    title="FERPlus (FER+): ten taggers' votes for the faces of FER2013, with contempt",
    papers=("pandey2019", "minaee2019"),
    citation="Barsoum, Zhang, Canton Ferrer and Zhang, Training deep networks for facial "
    "expression recognition with crowd-sourced label distribution, ICMI 2016.",
    doi="10.1145/2993148.2993165",
    page="https://github.com/microsoft/FERPlus",
    licence="The votes: MIT. The pictures are FER2013's, under its terms.",
    get="Microsoft's FERPlus repository on GitHub (microsoft/FERPlus): put fer2013new.csv "
    "beside fer2013.csv.",
    layout="""\
fer2013/                   FERPlus lies in FER2013's folder
├── fer2013.csv
├── fer2013new.csv         Usage,Image name,neutral,happiness,...,unknown,NF; or
├── FER2013Train/          the folders of FERPlus's generator
│   ├── fer0000000.png
│   └── label.csv
├── FER2013Valid/
└── FER2013Test/""",
    counts="35,887 rows of votes; how many faces are usable depends on the rule: majority "
    "keeps 25,060 of the training and 3,199 of the validation faces.",
    expected={"splits": {"train": 25_060, "valid": 3199}, "size": (48, 48)},
    forms={"FER2013Train/": {"size": (48, 48)}},
)

#: The votes, beside FER2013's csv file.
VOTES_FILE = "fer2013new.csv"

#: The folders that FERPlus's generator writes, each with its label.csv.
FOLDERS = {"FER2013Train": "train", "FER2013Valid": "valid", "FER2013Test": "test"}

# Where they lie, seen from FER2013's csv file.
_ABOVE = ("", "FERPlus/data", "data")

#: Which votes to take, where both are there.
VOTES = (VOTES_FILE, "label.csv")

# Ten taggers, so ten votes at most.
_COUNTS = {str(count): count for count in range(11)}


def read_votes(path: Path, faces: dict[str, np.ndarray]) -> np.ndarray:
    """Return the votes in fer2013new.csv for faces read from a csv file, joined by row.

    Names are no key: 173 are empty, some repeat, and the number in a name is not the row. So each
    row's Usage must agree with the csv file's. More votes than faces are accepted only where whole
    splits are missing from the csv file, as in train.csv.

    Args:
        path: fer2013new.csv.
        faces: what `fer2013_csv.read` returned.

    Returns:
        uint8 (N, 10), the columns of `fer_utils.emotions.FERPLUS_VOTES`.

    Raises:
        FerError: a row is damaged, or the rows are not those of the csv file.
    """
    usage, votes = [], []
    rows = tables.rows(path)
    _check_header(path, next(rows, (0, []))[1])
    for number, row in rows:
        where = f"{path}, line {number}"
        if len(row) != 2 + len(FERPLUS_VOTES) or row[0].strip() not in USAGE:
            raise FerError(
                f"{where}: expected one of {', '.join(USAGE)}, a name and "
                f"{len(FERPLUS_VOTES)} votes, found {','.join(row)[:60]!r}. Get the file again."
            )
        usage.append(USAGE[row[0].strip()])
        votes.append(_votes(where, row[2:]))
    _check_rows(path, np.array(usage, np.str_), faces)
    return np.array(votes, np.uint8)[faces["rows"]]


def read_folder_votes(folder: Path, faces: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the votes of FERPlus's own label.csv files for faces read from a csv file.

    They differ from fer2013new.csv for some 3,000 faces, and name a face by a picture only. Which
    row that is, stands in fer2013new.csv; where a name comes twice there, the generator's picture
    is the later row's.

    Args:
        folder: holds the csv file, fer2013new.csv, and FER2013Train, FER2013Valid and FER2013Test,
            or a copy of FERPlus's repository with them (FERPlus/data/FER2013Test/label.csv).
        faces: what `fer2013_csv.read` returned.

    Returns:
        the places of the N faces that have votes there, int64 (N,), and their votes uint8 (N, 10).

    Raises:
        FerError: a file is missing or damaged, or a name is not in fer2013new.csv.
    """
    names_file = folder / VOTES_FILE
    above = next((one for one in _ABOVE if (folder / one / "FER2013Test").is_dir()), None)
    if above is None or not names_file.is_file():
        raise FerError(
            f"votes='label.csv' needs {VOTES_FILE} and FERPlus's folders {', '.join(FOLDERS)}, "
            f"each with its label.csv, in {folder}: get the FERPlus repository. (A label.csv knows "
            "a face by the name of its picture alone; the other file says which row that is.)"
        )
    names = [row for _, row in tables.rows(names_file)][1:]
    row_of = {(USAGE.get(row[0].strip()), row[1].strip()): at for at, row in enumerate(names)}
    place_of = {number: place for place, number in enumerate(faces["rows"].tolist())}
    found: dict[int, list[int]] = {}
    for name, split in FOLDERS.items():
        table = folder / above / name / "label.csv"
        for number, picture, votes in _label_lines(table):
            row = row_of.get((split, picture))
            if row is None:
                raise FerError(
                    f"{table}, line {number}: {VOTES_FILE} has no {split} face {picture}. The "
                    "files do not belong together: get both again."
                )
            if row in place_of:  # as far as the csv file goes: train.csv has Training only
                found[place_of[row]] = votes
    places = sorted(found)
    return np.array(places, np.int64), np.array([found[place] for place in places], np.uint8)


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise FerError(f"{path} is empty. Get the file again, or remove it to go without votes.")
    expected = "Usage, Image name, neutral, happiness, ..., contempt, unknown, NF"
    names = [_vote_name(name) for name in header[2:]]
    if header[0].strip().lower() != "usage" or tuple(names) != FERPLUS_VOTES:
        raise FerError(f"{path}, line 1: expected the columns {expected}; found {header}.")


def _vote_name(name: str) -> str:
    name = name.strip()
    try:
        return canonical(name)
    except FerError:
        return name


def _votes(where: str, fields: list[str]) -> list[int]:
    try:
        return [_COUNTS[field.strip()] for field in fields]
    except KeyError as wrong:
        raise FerError(f"{where}: expected votes from 0 to 10, found {wrong}.") from None


def _check_rows(path: Path, usage: np.ndarray, faces: dict[str, np.ndarray]) -> None:
    total, rows, split = int(faces["total"]), faces["rows"], faces["split"]
    beyond = np.isin(usage[total:], np.unique(split)).any()
    if len(usage) < total or beyond:
        raise FerError(
            f"{path} has votes for {len(usage):,} faces, but the csv file beside it has "
            f"{total:,}. They belong together row by row: get both again, or remove the votes."
        )
    wrong = np.flatnonzero(usage[rows] != split)
    if wrong.size:
        line = rows[wrong[0]] + 2
        raise FerError(
            f"{path}: row {rows[wrong[0]]:,} (line {line:,}) is a {usage[rows[wrong[0]]]} face, "
            f"but in the csv file beside it a {split[wrong[0]]} face. The files do not belong "
            "together: get both again, or remove the votes."
        )


def read_labels(root: Path) -> tuple[list[Path], np.ndarray, np.ndarray, list[str]]:
    """Read the label.csv of each of `FOLDERS` that is there: name, (face box,) ten votes.

    The generator writes some files twice, so an earlier line's picture has been overwritten by
    the picture of a later line with the same name: only the last line of a name is used.

    Returns:
        N picture files; votes uint8 (N, 10); split str (N,); a sentence for each line not used.

    Raises:
        FerError: a label.csv is missing or damaged, or names a picture that is not there.
    """
    files, votes, splits, left_out = [], [], [], []
    for folder, split in FOLDERS.items():
        if not (root / folder).is_dir():
            continue
        table = root / folder / "label.csv"
        lines = list(_label_lines(table))
        last = {name: number for number, name, _ in lines}
        for number, name, row in lines:
            if last[name] != number:
                left_out.append(f"{folder}/label.csv, line {number}: {name} comes again later")
                continue
            file = root / folder / name
            if not file.is_file():
                raise FerError(
                    f"{table}, line {number}: the picture {name} is missing. Make the folders "
                    "again with FERPlus's generate_training_data.py from fer2013.csv."
                )
            files.append(file)
            votes.append(row)
            splits.append(split)
    return files, np.array(votes, np.uint8), np.array(splits, np.str_), left_out


def _label_lines(table: Path) -> Iterator[tuple[int, str, list[int]]]:
    """Yield line number, file name and votes."""
    if not table.is_file():
        raise FerError(f"{table} is missing: it holds the votes. Get it from FERPlus.")
    for number, row in tables.rows(table):
        where = f"{table}, line {number}"
        # FERPlus's own files have the face box after the name, its generator leaves it out.
        votes = row[2:] if len(row) > 1 and row[1].startswith("(") else row[1:]
        # A name that is a path could point outside the data set.
        if len(votes) != len(FERPLUS_VOTES) or PureWindowsPath(row[0]).name != row[0]:
            raise FerError(
                f"{where}: expected a file name and {len(FERPLUS_VOTES)} votes, found "
                f"{','.join(row)[:60]!r}. Get the file again."
            )
        yield number, row[0], _votes(where, votes)


def load(
    root: str | Path,
    *,
    on_error: str = "raise",
    cache: bool = True,
    rule: str | None = "majority",
    votes: str = VOTES_FILE,
    progress: bool = True,
) -> FaceSet:
    """Read FER2013's faces, labelled by a rule for the votes: see `load` in `fer2013`."""
    # here, not above: that module reads the votes with this one
    from fer_utils.data.datasets import fer2013

    faces = fer2013.load(
        root, on_error=on_error, cache=cache, rule=rule, votes=votes, progress=progress
    )
    return replace(faces, name=CARD.name)


def recognize(path: Path) -> Path | None:
    """Return the file or folder of votes that goes with the faces in a folder, or None."""
    from fer_utils.data.datasets import fer2013

    faces = fer2013.recognize(path)
    if faces is None:
        return None
    names = [faces.with_name(VOTES_FILE)] if faces.is_file() else [faces / name for name in FOLDERS]
    return next((place for place in names if place.exists()), None)


DATASET = Dataset(
    CARD, size=48, load=load, recognize=recognize, folder="fer2013", label_rule="majority"
)
