"""The table of a film: one row per face and frame, written as the film is read.

While it is written a file NAME.csv.unfinished beside it says of which work it is; the same work
goes on after its last whole frame, to the same rows.
"""

import csv
import errno
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import astuple
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils._arguments import check_path
from fer_utils.detect.boxes import Box
from fer_utils.detect.drawn_film import found
from fer_utils.detect.film import Frame
from fer_utils.detect.track import Face
from fer_utils.errors import FerError
from fer_utils.files import check_writable, in_words, read_json, write, write_json
from fer_utils.locks import hold

HEAD = ("frame", "time", "face", "x", "y", "width", "height", "answer")
TRUTH = ("person", "truth", "strength")


class Table:
    """Writes rows: frame, time, face, box, answer, each class, each class smoothed, and the truth.

    `pandas.read_csv` reads it. The answer is the likeliest class after smoothing. The truth
    (person, expression, strength) is known of drawn films alone, and empty where a box is around
    no person.

    Attributes:
        done: faces of the frames that an interrupted work has left, by frame: time and faces.
    """

    def __init__(self, path: str | Path, classes: Sequence[str], work: dict[str, Any], drawn: bool):
        """Begin a table, or go on with one.

        Args:
            path: NAME.csv.
            classes: names of the net's outputs.
            work: what decides the rows; another work does not go on with them.
            drawn: whether the truth is known.

        Raises:
            FerError: it cannot be written, or is another work's.
        """
        self.path = check_path("csv", path)
        self.classes, self.drawn = tuple(classes), drawn
        self.done: dict[int, tuple[float, list[Face]]] = {}
        self._mark = self.path.with_name(f"{self.path.name}.unfinished")
        check_writable(self.path)
        self._work = work
        self._file: FileIO | None = None
        self._lock = ExitStack()
        lock = self.path.with_name(f".{self.path.name}.lock")
        self._lock.callback(lock.unlink, missing_ok=True)
        self._lock.enter_context(hold(lock))
        if self._mark.is_file() and self.path.is_file():
            if read_json(self._mark) != work:
                self._lock.close()
                raise FerError(
                    f"{self.path} was begun by other work (another film, net or option): repeat "
                    f"that to finish it, or delete {self._mark.name}."
                )
            self._take_up()
            self._open()

    def _open(self) -> FileIO:
        self._file = self.path.open("ab", buffering=0)
        return self._file

    def _begin(self) -> FileIO:
        """Write over what was there: not before there is a frame to write of."""
        write(self.path, _text([self.names]))
        write_json(self._mark, self._work)
        return self._open()

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        smoothed = [f"smoothed_{name}" for name in self.classes]
        return [*HEAD, *self.classes, *smoothed, *(TRUTH if self.drawn else ())]

    def _take_up(self) -> None:
        """Read the rows that are there; the last frame's may be not all, and are dropped."""
        lines = csv.reader(io.StringIO(self.path.read_text(encoding="utf-8"), newline=""))
        whole = [line for line in list(lines)[1:] if len(line) == len(self.names)]
        last = whole[-1][0] if whole else ""
        kept = [line for line in whole if line[0] != last]
        write(self.path, _text([self.names, *kept]))
        count, first = len(self.classes), len(HEAD)
        for row in kept:
            numbers = [float(word) for word in row[first : first + 2 * count]]
            box = Box(*(int(word) for word in row[3:7]))
            now, smoothed = np.array(numbers[:count]), np.array(numbers[count:])
            faces = self.done.setdefault(int(row[0]), (float(row[1]), []))[1]
            faces.append(Face(int(row[2]), box, now, smoothed))

    def add(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Write the rows of a frame, all or none.

        Raises:
            FerError: the disk is full.
        """
        file, rows = self._file or self._begin(), []
        for face in faces:
            answer = self.classes[int(face.smoothed.argmax())]
            row = [frame.number, frame.time, face.id, *astuple(face.box)[:4], answer]
            row += [*face.probabilities.tolist(), *face.smoothed.tolist()]
            if self.drawn:
                shown = found(face.box, frame.shown)
                row += ["", "", ""] if shown is None else [*astuple(shown)[:3]]
            rows.append(row)
        content, before = _text(rows).encode(), file.seek(0, io.SEEK_END)
        try:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            file.truncate(before)
            raise FerError(
                f"{self.path} ends before frame {frame.number} ({in_words(error)}): make room, and "
                "repeat the command to go on."
            ) from error

    def close(self, finished: bool) -> None:
        """Close the file; one that is finished is not gone on with."""
        if self._file is not None:
            self._file.close()
        if finished:
            self._mark.unlink(missing_ok=True)
        self._lock.close()


def _text(rows: Iterable[Sequence]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
