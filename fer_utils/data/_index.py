"""DatasetIndex: what a data set on disk holds, before a single picture is opened.

Every module of `fer_utils.data.datasets` turns names and label files into a DatasetIndex;
`fer_utils.data._reading` turns it into a FaceSet.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_utils.errors import FerError

#: The parts a data set is divided into, in the order they are used.
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class DatasetIndex:
    """N faces on disk, with all that their names and label files tell; arrays are read-only.

    Attributes:
        root: the folder of the data set; the paths in messages are relative to it.
        files: the picture file of each of the N faces, inside `root`. A video may come several
            times, see `seconds`. With `images`: the files the pictures came from.
        labels: int64 (N,), indices into `classes`.
        classes: the names of the K classes, words of `fer_utils.emotions.FER8`.
        split: str (N,), "train", "valid" or "test": the published split where there is one, else
            "train" for all.
        subjects: str (N,), who is shown, or None where the names do not tell.
        columns: name -> array (N,): whatever else is known (angle, gaze, session, gender, ...).
        paper_split: str (N,), the split of the paper named in the card: "train", "valid", "test",
            or "" for faces it does not use; None where no paper states one. `reading.read` hands
            it on as the FaceSet's column "paper_split".
        left_out: one sentence for everything that was found and cannot be used.
        images: uint8 (N, C, H, W) where the pictures come with the labels (csv files), else None.
        rows: (N,), where each face came from; None for the path of its file inside `root`.
        seconds: float64 (N,), the moment of a video that shows the face; None where the files are
            pictures.
    """

    root: Path
    files: tuple[Path, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    split: np.ndarray
    subjects: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    paper_split: np.ndarray | None = None
    left_out: tuple[str, ...] = ()
    images: np.ndarray | None = None
    rows: np.ndarray | None = None
    seconds: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Make arrays and tuples of what was given, and check that they fit together.

        Raises:
            FerError: naming the field that does not fit.
        """
        per_face = {name: getattr(self, name) for name in _PER_FACE}
        made = {name: np.asarray(v) for name, v in per_face.items() if v is not None}
        for name in _TEXTS & made.keys():
            made[name] = np.asarray(made[name], np.str_)
        values = {
            "root": Path(self.root),
            "files": tuple(f if isinstance(f, Path) else Path(f) for f in self.files),
            "classes": tuple(self.classes),
            "left_out": tuple(self.left_out),
            "labels": _frozen(np.asarray(self.labels, np.int64)),
            "columns": {name: _frozen(np.asarray(v)) for name, v in self.columns.items()},
            **{name: _frozen(array) for name, array in made.items()},
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen
        self._check()

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    def _check(self) -> None:
        if not len(self):
            raise FerError(f"{self.root} holds no labelled pictures. Unpack the data set again.")
        per_face = {name: getattr(self, name) for name in _PER_FACE}
        if self.images is None:
            per_face["files"] = self.files
        for name, value in (per_face | self.columns).items():
            if value is not None and len(value) != len(self):
                raise FerError(f"{self.root}: {len(self)} labels but {len(value)} {name}")
        if not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise FerError(
                f"{self.root}: labels must be 0 to {len(self.classes) - 1}, found "
                f"{self.labels.min()} to {self.labels.max()}"
            )
        for name, allowed in (("split", SPLITS), ("paper_split", (*SPLITS, ""))):
            value = getattr(self, name)
            unknown = set() if value is None else set(np.unique(value).tolist()) - set(allowed)
            if unknown:
                found = sorted(unknown)[0]
                raise FerError(f"{self.root}: {name} is one of {allowed}, found {found!r}")
        if self.images is not None and (self.images.ndim != 4 or self.images.dtype != np.uint8):
            found = f"{self.images.dtype} {self.images.shape}"
            raise FerError(f"{self.root}: images must be uint8 (N, C, H, W), found {found}")


_PER_FACE = ("split", "subjects", "paper_split", "images", "rows", "seconds")
_TEXTS = {"split", "subjects", "paper_split"}


def _frozen(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
