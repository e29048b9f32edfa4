"""Picture files and single frames of videos, decoded in several threads, brought into one form."""

import functools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fer_utils._progress import tqdm
from fer_utils.data import _face_crop
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

CROPS = (None, "haar", "oval")
NO_FACE = ("keep", "drop")

# Pictures per task of a thread: few, so that Ctrl-C is quick and little waits in memory.
_CHUNK = 16
_MOST_THREADS = 16

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

# Place among the files, the picture or None, was a face found, what is wrong.
_Outcome = tuple[int, np.ndarray | None, bool, str]


@dataclass(frozen=True)
class Form:
    """What every picture is made into.

    Attributes:
        side: height and width in pixels.
        color: RGB instead of grey.
        crop: None for the middle of the picture, "haar" for the largest face in it, "oval" for
            that face with everything black that lies outside an oval in its square.
        no_face: "keep" takes the middle where no face is found, "drop" leaves the picture out.
        exact: refuse pictures that are not `side` x `side` instead of resizing them.
    """

    side: int
    color: bool = False
    crop: str | None = None
    no_face: str = "keep"
    exact: bool = False

    def __post_init__(self) -> None:
        """Check the words and the number.

        Raises:
            FerError: one of them is not possible.
        """
        if not isinstance(self.side, int | np.integer) or not 1 <= self.side <= 4096:
            raise FerError(f"size is a number of pixels from 1 to 4096, not {self.side!r}")
        one_of("crop", self.crop, CROPS)
        one_of("no_face", self.no_face, NO_FACE)
        if self.crop:
            _face_crop.detector()  # before thousands of pictures are opened

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return 3 if self.color else 1, self.side, self.side

    def of(self, picture: np.ndarray) -> tuple[np.ndarray | None, bool]:
        """Return a picture uint8 (1 or 3, H, W) in this form, and whether a face was found in it.

        Without `crop` no face is looked for. Where the picture is to be left out, it is None.
        """
        height, width = picture.shape[1:]
        if self.exact and (height, width) != (self.side, self.side):
            raise FerError(f"the picture is {width}x{height}, expected {self.side}x{self.side}")
        face = _face_crop.largest_face(_face_crop.gray(picture)) if self.crop else None
        if face is None and self.crop and self.no_face == "drop":
            return None, False
        box = face or _face_crop.middle(height, width)
        if not self.color:
            square = _face_crop.cut(_face_crop.gray(picture), box, self.side)[None]
        else:
            square = _face_crop.cut(picture.transpose(1, 2, 0), box, self.side)
            square = square.reshape(self.side, self.side, len(picture)).transpose(2, 0, 1)
        if self.crop == "oval":
            square = square * _face_crop.oval(self.side)
        return np.broadcast_to(square, self.shape), face is not None


class Reader:
    """Decodes files in several threads, in their order, and remembers what came of each.

    Attributes:
        kept: the places among the files of the pictures that can be used.
        found: for each of these, whether a face was found in it.
        left_out: a sentence for each of the others.
    """

    def __init__(
        self,
        files: Sequence[Path],
        names: Sequence[str],
        form: Form,
        seconds: np.ndarray | None,
        on_error: str,
    ) -> None:
        self.files, self.names, self.form = files, names, form
        self.seconds, self.on_error = seconds, on_error
        self.kept: list[int] = []
        self.found: list[bool] = []
        self.left_out: list[str] = []

    def chunks(self, root: Path, name: str, progress: bool) -> Iterator[np.ndarray]:
        """Yield the pictures uint8 (n, C, side, side), a few at a time.

        Raises:
            FerError: a file cannot be read and `on_error` is "raise", or no picture is left.
        """
        jobs = _neighbours(self.files, _CHUNK) if self.seconds is None else _runs(self.files)
        bar = tqdm(total=len(self.files), desc=name, unit="pic", disable=not progress)
        with bar, closing(_in_threads(self._decode, jobs)) as outcomes:
            for outcome in outcomes:
                yield self._sort(outcome)
                bar.update(len(outcome))
        if not self.kept:
            first = f" The first: {self.left_out[0]}." if self.left_out else ""
            raise FerError(
                f"{root} holds no picture that can be used. Unpack the data set again.{first}"
            )

    def _decode(self, places: range) -> list[_Outcome]:
        """Return what came of every place."""
        outcome = []
        for place, picture in self._open(places):
            image, found, problem = None, False, ""
            try:
                image, found = self.form.of(picture())
            except Exception as error:  # FerError, or anything: Pillow's ways to say "damaged"
                problem = _problem(self.files[place], error)
            outcome.append((place, image, found, problem))
        return outcome

    def _open(self, places: range) -> Iterator[tuple[int, Callable[[], np.ndarray]]]:
        if self.seconds is None:
            from fer_utils.pictures import read_picture

            for place in places:
                yield place, functools.partial(read_picture, self.files[place])
        else:
            moments = self.seconds[places.start : places.stop]
            yield from zip(places, frames(self.files[places.start], moments), strict=True)

    def _sort(self, outcome: Iterable[_Outcome]) -> np.ndarray:
        images = [np.empty((0, *self.form.shape), np.uint8)]
        for place, image, found, problem in outcome:
            if problem and self.on_error == "raise":
                raise FerError(
                    f"{self.files[place]}: {problem}. Unpack the data set again, or read the other "
                    'pictures with on_error="report".'
                )
            if image is None:
                self.left_out.append(f"{self.names[place]}: {problem or 'no face was found in it'}")
            else:
                images.append(image[None])
                self.kept.append(place)
                self.found.append(found)
        return np.concatenate(images)


def _neighbours(files: Sequence[Path], step: int) -> Iterator[range]:
    for start in range(0, len(files), step):
        yield range(start, min(start + step, len(files)))


def _runs(files: Sequence[Path]) -> Iterator[range]:
    """Yield the places of one video after the other, not too many at a time."""
    start = 0
    for place in range(1, len(files) + 1):
        if place == len(files) or files[place] != files[start] or place - start == 8 * _CHUNK:
            yield range(start, place)
            start = place


def _in_threads(
    work: Callable[[_Job], _Result], jobs: Iterable[_Job]
) -> Generator[_Result, None, None]:
    """Yield work(job) for every job, in their order; few results wait in memory.

    Pillow and OpenCV let other threads run while they decode and resize.
    """
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[_Result]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # an error or Ctrl-C: what has not begun is not begun
        pool.shutdown(cancel_futures=True)


def _problem(file: Path, error: Exception) -> str:
    """Say what is wrong with a file, without its path."""
    from PIL import UnidentifiedImageError

    if file.is_symlink() and not file.exists():
        return "a symbolic link that leads in a circle or to nothing, expected a picture"
    if not file.is_file():
        return "no such file, expected a picture"
    if not file.stat().st_size:
        return "the file is empty (0 bytes), expected a picture"
    if not isinstance(error, FerError):
        return "not a readable picture (damaged)"
    if error.__cause__ is None:
        return str(error).replace(str(file), "the picture").rstrip(".")
    if isinstance(error.__cause__, UnidentifiedImageError):
        return "not a readable picture"
    return f"not a readable picture ({error.__cause__})"


def one_of(what: str, word: object, known: Sequence[object]) -> None:
    """Raise a FerError unless an option is one of the known words."""
    if word not in known:
        raise FerError(f"{what}={word!r} is not possible.{nearest(word, known)}")


def frames(file: Path, seconds: np.ndarray) -> Iterator[Callable[[], np.ndarray]]:
    """Yield for each moment a function that returns the frame shown then: uint8 (3, H, W), RGB.

    Call each before asking for the next. The video is decoded from its beginning, for jumps in
    compressed videos are not exact; so moments in rising order are read in one go.

    Raises:
        FerError: (the function) the file is no video, or ends before the moment.
    """
    video = _Video(file)
    try:
        for moment in seconds:
            yield functools.partial(video.frame, float(moment))
    finally:
        video.close()


class _Video:
    """A video file that is read forwards, and opened again where an earlier frame is wanted."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.open()

    def open(self) -> None:
        import cv2

        self.capture = cv2.VideoCapture(str(self.file))
        self.number = -1  # of the frame that was grabbed last

    def close(self) -> None:
        self.capture.release()

    def frame(self, moment: float) -> np.ndarray:
        import cv2

        rate = self.capture.get(cv2.CAP_PROP_FPS)
        if not self.capture.isOpened() or not rate > 0:
            raise FerError("not a readable video")
        wanted = max(0, round(moment * rate))
        if wanted < self.number:
            self.close()
            self.open()
        while self.number < wanted:
            if not self.capture.grab():
                last = (self.number + 1) / rate
                raise FerError(f"the video ends after {last:.2f} s, before {moment:.2f} s")
            self.number += 1
        found, picture = self.capture.retrieve()
        if not found:
            raise FerError(f"the frame at {moment:.2f} s cannot be decoded")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)
