"""JAFFE: ``KA.AN1.39.tiff`` = subject, expression and take, number of the picture.

The split of minaee2019 (10 test pictures of every expression, 23 for validation, the other 120 for
training) is drawn again at random; the paper does not say which pictures it took.
"""

import re
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import Listing
from fer_utils.data.datasets import protocols
from fer_utils.emotions import FER7

SIZE = 256

#: The letters in the names.
EXPRESSIONS = {
    "AN": "angry", "DI": "disgust", "FE": "fear", "HA": "happy", "SA": "sad", "SU": "surprise",
    "NE": "neutral",
}  # fmt: skip

_FORM = "KA.AN1.39.tiff"
_COUNT = 213
_NAME = re.compile(r"([A-Z]{2})\.([A-Z]{2})(\d+)\.(\d+)", re.IGNORECASE)


def scan(root: Path) -> Listing:
    """List JAFFE's pictures, which lie in one folder (or in folders of any names).

    Returns:
        Listing with subjects ("KA") and columns "take" and "number".

    Raises:
        FerError: no such picture is there, two have the same name, or an expression is unknown.
    """
    folder = tree.home(root, _fits, f"pictures like {_FORM}", together=True)
    files, parts, left_out = tree.named(folder, _NAME, _FORM, str.upper)
    subject, code, take, number = parts.T
    labels = tree.labels(files, code, EXPRESSIONS, FER7)
    whole = len(files) == _COUNT
    return Listing(
        root=folder,
        files=tuple(files),
        labels=labels,
        classes=FER7,
        split=np.full(len(files), "train"),
        subjects=subject,
        columns={"take": take.astype(np.int64), "number": number.astype(np.int64)},
        paper_split=protocols.draw(labels, test=10, valid=23, per_class=True) if whole else None,
        left_out=tuple(left_out + tree.missing(len(files), _COUNT, "pictures")),
    )


def _fits(folder: Path) -> bool:
    return tree.holds(folder, _NAME)
