"""Films: read frame by frame from a file, a camera or the kit's own drawing, and written.

What is written has even sides, as its codecs want; of an odd picture the last row or column is
there twice.

A film that OpenCV writes as .mp4 is two or three grey levels darker than its frames (see
findings/opencv_film_darkens.sh): good to look at, not to compute with. .avi and .mkv are written in
FFV1, which keeps every bit and is ten times as large.
"""

import itertools
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils._arguments import check_path, integer
from fer_utils.detect.boxes import Box
from fer_utils.errors import FerError
from fer_utils.files import check_writable

#: What is written, by the ending of a film's name: its codec.
CODECS = {".mp4": "mp4v", ".avi": "FFV1", ".mkv": "FFV1"}
ROOM = 8_000_000  # bytes that a disk keeps free, for a film's index and the table beside it
LOOKED = 25  # frames between two looks at how much is free


@dataclass(frozen=True)
class Shown:
    """What is to be seen of a drawn person in a frame: the truth about it.

    Attributes:
        person: number of the person, from 0.
        expression: "neutral" below half of its full strength.
        strength: 0 to 1.
        box: around the face, without hair, ears and neck.
    """

    person: int
    expression: str
    strength: float
    box: Box


@dataclass(frozen=True)
class Frame:
    """A frame of a film.

    Attributes:
        number: from 0.
        time: seconds since the first.
        picture: uint8 RGB (H, W, 3).
        shown: of a drawn film, who is to be seen.
    """

    number: int
    time: float
    picture: np.ndarray = field(repr=False)
    shown: tuple[Shown, ...] = ()


class Film:
    """A film file, or a camera, read by OpenCV.

    Attributes:
        name: of the file, or "camera 0".
        size: width and height in pixels.
        rate: frames per second.
        count: frames, as the file says; None of a camera.
        live: whether frames come by themselves and go by unread.
    """

    def __init__(self, source: str | Path | int):
        """Open it.

        Raises:
            FerError: no such file or camera, no film, or one that is cut off.
        """
        import cv2

        self.live = isinstance(source, int)
        self.name = f"camera {source}" if self.live else str(check_path("source", source))
        if not self.live and not Path(self.name).is_file():
            kind = "a folder" if Path(self.name).is_dir() else "not there"
            raise FerError(f"{self.name} is {kind}: give a film, a camera's number, or drawn.")
        with _quiet():
            self._capture = cv2.VideoCapture(source if self.live else self.name)
        if not self._capture.isOpened():
            if self.live:
                raise FerError(
                    f"there is no {self.name} here, or another program holds it: take a film, or "
                    "drawn for one that the kit draws."
                )
            raise FerError(
                f"{self.name} cannot be read as a film (an .mp4 that was cut off has lost the "
                "index at its end)."
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # of a camera: no frame waits for its turn
        said = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        width, height = (int(self._capture.get(one)) for one in said)
        self.size = width, height
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= 1000 else 25.0
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count = None if self.live else max(count, 0)

    def __iter__(self) -> Iterator[Frame]:
        """Read on to the end; a camera has none.

        Raises:
            FerError: no frame at all can be read.
        """
        import cv2

        number, begin = 0, time.monotonic()
        step = 1 / self.rate
        seconds = -step
        while True:
            there, picture = self._capture.read()
            if not there:
                break
            if self.live:
                seconds = time.monotonic() - begin
            else:  # a phone's frames are not evenly spaced; where a film tells no times, they are
                said = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, 6)
                seconds = said if said > seconds else seconds + step
            yield Frame(number, seconds, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            number += 1
        if not number:
            raise FerError(f"{self.name} has no frame that can be read.")

    def close(self) -> None:
        """Let go of the file or camera."""
        self._capture.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from writing on the screen what it finds wrong with a film or camera."""
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging = cv2.utils.logging
    before = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)


class Writer:
    """Writes a film; whatever happens, what was written can be played.

    It is written under a name of its own beside `path`, and gets its name when it is closed; a film
    that breaks off takes no other's place.

    Attributes:
        path: of the film.
        size: its width and height: even, so up to one larger than those of its frames.
        frames: how many have been written.
    """

    def __init__(self, path: str | Path, size: tuple[int, int], rate: float):
        """Begin a film of frames of a size (width, height), so many per second.

        Where a side is odd, the last row or column of every frame is written twice: OpenCV would
        leave it out in silence.

        Raises:
            FerError: no place to write, or an ending that OpenCV cannot write.
        """
        import cv2

        self.path = check_film(path)
        self._part = self.path.with_name(f".{self.path.stem}.{os.getpid()}{self.path.suffix}")
        self.size = size[0] + size[0] % 2, size[1] + size[1] % 2
        self.frames = 0
        codec = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
        with _quiet():
            self._writer = cv2.VideoWriter(str(self._part), codec, rate, self.size)
        if not self._writer.isOpened():
            self._part.unlink(missing_ok=True)
            raise FerError(
                f"OpenCV cannot write {self.path} here, {size[0]} x {size[1]} at {rate:g} a second."
            )

    def write(self, picture: np.ndarray) -> None:
        """Add a frame, uint8 RGB (H, W, 3).

        Raises:
            FerError: the disk is nearly full; OpenCV itself would lose frames in silence.
        """
        if self.frames % LOOKED == 0 and shutil.disk_usage(self.path.parent).free < ROOM:
            raise FerError(
                f"the disk of {self.path} is full: the film ends after {self.frames} frames; make "
                "room, or choose another place."
            )
        height, width = picture.shape[:2]
        if (width, height) != self.size:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        self._writer.write(picture[..., ::-1])
        self.frames += 1

    def close(self, whole: bool = True) -> Path | None:
        """Finish the film and give it its name.

        Args:
            whole: whether all its frames were written; else a film that is there already under its
                name stays, and this one becomes NAME.part1.mp4, or the next free number.

        Returns:
            where it lies; None for one without a frame, which is not kept.
        """
        self._writer.release()
        if not self.frames:
            self._part.unlink(missing_ok=True)
            return None
        place = self.path
        if not whole and place.exists():
            stem, ending = place.stem, place.suffix
            names = (place.with_name(f"{stem}.part{n}{ending}") for n in itertools.count(1))
            place = next(name for name in names if not name.exists())
        os.replace(self._part, place)
        return place


def check_film(path: str | Path) -> Path:
    """Return the path of a film to write; raise a FerError where it cannot be."""
    path = check_path("path", path)
    if path.suffix.lower() not in CODECS:
        raise FerError(
            f"{path.name} has no ending that a film is written with here: {', '.join(CODECS)}."
        )
    check_writable(path)
    return path


def opened(source: str | Path | int | None) -> Any:
    """Return a film to iterate over: a `Film`, or a `faces3d`-drawn one.

    Args:
        source: a camera's number (0), a file, "drawn", or None: camera 0, or "drawn" without one.
    """
    from fer_utils.detect.drawn_film import DrawnFilm

    if source is None:
        try:
            return Film(0)
        except FerError:
            return DrawnFilm()
    if source == "drawn":
        return DrawnFilm()
    if isinstance(source, str) and source.isdecimal():
        source = integer("source", int(source), 0, 99)
    return Film(source)
