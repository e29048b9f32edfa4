"""Run records: small copies to keep beside a table, and all of them read back."""

import json
from pathlib import Path

from fer_lab.reproduce.jobs import slug
from fer_lab.run import DONE
from fer_utils.data.faceset import other_faces
from fer_utils.errors import FerError
from fer_utils.files import make_folder, read_json, write

RUNS = "runs"
_DIGITS = 4
_NEEDED = ("claim", "config", "seed", "split", "division", "accuracy", "confusion", "classes")


def file_name(record: dict) -> str:
    """Return the name of the file that holds a record's summary: where it was read, or will be."""
    return record.get("file") or f"{slug(record['claim'])}-seed{record['seed']}.json"


def summary(record: dict) -> str:
    """Return a record as a few lines of JSON: the same content, its curve rounded."""
    lines = [f"{json.dumps(key)}: {json.dumps(_small(value))}" for key, value in record.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _small(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS + 2}g}")
    if isinstance(value, dict):
        return {key: _small(part) for key, part in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):  # the curve, as columns
        return {key: [round(row[key], _DIGITS) for row in value] for key in value[0]}
    return [_small(part) for part in value] if isinstance(value, list) else value


def publish(record: dict, figures: Path) -> Path:
    """Copy a record's summary into `figures`/runs, in one step; return its path.

    Raises:
        FerError: the run used a part of the faces only, would replace one of more epochs, or
            learned from other faces than the runs of its row that are there.
    """
    if record["config"]["faces"]:
        raise FerError("a run with --faces is a quick look: it does not enter the table.")
    path = figures / RUNS / file_name(record)
    make_folder(path.parent)
    for other in path.parent.glob(f"{slug(record['claim'])}-seed*.json"):
        there, now = (run.get("digests") for run in (read(other), record))
        if there and now and (found := other_faces(there, now)):
            raise FerError(f"{other} learned from other faces ({'; '.join(found)}): delete it.")
    if path.is_file():
        there, asked = (run["config"]["epochs"] for run in (read(path), record))
        if there > asked:
            raise FerError(f"{path} is a run of {there} epochs: one of {asked} does not replace it")
    return write(path, summary(record))


def read(path: Path) -> dict:
    """Return a record or its summary.

    Raises:
        FerError: the file is no record of a run.
    """
    try:
        record = read_json(path)
        lacks = [key for key in _NEEDED if key not in record]
    except (FerError, TypeError) as error:
        raise FerError(f"{path} is no record of a run: {error}") from None
    if lacks:
        raise FerError(f"{path} is no record of a run: it lacks {', '.join(lacks)}.")
    return record


def published(figures: Path) -> list[dict]:
    """Return all records in `figures`/runs, in the order of their names."""
    paths = sorted((figures / RUNS).glob("*.json"))
    return [{**read(path), "file": path.name} for path in paths]


def finished(out: Path) -> list[dict]:
    """Return the records of all runs that are done in a folder of runs; say which are damaged."""
    found = []
    for path in sorted(out.glob(f"*/seed*/{DONE}")):
        try:
            found.append(read(path))
        except FerError as problem:
            print(f"{problem} It is left out; the same command does that run again.")
    return found
