"""facs3d: the embedded data set, faces drawn by ``faces3d`` from action units.

``load`` reads the packed file beside this module. ``faces3d.dataset.pack`` draws it again:

    python -m fer_utils.data.datasets.facs3d --out facs3d.npz --seed 0

Subjects are split, not pictures: nobody is in two splits. The label is the expression that was
asked for; the votes are what ten simulated taggers saw (``faces3d.taggers``). Weak and mixed
expressions are in it on purpose. These are drawings: scores on them are not claims about people.
"""

import functools
import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_utils.data.catalog import Card, Dataset, by_class
from fer_utils.data.faceset import SPLITS, FaceSet
from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES
from fer_utils.files import read_checked
from fer_utils.ranges import SEED

CARD = Card(
    name="facs3d",
    photographs=False,
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
    faces = _read(Path(path)).where(split=split)
    if contempt:
        return faces
    return replace(faces.take(np.flatnonzero(faces.labels < len(FER7))), classes=FER7)


@functools.lru_cache(maxsize=2)
def _read(path: Path) -> FaceSet:
    """Return all rows of the packed file, unpacked."""
    archive = np.load(io.BytesIO(read_checked(path, SHA256)), allow_pickle=False)
    count = len(archive["labels"])
    with_truth = np.flatnonzero(archive["split"] == SPLITS.index("test"))
    twins = np.zeros((count, 1, SIZE, SIZE), np.uint8)
    regions = np.full((count, SIZE, SIZE), 255, np.uint8)
    images = _tiles(archive["images"], count)[:, None]
    # A twin is stored as its difference (modulo 256) from the face: mostly zeros.
    twins[with_truth, 0] = images[with_truth, 0] + _tiles(archive["twin_steps"], len(with_truth))
    regions[with_truth] = _tiles(archive["regions"], len(with_truth))
    return FaceSet(
        name=CARD.name,
        images=images,
        labels=archive["labels"].astype(np.int64),
        classes=FER8,
        split=np.array(SPLITS)[archive["split"]],
        votes=archive["votes"],
        vote_names=FERPLUS_VOTES,
        subjects=archive["subjects"].astype(np.int64),
        rows=np.arange(count),
        regions=regions,
        region_names=tuple(str(name) for name in archive["region_names"]),
        twins=twins,
        truth=np.isin(np.arange(count), with_truth),
    )


def _tiles(data: np.ndarray, count: int) -> np.ndarray:
    """The tiles (count, 48, 48) of a compressed sheet."""
    from PIL import Image

    sheet = np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("L"))
    rows, columns = (side // SIZE for side in sheet.shape)
    tiles = sheet.reshape(rows, SIZE, columns, SIZE).swapaxes(1, 2)
    return tiles.reshape(-1, SIZE, SIZE)[:count]


DATASET = Dataset(CARD, size=SIZE, load=load)


def main() -> int:
    """Draw the data set again (see the module's docstring)."""
    from fer_utils.commands import carry_out

    return carry_out("facs3d", _draw_again)


def _draw_again() -> int:
    from faces3d.dataset import pack
    from fer_utils.commands import Parser

    parser = Parser(description="Draw the embedded data set facs3d again.")
    parser.add_argument("--out", type=Path, default=Path("facs3d.npz"))
    parser.add_argument("--seed", type=SEED, default=0)
    args = parser.parse_args()
    digest = pack(args.out, args.seed)
    same = "the released file" if digest == SHA256 else "not the released file"
    print(f"{args.out}: {args.out.stat().st_size} bytes, SHA-256 {digest} ({same})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
