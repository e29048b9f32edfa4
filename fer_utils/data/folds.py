"""Faces dealt into parts of equal size, so that no picture has a copy in another part."""

import numpy as np

from fer_utils._arguments import check_truth, integer, shown
from fer_utils._arguments import seed as check_seed
from fer_utils.data import _duplicates as duplicates
from fer_utils.data import _survey
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError


class TooFewGroups(FerError):
    """Faces cannot be dealt into that many parts."""

    def __init__(self, name: str, groups: int, parts: int) -> None:
        self.given = name, groups, parts
        super().__init__(
            f"{name} has {groups} pictures or people that are no copies of each other, which "
            f"cannot be dealt into {parts} parts."
        )

    def __reduce__(self) -> tuple:
        """Let another process tell it too."""
        return TooFewGroups, self.given


def folds(faces: FaceSet, count: int = 5, seed: int = 0, *, progress: bool = True) -> np.ndarray:
    """Return the part of each face, int64 (N,), 0 to `count` - 1.

    What must not be on two sides stays together: exact copies; and a person's pictures where it is
    known who is shown, else near copies (`fer_utils.data._duplicates`: in a studio a person's
    other expressions look like near copies). The parts are as large as that allows, class by class.

    Args:
        faces: to be dealt.
        count: of parts.
        seed: of the random numbers; the same seed deals in the same way.
        progress: show a bar; comparing FER2013's pictures takes some seconds.

    Raises:
        FerError: fewer groups than parts.
    """
    if not isinstance(faces, FaceSet):
        raise FerError(f"faces are a FaceSet, as data.load(NAME) gives it, not {shown(faces)}.")
    check_truth("progress", progress)
    count = integer("count", count, 2, 1000)
    random = np.random.default_rng(check_seed(seed))
    group = _groups(faces, progress)
    groups = int(group.max(initial=-1)) + 1
    if groups < count:
        raise TooFewGroups(faces.name, groups, count)
    # Each group by the class it shows most; in this order every count-th goes into the same part.
    shows = np.zeros((groups, len(faces.classes)), np.int64)
    np.add.at(shows, (group, faces.labels), 1)
    order = random.permutation(groups)
    order = order[np.argsort(shows.argmax(axis=1)[order], kind="stable")]
    # the large ones first, or what is left over of them could not be evened out
    order = order[np.argsort(-shows.sum(axis=1)[order], kind="stable")]
    part = np.empty(groups, np.int64)
    part[order] = np.arange(groups) % count
    return part[group]


def _groups(faces: FaceSet, progress: bool) -> np.ndarray:
    """Return int64 (N,): 0 to G - 1, equal for faces that have to stay together."""
    seen = _survey.of_faces(faces)
    first = np.arange(len(faces))
    for copies in duplicates.exact(seen.digests):
        first[copies] = copies[0]
    if faces.subjects is not None:
        near = np.unique(faces.subjects, return_inverse=True)[1]
    else:
        near = duplicates.groups(seen.thumbnails, progress=progress)
    # pictures without a near copy because they are flat may still be exact copies
    return _joined(first, near)


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the groups of what either of two groupings puts together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    total, ones = len(first), np.ones(len(first), bool)
    shape = (total, max(first.max(initial=0), second.max(initial=0)) + 1)
    one = coo_array((ones, (np.arange(total), first)), shape).tocsr()
    two = coo_array((ones, (np.arange(total), second)), shape).tocsr()
    links = one @ one.T + two @ two.T
    return connected_components(links, directed=False)[1].astype(np.int64)
