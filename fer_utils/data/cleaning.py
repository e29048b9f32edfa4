"""Bad pictures of a data set: listed with a reason, never deleted.

mazen2021 deleted "non-face images, text images and profile images" from FER2013 and gives neither a
count nor a rule. Here every reason is a rule that can be read, and whether to leave the pictures
out is for people to decide. How well the rules agree with ten people's votes "not a face" and
"unknown": ``python -m fer_lab.experiments.cleaning``.

Faces are found by the Haar cascades that come with OpenCV (Viola and Jones, 2001), which are easily
misled: they miss faces that are tilted, covered by a hand or cut off, and see some in textures.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fer_utils import _html
from fer_utils._arguments import check_truth, choice, shown
from fer_utils._progress import tqdm
from fer_utils.data import _face_crop, _survey
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError

if TYPE_CHECKING:
    import pandas

# What is looked at: the picture at this side, with a margin that repeats its border, since a
# cascade needs some room around a face and FER2013's fill their pictures. Faces of half the side.
_SIDE, _MARGIN, _SMALLEST = 96, 24, 48
# Cascades one after the other, the quicker one first, and how many overlapping hits make a face.
_FRONTAL = (("frontalface_alt2", 1), ("frontalface_default", 1))
_PROFILE = ("profileface", 3)

# Of text and drawings: grey levels next to the commonest one, and the share of the pixels that has
# them. Chosen on FER2013's Training pictures.
_NEXT, _PAPER = 3, 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Cleaning:
    """The bad pictures of a data set by reason; ``str()`` draws the counts as a table.

    Attributes:
        faces: the data set, as it was.
        found: reason -> int64, positions of the pictures that it applies to, in rising order. A
            picture can have several reasons.
        about: reason -> what was looked for, in words.
    """

    faces: FaceSet
    found: Mapping[str, np.ndarray]
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[int, str, str]]:
        """Position, where it came from (`FaceSet.rows`) and reason of every finding, in order."""
        names = self.faces.rows if self.faces.rows is not None else np.arange(len(self.faces))
        pairs = [(int(at), why) for why, places in self.found.items() for at in places]
        return [(at, str(names[at]), why) for at, why in sorted(pairs, key=lambda pair: pair[0])]

    def counts(self) -> dict[str, int]:
        """Return how many pictures each reason applies to."""
        return {why: len(places) for why, places in self.found.items()}

    def positions(self, *reasons: str) -> np.ndarray:
        """Return the positions of pictures with one of these reasons (none named: any), int64.

        Raises:
            FerError: a reason that was not looked for.
        """
        chosen = [choice("reason", why, self.found) for why in reasons] or list(self.found)
        return np.unique(np.concatenate([self.found[why] for why in chosen]))

    def pictures(self, *reasons: str) -> FaceSet:
        """Return the faces with one of these reasons (none named: any)."""
        return self.faces.take(self.positions(*reasons))

    def without(self, *reasons: str) -> FaceSet:
        """Return the faces that have none of these reasons (none named: any)."""
        return self.faces.take(np.setdiff1d(np.arange(len(self.faces)), self.positions(*reasons)))

    def __repr__(self) -> str:
        """Say in one sentence how many pictures each reason applies to."""
        counts = ", ".join(f"{why} {count:,}" for why, count in self.counts().items())
        return f"Cleaning({self.faces.name}: {len(self.faces):,} pictures; {counts})"

    def table(self) -> "pandas.DataFrame":
        """Return how many pictures each reason applies to, by split (columns) and in all."""
        import pandas  # takes a second, so only who wants a table waits for it

        places = self.faces.split
        splits = [split for split in ("train", "valid", "test") if (places == split).any()]
        reasons = {**self.found, "any of these": self.positions()}
        columns = {
            name: [int((places[at] == name).sum()) for at in reasons.values()] for name in splits
        }
        columns["all"] = [len(at) for at in reasons.values()]
        return pandas.DataFrame(columns, index=list(reasons))

    def _repr_html_(self) -> str:
        return _html.sentence(self) + self.table()._repr_html_()

    def __str__(self) -> str:
        """Return the table and what was looked for, 100 columns wide."""
        table = self.table()
        lines = [f"{self.faces.name}: {len(self.faces):,} pictures; nothing is deleted", ""]
        lines += [f"{'reason':12}" + "".join(f"{name:>8}" for name in table)]
        for why, counts in table.iterrows():
            cells = "".join(f"{count:8,}" for count in counts)
            lines.append(f"{why:12}{cells}  {self.about.get(str(why), '')}".rstrip())
        lines += ["", "mazen2021 deleted non-face, text and profile pictures and gives no counts."]
        return "\n".join(lines)


def clean(
    faces: FaceSet, by: str | Sequence[str] | None = None, *, progress: bool = True
) -> Cleaning:
    """List a data set's bad pictures by reason; nothing is deleted or changed.

    The reasons:

    - "black", "flat": every pixel is 0, or has one other value (as `doctor` finds them);
    - "no face": neither a frontal face nor a profile is found;
    - "text": no face is found, and half of the pixels or more have nearly one grey level (within
      3): paper with writing on it, a sign, a drawing. Pictures that are flat throughout are not
      counted again;
    - "profile": a face seen from the side is found, and none from the front;
    - "not a face", "unknown": more than half of the taggers' votes say so (FERPlus).

    Args:
        faces: the data set; `data.doctor` lists its copies.
        by: the reasons to look for; None for all of them, those from votes where there are votes.
        progress: show a bar; looking for faces takes some minutes for FER2013.

    Raises:
        FerError: no such reason, or no votes for a reason that needs them.
    """
    if not isinstance(faces, FaceSet):
        raise FerError(f"faces are a FaceSet, as data.load(NAME) gives it, not {shown(faces)}.")
    check_truth("progress", progress)
    known = {**ABOUT, **VOTES}
    asked = [by] if isinstance(by, str) else by
    if asked is None:
        asked = [*ABOUT, *(VOTES if faces.votes is not None else ())]
    elif not isinstance(asked, tuple | list) or not asked:
        raise FerError(f"by={shown(by)}: name reasons, of {', '.join(known)}.")
    reasons = [choice("by", why, known) for why in asked]
    marks: dict[str, np.ndarray] = {}
    if {"black", "flat", "text"} & set(reasons):
        flat = _survey.of_faces(faces).flat
        black = flat & np.array([not picture.any() for picture in faces.images], bool)
        marks |= {"black": black, "flat": flat & ~black}
    if {"no face", "text", "profile"} & set(reasons):
        views = _views(faces.images, progress)
        marks |= {"no face": views == "", "profile": views == "profile"}
    if "text" in reasons:
        paper = np.array([_is_paper(_face_crop.gray(picture)) for picture in faces.images], bool)
        marks["text"] = marks["no face"] & paper & ~marks["black"] & ~marks["flat"]
    for why in set(reasons) & set(VOTES):
        marks[why] = _voted(faces, VOTES[why])
    found = {why: np.flatnonzero(marks[why]) for why in dict.fromkeys(reasons)}
    return Cleaning(faces, found, {why: known_words(why) for why in found})


#: Reasons that a picture alone gives, and what each looks for.
ABOUT = {
    "black": "every pixel is 0",
    "flat": "one other value in every pixel",
    "no face": "no frontal face, no profile is found",
    "text": "no face, and half of the pixels are of one grey",
    "profile": "a face from the side, none from the front",
}
#: Reasons that people gave -> their answer in FERPlus.
VOTES = {"not a face": "NF", "unknown": "unknown"}


def known_words(reason: str) -> str:
    """Return in words what a reason looks for."""
    return ABOUT.get(reason, "so say more than half of the votes")


def _views(images: np.ndarray, progress: bool) -> np.ndarray:
    """Return how each picture of (N, C, H, W) shows a face, as `_view` does: str (N,)."""
    import cv2

    _face_crop.detector()  # before thousands of pictures wait for one that is not there
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # of pictures so small several are quicker side by side
    pool = ThreadPoolExecutor(min(16, os.cpu_count() or 1))
    try:
        found = pool.map(lambda picture: _view(_face_crop.gray(picture)), images)
        bar = tqdm(found, total=len(images), desc="faces", unit="pic", disable=not progress)
        return np.array(list(bar), "<U7")
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all the pictures
        cv2.setNumThreads(before)


def _view(gray: np.ndarray) -> str:
    """Return "frontal", "profile" or "" for a picture uint8 (H, W)."""
    import cv2

    longer = max(gray.shape)
    height, width = (max(1, round(side * _SIDE / longer)) for side in gray.shape)
    way = cv2.INTER_AREA if longer > _SIDE else cv2.INTER_LINEAR
    seen = cv2.resize(gray, (width, height), interpolation=way)
    margins = (_MARGIN,) * 4
    seen = cv2.equalizeHist(cv2.copyMakeBorder(seen, *margins, cv2.BORDER_REPLICATE))
    if any(_finds(seen, *cascade) for cascade in _FRONTAL):
        return "frontal"
    # the cascade knows faces that look to one side
    mirrored = np.ascontiguousarray(seen[:, ::-1])
    return "profile" if any(_finds(view, *_PROFILE) for view in (seen, mirrored)) else ""


def _finds(gray: np.ndarray, cascade: str, hits: int) -> bool:
    least = (_SMALLEST, _SMALLEST)
    found = _face_crop.detector(cascade).detectMultiScale(gray, 1.1, hits, minSize=least)
    return len(found) > 0


def _is_paper(gray: np.ndarray) -> bool:
    """Whether most of a picture uint8 (H, W) has the commonest grey level, or one next to it."""
    levels = np.bincount(gray.ravel(), minlength=256)
    common = int(levels.argmax())
    near = levels[max(0, common - _NEXT) : common + _NEXT + 1]
    return bool(near.sum() >= _PAPER * gray.size)


def _voted(faces: FaceSet, answer: str) -> np.ndarray:
    """Return where more than half of the votes gave an answer, bool (N,)."""
    if faces.votes is None or answer not in faces.vote_names:
        raise FerError(f"{faces.name} has no votes that say {answer!r}: leave that reason out.")
    votes = faces.votes.astype(np.int64)
    return votes[:, faces.vote_names.index(answer)] > votes.sum(axis=1) / 2
