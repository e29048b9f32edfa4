#!/usr/bin/env bash
# libvips 8.18.7 (pyvips-binary; pyvips 3.2.0): sobel, prewitt and scharr answer in whole numbers up to
# 255, whatever they are given. Their documentation says of 8 bit pictures "a fast, low-precision path.
# Cast to float for a high-precision implementation", but that implementation ends by casting its
# result to 8 bit. A face in [0, 1], the form networks take, is left with edges of 0, 1 and 2; a face
# of 16 bit, as thermal and near-infrared cameras give, is white all over. Nothing is said of it.
#
# Guessed before: on floats sobel is the square root of both gradients' squares, on 8 bit the clipped
# sum of their sizes, so the two differ.
# Seen: that, but both are bytes: 3 different values in [0, 1], where the true ones go up to 2.98, and
# 255 in every pixel at 16 bit.
# In 0..255, cast to float as advised, the values that exceed 255 are cut and the rest are truncated:
# where the true gradient is 0.9 and where it is 0, there is 0.
# canny, beside them, gives floats for floats, and so does conv with the same 3 x 3 numbers.
# Whom it hurts: who feeds a network edges beside grey levels, and takes them from a fast library.
# Found in no issue of libvips that we could search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pyvips==3.2.0 pyvips-binary==8.18.7 scikit-image==0.26.0 scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pyvips
from scipy import ndimage
from skimage import color, data, transform

face = transform.resize(color.rgb2gray(data.astronaut())[:200, 140:340], (48, 48), anti_aliasing=True)
inside = np.s_[1:-1, 1:-1]


def gradient(picture):
    """Return the size of Sobel's gradient, by scipy in float64."""
    return np.hypot(*(ndimage.sobel(picture.astype(float), axis) for axis in (0, 1)))[inside]


def vips(operation, picture):
    return operation(pyvips.Image.new_from_array(picture)).numpy().squeeze()[inside]


shares = {}
for name, picture in {
    "float32 in [0, 1]": face.astype(np.float32),
    "float32 in 0..255": (face * 255).astype(np.float32),
    "uint16": (face * 65535).astype(np.uint16),
}.items():
    true, found = gradient(picture), vips(pyvips.Image.sobel, picture)
    print(f"{name}: the true gradient goes up to {true.max():.1f}; sobel is {found.dtype}, up to "
          f"{found.max()}, {len(np.unique(found))} different values, {(found == 255).mean():.0%} of them 255")
    assert found.dtype == np.uint8 and np.array_equal(found, np.minimum(np.floor(true + 1e-4), 255))
    shares[name] = (found == 255).mean()
assert shares["uint16"] > 0.9 and len(np.unique(vips(pyvips.Image.sobel, face.astype(np.float32)))) < 6

unit = face.astype(np.float32)
for name in ("prewitt", "scharr", "canny"):
    found = vips(getattr(pyvips.Image, name), unit)
    print(f"{name} of the face in [0, 1]: {found.dtype}, {len(np.unique(found))} different values")
    assert (found.dtype == np.uint8) == (name != "canny")
# By hand: the same two convolutions, which stay floats, are scipy's to the last digits.
mask = [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]
by_hand = np.hypot(*(vips(lambda image: image.conv(m), unit) for m in (mask, np.transpose(mask).tolist())))
assert np.abs(by_hand - gradient(unit)).max() < 1e-5
PYTHON
