#!/usr/bin/env bash
# mahotas 1.4.19 (and 1.4.13, 1.4.18): local binary patterns, the classic features of faces, compare
# every pixel with the wrong neighbours. features.lbp(face, 1, 8) should ask the eight pixels around;
# it gets them from interpolate.shift(order=1), which does not interpolate and lands up to two pixels
# off: a shift by (0, 1) moves the picture by (-1, 0). Of the eight neighbours one is the pixel itself
# (so its bit is never set), two are the same pixel twice over, and two lie two pixels away. A pixel
# darker than all around it never gets the pattern of eight ones, and the patterns, which should not
# depend on rotation, change when the face is turned. No error, no warning; sizes and codes look right.
# Found in no issue of mahotas; its own tests of shift look at the sum of the picture only.
#
# Guessed before: mahotas counts the patterns that scikit-image's method "ror" counts.
# Seen: most pixels of a face have another pattern, and turning it by 90 degrees changes most of
# mahotas' patterns; of scikit-image's (0.26.0) none.
# Whom it hurts: everybody who trains on LBP features of mahotas, and all who move pictures by its
# shift() with order=1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  mahotas==1.4.19 scikit-image==0.26.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from mahotas.features.lbp import lbp_transform
from mahotas.interpolate import shift
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.feature import local_binary_pattern

# 1. Where one bright pixel goes to when it is moved to each of its eight neighbours.
dot = np.zeros((9, 9))
dot[4, 4] = 1
moved = []
for angle in np.arange(8) * np.pi / 4:
    asked = (np.sin(angle), np.cos(angle))
    out = shift(dot, asked, order=1)
    moved.append(tuple((np.argwhere(out == out.max())[0] - 4).tolist()))
    print(f"asked to move by ({asked[0]:+.2f}, {asked[1]:+.2f}): moved by {moved[-1]}, "
          f"in {np.count_nonzero(out > 1e-9)} pixel(s)")
assert moved == [(-1, 0), (0, 0), (0, -1), (0, -1), (-1, -2), (-1, -1), (-2, -1), (-1, 0)], moved

# 2. A pixel darker than its eight neighbours: eight ones make the pattern 255.
dark = np.full((9, 9), 100.0)
dark[4, 4] = 50
mine, other = lbp_transform(dark, 1, 8)[4, 4], local_binary_pattern(dark.astype(np.uint8), 8, 1, "ror")[4, 4]
print(f"pattern of a pixel darker than all around: mahotas {mine}, scikit-image {other:.0f}")
assert (mine, other) == (127, 255)

# 3. A face without ties (so that ">" and ">=" are the same), upright and turned by 90 degrees.
face = gaussian_filter(data.astronaut()[15:207, 130:322].mean(2), 2)[::4, ::4]  # 48 x 48
inside = np.s_[2:-2, 2:-2]
patterns = {
    "mahotas": lambda picture: lbp_transform(picture, 1, 8)[inside].astype(int),
    "scikit-image": lambda picture: local_binary_pattern(picture, 8, 1, "ror")[inside].astype(int),
}
upright = {package: read(face) for package, read in patterns.items()}
differ = (upright["mahotas"] != upright["scikit-image"]).mean()
print(f"{differ:.0%} of the pixels of a face have another pattern in mahotas than in scikit-image")
changed = {}
for package, read in patterns.items():
    turned = np.rot90(read(np.ascontiguousarray(np.rot90(face))), -1)
    changed[package] = (upright[package] != turned).mean()
    print(f"{package}: {changed[package]:.0%} of the patterns change when the face is turned by 90 degrees")
assert differ > 0.5 and changed["mahotas"] > 0.5 and changed["scikit-image"] == 0, (differ, changed)
PYTHON
