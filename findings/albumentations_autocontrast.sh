#!/usr/bin/env bash
# albumentations 2.0.8: AutoContrast writes into the caller's own picture, if that is uint8 and has
# two dimensions, as FER2013's 48 x 48 grey faces have. In a data set that is kept in memory, every
# face that is drawn once stays changed: for later epochs, and for whoever else reads the array.
# The same face as (48, 48, 1), in colour, or as float32 is left alone, and so is the input of all
# other transforms that can be made without arguments.
#
# Guessed before, when an array had changed by surprise: grey uint8 is written to in both shapes,
# (48, 48) and (48, 48, 1).
# Seen: in (48, 48) only. What comes back is the input itself: they share their memory.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  albumentations==2.0.8 albucore==0.0.24 numpy==2.4.6
NO_ALBUMENTATIONS_UPDATE=1 "$folder/venv/bin/python" - <<'PYTHON'
import albumentations as A
import numpy as np

faces = np.random.default_rng(0).integers(30, 200, (100, 48, 48), dtype=np.uint8)
kept = faces.copy()
augment = A.Compose([A.AutoContrast(p=0.5)], seed=0)
for epoch in range(3):
    for face in faces:
        augment(image=face)
    changed = (faces != kept).any((1, 2)).mean()
    print(f"after epoch {epoch}: {changed:.0%} of the faces in memory are no longer the data set's")
assert changed > 0.7

seen = {}
for name, face in {
    "(48, 48) uint8": kept[0],
    "(48, 48, 1) uint8": kept[0][..., None],
    "(48, 48, 3) uint8": np.dstack([kept[0], kept[1], kept[2]]),
    "(48, 48) float32": (kept[0] / 255).astype(np.float32),
}.items():
    given = face.copy()
    out = A.AutoContrast(p=1)(image=given)["image"]
    seen[name] = not np.array_equal(given, face)
    print(f"{name}: input {'CHANGED' if seen[name] else 'as it was'}")
    assert seen[name] == np.shares_memory(out, given)
assert list(seen.values()) == [True, False, False, False], seen
PYTHON
