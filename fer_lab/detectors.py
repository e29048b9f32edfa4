"""All detectors on the same pictures, and what the margin around a face does to the answer.

    python -m fer_lab.detectors
        writes figures/detectors.csv and figures/crop_margin.csv
    python -m fer_lab.detectors --people 2 --out FOLDER
        a quick look

Photographs are those in scikit-image and matplotlib; nothing but numbers is written. Detectors
whose weights are not installed are left out, and a line says so.
"""

import argparse
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import faces3d
from fer_utils import detect, models
from fer_utils.commands import Parser, as_csv, carry_out, file_name
from fer_utils.detect import Box
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.evaluate import predict
from fer_utils.files import make_folder, write
from fer_utils.ranges import COUNT

FIGURES = Path(__file__).resolve().parents[1] / "figures"
COMMAND = "python -m fer_lab.detectors"
ASKED = {
    "haar default": ("haar", {"cascade": "default"}),
    "haar alt2": ("haar", {"cascade": "alt2"}),
    "ssd": ("ssd", {}),
    "mtcnn": ("mtcnn", {}),
    "blazeface back": ("blazeface", {"kind": "back"}),
    "blazeface short": ("blazeface", {"kind": "short"}),
}
FOUND = 0.35  # IoU with the drawn skin, from which on a face counts as found
PEOPLE = 14
FIRST = 5000  # of the people drawn here: none of facs3d's
FRAME, WALL = (480, 640), 190
SIZES = (192, 96, 64, 48)  # of a drawn tile; the face is four fifths of it
YAWS = (15.0, 30.0, 45.0)
NOT_SKIN = ("background", "hair", "neck", "ears", "occluder")
LOOK = 200  # to which a picture of lfw_subset, 25 pixels, is enlarged
MARGINS = (0.9, 1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5)
NETS = ("mini_xception_facs3d", "small_resnet_ferplus")
TILE = 256

Pictures = Iterator[tuple[np.ndarray, list[Box] | int]]


@dataclass
class Score:
    """What a detector found in a set of pictures.

    Attributes:
        faces: how many there are.
        found: how many of them it found.
        extra: boxes of which none is a face.
        overlaps: IoU of the boxes found with the truth, where it is known.
        boxes: for each picture, those that were found.
    """

    faces: int
    found: int
    extra: int
    overlaps: list[float]
    boxes: list[list[Box]]


def drawn(people: int, size: int, yaw: float = 0.0) -> Pictures:
    """Yield frames with one drawn face each at a random place, and the box of its skin."""
    random = np.random.default_rng(size + int(yaw))
    for person in range(people):
        tile, parts = faces3d.draw(
            FER7[person % 7], FIRST + person, size=size, color=True, parts=True, yaw=yaw
        )
        frame = np.full((*FRAME, 3), WALL, np.uint8)
        top, left = (int(random.integers(0, side - size + 1)) for side in FRAME)
        frame[top : top + size, left : left + size] = tile
        hidden = [faces3d.PARTS.index(name) for name in NOT_SKIN]
        rows, columns = np.nonzero(~np.isin(parts, hidden))
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        yield frame, [Box(int(left + columns.min()), int(top + rows.min()), int(wide), int(high))]


def photographs() -> dict[str, Callable[[], Pictures]]:
    """Return sets of photographs, each with how many faces a picture shows.

    Raises:
        FerError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError:
        raise FerError(
            "the photographs are scikit-image's: run python -m pip install scikit-image."
        ) from None
    import cv2
    from matplotlib.cbook import get_sample_data

    hopper = str(get_sample_data("grace_hopper.jpg", asfileobj=False))
    small = (data.lfw_subset() * 255).round().astype(np.uint8)
    large = [cv2.resize(one, (LOOK, LOOK), interpolation=cv2.INTER_CUBIC) for one in small]
    return {
        "two portraits": lambda: iter([(data.astronaut(), 1), (detect.boxes.rgb(hopper), 1)]),
        "a cat": lambda: iter([(data.chelsea(), 0)]),
        "coins": lambda: iter([(data.coins(), 0)]),
        "coffee, rocket": lambda: iter([(data.coffee(), 0), (data.rocket(), 0)]),
        "lfw_subset, faces": lambda: ((one, 1) for one in large[:100]),
        "lfw_subset, no faces": lambda: ((one, 0) for one in large[100:]),
    }


def score(find: detect.Detector, pictures: Pictures) -> Score:
    """Return what a detector finds in pictures whose faces are known by box, or by number."""
    total = Score(0, 0, 0, [], [])
    for picture, truth in pictures:
        boxes = find(picture)
        total.boxes.append(boxes)
        if isinstance(truth, int):
            total.faces += truth
            total.found += min(truth, len(boxes))
            total.extra += max(0, len(boxes) - truth)
            continue
        best = [max((detect.overlap(box, one) for box in boxes), default=0.0) for one in truth]
        hits = [overlap for overlap in best if overlap > FOUND]
        total.faces += len(truth)
        total.found += len(hits)
        total.extra += len(boxes) - len(hits)
        total.overlaps += hits
    return total


def agreement(one: Score, other: Score) -> float | None:
    """Return the mean IoU of the largest boxes of two detectors, where both found one."""
    pairs = zip(one.boxes, other.boxes, strict=True)
    overlaps = [detect.overlap(a[0], b[0]) for a, b in pairs if a and b]
    return float(np.mean(overlaps)) if overlaps else None


def loaded() -> dict[str, detect.Detector]:
    """Return the detectors that are here; print why others are not."""
    found = {}
    for name, (kind, options) in ASKED.items():
        try:
            found[name] = detect.detector(kind, **options)
        except FerError as error:
            print(f"left out: {error}")
    return found


def compare(finders: dict[str, detect.Detector], people: int) -> list[list]:
    """Return a row for each set of pictures and detector, the names of the columns first."""
    sets = photographs()
    for size in SIZES:
        sets[f"drawn, {size} px"] = functools.partial(drawn, people, size)
    for yaw in YAWS:
        sets[f"drawn, 192 px, turned {yaw:g}"] = functools.partial(drawn, people, 192, yaw)
    columns = [f"iou {name}" for name in finders]
    rows: list[list] = [["pictures", "detector", "faces", "found", "extra", "iou truth", *columns]]
    for title, pictures in tqdm(sets.items(), unit="set"):
        scores = {name: score(find, pictures()) for name, find in finders.items()}
        for name, one in scores.items():
            truth = float(np.mean(one.overlaps)) if one.overlaps else None
            others = [agreement(one, other) for other in scores.values()]
            numbers = ["" if value is None else f"{value:.3f}" for value in (truth, *others)]
            rows.append([title, name, one.faces, one.found, one.extra, *numbers])
    return rows


def margins(finders: dict[str, detect.Detector], people: int) -> list[list]:
    """Return a row for each detector, net and margin: how many drawn faces are named rightly."""
    nets = {name: models.pretrained(name) for name in NETS}
    tiles = [
        (expression, faces3d.draw(expression, FIRST + person, size=TILE, color=True))
        for person in range(people)
        for expression in FER7
    ]
    rows: list[list] = [["detector", "net", "margin", "faces", "found", "correct"]]
    for name, find in tqdm(finders.items(), unit="detector"):
        seen = []
        for expression, tile in tiles:
            frame = np.full((*FRAME, 3), WALL, np.uint8)
            top, left = ((side - TILE) // 2 for side in FRAME)
            frame[top : top + TILE, left : left + TILE] = tile
            seen += [(frame, expression, box) for box in find(frame)[:1]]
        for kind, net in nets.items():
            for margin in MARGINS:
                faces = [detect.crop(frame, box, margin, side=48) for frame, _, box in seen]
                said = predict(net, np.stack(faces)).argmax(1).tolist()
                truth = [expression for _, expression, _ in seen]
                correct = sum(
                    net.classes[i] == expression for i, expression in zip(said, truth, strict=True)
                )
                rows.append([name, kind, margin, len(tiles), len(seen), correct])
    return rows


def _main() -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=COUNT, default=PEOPLE, help="that are drawn")
    parser.add_argument("--out", type=file_name, default=FIGURES, help="folder for the tables")
    args = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)  # beside other programs, threads wait for each other
    folder = make_folder(args.out)
    finders = loaded()
    made = f"made by: {COMMAND}" + (f" --people {args.people}" if args.people != PEOPLE else "")
    about = [
        "found: of the faces in the pictures, those with a box (of drawn ones, IoU with the skin "
        f"above {FOUND:g}); extra: boxes that are none",
        f"drawn: {args.people} people in frames of 640 x 480; iou DETECTOR: mean over the "
        "pictures in which both found one, of their largest boxes",
        made,
    ]
    print(f"wrote {write(folder / 'detectors.csv', as_csv(about, compare(finders, args.people)))}")
    about = [
        f"{args.people} drawn people x 7 expressions, {TILE} px in a frame of 640 x 480; correct: "
        "of the faces, named as drawn, from a crop of 48 x 48 whose side is the box's longer side "
        "times the margin",
        made,
    ]
    print(
        f"wrote {write(folder / 'crop_margin.csv', as_csv(about, margins(finders, args.people)))}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(carry_out("detectors", _main))
