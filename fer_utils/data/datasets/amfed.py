"""AM-FED+ (and AM-FED): webcam videos, with the action units that people saw in them.

``AMFEDPLUS_Distribution/Videos - FLV (labeled)/ID.flv`` and ``AU Labels/ID-label.csv``. A row of
the csv file holds from its Time (seconds) until that of the next row; the other columns (AU02,
Smile, Unilateral_LAU12, ...) say how many of the coders, in per cent, saw the action unit. Columns
differ from video to video. Videos without labels are left out.

**The expressions are ours.** The data set has none, and borgalli2022 does not say how it made seven
classes of the action units. `RULES` is our reading, after the prototypes of Ekman and Friesen
(EMFACS) as far as the coded units reach (no AU1, AU7 or AU23): a moment is used if exactly one rule
fits, and left out, counted, if none or several do. People watching commercials mostly smile or do
nothing, so some expressions may hardly occur. For the same reason no split of the paper is drawn.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_utils.data import _tables as tables
from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset
from fer_utils.emotions import FER8
from fer_utils.errors import FerError

CARD = Card(
    name="amfed",
    title="AM-FED+: webcam videos of people watching commercials, with action units",
    papers=("borgalli2022",),
    citation="McDuff, Amr and el Kaliouby, AM-FED+: an extended dataset of naturalistic facial "
    "expressions collected in everyday settings, IEEE Transactions on Affective Computing "
    "10(1), 2019.",
    licence="Under an agreement that users sign; do not pass it on.",
    get="Ask Affectiva (now part of Smart Eye) for the agreement.",
    layout="""\
AMFEDPLUS_Distribution/
├── Videos - FLV (labeled)/
│   └── ID.flv
└── AU Labels/
    └── ID-label.csv       Time,AU02,AU04,...,Smile: who saw it, in per cent""",
    counts="1,044 videos. It has no expressions; how the papers make them of the action units "
    "is not stated, so the rules here are our own, and no count of pictures can be expected.",
)


#: Endings of video files.
VIDEOS = (".flv", ".avi", ".mp4", ".mov", ".wmv")


@dataclass(frozen=True)
class Rule:
    """Action units that make an expression: all of `seen`, and none of `unseen`."""

    expression: str
    seen: frozenset[str]
    unseen: frozenset[str] = frozenset()

    def fits(self, units: set[str]) -> bool:
        """Return whether these action units show the expression."""
        return self.seen <= units and not self.unseen & units


def _rule(expression: str, seen: str, unseen: str = "") -> Rule:
    return Rule(expression, frozenset(seen.split()), frozenset(unseen.split()))


#: L12 and R14 are the left and right one-sided units; a Smile counts as 12.
RULES = (
    _rule("happy", "12"),
    _rule("surprise", "2 5", "4"),
    _rule("surprise", "2 26", "4"),
    _rule("fear", "2 4 5"),
    _rule("fear", "4 20"),
    _rule("disgust", "9"),
    _rule("disgust", "10"),
    _rule("sad", "15"),
    _rule("angry", "4 5", "2"),
    _rule("angry", "4 17", "15"),
    _rule("contempt", "L12", "12 R12"),
    _rule("contempt", "R12", "12 L12"),
    _rule("contempt", "L14", "14 R14"),
    _rule("contempt", "R14", "14 L14"),
)

_EXPECTED = "the folders AU Labels and Videos - FLV (labeled)"
_UNIT = re.compile(r"(?:Unilateral_([LR]))?AU0*(\d+)", re.IGNORECASE)


def scan(root: Path, *, every: float = 1.0, threshold: float = 50.0) -> DatasetIndex:
    """List moments of the videos whose action units show one expression.

    Args:
        root: the folder AMFEDPLUS_Distribution, or one above it.
        every: seconds from one moment of a video to the next.
        threshold: per cent of the coders that must have seen an action unit.

    Returns:
        DatasetIndex with `seconds`; one subject for each video (its ID: the names do not tell
        whether two videos show the same person); columns "video" and "action_units" ("2+5+26").

    Raises:
        FerError: labels or videos are missing, or a label file cannot be read.
    """
    if not (every > 0 and 0 < threshold <= 100):
        raise FerError(
            f"every={every} and threshold={threshold} are not possible: expected seconds above 0 "
            "and per cent from above 0 to 100."
        )
    folder = tree.home(root, lambda place: tree.child(place, "AU Labels") is not None, _EXPECTED)
    tables, left_out = tree.walk(tree.child(folder, "AU Labels") or folder)
    tables = [path for path in tables if path.name.lower().endswith("-label.csv")]
    if not tables:
        raise FerError(f"{folder / 'AU Labels'} holds no files like ID-label.csv. Unpack it again.")
    videos, notes = _videos(folder)
    left_out += notes
    without = [table for table in tables if _identity(table) not in videos]
    if len(without) == len(tables):
        raise FerError(
            f"{folder}: there is no video for {without[0].name}; expected {_EXPECTED}. Unpack the "
            "videos there."
        )
    if without:
        left_out.append(
            f"{len(without)} of {len(tables)} label files have no video; the first is "
            f"{without[0].name}"
        )
    faces: list[tuple[Path, float, str, str]] = []
    unused: Counter[str] = Counter()
    for table in tables:
        if (video := videos.get(_identity(table))) is None:
            continue
        for moment, units in _moments(table, every, threshold):
            expression = expression_of(units)
            if expression in FER8:
                faces.append((video, moment, expression, _written(units)))
            else:
                unused[expression] += 1
    left_out += [f"{count:,} moments: {why}" for why, count in sorted(unused.items())]
    return _index(folder, faces, left_out)


def expression_of(units: set[str]) -> str:
    """Return the one expression that action units show, or in words why there is none.

    Args:
        units: of "2", "12", "L12", ..., and "neutral" where the coders said so. No unit at all is
            neutral.
    """
    if units <= {"neutral"}:
        return "neutral"
    fitting = sorted({rule.expression for rule in RULES if rule.fits(units)})
    if len(fitting) == 1:
        return fitting[0]
    return "several rules for expressions fit" if fitting else "no rule for an expression fits"


def _videos(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return ID -> video."""
    found: dict[str, Path] = {}
    left_out: list[str] = []
    for place in tree.subfolders(folder):
        if not place.name.lower().startswith("video"):
            continue
        files, notes = tree.walk(place)
        left_out += notes
        for file in files:
            if file.suffix.lower() in VIDEOS:
                found.setdefault(file.stem.lower(), file)
    return found, left_out


def _identity(table: Path) -> str:
    return table.name.lower().removesuffix("-label.csv")


def _moments(table: Path, every: float, threshold: float) -> list[tuple[float, set[str]]]:
    """Return the moments of a video, `every` seconds apart, with the units that hold there."""
    times, units = _rows(table, threshold)
    # Not the time of the last row itself: the video may end there.
    moments = np.arange(times[0], times[-1], every) if times[-1] > times[0] else times[:1]
    rows = np.searchsorted(times, moments + 1e-9, side="right") - 1
    pairs = zip(moments.tolist(), rows.tolist(), strict=True)
    return [(moment, units[row]) for moment, row in pairs if "fail" not in units[row]]


def _rows(table: Path, threshold: float) -> tuple[np.ndarray, list[set[str]]]:
    """Return the times of the rows, and for each the units that enough coders saw."""
    lines = [row for _, row in tables.rows(table) if any(field.strip() for field in row)]
    header = [name.strip() for name in lines[0]] if lines else []
    if not header or header[0].lower() != "time" or len(lines) < 2:
        raise FerError(
            f"{table}: expected a first line Time,AU02,... and rows of numbers; found "
            f"{','.join(header)[:60]!r} and {max(len(lines) - 1, 0)} rows. Unpack it again."
        )
    names = [_unit(name) for name in header[1:]]
    times: list[float] = []
    units: list[set[str]] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            time, *values = [float(field or 0) for field in line]
        except ValueError:
            raise FerError(f"{table}, row {number}: found {line[:4]}, expected numbers.") from None
        if times and time < times[-1]:
            raise FerError(f"{table}, row {number}: the time {time} comes after {times[-1]}.")
        times.append(time)
        seen = zip(names, values, strict=False)
        units.append({name for name, value in seen if name and value >= threshold})
    return np.array(times), units


def _unit(column: str) -> str:
    """Return "12" for AU12, "L12" for Unilateral_LAU12; "" for columns that no rule uses."""
    word = column.lower()
    if word in ("smile", "neutral"):
        return {"smile": "12", "neutral": "neutral"}[word]
    if word == "trackerfail":
        return "fail"
    match = _UNIT.fullmatch(column)
    return f"{(match[1] or '').upper()}{match[2]}" if match else ""


def _written(units: set[str]) -> str:
    shown = units - {"neutral"}
    return "+".join(sorted(shown, key=lambda unit: (int(unit.strip("LR")), unit)))


def _index(
    folder: Path, faces: list[tuple[Path, float, str, str]], left_out: list[str]
) -> DatasetIndex:
    if not faces:
        raise FerError(f"{folder}: no moment shows an expression. {'; '.join(left_out)}")
    names = np.array([video.stem for video, *_ in faces], np.str_)
    return DatasetIndex(
        root=folder,
        files=tuple(video for video, *_ in faces),
        labels=np.array([FER8.index(expression) for _, _, expression, _ in faces], np.int64),
        classes=FER8,
        split=np.full(len(faces), "train"),
        subjects=names,
        columns={
            "video": names,
            "action_units": np.array([units for *_, units in faces], np.str_),
        },
        left_out=tuple(left_out),
        seconds=np.array([moment for _, moment, _, _ in faces], np.float64),
    )


DATASET = Dataset(CARD, size=224, scan=scan)
