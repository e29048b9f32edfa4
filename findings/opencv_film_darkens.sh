#!/usr/bin/env bash
# OpenCV 4.14.0.94 (5.0.0.93 the same): a film written by cv2.VideoWriter and read back by
# cv2.VideoCapture is darker than its frames, and not by compression: "I420", which compresses nothing,
# turns grey 255 into 250, 135 into 130 and 15 into 10. The scaler inside truncates on the way to YUV
# and again on the way back; cv2.cvtColor does the same conversion (BGR2YUV_I420 and back) with a mean
# error of 0.004. It adds up: every film that is read, drawn on and written again loses two to three
# grey levels more, 22 after ten times. FFV1 keeps every bit, MJPG loses half as much.
#
# Guessed before: mp4v and MJPG err by 2 to 4 levels up and down, the mean brightness stays; I420 is
# exact for grey.
# Seen: mean of a photograph -2.7 after one film, -5.3 after two, -22.3 after ten ("I420" and "mp4v"),
# x86_64. PyAV 18 decodes the same file to the same pixels and shows the same shift.
# Whom it hurts: who compares a network's answers on a film with those on the frames it was made of, or
# keeps annotated films to analyse later. For numbers: FFV1 in .avi or .mkv.
# Found in no issue of opencv or PyAV that we could search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  opencv-python-headless==4.14.0.94 numpy==2.4.6 scikit-image==0.26.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import cv2
import numpy as np
from skimage.data import astronaut


def film(frame, codec, path):
    """Write three frames, read them, return the middle one."""
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*codec), 25, frame.shape[1::-1])
    assert writer.isOpened()
    for _ in range(3):
        writer.write(frame)
    writer.release()
    reader = cv2.VideoCapture(path)
    reader.read()
    return reader.read()[1]


photograph = cv2.cvtColor(cv2.cvtColor(astronaut()[:240, 100:420], cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2BGR)
by_cvtcolor = cv2.cvtColor(cv2.cvtColor(photograph, cv2.COLOR_BGR2YUV_I420), cv2.COLOR_YUV2BGR_I420)
alone = by_cvtcolor.mean() - photograph.mean()
print(f"cv2.cvtColor to I420 and back: mean {alone:+.3f}")
assert abs(alone) < 0.1
levels = np.arange(0, 256, 15)
back = [int(film(np.full((48, 48, 3), v, np.uint8), "I420", "grey.avi")[20, 20, 0]) for v in levels]
print("I420, grey levels", *levels, "come back as", *back)
assert all(-5 <= b - v <= -3 for v, b in zip(levels[1:], back[1:])), back
for codec, path, least, most in (
    ("I420", "f.avi", -24, -20), ("mp4v", "f.mp4", -24, -20), ("MJPG", "f.avi", -15, -9), ("FFV1", "f.avi", 0, 0),
):
    frame, shifts = photograph, []
    for _ in range(10):
        frame = film(frame, codec, path)
        shifts.append(frame.mean() - photograph.mean())
    print(codec, "mean after 1 to 10 films:", *(f"{shift:+.1f}" for shift in shifts))
    assert least <= shifts[-1] <= most, shifts
    assert codec == "FFV1" or shifts[0] < -1
PYTHON
