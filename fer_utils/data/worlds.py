"""Drawn photographs of a laboratory and of the wild as a FaceSet, cut as data sets are.

`faces3d.worlds` draws them and says what differs between the worlds. A detector cuts the faces out,
as `load` does with data sets of photographs. These are drawings: scores on them are not claims
about people.
"""

from typing import TYPE_CHECKING

import numpy as np

from fer_utils._arguments import choice, integer
from fer_utils._arguments import seed as check_seed
from fer_utils.data import _face_crop
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER7, FERPLUS_VOTES
from fer_utils.errors import FerError

if TYPE_CHECKING:
    from faces3d.worlds import World

# Side of the smallest face looked for, in the cascade's pixels: those here are twice as large.
SMALLEST = 84


def draw(
    world: "World",
    people: range,
    *,
    each: int = 7,
    seed: int = 0,
    split: str = "test",
    crop: str | None = "haar",
    size: int = 48,
) -> FaceSet:
    """Draw photographs of people in a world.

    Args:
        world: `faces3d.worlds.LABORATORY`, `WILD`, or one between.
        people: their numbers; each is the same person in every world. facs3d has those below 552.
        each: photographs of each person; the expressions come in turn.
        seed: another one takes other photographs.
        split: of all these faces.
        crop: "haar" cuts out the largest face that OpenCV's cascade finds, and the whole
            photograph where it finds none; "oval" also blackens what lies outside an oval in the
            square; None leaves the photograph.
        size: side of the pictures in pixels.

    Returns:
        FaceSet with votes, subjects and part labels. Its column "found" says where the cascade
        found a face.

    Raises:
        FerError: arguments out of range.
    """
    from faces3d import PARTS, worlds

    if not isinstance(world, worlds.World) or not isinstance(people, range) or not len(people):
        raise FerError("give a World of faces3d.worlds, and people as a range that is not empty.")
    if min(people) < 0:
        raise FerError(f"people={people}: numbers of people begin at 0.")
    if crop is not None:
        choice("crop", crop, ("haar", "oval"))
    size = integer("size", size, 16, 256)
    count = integer("each", each, 1, 1000)
    taken = list(worlds.photographs(world, people, count, check_seed(seed)))
    cuts = [_cut(one.picture, one.parts, crop, size) for one in taken]
    return FaceSet(
        name="drawn photographs",
        images=np.stack([picture for picture, _, _ in cuts])[:, None],
        labels=np.array([one.label for one in taken]),
        classes=FER7,
        split=np.full(len(taken), split),
        votes=np.stack([one.votes for one in taken]),
        vote_names=FERPLUS_VOTES,
        subjects=np.array([one.person for one in taken]),
        rows=np.arange(len(taken)),
        regions=np.stack([parts for _, parts, _ in cuts]),
        region_names=PARTS,
        truth=np.ones(len(taken), bool),
        columns={"found": np.array([found for _, _, found in cuts])},
    )


def _cut(
    picture: np.ndarray, parts: np.ndarray, crop: str | None, size: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return a photograph's square and its part labels, and whether a face was found."""
    import cv2

    box = None if crop is None else _face_crop.largest_face(picture, SMALLEST)
    left, top, side = box or _face_crop.middle(*picture.shape)
    square = _face_crop.cut(picture, (left, top, side), size)
    parts = parts[top : top + side, left : left + side]
    parts = cv2.resize(parts, (size, size), interpolation=cv2.INTER_NEAREST)
    if crop == "oval":
        square = square * _face_crop.oval(size)
    return square, parts, box is not None
