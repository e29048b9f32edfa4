#!/usr/bin/env bash
# CLAHE, the usual equalisation before expression recognition, on 48 x 48 faces: its clip limit does
# nothing. OpenCV (opencv-python-headless 4.14.0.94) with the usual 8 x 8 tiles returns the same
# picture, to the last bit, for every clipLimit from 0.5 to 14, and scikit-image 0.26.0 with its default
# tiles for every clip_limit from 0.005 to 0.05. A tile has only 36 pixels, and the limit is rounded
# down to whole pixels of one histogram bin: always one. So a search over clip limits, or albumentations'
# random clip limit of 1 to 4, compares a picture with itself; at 224 x 224 the same limits do differ.
# And a face without contrast becomes white in scikit-image (grey 100 gives 1.0), 113 in OpenCV.
#
# Guessed before: limits of 2, 4 and 8 give three pictures in OpenCV, .01 and .03 two in scikit-image,
# and a flat picture stays as it is.
# Seen: one picture; the next begins at 14.3 (4 x 4 tiles: at 4); flat becomes white.
# Whom it hurts: who tunes or augments by CLAHE on small faces, or copies a limit found on large ones.
# Neither documentation says that a limit is counted in whole pixels of a tile.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  opencv-python-headless==4.14.0.94 scikit-image==0.26.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np
from skimage import data
from skimage.exposure import equalize_adapthist

large = np.ascontiguousarray(data.astronaut()[0:224, 110:334].mean(2).astype(np.uint8))
small = cv2.resize(large, (48, 48), interpolation=cv2.INTER_AREA)


def pictures(function, limits):
    """How many different pictures the limits give, and the first limit of each."""
    firsts = {}
    for limit in limits:
        firsts.setdefault(function(limit).tobytes(), limit)
    return len(firsts), list(firsts.values())


limits = [0.5, 1, 2, 3, 4, 6, 8, 10, 12, 14, 14.3, 20, 40]
seen = {}
for name, face in {"48 x 48": small, "224 x 224": large}.items():
    for tiles in (8, 4, 2):
        count, firsts = pictures(lambda c: cv2.createCLAHE(c, (tiles, tiles)).apply(face), limits)
        seen[name, tiles] = firsts
        print(f"OpenCV {cv2.__version__}, {name}, {tiles} x {tiles} tiles: {count} pictures from {len(limits)} "
              f"clip limits, new ones from {firsts}")
assert seen["48 x 48", 8][:2] == [0.5, 14.3] and seen["48 x 48", 4][:2] == [0.5, 4], seen
assert len(seen["224 x 224", 8]) > 8

fractions = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1]
for name, face in {"48 x 48": small, "224 x 224": large}.items():
    count, firsts = pictures(lambda c: equalize_adapthist(face, clip_limit=c), fractions)
    seen[name] = firsts
    print(f"scikit-image, {name}, default tiles: {count} pictures from {len(fractions)}, new ones from {firsts}")
assert seen["48 x 48"] == [0.005, 0.1] and len(seen["224 x 224"]) >= 5, seen

flat = np.full((48, 48), 100, np.uint8)
white, grey = equalize_adapthist(flat), cv2.createCLAHE(2, (8, 8)).apply(flat)
print(f"a flat face of grey 100: {np.unique(white)} (of 1) in scikit-image, {np.unique(grey)} (of 255) in OpenCV")
assert (white == 1).all() and (grey == 113).all()
PYTHON
