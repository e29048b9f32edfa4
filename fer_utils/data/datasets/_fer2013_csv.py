"""The rows of FER2013's csv files, each of them checked."""

import csv
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fer_utils._progress import tqdm
from fer_utils.data import _tables as tables
from fer_utils.emotions import FER7
from fer_utils.errors import FerError

SIDE = 48
PIXELS = SIDE * SIDE

#: FER2013's words for the splits, and ours.
USAGE = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}

_ZERO, _SPACE = ord("0"), ord(" ")

_USAGE = {usage.encode(): split for usage, split in USAGE.items()}


def read(
    path: Path, *, classes: Sequence[str] = FER7, on_error: str = "raise", progress: bool = True
) -> dict[str, np.ndarray]:
    """Read fer2013.csv, icml_face_data.csv or train.csv, or a file of the same form.

    A spreadsheet may have saved it again: see `fer_utils.data._tables`. Columns are found by their
    names in the first line. Only train.csv may lack "Usage": its rows are all Training.

    Args:
        path: the file.
        classes: what the labels 0, 1, ... stand for.
        on_error: "raise" stops at the first row that cannot be read; "report" leaves such rows
            out and names them.
        progress: show a progress bar.

    Returns:
        images uint8 (N, 1, 48, 48), labels int64 (N,), split str (N,), rows int64 (N,), the
        place of each in the file counted from 0; left_out, a sentence for each row left out; and
        total, the number of rows in the file.

    Raises:
        FerError: naming the file, the line (the header is line 1), what was found and expected.
    """
    parse = compiled_parse()
    size = path.stat().st_size
    # Every pixel takes two bytes at least. Memory that is never written to is not used.
    images = np.empty((size // (2 * PIXELS) + 1, PIXELS), np.uint8)
    labels: list[int] = []
    splits: list[str] = []
    rows: list[int] = []
    left_out: list[str] = []
    total = 0
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=path.name, disable=not progress)
    with bar:
        lines = tables.lines(path)
        _, header = next(lines, (0, b""))
        columns, comma = _header(path, header), tables.delimiter(header).encode()
        for number, line in lines:
            bar.update(len(line))
            try:
                fields = _fields(line, columns, comma)
                label = _label(fields["emotion"], len(classes))
                split = _split(fields["usage"]) if "usage" in fields else "train"
                text = fields["pixels"].strip(b' "')
                if not parse(np.frombuffer(text, np.uint8), images[len(rows)]):
                    raise _BadRow(_pixel_problem(text))
            except _BadRow as problem:
                if on_error == "raise":
                    raise FerError(
                        f"{path}, line {number}: {problem}. Get the file again, or read the other "
                        'rows with on_error="report".'
                    ) from None
                left_out.append(f"{path.name}, line {number}: {problem}")
            else:
                labels.append(label)
                splits.append(split)
                rows.append(total)
            total += 1
    if not rows:
        found = f"none of its {total:,} rows can be read" if total else "it has only a header"
        first = f" The first: {left_out[0]}." if left_out else ""
        raise FerError(f"{path}: {found}. Get the file again.{first}")
    images.resize((len(rows), PIXELS), refcheck=False)
    return {
        "images": images.reshape(-1, 1, SIDE, SIDE),
        "labels": np.array(labels, np.int64),
        "split": np.array(splits),
        "rows": np.array(rows, np.int64),
        "left_out": np.array(left_out, np.str_),
        "total": np.array(total),
    }


class _BadRow(Exception):
    """A row that cannot be used; the message says what was found and expected."""


def _header(path: Path, line: bytes) -> dict[str, int]:
    if not line.strip():
        raise FerError(f"{path} is empty. Get the file again.")
    text = line.decode(errors="replace").strip()
    names = tables.without_empty_end(text.split(tables.delimiter(line)))
    columns = {name.strip(' "').lower(): place for place, name in enumerate(names)}
    needed = ["emotion", "pixels"] + ([] if path.name == "train.csv" else ["usage"])
    missing = [name for name in needed if name not in columns]
    if missing:
        raise FerError(
            f"{path}, line 1: the column {missing[0]!r} is missing; expected emotion, pixels and "
            f"Usage in any order, found {_short(text)}."
        )
    return columns


def _fields(line: bytes, columns: dict[str, int], comma: bytes) -> dict[str, bytes]:
    if len(line) >= tables.LONGEST:
        raise _BadRow(f"the row is longer than {tables.LONGEST} characters")
    fields = line.rstrip(b"\r\n").split(comma)
    if len(fields) != len(columns) and b'"' in line:  # a comma inside quotes ends no field
        text = csv.reader([line.decode("latin-1")], delimiter=comma.decode())
        fields = [field.encode("latin-1") for field in next(text)]
    while len(fields) > len(columns) and not fields[-1].strip():
        fields.pop()
    if len(fields) != len(columns):
        raise _BadRow(
            f"found {len(fields)} field{'s' * (len(fields) != 1)}, expected {len(columns)}; "
            "the row may be cut off"
        )
    return {name: fields[place] for name, place in columns.items()}


def _label(field: bytes, classes: int) -> int:
    text = field.strip(b' "')
    if not (text.isdigit() and len(text) == 1 and int(text) < classes):
        raise _BadRow(f"the label is {_short(field)}, expected 0 to {classes - 1}")
    return int(text)


def _split(field: bytes) -> str:
    split = _USAGE.get(field.strip(b' "'))
    if split is None:
        raise _BadRow(f"Usage is {_short(field)}, expected {', '.join(USAGE)}")
    return split


def _pixel_problem(text: bytes) -> str:
    """Say what is wrong with pixels that the fast parser refused."""
    values = [value for value in text.split(b" ") if value]
    for place, value in enumerate(values, start=1):
        if not value.isdigit() or len(value.lstrip(b"0")) > 3 or int(value) > 255:
            return f"pixel {place} is {_short(value)}, expected a whole number from 0 to 255"
    return f"found {len(values):,} pixels, expected {PIXELS:,} (48x48)"


def _short(text: bytes | str, longest: int = 40) -> str:
    text = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    return repr(text if len(text) <= longest else text[:longest] + "...")


def parse(text: np.ndarray, out: np.ndarray) -> bool:
    """Read numbers from 0 to 255, separated by spaces, into `out`.

    FER2013 has 83 million of them, so this loop is compiled: see `compiled_parse`.

    Args:
        text: uint8 (any length), the characters.
        out: uint8 (n,), filled from the left.

    Returns:
        True if the text holds exactly n such numbers and nothing else; `out` is undefined if not.
    """
    value: int | np.signedinteger = 0
    count, digits = 0, 0
    for position in range(text.size + 1):
        # One more space than there is ends the last number.
        character = text[position] if position < text.size else np.uint8(_SPACE)
        digit = np.int64(character) - _ZERO
        if 0 <= digit <= 9:
            value = 10 * value + digit
            digits += 1
            if value > 255:
                return False
        elif character != _SPACE:
            return False
        elif digits:
            if count == out.size:
                return False
            out[count] = value
            count, value, digits = count + 1, 0, 0
    return count == out.size


@functools.cache
def compiled_parse() -> Callable[[np.ndarray, np.ndarray], bool]:
    """Return `parse`, compiled: numba is loaded only where no cache spares the reading."""
    from numba import njit

    return njit(cache=True, nogil=True)(parse)
