"""The data set facs3d: thousands of drawn faces with labels, votes and truth, packed into a file.

`fer_utils.data.datasets.facs3d` reads the file, and says how to draw it again. People are split,
not pictures. The label is the expression that was asked for; the votes are what ten simulated
taggers saw. Weak and mixed expressions are in it on purpose.
"""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from faces3d import PARTS, identity, render, scene, taggers
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from fer_utils.files import write

SIZE = 48
SUBJECTS = {"train": 420, "valid": 60, "test": 72}
PER_SUBJECT = 13
# Shares of FER8 among the faces: like FER2013's, disgust (1.5 % there) a little less rare.
SHARES = np.array([0.138, 0.035, 0.140, 0.240, 0.165, 0.112, 0.170, 0.030])
SHEET_COLUMNS = 64
OVERSAMPLE = 3  # samples per pixel and axis
LEVEL = 4  # grey levels are rounded to multiples of this, so that the packed file stays small
MIXED = 0.10  # share of faces that show a second expression as well


def _intensity(random: np.random.Generator) -> float:
    """Strength of a shown expression: mostly clear, sometimes so weak that taggers disagree."""
    return float(0.20 + 0.95 * random.beta(2.3, 1.5))


def redraw(row: int, **changes: Any) -> np.ndarray:
    """Draw one face of the data set again, with other traits where some are given.

    Expression, pose, light, background and occluder stay. The camera exposes for the face, as in
    the data set, so beside darker skin hair and eyes come out brighter.

    Args:
        row: place in the data set with contempt, `faces.rows` of `data.load("facs3d")`.
        changes: of the person, e.g. `glasses="thick"`; see `identity.CHANGES`.

    Returns:
        uint8 (48, 48); without changes the stored picture (another processor may round a pixel
        differently).

    Raises:
        FerError: no such row, trait or value.
    """
    rows = sum(SUBJECTS.values()) * PER_SUBJECT
    if not isinstance(row, int | np.integer) or not 0 <= row < rows:
        raise FerError(f"row={row!r}: give a whole number from 0 to {rows - 1:,}.")
    subject, number = divmod(int(row), PER_SUBJECT)
    return _face(subject, number, 0, twin=False, **changes)["images"]


def _face(subject: int, number: int, seed: int, twin: bool, **changes: Any) -> dict[str, Any]:
    """One face of a subject, with its label, votes and (where asked for) twin and regions."""
    random = np.random.default_rng([seed, subject, number])
    label = int(random.choice(len(FER8), p=SHARES / SHARES.sum()))
    units = scene.sample_units(FER8[label], _intensity(random), random)
    if random.random() < MIXED:
        other = FER8[int(random.integers(len(FER8)))]
        units = np.maximum(units, scene.sample_units(other, random.uniform(0.2, 0.5), random))
    place = scene.sample_scene(random, SIZE, FER8[label])
    person = identity.person(subject, **changes)
    bright = scene.exposure(person, place.view)
    color, cover, labels = render.render(person, units, place.view, SIZE, OVERSAMPLE)
    row = {
        "images": _rounded(scene.photograph(color, cover, place, bright)),
        "labels": label,
        "subjects": subject,
        "votes": taggers.vote(units, random),
    }
    if twin:
        color, cover, _ = render.render(person, np.zeros_like(units), place.view, SIZE, OVERSAMPLE)
        row["twins"] = _rounded(scene.photograph(color, cover, place, bright))
        if place.occluder is not None:
            labels[place.occluder[0] > 0.5] = PARTS.index("occluder")
        row["regions"] = labels
    return row


def _rounded(picture: np.ndarray) -> np.ndarray:
    """The picture in 255 / LEVEL grey levels."""
    return picture // LEVEL * LEVEL + LEVEL // 2


def pack(out: str | Path, seed: int = 0, progress: bool = True) -> str:
    """Draw the whole data set into a file and return its SHA-256.

    The same seed gives the same bytes on the same machine; another instruction set may round a
    grey level differently.
    """
    rows, first = [], 0
    total = sum(SUBJECTS.values())
    quiet = {} if progress else {"disable": True}  # disable=False would not look at TQDM_DISABLE
    with tqdm(total=total, desc="drawing subjects", **quiet) as bar:
        for place, (split, count) in enumerate(SUBJECTS.items()):
            for subject in range(first, first + count):
                for number in range(PER_SUBJECT):
                    row = _face(subject, number, seed, twin=split == "test")
                    rows.append({**row, "split": place})
                bar.update()
            first += count
    arrays = {
        "images": _sheet(np.stack([r["images"] for r in rows])),
        "twin_steps": _sheet(np.stack([r["twins"] - r["images"] for r in rows if "twins" in r])),
        "regions": _sheet(np.stack([r["regions"] for r in rows if "regions" in r])),
        "votes": np.stack([r["votes"] for r in rows]),
        "labels": np.array([r["labels"] for r in rows], np.uint8),
        "split": np.array([r["split"] for r in rows], np.uint8),
        "subjects": np.array([r["subjects"] for r in rows], np.uint16),
        "region_names": np.array(PARTS),
    }
    return _write(Path(out), arrays)


def _write(out: Path, arrays: dict[str, np.ndarray]) -> str:
    """Save arrays as an npz without dates, in one step; return the SHA-256."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, entry.getvalue(), zipfile.ZIP_DEFLATED)
    write(out, packed.getvalue())
    return hashlib.sha256(packed.getvalue()).hexdigest()


def _sheet(tiles: np.ndarray) -> np.ndarray:
    """Tiles (n, 48, 48) as one losslessly compressed picture: its bytes as uint8 (m,)."""
    rows = -(-len(tiles) // SHEET_COLUMNS)
    padded = np.zeros((rows * SHEET_COLUMNS, SIZE, SIZE), np.uint8)
    padded[: len(tiles)] = tiles
    sheet = padded.reshape(rows, SHEET_COLUMNS, SIZE, SIZE).swapaxes(1, 2)
    out = io.BytesIO()
    Image.fromarray(sheet.reshape(rows * SIZE, SHEET_COLUMNS * SIZE)).save(
        out, "PNG", optimize=True
    )
    return np.frombuffer(out.getvalue(), np.uint8)
