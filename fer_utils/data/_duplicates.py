"""Pictures that come twice: exact copies by a digest, near copies by small thumbnails.

Two pictures are near copies when their thumbnails of 16x16 pixels correlate: the correlation does
not change with brightness and contrast, and little with a crop, a watermark or another JPEG
quality. Of FER2013's Training and PublicTest pictures, eleven pairs were looked at in each range:
all from 0.94 upwards show the same photograph, half of those from 0.92 to 0.94, few below. Faces
taken in a studio differ less: the same person's other expressions, and frames of one film, can
pass 0.95 without being copies.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fer_utils._progress import tqdm

#: Correlation of two thumbnails from which their pictures count as near copies.
NEAR = 0.95

#: Thumbnails have this many pixels on a side.
SIDE = 16

# This many rows of the N x N correlations are in memory at a time: 28 MB for 55,767 pictures.
_BLOCK = 128


def digest(picture: np.ndarray) -> int:
    """Return 64 bits that are equal for two pictures of equal shape and pixels.

    Args:
        picture: uint8 (C, H, W). Three equal channels count as one, so a grey picture stored in
            colour equals its grey copy.
    """
    if len(picture) == 3 and (picture[0] == picture[1]).all() and (picture[0] == picture[2]).all():
        picture = picture[:1]
    content = str(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Return a picture uint8 (C, H, W) as a grey thumbnail uint8 (16, 16), averaging areas."""
    import cv2

    channels_last = np.ascontiguousarray(picture.transpose(1, 2, 0))
    gray = picture[0] if len(picture) == 1 else cv2.cvtColor(channels_last, cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def exact(digests: np.ndarray) -> list[np.ndarray]:
    """Return the groups of two or more equal digests, as positions in rising order."""
    _, group, count = np.unique(digests, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    found = np.split(order, np.cumsum(count)[:-1])
    return sorted((positions for positions in found if len(positions) > 1), key=lambda g: g[0])


@dataclass(frozen=True)
class Twins:
    """The nearest other picture of each of N pictures.

    Attributes:
        nearest: int64 (N,), the position of the picture whose thumbnail correlates most; -1 where
            none reaches the threshold.
        elsewhere: the same among the pictures of other splits.
        pairs: how many of the N (N-1) / 2 pairs reach the threshold.
    """

    nearest: np.ndarray
    elsewhere: np.ndarray
    pairs: int


def twins(
    thumbnails: np.ndarray, split: np.ndarray, *, least: float = NEAR, progress: bool = True
) -> Twins:
    """Find near copies by comparing every picture with every other, a block of rows at a time.

    Args:
        thumbnails: uint8 (N, 16, 16). Those of one value throughout have no near copies.
        split: (N,), which part each picture belongs to.
        least: the correlation from which two pictures are near copies.
        progress: show a progress bar.
    """
    anywhere, elsewhere = _Best(len(thumbnails)), _Best(len(thumbnails))
    pairs = 0
    for first, second, value in _alike(thumbnails, least, progress):
        pairs += len(value)
        anywhere.update(first, second, value)
        apart = split[first] != split[second]
        elsewhere.update(first[apart], second[apart], value[apart])
    return Twins(anywhere.place, elsewhere.place, pairs)


def groups(thumbnails: np.ndarray, *, least: float = NEAR, progress: bool = True) -> np.ndarray:
    """Return int64 (N,): equal numbers for pictures that a chain of near copies connects.

    Args: as of `twins`.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    total, found = len(thumbnails), [np.empty((2, 0), np.int64)]
    found += [np.stack(pair[:2]) for pair in _alike(thumbnails, least, progress)]
    first, second = np.concatenate(found, axis=1)
    links = coo_array((np.ones(len(first), bool), (first, second)), (total, total))
    return connected_components(links, directed=False)[1].astype(np.int64)


def _alike(
    thumbnails: np.ndarray, least: float, progress: bool
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the pairs that correlate at `least` or more: two positions and how much."""
    total, unit = len(thumbnails), _unit(thumbnails)
    with tqdm(total=total, desc="near copies", unit="pic", disable=not progress) as bar:
        for start in range(0, total, _BLOCK):
            rows = unit[start : start + _BLOCK]
            likeness = rows @ unit[start:].T
            first, second = np.nonzero(likeness >= least)
            first, second = first[first < second], second[first < second]
            yield first + start, second + start, likeness[first, second]
            bar.update(len(rows))


class _Best:
    """For each of N pictures, the one most like it among the pairs seen so far."""

    def __init__(self, total: int) -> None:
        self.place = np.full(total, -1)
        self.value = np.zeros(total, np.float32)

    def update(self, first: np.ndarray, second: np.ndarray, value: np.ndarray) -> None:
        """Take in pairs of positions and how much alike they are."""
        for here, there in ((first, second), (second, first)):
            better = np.flatnonzero(value > self.value[here])
            better = better[np.argsort(value[better], kind="stable")]  # the last one written stays
            self.place[here[better]] = there[better]
            self.value[here[better]] = value[better]


def _unit(thumbnails: np.ndarray) -> np.ndarray:
    """Return float32 (N, 256): rows of mean 0 and length 1, whose products are correlations."""
    flat = thumbnails.reshape(-1, SIDE * SIDE).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)
