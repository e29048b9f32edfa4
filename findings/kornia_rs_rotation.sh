#!/usr/bin/env bash
# kornia-rs 0.2.0 (kornia_rs): Image.rotate is documented as "counter-clockwise", and turns so by 90 and
# 270 degrees on square pictures, which have a fast path of their own; by every other angle it turns
# clockwise. 89.9 and 90.1 degrees so put a face upside down as seen from 90, and 90 degrees turn a square
# picture one way and a wide one the other.
# No error, no warning; angles of 0 and 180 hide it. augmentations.RandomRotation takes the same path:
# the angle that its last_params reports is the negative of what Pillow and torchvision call so.
#
# Guessed before: rotate equals Pillow's within a grey level or two, as resize, flips and grey do.
# Seen: for 12 angles from -80 to 170 degrees Pillow's picture of the *negative* angle. Levelling the eyes,
# the usual alignment before expression recognition, doubles the tilt: 10 degrees become 20.
# Whom it hurts: who aligns faces by the line of the eyes, or turns landmarks along with the picture.
# Found in no issue of kornia-rs that we could search (kornia#4408 is about RandomAffine of kornia).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  kornia-rs==0.2.0 pillow==13.0.0 scikit-image==0.26.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from kornia_rs import augmentations
from kornia_rs.image import Image
from PIL import Image as Pillow
from skimage import data

assert "counter-clockwise" in Image.rotate.__doc__


def turned(picture, angle):
    return np.asarray(Image.from_numpy(np.ascontiguousarray(picture)).rotate(float(angle)).numpy())


def off(found, picture, angle):
    """Return the mean difference to Pillow's picture of that angle, in a circle that all angles fill."""
    side = picture.shape[0] / 2
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    inside = np.hypot(rows - side, columns - picture.shape[1] / 2) < side - 2
    right = np.asarray(Pillow.fromarray(picture).rotate(angle, Pillow.Resampling.BILINEAR))
    return np.abs(found.astype(float) - right)[inside].mean()


face = np.ascontiguousarray(data.astronaut()[10:202, 125:317])
for angle in (-80, -10, -1, 1, 10, 30, 45, 80, 89.9, 90.1, 100, 170):
    found = turned(face, angle)
    same, other = off(found, face, angle), off(found, face, -angle)
    print(f"{angle} degrees: mean difference to Pillow's picture {same:.1f} grey levels, to that of {-angle} "
          f"{other:.1f}")
    assert other < 0.5 * same
for angle in (90, 270, -90, 180):
    assert np.array_equal(turned(face, angle), np.asarray(Pillow.fromarray(face).rotate(angle)))
print("90, 180, 270 degrees: Pillow's picture to the bit")


# Two eyes on a tilted line, and what is left of the tilt after turning the picture by it.
def eyes(height, width, degrees):
    rows, columns = np.mgrid[:height, :width]
    picture = np.zeros((height, width, 3), np.uint8)
    for side, grey in ((-1, 100), (1, 255)):
        x = width / 2 + side * 50 * np.cos(np.radians(degrees))
        y = height / 2 - side * 50 * np.sin(np.radians(degrees))
        picture[np.hypot(columns - x, rows - y) < 6] = grey
    return picture


def tilt(picture):
    """Return the angle of the line from the dark to the bright eye, counter-clockwise."""
    grey = picture[..., 0].astype(int)
    bright, dark = (np.argwhere(kind).mean(0) for kind in (grey > 180, (grey > 60) & (grey < 140)))
    return np.degrees(np.arctan2(dark[0] - bright[0], bright[1] - dark[1]))


for degrees in (5, 10, 20):
    tilted = eyes(192, 192, degrees)
    levelled = tilt(turned(tilted, -degrees))
    by_pillow = tilt(np.asarray(Pillow.fromarray(tilted).rotate(-degrees)))
    print(f"eyes tilted by {tilt(tilted):.1f} degrees, turned by {-degrees}: {levelled:.1f} left (Pillow: "
          f"{by_pillow:.1f})")
    assert abs(levelled - 2 * degrees) < 1.5 and abs(by_pillow) < 1.5
square, wide = (tilt(turned(eyes(192, width, 0), 90)) for width in (192, 320))
print(f"level eyes turned by 90 degrees stand at {square:.0f} in a square picture, at {wide:.0f} in a wide one")
assert abs(square - 90) < 2 and abs(wide + 90) < 2

augmentations.set_seed(0)
augment = augmentations.RandomRotation(20.0)
for _ in range(20):
    found = np.asarray(augment(Image.from_numpy(face)).numpy())
    angle = augment.last_params["angle"]
    assert abs(angle) < 1 or off(found, face, -angle) < 0.5 * off(found, face, angle)
print("RandomRotation: 20 pictures, each of the negative angle")
PYTHON
