"""facs3d: the embedded data set, faces drawn by ``faces3d`` from action units.

``load`` reads the packed file beside this module. ``pack`` draws it again:

    python -m fer_utils.data.datasets.facs3d --out facs3d.npz --seed 0

Subjects are split, not pictures: nobody is in two splits. The label is the expression that was
asked for; the votes are what ten simulated taggers saw (``faces3d.taggers``). Weak and mixed
expressions are in it on purpose. These are drawings: scores on them are not claims about people.
"""

import argparse
import functools
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils.data.catalog import Card, Dataset, by_class
from fer_utils.data.faceset import SPLITS, FaceSet
from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES, nearest
from fer_utils.errors import FerError
from fer_utils.files import write
from fer_utils.packed import read_checked

CARD = Card(
    name="facs3d",
    title="Faces drawn by the kit itself: a 3-D head moved by facial action units",
    papers=(),
    citation="This kit; the head is from MakeHuman, the face units by Mika Suominen (CC0).",
    licence="Free for everything: drawn from a CC0 head. Shows nobody. Scores on it are no "
    "claims about people.",
    get="Nothing to do: it comes with the kit.",
    layout="one packed file inside the package",
    embedded=True,
    counts="6,981 faces of 48x48, 552 people, seven classes; the 909 test faces with part "
    "labels and neutral twins.",
    expected={
        "faces": 6981,
        "subjects": 552,
        "classes": by_class(933, 238, 973, 1743, 1180, 774, 1140),
        "splits": {"train": 5310, "valid": 762, "test": 909},
        "size": (48, 48),
    },
)

PACKED = Path(__file__).with_name("facs3d.npz")
SHA256 = "9493c5aba2c68daf8e7468be86e1fd81a93cbe24c8654b250ff9b635b299ec11"
SIZE = 48
SUBJECTS = {"train": 420, "valid": 60, "test": 72}
PER_SUBJECT = 13
# Shares of FER8 among the faces: like FER2013's, disgust (1.5 % there) a little less rare.
SHARES = np.array([0.138, 0.035, 0.140, 0.240, 0.165, 0.112, 0.170, 0.030])
SHEET_COLUMNS = 64
OVERSAMPLE = 3  # samples per pixel and axis
LEVEL = 4  # grey levels are rounded to multiples of this, so that the packed file stays small
MIXED = 0.10  # share of faces that show a second expression as well


def load(split: str | None = None, *, contempt: bool = False, path: Path = PACKED) -> FaceSet:
    """Read the embedded faces: 48x48 grey, seven classes, or eight with contempt.

    Args:
        split: "train", "valid" or "test"; None for all.
        contempt: keep the faces of contempt, as an eighth class.
        path: the packed file.

    Returns:
        FaceSet with votes (columns of FERPlus), subjects and rows; for the test split part
        labels (``regions``) and neutral twins are known.

    Raises:
        FerError: the packed file is missing or damaged, or there is no such split.
    """
    if split is not None and split not in SPLITS:
        raise FerError(f"{split!r} is not a split.{nearest(split, SPLITS)}")
    everything = _read(Path(path))
    keep = np.ones(len(everything["labels"]), bool)
    if not contempt:
        keep &= everything["labels"] < len(FER7)
    if split is not None:
        keep &= everything["split"] == split
    return FaceSet(
        name=CARD.name,
        images=everything["images"][keep],
        labels=everything["labels"][keep],
        classes=FER8 if contempt else FER7,
        split=everything["split"][keep],
        votes=everything["votes"][keep],
        vote_names=FERPLUS_VOTES,
        subjects=everything["subjects"][keep],
        rows=np.flatnonzero(keep),
        regions=everything["regions"][keep],
        region_names=everything["region_names"],
        twins=everything["twins"][keep],
        truth=everything["truth"][keep],
    )


@functools.lru_cache(maxsize=2)
def _read(path: Path) -> dict[str, Any]:
    """All rows of the packed file, unpacked."""
    archive = np.load(io.BytesIO(read_checked(path, SHA256)), allow_pickle=False)
    count = len(archive["labels"])
    with_truth = np.flatnonzero(archive["split"] == SPLITS.index("test"))
    twins = np.zeros((count, 1, SIZE, SIZE), np.uint8)
    regions = np.full((count, SIZE, SIZE), 255, np.uint8)
    images = _tiles(archive["images"], count)[:, None]
    # A twin is stored as its difference (modulo 256) from the face: mostly zeros.
    twins[with_truth, 0] = images[with_truth, 0] + _tiles(archive["twin_steps"], len(with_truth))
    regions[with_truth] = _tiles(archive["regions"], len(with_truth))
    return {
        "images": images,
        "labels": archive["labels"].astype(np.int64),
        "split": np.array(SPLITS)[archive["split"]],
        "votes": archive["votes"],
        "subjects": archive["subjects"].astype(np.int64),
        "twins": twins,
        "regions": regions,
        "region_names": tuple(str(name) for name in archive["region_names"]),
        "truth": np.isin(np.arange(count), with_truth),
    }


def _sheet(tiles: np.ndarray) -> np.ndarray:
    """Tiles (n, 48, 48) as one losslessly compressed picture: its bytes as uint8 (m,)."""
    from PIL import Image

    rows = -(-len(tiles) // SHEET_COLUMNS)
    padded = np.zeros((rows * SHEET_COLUMNS, SIZE, SIZE), np.uint8)
    padded[: len(tiles)] = tiles
    sheet = padded.reshape(rows, SHEET_COLUMNS, SIZE, SIZE).swapaxes(1, 2)
    out = io.BytesIO()
    Image.fromarray(sheet.reshape(rows * SIZE, SHEET_COLUMNS * SIZE)).save(
        out, "PNG", optimize=True
    )
    return np.frombuffer(out.getvalue(), np.uint8)


def _tiles(data: np.ndarray, count: int) -> np.ndarray:
    """The tiles (count, 48, 48) of a compressed sheet."""
    from PIL import Image

    sheet = np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("L"))
    rows = sheet.shape[0] // SIZE
    tiles = sheet.reshape(rows, SIZE, SHEET_COLUMNS, SIZE).swapaxes(1, 2)
    return tiles.reshape(-1, SIZE, SIZE)[:count]


def _intensity(random: np.random.Generator) -> float:
    """Strength of a shown expression: mostly clear, sometimes so weak that taggers disagree."""
    return float(0.20 + 0.95 * random.beta(2.3, 1.5))


def _face(subject: int, number: int, seed: int, twin: bool) -> dict[str, Any]:
    """One face of a subject, with its label, votes and (where asked for) twin and regions."""
    from faces3d import PARTS, identity, render, scene, taggers

    random = np.random.default_rng([seed, subject, number])
    label = int(random.choice(len(FER8), p=SHARES / SHARES.sum()))
    units = scene.sample_units(FER8[label], _intensity(random), random)
    if random.random() < MIXED:
        other = FER8[int(random.integers(len(FER8)))]
        units = np.maximum(units, scene.sample_units(other, random.uniform(0.2, 0.5), random))
    place = scene.sample_scene(random, SIZE, FER8[label])
    person = identity.person(subject)
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
    from tqdm import tqdm

    from faces3d.parts import PARTS

    rows, first = [], 0
    total = sum(SUBJECTS.values())
    with tqdm(total=total, desc="drawing subjects", disable=not progress) as bar:
        for split, count in SUBJECTS.items():
            for subject in range(first, first + count):
                for number in range(PER_SUBJECT):
                    row = _face(subject, number, seed, twin=split == "test")
                    rows.append({**row, "split": SPLITS.index(split)})
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


DATASET = Dataset(CARD, size=SIZE, load=load)


def main() -> int:
    """Draw the data set again (see the module's docstring)."""
    parser = argparse.ArgumentParser(description="Draw the embedded data set facs3d again.")
    parser.add_argument("--out", type=Path, default=Path("facs3d.npz"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    digest = pack(args.out, args.seed)
    same = "the released file" if digest == SHA256 else "not the released file"
    print(f"{args.out}: {args.out.stat().st_size} bytes, SHA-256 {digest} ({same})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
