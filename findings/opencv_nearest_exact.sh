#!/usr/bin/env bash
# Label maps (which pixel is brow, eye, mouth) are enlarged or shrunk by taking the nearest pixel.
# OpenCV documents INTER_NEAREST_EXACT as "the same results as the nearest neighbor method in PIL,
# scikit-image or Matlab". There is no such one method: where pixel centres fall on pixel borders,
# Pillow 13.0.0 and scikit-image 0.26.0 take different columns. OpenCV 5.0.0.93 takes Pillow's;
# 4.14.0.94 takes neither's from 48 to 36, 40, 100 and 120. From 48 to 64, 96 or 224 all agree, so a
# test at one size shows nothing.
#
# Guessed before: resize is equal to the bit in OpenCV 4.14 and 5.0; then, that 5.0 gives both
# Pillow's and scikit-image's pixels.
# Seen: 48 -> 36 moves 12 of 36 columns in 4.14 and 5 of 36 in 5.0, counted against exact fractions
# (rounding down), which scikit-image follows; 5.0 follows Pillow instead.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 4.14.0.94 5.0.0.93; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
    "opencv-python-headless==$version" pillow==13.0.0 scikit-image==0.26.0 numpy==2.4.6
  "$folder/$version/bin/python" - <<'PYTHON'
import cv2
import numpy as np
from PIL import Image
from skimage.transform import resize

columns = np.tile(np.arange(48, dtype=np.uint8), (48, 1))  # every pixel says which column it is
counts = {}
for side in (36, 40, 60, 64, 72, 96, 100, 120, 224):
    exact = (2 * np.arange(side) + 1) * 48 // (2 * side)
    cv = cv2.resize(columns, (side, 48), interpolation=cv2.INTER_NEAREST_EXACT)[0]
    pil = np.asarray(Image.fromarray(columns).resize((side, 48), Image.Resampling.NEAREST))[0]
    sk = resize(columns, (48, side), order=0, preserve_range=True, anti_aliasing=False)[0]
    counts[side] = tuple(int((row != exact).sum()) for row in (cv, pil, sk)) + (int((cv != pil).sum()),)
    print(f"48 -> {side}: columns other than exact: OpenCV {cv2.__version__} {counts[side][0]}, "
          f"Pillow {counts[side][1]}, scikit-image {counts[side][2]}; OpenCV beside Pillow {counts[side][3]}")
assert counts[36][:3] == ((12 if cv2.__version__ < "5" else 5), 5, 0), counts
assert all(counts[side] == (0, 0, 0, 0) for side in (64, 96, 224)), counts
if cv2.__version__ < "5":
    assert all(counts[side][0] and counts[side][3] for side in (36, 40, 100, 120)), counts
assert (sum(c[3] for c in counts.values()) == 0) == (cv2.__version__ >= "5"), counts
PYTHON
done
