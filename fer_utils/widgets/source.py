"""What Python itself takes pictures from, where the browser gives no camera."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from fer_utils._arguments import shown
from fer_utils.detect import film
from fer_utils.detect.drawn_film import DrawnFilm
from fer_utils.errors import FerError

UNSEEN = 5.0  # seconds without a question after which the camera or film is let go of
DRAWN = (480, 360)  # pixels, as many as are drawn in a moment
STEP = 0.2  # seconds by which a film goes on at most, however long the answer before took


class Source:
    """A camera, a film or the kit's own drawing, of which each moment's picture can be had.

    It is opened when it is first asked, and closed when nobody has asked for `UNSEEN` seconds: the
    page may be gone.

    Attributes:
        name: what it is called on a button.
    """

    def __init__(self, source: str | Path | int):
        """Remember it.

        Raises:
            FerError: it is neither a number nor a name.
        """
        if isinstance(source, bool) or not isinstance(source, int | str | Path) or source == "":
            raise FerError(f"source={shown(source)}: give a camera's number, a film, or drawn.")
        self.source = source
        number = str(source)
        self.name = f"camera {number}" if number.isdecimal() else Path(number).name
        self._film: Any = None
        self._frames: Iterator[film.Frame] = iter(())
        self._time = self._asked = 0.0
        self._guard: asyncio.TimerHandle | None = None

    def __call__(self) -> np.ndarray:
        """Return what is to be seen now, uint8 RGB (H, W, 3); a film begins again at its end.

        Raises:
            FerError: it cannot be opened, or gives no picture.
        """
        try:
            return self._now()
        finally:
            self._watch()  # at the end: to open it may take longer than nobody may ask

    def _now(self) -> np.ndarray:
        if self._film is None:
            self._open()
        now = monotonic()
        self._time += min(now - self._asked, STEP)
        self._asked = now
        if isinstance(self._film, DrawnFilm):
            return self._film.frame(int(self._time * self._film.rate) % self._film.count).picture
        for frame in self._frames:
            if self._film.live or frame.time >= self._time:
                return frame.picture
        self._open()
        return next(self._frames).picture

    def close(self) -> None:
        """Let go of it, until it is asked again."""
        if self._film is not None:
            self._film.close()
        self._film = None

    def _open(self) -> None:
        self.close()
        self._film = DrawnFilm(size=DRAWN) if self.source == "drawn" else film.opened(self.source)
        if isinstance(self._film, DrawnFilm):
            self._film.warm_up()
        self._frames, self._time, self._asked = iter(self._film), 0.0, monotonic()

    def _watch(self) -> None:
        with suppress(RuntimeError):  # no loop: not in a kernel
            loop = asyncio.get_running_loop()
            if self._guard is not None:
                self._guard.cancel()
            self._guard = loop.call_later(UNSEEN, self.close)
