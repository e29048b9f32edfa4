#!/usr/bin/env bash
# MNN 3.6.1 (the phone runtime's Python wheel): MNN.cv.resize takes OpenCV's constants INTER_AREA,
# INTER_CUBIC and INTER_LANCZOS4, its module even lists them, and answers with the nearest neighbour
# for all three, without a word. A face shrunk from 192 x 192 to 48 x 48 with INTER_AREA, which OpenCV
# averages over 4 x 4 pixels, is every fourth pixel of every fourth row here (the third of each four),
# bit for bit; fifteen of sixteen pixels are thrown away and noise stays four times as strong.
# INTER_LINEAR agrees with OpenCV to one grey level, Sobel and Laplacian of the same module to the bit.
#
# Guessed before: all interpolations within one grey level of OpenCV, as INTER_LINEAR is, or an error.
# Seen: AREA, CUBIC, LANCZOS4 == NEAREST, also when enlarging; the astronaut's face differs from
# OpenCV's INTER_AREA by 6.4 grey levels on average and 95 at most; white noise of standard deviation 74
# keeps 75 (OpenCV: 19).
# Whom it hurts: who moves a network to a phone with MNN and ports the preparation line by line: the
# network was trained on averaged faces and is asked about aliased ones.
# Found in no issue of alibaba/MNN that we could search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  MNN==3.6.1 numpy==2.4.6 opencv-python-headless==4.14.0.94 scikit-image==0.26.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import cv2
import numpy as np
from skimage.data import astronaut
import MNN.cv as mnn


def shrink(picture, side, way):
    """The same file, read and resized by MNN and by OpenCV."""
    cv2.imwrite("face.png", picture)
    ours = mnn.imread("face.png", mnn.IMREAD_GRAYSCALE)
    assert np.array_equal(np.squeeze(np.array(ours.read())), picture)
    resized = mnn.resize(ours, (side, side), interpolation=getattr(mnn, "INTER_" + way))
    peer = cv2.resize(picture, (side, side), interpolation=getattr(cv2, "INTER_" + way))
    return np.squeeze(np.array(resized.read())), peer


face = np.ascontiguousarray(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)[10:202, 125:317])
noise = np.random.default_rng(0).integers(0, 256, (192, 192), dtype=np.uint8)
for name, picture in (("face", face), ("noise", noise)):
    for side in (48, 96, 384):
        nearest, _ = shrink(picture, side, "NEAREST")
        for way in ("LINEAR", "AREA", "CUBIC", "LANCZOS4"):
            mine, peer = shrink(picture, side, way)
            off = np.abs(mine.astype(float) - peer)
            print(f"{name} 192 -> {side}, {way}: mean difference {off.mean():.2f}, largest {off.max():.0f}; "
                  f"equal to NEAREST {(mine == nearest).mean():.0%}; std {mine.std():.0f}, OpenCV {peer.std():.0f}")
            if way == "LINEAR":
                assert off.max() <= 1, off.max()
            else:
                assert np.array_equal(mine, nearest), (name, side, way)
        if side == 48:
            assert np.array_equal(nearest, picture[2::4, 2::4])
PYTHON
