#!/usr/bin/env bash
# imbalanced-learn 0.14.2: SMOTE of faces kept as uint8, as FER2013 is read, gives pictures that wrap
# around. The new face is x + u * (neighbour - x); the difference is taken in uint8, so wherever the
# neighbour is darker, 256 is added to it. SMOTE, BorderlineSMOTE, SVMSMOTE and ADASYN do so without a
# word: dtype and shape are right, the values lie in 0..255. The same faces as float are interpolated.
#
# Guessed before: uint8 gives what float gives, cut to whole grey levels (at most 1 level off).
# Seen: half of all new pixels are off, by up to 250 grey levels, and the new pictures are twice as
# rough as faces; a classifier of the balanced set learns "speckled means disgust".
# Whom it hurts: who balances the seven classes by SMOTE on X = faces.reshape(n, -1).
# Found in no issue of imbalanced-learn; its documentation names no dtype for X.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  imbalanced-learn==0.14.2 scikit-learn==1.9.1 numpy==2.4.6 scikit-image==0.26.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE
from scipy.ndimage import gaussian_filter
from skimage import data

# A face at 48 x 48, seen 300 times: shifted, in other light, blurred more or less; 30 are the rare class.
random = np.random.default_rng(0)
grey = data.astronaut().mean(2)
faces = []
for _ in range(300):
    top, left = random.integers(5, 26), random.integers(120, 141)
    face = gaussian_filter(grey[top : top + 192, left : left + 192], random.uniform(2, 5))[::4, ::4]
    faces.append(np.clip(face * random.uniform(0.7, 1.1) + random.normal(0, 8), 0, 255))
X = np.array(faces).astype(np.uint8).reshape(300, -1)
y = np.repeat([0, 1], [270, 30])


def roughness(rows):
    """Mean difference of neighbouring pixels, in grey levels."""
    pictures = rows.astype(float).reshape(-1, 48, 48)
    return np.abs(np.diff(pictures, axis=2)).mean()


for sampler in (SMOTE, BorderlineSMOTE, SVMSMOTE, ADASYN):
    new8 = sampler(random_state=0).fit_resample(X, y)[0][300:]
    new = sampler(random_state=0).fit_resample(X.astype(float), y)[0][300:]
    assert new8.dtype == np.uint8 and new8.shape == new.shape
    off = np.abs(new8 - new)
    print(f"{sampler.__name__}: {len(new8)} new faces, {(off > 1).mean():.0%} of the pixels off, by up to "
          f"{off.max():.0f} grey levels; roughness {roughness(X):.1f} (faces), {roughness(new):.1f} "
          f"(from float), {roughness(new8):.1f} (from uint8)")
    assert (off > 1).mean() > 0.2 and off.max() > 100
    assert roughness(new8) > 1.7 * roughness(X) > 1.7 * roughness(new)
PYTHON
