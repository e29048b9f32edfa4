"""`python -m fer_utils look`: find the faces in photographs, and name their expressions."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_utils.commands import as_csv, file_name
from fer_utils.errors import FerError
from fer_utils.ranges import Range

if TYPE_CHECKING:
    from torch import nn

    from fer_utils import plots
    from fer_utils.detect import Box, Detector

#: Of the nets that come with the kit and learned from photographs, the one whose card states the
#: highest accuracy.
MODEL = "small_resnet_ferplus"
SHOWN = 3
MOST = 12  # photographs on a sheet
SIDE = 48  # of a face for a net that takes any size


@dataclass(frozen=True)
class Looked:
    """A photograph, the faces in it, and what a net says of them.

    Attributes:
        path: of the file.
        image: uint8 (C, H, W), as it was turned.
        turned: degrees counter-clockwise by which it was turned, beyond what its EXIF says.
        boxes: of the faces.
        probabilities: (faces, classes).
        maps: for each face its map and the square that it belongs to, where maps were asked for.
    """

    path: Path
    image: np.ndarray
    turned: int
    boxes: list["Box"]
    probabilities: np.ndarray
    maps: list[tuple[np.ndarray, tuple[int, int, int]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("photo", type=file_name, help="a picture file, or a folder of them")
    parser.add_argument("--model", default=MODEL, help="pretrained name, or file")
    add_detector(parser)
    parser.add_argument(
        "--margin",
        type=Range(0.5, 3),
        default=1.05,
        help="side of the square around a face, by the longer side of its box",
    )
    parser.add_argument("--out", type=file_name, help="sheet to write (.png, .pdf, ...)")
    parser.add_argument("--csv", type=file_name, help="table to write, a row for each face")
    parser.add_argument("--map", action="store_true", help="paint what each answer rests on")


def add_detector(parser: argparse.ArgumentParser) -> None:
    """Declare --detector and --detector-file."""
    parser.add_argument(
        "--detector",
        default="haar",
        help="haar, blazeface, ssd, mtcnn or yunet (default: haar)",
    )
    parser.add_argument(
        "--detector-file",
        type=file_name,
        help="the file of yunet, or the folder of ssd, where it does not come with a package",
    )


def chosen_detector(args: argparse.Namespace) -> "Detector":
    """Return the detector that was typed.

    Raises:
        FerError: it is not there.
    """
    from fer_utils import detect
    from fer_utils._arguments import choice

    name, place = choice("detector", args.detector, detect.DETECTORS), args.detector_file
    if place is None:
        return detect.detector(name)
    if name == "yunet":
        return detect.detector(name, model=place)
    if name == "ssd":
        return detect.detector(name, folder=place)
    raise FerError(f"--detector-file is for yunet and ssd: {name} takes none.")


def run(args: argparse.Namespace) -> int:
    """Print the faces and their expressions; write sheet and table."""
    from fer_utils import models, plots
    from fer_utils._progress import tqdm
    from fer_utils.files import check_apart, check_writable, write
    from fer_utils.models.answers import named_classes
    from fer_utils.plots.picture import check_place

    if args.out is not None:  # before the work
        check_place(args.out)
    if args.csv is not None:
        check_writable(args.csv)
    paths = photographs(args.photo)
    check_apart((args.out, args.csv), paths)
    net, find = models.load(args.model), chosen_detector(args)
    classes = named_classes(net)
    found: list[Looked] = []
    refused: list[str] = []
    unread: list[Path] = []
    for path in tqdm(paths, unit="photo", disable=len(paths) == 1, leave=False):
        try:
            looked = look(path, net, find, args.margin, maps=args.map)
        except FerError as error:
            unread.append(path)
            refused.append(str(error))
            continue
        if looked.boxes:
            found.append(looked)
        else:
            refused.append(nobody(path, find.name))
    if not found:
        if len(paths) == 1:
            raise FerError(refused[0])
        also = f"; {len(unread)} of {len(paths)} files cannot be read" if unread else ""
        raise FerError(f"no face found in {args.photo}{also}.")
    lines = [line for one in found for line in report(one, classes)]
    print("\n".join([*lines, *refused]))
    if args.csv is not None:
        print(f"wrote {write(args.csv, as_csv((), table(found, classes, find.name)))}")
    if args.out is not None:
        plots.save(sheet(found[:MOST], classes), args.out)
        rest = f", the first {MOST} of {len(found)} photographs" if len(found) > MOST else ""
        print(f"wrote {args.out}{rest}")
    return 0


def photographs(place: Path) -> list[Path]:
    """Return the picture files of a folder, or the one that is named; hidden ones are not meant.

    Raises:
        FerError: a folder without any.
    """
    from fer_utils.data._tree import PICTURE_ENDINGS

    if not place.is_dir():
        return [place]
    paths = sorted(path for path in place.iterdir() if path.suffix.lower() in PICTURE_ENDINGS)
    paths = [path for path in paths if not path.name.startswith(".")]
    if not paths:
        raise FerError(f"there is no picture file in {place} ({', '.join(PICTURE_ENDINGS)}).")
    return paths


def nobody(path: Path, detector: str) -> str:
    """Return in words that a detector finds no face in a photograph."""
    other = "" if detector == "blazeface" else "; --detector blazeface may find one"
    return f"no face found in {path}, turned by 90, 180 or 270 degrees either{other}."


def look(
    path: Path, net: "nn.Module", find: "Detector", margin: float, *, maps: bool = False
) -> Looked:
    """Return the faces of a photograph and what a net says of each.

    Raises:
        FerError: the file cannot be read, or the net cannot take faces.
    """
    from fer_utils import detect, saliency
    from fer_utils.detect.boxes import square
    from fer_utils.evaluate import predict

    image, boxes, turned = detect.upright(path, find)
    if not boxes:
        return Looked(path, image, 0, [], np.zeros((0, 0)), [])
    side = getattr(net, "input_size", None) or SIDE
    faces = np.stack([detect.crop(image, box, margin, side) for box in boxes])
    probabilities = predict(net, faces).softmax(-1).numpy()
    painted = []
    if maps:
        for face, box in zip(faces, boxes, strict=True):
            heat = saliency.occlusion(net, face, progress=False).heat()
            painted.append((heat, square(box, image.shape[1:], margin)))
    return Looked(path, image, turned, boxes, probabilities, painted)


def report(looked: Looked, classes: Sequence[str]) -> list[str]:
    """Return in words what was found in a photograph."""
    count = len(looked.boxes)
    turned = f", turned by {looked.turned} degrees" if looked.turned else ""
    lines = [f"{looked.path}: {count} {'face' if count == 1 else 'faces'}{turned}"]
    pairs = zip(looked.boxes, looked.probabilities, strict=True)
    for number, (box, shares) in enumerate(pairs, 1):
        order = np.argsort(-shares, kind="stable")[:SHOWN]
        likely = ", ".join(f"{classes[i]} {shares[i]:.3f}" for i in order)
        lines.append(
            f"  {number}: {classes[order[0]]} ({likely}); {box.width} x {box.height} pixels at "
            f"column {box.x}, row {box.y}"
        )
    return lines


def table(found: Sequence[Looked], classes: Sequence[str], detector: str) -> list[list]:
    """Return a row for each face, the names of the columns first."""
    place = ["x", "y", "width", "height", "score"]
    rows: list[list] = [["file", "turned", "face", *place, "detector", "expression", *classes]]
    for one in found:
        pairs = zip(one.boxes, one.probabilities, strict=True)
        for number, (box, shares) in enumerate(pairs, 1):
            score = "" if box.score is None else round(box.score, 4)
            where = [box.x, box.y, box.width, box.height, score]
            named = [detector, classes[shares.argmax()], *(f"{share:.6f}" for share in shares)]
            rows.append([str(one.path), one.turned, number, *where, *named])
    return rows


def sheet(found: Sequence[Looked], classes: Sequence[str]) -> "plots.Picture":
    """Return the figure of photographs with their faces."""
    from fer_utils import plots
    from fer_utils.data._tree import shown

    return plots.photographs(
        [one.image for one in found],
        [one.boxes for one in found],
        [one.probabilities for one in found],
        classes,
        [shown(one.path.name) for one in found],
        [one.maps for one in found] if all(one.maps for one in found) else (),
    )
