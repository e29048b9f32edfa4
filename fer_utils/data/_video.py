"""Single frames of a video."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from fer_utils.errors import FerError


def frames(file: Path, seconds: Sequence[float]) -> Iterator[Callable[[], np.ndarray]]:
    """Yield for each moment a function that returns the frame shown then: uint8 (3, H, W), RGB.

    Call each before asking for the next. The video is decoded from its beginning, for jumps in
    compressed videos are not exact; so moments in rising order are read in one go.

    Raises:
        FerError: (the function) the file is no video, or ends before the moment.
    """
    video = _Video(file)
    try:
        for moment in seconds:
            yield lambda moment=moment: video.frame(float(moment))
    finally:
        video.close()


class _Video:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.open()

    def open(self) -> None:
        self.capture = cv2.VideoCapture(str(self.file))
        self.number = -1  # of the frame that was grabbed last

    def close(self) -> None:
        self.capture.release()

    def frame(self, moment: float) -> np.ndarray:
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
